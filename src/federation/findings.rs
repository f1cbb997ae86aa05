//! What agencies link registries for: people paid after death, enrolled twice, or never reached;
//! each counted from the clusters and, since the sample's truth is known, checked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::table::{RowOf, Table};
use crate::truth::{Assignments, RecordName, Truth};

/// One finding: how many cases the linkage shows, and how many of them are so.
pub(super) struct Finding {
    pub(super) name: &'static str,
    /// Cases by the clusters.
    pub(super) found: usize,
    /// Found cases that the truth confirms.
    pub(super) right: usize,
    /// Cases by the truth.
    pub(super) truly: usize,
}

/// The registries' files.
struct Registries {
    crvs: Table,
    sr: Table,
    ibr: Table,
}

/// A case, named by records, so that two assignments can be compared.
type Cases = BTreeSet<Vec<String>>;

/// All findings.
pub(super) fn all(
    dir: &Path,
    clusters: &Assignments,
    truth: &Truth,
) -> anyhow::Result<Vec<Finding>> {
    let read = |name: &str| Table::read(&dir.join(format!("{name}.csv.gz")));
    let registries = Registries {
        crvs: read("crvs")?,
        sr: read("sr")?,
        ibr: read("ibr")?,
    };
    let linked: BTreeMap<RecordName, String> = clusters.iter().cloned().collect();
    let finding = |name, cases: fn(&Registries, &BTreeMap<RecordName, String>) -> Cases| {
        let (found, truly) = (cases(&registries, &linked), cases(&registries, &truth.0));
        Finding {
            name,
            found: found.len(),
            right: found.intersection(&truly).count(),
            truly: truly.len(),
        }
    };
    Ok(vec![
        finding(
            "enrolments paid after the registered death (IBR, CRVS)",
            paid_after_death,
        ),
        finding(
            "pairs of enrolments of one person in one programme (IBR)",
            enrolled_twice,
        ),
        finding(
            "persons in the social registry without any benefit (SR, IBR)",
            not_reached,
        ),
    ])
}

/// The person a record stands for; a record that nobody assigned stands for itself.
fn person<'a>(persons: &'a BTreeMap<RecordName, String>, source: &str, row: RowOf<'a>) -> &'a str {
    let record = row.get("record_id");
    let name = (source.to_owned(), record.to_owned());
    persons.get(&name).map_or(record, String::as_str)
}

fn paid_after_death(registries: &Registries, persons: &BTreeMap<RecordName, String>) -> Cases {
    let deaths: BTreeMap<&str, &str> = registries
        .crvs
        .rows()
        .filter(|row| row.get("event_type") == "death" && row.get("death_date").len() == 10)
        .map(|row| (person(persons, "crvs", row), row.get("death_date")))
        .collect();
    let paid = registries.ibr.rows().filter(|row| {
        let died = deaths.get(person(persons, "ibr", *row));
        // ISO 8601 dates sort as text.
        died.is_some_and(|died| row.get("last_payment_date") > *died)
    });
    paid.map(|row| vec![row.get("record_id").to_owned()])
        .collect()
}

fn enrolled_twice(registries: &Registries, persons: &BTreeMap<RecordName, String>) -> Cases {
    let mut enrolments: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for row in registries.ibr.rows() {
        let key = (person(persons, "ibr", row), row.get("programme_identifier"));
        enrolments
            .entry(key)
            .or_default()
            .push(row.get("record_id").to_owned());
    }
    let mut cases = Cases::new();
    for mut same in enrolments.into_values() {
        same.sort_unstable();
        for (place, first) in same.iter().enumerate() {
            cases.extend(
                same[place + 1..]
                    .iter()
                    .map(|second| vec![first.clone(), second.clone()]),
            );
        }
    }
    cases
}

/// A person is named by the first of his records in the social registry.
fn not_reached(registries: &Registries, persons: &BTreeMap<RecordName, String>) -> Cases {
    let reached: BTreeSet<&str> = registries
        .ibr
        .rows()
        .map(|row| person(persons, "ibr", row))
        .collect();
    let mut first_records: BTreeMap<&str, &str> = BTreeMap::new();
    for row in registries.sr.rows() {
        let record = row.get("record_id");
        let person = person(persons, "sr", row);
        first_records
            .entry(person)
            .and_modify(|first| *first = (*first).min(record))
            .or_insert(record);
    }
    let left = first_records
        .into_iter()
        .filter(|(person, _)| !reached.contains(person));
    left.map(|(_, record)| vec![record.to_owned()]).collect()
}
