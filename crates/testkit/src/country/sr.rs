//! The social registry: the members of the poorer half of the households, as told to an enumerator at the door.

use super::date::Date;
use super::entry::{BirthDate, Entry};
use super::errors::Clerk;
use super::households::{self, Household, Relation};
use super::names::Sex;
use super::numbering::Numbering;
use super::people::{Dwelling, PersonIx, join};
use super::rates::Office;
use super::rng::Rng;
use super::sources::Sources;
use super::table::Table;
use super::truth::Truth;

const COLUMNS: [&str; 18] = [
    "record_id",
    "group_identifier",
    "full_name",
    "sex",
    "birth_date",
    "age",
    "relationship_to_head",
    "father_name",
    "mother_name",
    "marital_status",
    "is_disabled",
    "uin",
    "address_line1",
    "locality",
    "sub_region_code",
    "region_code",
    "phone_number",
    "registration_date",
];

const HOUSEHOLD_COLUMNS: [&str; 8] = [
    "group_identifier",
    "group_type",
    "group_size",
    "poverty_score",
    "poverty_score_type",
    "locality",
    "sub_region_code",
    "region_code",
];

/// The half way mark of the wealth that dwellings are given.
pub(super) const POOR: i32 = 500;

/// The day on which it is settled who belongs to which household.
const CENSUS: (i32, i32, i32) = (2022, 7, 1);

struct Enumerator<'a> {
    sources: &'a Sources<'a>,
    clerk: Clerk<'a>,
    rng: Rng,
    record_ids: Numbering,
    group_ids: Numbering,
    members: Table,
    households: Table,
    /// Someone counted in the last household who will be counted in the next one too.
    visitor: Option<PersonIx>,
}

/// Visits the poorer half; returns the members and the households.
pub(super) fn record(sources: &Sources<'_>, truth: &mut Truth) -> (Table, Table) {
    let mut enumerator = Enumerator {
        sources,
        clerk: Clerk::new(Office::Sr, sources.level, sources.seed, sources.spellings),
        rng: Rng::for_job(sources.seed, "sr"),
        record_ids: Numbering::with_digits(sources.seed, "sr record", 9),
        group_ids: Numbering::with_digits(sources.seed, "household", 8),
        members: Table::new(&COLUMNS),
        households: Table::new(&HOUSEHOLD_COLUMNS),
        visitor: None,
    };
    let (year, month, day) = CENSUS;
    for household in households::on(sources.population, Date::of(year, month, day)) {
        enumerator.call_at(&household, truth);
    }
    (enumerator.members, enumerator.households)
}

