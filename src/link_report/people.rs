//! What is truly known of the records of a run: whose they are, how they are damaged, and what kind
//! of people they belong to.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use crate::federation::table::Table;
use crate::rehearsal::Linked;
use crate::truth::Truth;

/// One record's truth.
pub(super) struct Known {
    /// The place of its person among all.
    pub(super) person: usize,
    /// What is wrong with the record, as the truth file calls it; the same kind may come twice.
    pub(super) errors: Vec<String>,
}

/// What kind of person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) culture: String,
    /// Who was born with them; empty for most.
    pub(super) twin_set: String,
}

/// The truth of a run.
pub(crate) struct People {
    /// By record, in the order of the run; none where the truth does not know the record.
    pub(super) records: Vec<Option<Known>>,
    /// By number in the resolution: the person.
    by_number: Vec<Option<usize>>,
    /// By person; empty when nothing was given about people.
    pub(super) kinds: Vec<Kind>,
    /// Whether the truth file says what is wrong with records.
    pub(super) errors_known: bool,
}

impl People {
    /// Reads what the truth file says beside `truth`, and what `persons`, a file with the columns
    /// person_id, culture and twin_set, says of people.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(crate) fn read(
        linked: &Linked,
        truth: &Truth,
        truth_file: &Path,
        persons: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let damage = errors(&Table::read(truth_file)?);
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        let mut by_number = vec![None; linked.resolution.records.list.len()];
        let mut records = Vec::with_capacity(linked.records.len());
        for record in &linked.records {
            let name = (record.label.to_lowercase(), record.record_id.clone());
            let known = truth.0.get(&name).map(|person| {
                let next = numbers.len();
                Known {
                    person: *numbers.entry(person).or_insert(next),
                    errors: damage.get(&name).cloned().unwrap_or_default(),
                }
            });
            if let (Some(number), Some(known)) = (record.number, &known) {
                by_number[number as usize] = Some(known.person);
            }
            records.push(known);
        }
        let kinds = match persons {
            Some(path) => kinds(&Table::read(path)?, &numbers),
            None => Vec::new(),
        };
        Ok(Self {
            records,
            by_number,
            kinds,
            errors_known: !damage.is_empty(),
        })
    }

    /// Whether two records, by number, are one person; none where the truth does not know one.
    pub(super) fn are_one(&self, (left, right): (u32, u32)) -> Option<bool> {
        let [left, right] = [left, right].map(|number| self.by_number[number as usize]);
        Some(left? == right?)
    }

    /// Pairs of records of one person.
    pub(super) fn true_pairs(&self) -> u64 {
        let mut counts: HashMap<usize, u64> = HashMap::new();
        for known in self.records.iter().flatten() {
            *counts.entry(known.person).or_default() += 1;
        }
        counts.values().map(|count| count * (count - 1) / 2).sum()
    }
}

/// By record: what is wrong with it. Empty when the file does not say.
fn errors(truth: &Table) -> BTreeMap<(String, String), Vec<String>> {
    let mut errors = BTreeMap::new();
    for row in truth.rows().filter(|row| !row.get("errors").is_empty()) {
        let source = [row.get("registry"), row.get("source")].concat();
        let kinds = row.get("errors").split(';').map(str::to_owned);
        errors.insert(
            (source.to_lowercase(), row.get("record_id").to_owned()),
            kinds.collect(),
        );
    }
    errors
}

fn kinds(persons: &Table, numbers: &HashMap<&str, usize>) -> Vec<Kind> {
    let mut kinds = vec![Kind::default(); numbers.len()];
    for row in persons.rows() {
        if let Some(number) = numbers.get(row.get("person_id")) {
            kinds[*number] = Kind {
                culture: row.get("culture").to_owned(),
                twin_set: row.get("twin_set").to_owned(),
            };
        }
    }
    kinds
}
