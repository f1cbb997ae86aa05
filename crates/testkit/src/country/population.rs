//! Grows the country: founders, their children, whom those marry, for five generations.

use super::culture::Culture;
use super::date::{Date, REFERENCE};
use super::kin;
use super::marriages;
use super::names::{NameBook, Sex};
use super::naming;
use super::numbering::{NationalNumbers, Numbering};
use super::people::{Dwelling, DwellingIx, Person, PersonIx, Population};
use super::places::{Map, PlaceIx};
use super::rng::Rng;
use super::spelling::Spellings;

/// Living persons at the reference date for each founding couple, as the rates below make it.
const LIVING_PER_COUPLE: u32 = 7;
const FEWEST_COUPLES: u32 = 3;
const GENERATIONS: usize = 5;

/// How many times out of a hundred a mother has 0, 1, 2 ... births, by when she was born.
const FAMILY_SIZES: [(i32, [u32; 9]); 4] = [
    (1962, [4, 6, 12, 19, 20, 16, 12, 7, 4]),
    (1975, [5, 9, 22, 25, 19, 11, 6, 2, 1]),
    (1988, [6, 12, 28, 27, 16, 7, 3, 1, 0]),
    (i32::MAX, [8, 17, 34, 25, 11, 4, 1, 0, 0]),
];

/// Days from wedding to first birth, and from one birth to the next, in equally likely steps.
const TO_FIRST_BIRTH: [i32; 6] = [200, 330, 450, 700, 1_100, 2_000];
const TO_NEXT_BIRTH: [i32; 6] = [340, 600, 800, 1_000, 1_400, 2_300];
/// Years of life of those who outlive childhood, in equally likely steps.
const LIFESPANS: [i32; 11] = [6, 46, 58, 66, 71, 75, 78, 81, 84, 88, 99];

/// A country being grown.
pub(super) struct Growth<'a> {
    pub(super) population: Population,
    pub(super) rng: Rng,
    pub(super) book: &'a NameBook,
    pub(super) spellings: &'a Spellings,
    twin_sets: u32,
}

/// A married pair.
#[derive(Clone, Copy)]
pub(super) struct Couple {
    pub(super) husband: PersonIx,
    pub(super) wife: PersonIx,
    pub(super) since: Date,
}

/// Grows a country with about `persons` alive at the reference date.
pub(super) fn grow(persons: u32, seed: u64, book: &NameBook, spellings: &Spellings) -> Population {
    let mut rng = Rng::for_job(seed, "people");
    let population = Population {
        map: Map::draw(persons, &mut rng),
        people: Vec::with_capacity(persons as usize * 5 / 4),
        dwellings: Vec::new(),
        person_ids: Numbering::new(seed, "person", 0, 100_000_000),
        uins: NationalNumbers::new(seed),
        phones: Numbering::new(seed, "phone", 700_000_000, 100_000_000),
    };
    let mut growth = Growth {
        population,
        rng,
        book,
        spellings,
        twin_sets: 0,
    };
    // Families grow as chance has it, so the country is filled in waves until there are enough.
    let mut living = 0;
    while living < persons {
        let couples = ((persons - living) / LIVING_PER_COUPLE).max(FEWEST_COUPLES);
        living += growth.wave(couples);
    }
    growth.population
}