impl Enumerator<'_> {
    /// Visits a household if it is poor, seldom twice.
    fn call_at(&mut self, household: &Household, truth: &mut Truth) {
        let dwelling = &self.sources.population.dwellings[household.dwelling as usize];
        if dwelling.wealth >= POOR || !self.rng.chance(0.96) {
            return;
        }
        let surveyed = self.sources.population.map.place(dwelling.place).surveyed;
        let day = surveyed.plus_days(self.rng.between(0, 12));
        let visitor = self.visitor.take();
        self.visit(household, dwelling, day, visitor, "", truth);
        if self.rng.chance(0.03) {
            let again = day.plus_days(self.rng.between(40, 300));
            self.visit(household, dwelling, again, None, "resurvey", truth);
        }
        if self.rng.chance(0.04) {
            let member = self.rng.pick(&household.members).0;
            self.visitor = Some(member);
        }
    }

    fn visit(
        &mut self,
        household: &Household,
        dwelling: &Dwelling,
        day: Date,
        visitor: Option<PersonIx>,
        flag: &'static str,
        truth: &mut Truth,
    ) {
        let population = self.sources.population;
        let own = household
            .members
            .iter()
            .map(|&(person, relation)| (person, relation, flag));
        let visitor = visitor.map(|person| (person, Relation::OtherRelative, "second_household"));
        let present: Vec<_> = own
            .chain(visitor)
            .filter(|member| population.person(member.0).is_alive(day))
            .collect();
        if present.is_empty() {
            return;
        }
        let group = format!("HH{}", self.group_ids.number(self.households.len() as u64));
        let entries: Vec<Entry> = present
            .iter()
            .map(|&(person, _, _)| self.hear(person, dwelling, day))
            .collect();
        for (&(person, relation, flag), entry) in present.iter().zip(&entries) {
            let record = format!("S{}", self.record_ids.number(self.members.len() as u64));
            truth.note("SR", &record, &population.person_id(person), &[flag], entry);
            self.push_member(&record, &group, person, relation, entry);
        }
        self.push_household(&group, present.len(), dwelling);
    }

    /// What is said of a member at the door.
    fn hear(&mut self, position: PersonIx, dwelling: &Dwelling, day: Date) -> Entry {
        let population = self.sources.population;
        let mut entry = Entry::of(population, position, day);
        entry.place = dwelling.place;
        dwelling.address.clone_into(&mut entry.address);
        population
            .map
            .place(dwelling.place)
            .name
            .clone_into(&mut entry.locality);
        entry.birth_place.clear();
        if self.rng.chance(0.7) {
            entry.use_usual_name(population.person(position).usual_given.as_ref());
        }
        if self.rng.chance(0.25) {
            entry.phone.clear();
        }
        let known = self.sources.uin_on(position, day);
        entry.uin = known.filter(|_| self.rng.chance(0.52)).unwrap_or_default();
        self.clerk.write(&mut entry);
        entry
    }

    fn push_member(
        &mut self,
        record: &str,
        group: &str,
        position: PersonIx,
        relation: Relation,
        entry: &Entry,
    ) {
        let population = self.sources.population;
        let place = population.map.place(entry.place);
        let disabled = population.person(position).disabled;
        let full_name = self.full_name(entry);
        let age = self.age(position, entry);
        self.members.push([
            record,
            group,
            &full_name,
            entry.sex.map_or("", Sex::word),
            &entry.birth.written(|day| day.day_first('/')),
            &age,
            relation.word(),
            &entry.father,
            &entry.mother,
            population.marital_status(position, entry.recorded).word(),
            if disabled { "true" } else { "false" },
            &entry.uin,
            &entry.address,
            &entry.locality,
            &place.sub_region,
            &place.region,
            &entry.phone,
            &entry.recorded.to_string(),
        ]);
    }

    /// One line, mostly in the order of speech; a South Indian initial may stand first.
    fn full_name(&mut self, entry: &Entry) -> String {
        let initial_first = self.rng.chance(0.5);
        if initial_first && entry.surname.chars().count() == 1 {
            return join([&entry.surname, &entry.given, &entry.second]);
        }
        join([&entry.given, &entry.second, &entry.surname])
    }

    /// The age that goes with the date given, or a guess where none was; sometimes not asked for.
    fn age(&mut self, position: PersonIx, entry: &Entry) -> String {
        // Both are drawn for everyone, so that the households visited next are the same at every error level.
        let (not_asked, guess) = (self.rng.chance(0.04), self.rng.between(-2, 2));
        if not_asked {
            return String::new();
        }
        let age = match entry.birth {
            BirthDate::Day(day) => entry.recorded.age_since(day),
            BirthDate::Year(year) => entry.recorded.year() - year,
            BirthDate::Unknown => {
                let born = self.sources.population.person(position).born;
                entry.recorded.age_since(born) + guess
            }
        };
        age.max(0).to_string()
    }

    fn push_household(&mut self, group: &str, size: usize, dwelling: &Dwelling) {
        let place = self.sources.population.map.place(dwelling.place);
        let score = format!("{}.{}", dwelling.wealth / 10, dwelling.wealth % 10);
        self.households.push([
            group,
            "household",
            &size.to_string(),
            &score,
            "PMT",
            &place.name,
            &place.sub_region,
            &place.region,
        ]);
    }
}
