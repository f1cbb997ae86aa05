//! The identity register: a national number for each enrolled person, and now and then two.

use super::date::{Date, REFERENCE};
use super::entry::Entry;
use super::errors::Clerk;
use super::names::Sex;
use super::numbering::Numbering;
use super::people::{MaritalStatus, PersonIx};
use super::rates::Office;
use super::rng::Rng;
use super::sources::Sources;
use super::table::Table;
use super::truth::Truth;

const COLUMNS: [&str; 20] = [
    "record_id",
    "uin",
    "given_name",
    "second_name",
    "surname",
    "suffix",
    "sex",
    "birth_date",
    "birth_place",
    "father_name",
    "mother_name",
    "marital_status",
    "address_line1",
    "locality",
    "sub_region_code",
    "region_code",
    "postal_code",
    "phone_number",
    "registration_date",
    "status",
];

/// Numbers beyond everyone's own and the invented ones of the benefit registry.
const SECOND_NUMBERS: u64 = 50_000_000_000;

struct Issuer<'a> {
    sources: &'a Sources<'a>,
    clerk: Clerk<'a>,
    rng: Rng,
    record_ids: Numbering,
    table: Table,
}

/// Enrols everyone who comes.
pub(super) fn record(sources: &Sources<'_>, truth: &mut Truth) -> Table {
    let mut issuer = Issuer {
        sources,
        clerk: Clerk::new(Office::Id, sources.level, sources.seed, sources.spellings),
        rng: Rng::for_job(sources.seed, "id"),
        record_ids: Numbering::with_digits(sources.seed, "id record", 9),
        table: Table::new(&COLUMNS),
    };
    for position in sources.everyone() {
        if let Some(day) = sources.enrolled[position as usize] {
            issuer.enrol(position, day, truth);
        }
    }
    issuer.table
}

impl Issuer<'_> {
    fn enrol(&mut self, position: PersonIx, day: Date, truth: &mut Truth) {
        let own = self.sources.population.uin(position);
        self.issue(position, day, &own, "", truth);
        let again = day.plus_days(self.rng.between(0, 1_500));
        if self.rng.chance(0.005)
            && again < REFERENCE
            && self.sources.population.person(position).is_alive(again)
        {
            let second = self
                .sources
                .population
                .uins
                .uin(SECOND_NUMBERS + u64::from(position));
            self.issue(position, again, &second, "second_number", truth);
        }
    }

    fn issue(&mut self, position: PersonIx, day: Date, uin: &str, flag: &str, truth: &mut Truth) {
        let population = self.sources.population;
        let person = population.person(position);
        let mut entry = Entry::of(population, position, day);
        if self.rng.chance(0.3) {
            entry.use_usual_name(person.usual_given.as_ref());
        }
        if self.rng.chance(0.25) {
            entry.phone.clear();
        }
        self.clerk.write(&mut entry);
        let dead = person.died.is_some();
        // A death seldom reaches the register.
        let status = if dead && self.rng.chance(0.36) {
            "deceased"
        } else {
            "active"
        };
        let record = format!("N{}", self.record_ids.number(self.table.len() as u64));
        let flags = [flag, if dead { "dead" } else { "" }];
        truth.note(
            "ID",
            &record,
            &population.person_id(position),
            &flags,
            &entry,
        );
        let marital = population.marital_status(position, day);
        self.push(&record, uin, marital, status, &entry);
    }

    fn push(
        &mut self,
        record: &str,
        uin: &str,
        marital: MaritalStatus,
        status: &str,
        entry: &Entry,
    ) {
        let place = self.sources.population.map.place(entry.place);
        self.table.push([
            record,
            uin,
            &entry.given,
            &entry.second,
            &entry.surname,
            entry.suffix,
            entry.sex.map_or("", sex_letter),
            &entry.birth.written(|day| day.to_string()),
            &entry.birth_place,
            &entry.father,
            &entry.mother,
            marital_letter(marital),
            &entry.address,
            &entry.locality,
            &place.sub_region,
            &place.region,
            &place.postal_code,
            &entry.phone,
            &entry.recorded.to_string(),
            status,
        ]);
    }
}

fn sex_letter(sex: Sex) -> &'static str {
    match sex {
        Sex::Male => "M",
        Sex::Female => "F",
    }
}

fn marital_letter(status: MaritalStatus) -> &'static str {
    match status {
        MaritalStatus::Single => "S",
        // The card knows no widows.
        MaritalStatus::Married | MaritalStatus::Widowed => "M",
        MaritalStatus::Divorced => "D",
    }
}
