//! What every registry draws on: the people, who has a national number since when, and chance of its own.

use super::ErrorLevel;
use super::date::{Date, REFERENCE};
use super::names::NameBook;
use super::people::{PersonIx, Population};
use super::rng::Rng;
use super::spelling::Spellings;

/// When the national identity system opened its doors.
const ID_OPENS: (i32, i32, i32) = (2012, 1, 1);
/// When births began to be given a number at once.
const NUMBERS_AT_BIRTH: i32 = 2010;

/// All that the registries record from.
pub(super) struct Sources<'a> {
    pub(super) population: &'a Population,
    pub(super) book: &'a NameBook,
    pub(super) spellings: &'a Spellings,
    pub(super) seed: u64,
    pub(super) level: ErrorLevel,
    /// When each person came to the identity office, if ever.
    pub(super) enrolled: Vec<Option<Date>>,
    /// Since when each person knows a national number.
    pub(super) numbered: Vec<Option<Date>>,
}

impl<'a> Sources<'a> {
    pub(super) fn new(
        population: &'a Population,
        book: &'a NameBook,
        spellings: &'a Spellings,
        seed: u64,
        level: ErrorLevel,
    ) -> Self {
        let mut rng = Rng::for_job(seed, "enrolment");
        let mut enrolled = Vec::with_capacity(population.people.len());
        let mut numbered = Vec::with_capacity(population.people.len());
        for person in &population.people {
            let day = enrolment(person.born, &mut rng)
                .filter(|&day| day < REFERENCE && person.is_alive(day));
            let at_birth = person.born.year() >= NUMBERS_AT_BIRTH && rng.chance(0.5);
            enrolled.push(day);
            numbered.push(if at_birth { Some(person.born) } else { day });
        }
        Self {
            population,
            book,
            spellings,
            seed,
            level,
            enrolled,
            numbered,
        }
    }

    /// All persons, by position.
    pub(super) fn everyone(&self) -> std::ops::Range<PersonIx> {
        0..self.population.people.len() as PersonIx
    }

    /// The person's national number, if it is known on `day`.
    pub(super) fn uin_on(&self, position: PersonIx, day: Date) -> Option<String> {
        let known = self.numbered[position as usize].is_some_and(|since| since <= day);
        known.then(|| self.population.uin(position))
    }
}

/// When someone born on `born` comes for an identity card, or is brought.
fn enrolment(born: Date, rng: &mut Rng) -> Option<Date> {
    let (year, month, day) = ID_OPENS;
    let opens = Date::of(year, month, day);
    let of_age = born.plus_years(16);
    let early = rng.chance(0.36) && born.plus_years(5) > opens;
    let late = rng.quantile(&[0, 90, 250, 500, 1_100]);
    let wave = rng.between(0, 4 * 365 - 1);
    if !rng.chance(0.89) {
        None
    } else if early {
        Some(born.max(opens).plus_days(late))
    } else if of_age < opens {
        Some(opens.plus_days(wave))
    } else {
        Some(of_age.plus_days(late))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_adults_enrol_in_the_first_years() {
        let mut rng = Rng::for_job(1, "test");
        let born = Date::of(1970, 5, 5);
        let days: Vec<Date> = (0..1_000)
            .filter_map(|_| enrolment(born, &mut rng))
            .collect();
        assert!((850..930).contains(&days.len()), "{}", days.len());
        assert!(days.iter().all(|day| (2012..2016).contains(&day.year())));
    }

    #[test]
    fn a_child_comes_early_or_at_sixteen() {
        let mut rng = Rng::for_job(1, "test");
        let born = Date::of(2013, 5, 5);
        let ages: Vec<i32> = (0..1_000)
            .filter_map(|_| Some(enrolment(born, &mut rng)?.age_since(born)))
            .collect();
        assert!(ages.iter().all(|age| *age <= 3 || (16..20).contains(age)));
        assert!(ages.iter().filter(|age| **age <= 3).count() > 200);
    }
}
