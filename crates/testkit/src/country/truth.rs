//! The truth: which record is whose, and the true persons.

use super::date::REFERENCE;
use super::entry::Entry;
use super::people::{PersonIx, Population};
use super::table::Table;

const COLUMNS: [&str; 5] = ["registry", "record_id", "person_id", "flags", "errors"];

const PERSON_COLUMNS: [&str; 15] = [
    "person_id",
    "culture",
    "sex",
    "birth_date",
    "death_date",
    "given_name",
    "second_name",
    "surname_at_birth",
    "surname_now",
    "twin_set",
    "single_name",
    "father_id",
    "mother_id",
    "spouse_id",
    "uin",
];

/// Whose record each is, what is special about it, and what was done to it.
pub(super) struct Truth(pub(super) Table);

impl Truth {
    pub(super) fn new() -> Self {
        Self(Table::new(&COLUMNS))
    }

    /// Notes one record. `flags` are joined in the order given; empty ones are left out.
    pub(super) fn note(
        &mut self,
        registry: &str,
        record: &str,
        person: &str,
        flags: &[&str],
        entry: &Entry,
    ) {
        let flags: Vec<&str> = flags
            .iter()
            .copied()
            .filter(|flag| !flag.is_empty())
            .collect();
        self.0.push([
            registry,
            record,
            person,
            &flags.join(";"),
            &entry.error_list(),
        ]);
    }
}

/// Everyone who ever lived.
pub(super) fn persons(population: &Population) -> Table {
    let mut table = Table::new(&PERSON_COLUMNS);
    for position in 0..population.people.len() as PersonIx {
        push_person(&mut table, population, position);
    }
    table
}

fn push_person(table: &mut Table, population: &Population, position: PersonIx) {
    let person = population.person(position);
    let id_of = |other: Option<PersonIx>| {
        other
            .map(|other| population.person_id(other))
            .unwrap_or_default()
    };
    let day = person.died.unwrap_or(REFERENCE);
    let marriage = person
        .marriage
        .as_ref()
        .filter(|marriage| marriage.divorced.is_none());
    table.push([
        &population.person_id(position),
        person.culture.code(),
        person.sex.word(),
        &person.born.to_string(),
        &person.died.map(|died| died.to_string()).unwrap_or_default(),
        &person.given,
        &person.second,
        &person.surname_at_birth,
        person.surname(day),
        &person
            .twin_set
            .map(|set| set.to_string())
            .unwrap_or_default(),
        if person.single_name { "1" } else { "0" },
        &id_of(person.father),
        &id_of(person.mother),
        &id_of(marriage.map(|marriage| marriage.spouse)),
        &population.uin(position),
    ]);
}