impl Growth<'_> {
    /// Founds and grows the families of `couples`; returns how many of their people are alive at the end.
    fn wave(&mut self, couples: u32) -> u32 {
        let first = self.population.people.len();
        let mut parents: Vec<Couple> = (0..couples).filter_map(|_| self.found_couple()).collect();
        for _ in 0..GENERATIONS {
            let children: Vec<PersonIx> = parents
                .iter()
                .flat_map(|&couple| self.births(couple))
                .collect();
            parents = marriages::marry_off(self, &children);
            for &person in &children {
                self.live_single(person);
            }
        }
        kin::settle(self, first);
        let last_day = REFERENCE.plus_days(-1);
        self.population.people[first..]
            .iter()
            .filter(|person| person.is_alive(last_day))
            .count() as u32
    }

    fn found_couple(&mut self) -> Option<Couple> {
        let culture = Culture::ALL[self.rng.weighted(&Culture::WEIGHTS)];
        let born = Date::of(1933, 1, 1).plus_days(self.rng.between(0, 27 * 365));
        let husband = self.found(culture, Sex::Male, born);
        let younger = self.rng.between(-400, 2_600);
        let wife = self.found(culture, Sex::Female, born.plus_days(younger));
        marriages::wed(self, husband, wife)
    }

    fn found(&mut self, culture: Culture, sex: Sex, born: Date) -> PersonIx {
        let place = self.population.map.home_of(culture, &mut self.rng);
        let mut person = naming::founder(self, culture, sex, born);
        // A founder has lived to marry: the country's records begin with grown people.
        let died = born.plus_days(
            self.lifespan(born)
                .max(30 * 365 + self.rng.between(0, 9_000)),
        );
        person.died = (died < REFERENCE).then_some(died);
        person.birth_place = self.rng.chance(0.96).then_some(place);
        let cradle = self.dwelling(place);
        person.homes.push((born, cradle));
        self.add(person)
    }

    /// All children of a couple.
    fn births(&mut self, couple: Couple) -> Vec<PersonIx> {
        let mother = self.population.person(couple.wife);
        let (born, mother_died) = (mother.born, mother.died);
        let divorced = mother
            .marriage
            .as_ref()
            .and_then(|marriage| marriage.divorced);
        let father_died = self
            .population
            .person(couple.husband)
            .died
            .map(|died| died.plus_days(250));
        let last = [
            mother_died,
            father_died,
            divorced,
            Some(born.plus_years(44)),
            Some(REFERENCE),
        ];
        let Some(end) = last.into_iter().flatten().min() else {
            return Vec::new();
        };
        let mut children = Vec::new();
        let mut day = couple.since.plus_days(self.rng.quantile(&TO_FIRST_BIRTH));
        for _ in 0..self.family_size(born) {
            if day >= end {
                break;
            }
            children.extend(self.birth(Some(couple.husband), couple.wife, day));
            day = day.plus_days(self.rng.quantile(&TO_NEXT_BIRTH));
        }
        children
    }

    fn family_size(&mut self, mother_born: Date) -> usize {
        let year = mother_born.year();
        let sizes = FAMILY_SIZES.iter().find(|(before, _)| year < *before);
        sizes.map_or(0, |(_, weights)| self.rng.weighted(weights))
    }

    /// A child, or twins.
    pub(super) fn birth(
        &mut self,
        father: Option<PersonIx>,
        mother: PersonIx,
        day: Date,
    ) -> Vec<PersonIx> {
        let twins = self.rng.chance(0.012);
        self.twin_sets += u32::from(twins);
        let place = self.population.address_of(mother, day).0;
        let mut children: Vec<PersonIx> = Vec::new();
        for _ in 0..1 + usize::from(twins) {
            let elder = children
                .first()
                .map(|&elder| self.population.person(elder).given.clone());
            let sex = if self.rng.chance(0.507) {
                Sex::Male
            } else {
                Sex::Female
            };
            let mut child = naming::child(self, father, mother, sex, day, elder.as_deref());
            let died = day.plus_days(self.lifespan(day));
            child.died = (died < REFERENCE).then_some(died);
            child.birth_place = self.rng.chance(0.985).then_some(place);
            child.twin_set = twins.then_some(self.twin_sets);
            children.push(self.add(child));
        }
        children
    }

    /// Days of life. Fewer children die the later they are born.
    fn lifespan(&mut self, born: Date) -> i32 {
        let dies_young = match born.year() {
            ..1970 => 0.08,
            1970..2000 => 0.05,
            _ => 0.025,
        };
        if self.rng.chance(dies_young) {
            return self.rng.quantile(&[1, 30, 200, 700, 2_000]);
        }
        self.rng.quantile(&LIFESPANS) * 365 + self.rng.between(0, 364)
    }

    /// What those who never married do: most move out, some have children.
    fn live_single(&mut self, position: PersonIx) {
        let person = self.population.person(position);
        if person.marriage.is_some() {
            return;
        }
        let (born, culture, sex) = (person.born, person.culture, person.sex);
        let leaves = born.plus_days(self.rng.quantile(&[19, 22, 25, 29, 38]) * 365);
        if leaves < REFERENCE && self.rng.chance(0.45) {
            let place = self.new_place(position, culture, leaves);
            let dwelling = self.dwelling(place);
            self.move_in(position, dwelling, leaves);
        }
        let birth = born
            .plus_days(self.rng.quantile(&[18, 20, 23, 28, 38]) * 365 + self.rng.between(0, 364));
        let lives = self.population.person(position).is_alive(birth);
        if sex == Sex::Female && lives && birth < REFERENCE && self.rng.chance(0.25) {
            self.birth(None, position, birth);
        }
    }

    /// Where someone goes who leaves home: mostly not far.
    pub(super) fn new_place(&mut self, position: PersonIx, culture: Culture, day: Date) -> PlaceIx {
        let now = self.population.address_of(position, day).0;
        if self.rng.chance(0.78) {
            now
        } else if self.rng.chance(0.6) {
            self.population.map.home_of(culture, &mut self.rng)
        } else {
            self.population.map.anywhere(&mut self.rng)
        }
    }

    /// Adds a dwelling in `place`.
    pub(super) fn dwelling(&mut self, place: PlaceIx) -> DwellingIx {
        let address = self.population.map.address(place, &mut self.rng);
        let wealth = self
            .rng
            .quantile(&[10, 280, 360, 410, 455, 500, 545, 590, 640, 720, 990]);
        self.population.dwellings.push(Dwelling {
            place,
            address,
            moved: None,
            wealth,
        });
        self.population.dwellings.len() as DwellingIx - 1
    }

    /// Has the person live in `dwelling` from `day` on.
    pub(super) fn move_in(&mut self, position: PersonIx, dwelling: DwellingIx, day: Date) {
        self.population.people[position as usize]
            .homes
            .push((day, dwelling));
    }

    fn add(&mut self, person: Person) -> PersonIx {
        self.population.people.push(person);
        self.population.people.len() as PersonIx - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn population(persons: u32) -> Population {
        grow(persons, 1, &NameBook::open(), &Spellings::open())
    }

    #[test]
    fn about_as_many_live_as_asked_for() {
        for persons in [100, 1_000, 5_000] {
            let living = population(persons)
                .people
                .iter()
                .filter(|person| person.is_alive(REFERENCE.plus_days(-1)))
                .count();
            assert!(
                (persons as usize..persons as usize * 13 / 10 + 40).contains(&living),
                "{living} for {persons}"
            );
        }
    }

    #[test]
    fn lives_make_sense() {
        let population = population(3_000);
        for (position, person) in population.people.iter().enumerate() {
            assert!(person.born < REFERENCE);
            assert!(person.died.is_none_or(|died| person.born < died));
            assert!(person.homes.is_sorted_by_key(|(since, _)| *since));
            assert!(
                population
                    .dwelling_of(position as PersonIx, person.born)
                    .is_some()
            );
            if let Some(mother) = person.mother.map(|mother| population.person(mother)) {
                assert!((15..46).contains(&person.born.age_since(mother.born)));
                assert!(mother.died.is_none_or(|died| died >= person.born));
                assert_eq!(mother.sex, Sex::Female);
            }
            if let Some(marriage) = &person.marriage {
                let spouse = population.person(marriage.spouse);
                assert_ne!(spouse.sex, person.sex);
                assert!(
                    spouse
                        .marriage
                        .as_ref()
                        .is_some_and(|other| other.spouse == position as PersonIx)
                );
                assert!(person.is_alive(marriage.on) && marriage.on.age_since(person.born) >= 16);
                assert!(
                    person.mother.is_none() || person.mother != spouse.mother,
                    "siblings"
                );
            }
        }
    }

    #[test]
    fn twins_share_mother_and_birthday() {
        let population = population(5_000);
        let mut sets = HashSet::new();
        for pair in population
            .people
            .windows(2)
            .filter(|pair| pair[0].twin_set.is_some())
        {
            if pair[0].twin_set == pair[1].twin_set {
                sets.insert(pair[0].twin_set);
                assert_eq!(
                    (pair[0].mother, pair[0].born),
                    (pair[1].mother, pair[1].born)
                );
                assert_ne!(pair[0].given, pair[1].given);
            }
        }
        assert!(sets.len() > 20, "{} pairs of twins", sets.len());
    }

    #[test]
    fn every_culture_is_there() {
        let cultures: HashSet<&str> = population(2_000)
            .people
            .iter()
            .map(|person| person.culture.code())
            .collect();
        assert_eq!(cultures.len(), Culture::ALL.len());
    }
}
