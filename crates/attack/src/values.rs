//! Attacks that name values rather than persons: what they start from, and how they are judged. One part of the
//! encodings is looked at; the attacker holds a list of its values with their frequencies, here that of the
//! register.

use std::collections::{BTreeMap, BTreeSet};

use encode::{ClearRecord, TrialRows};
use model::schema::{FieldKind, LinkageSchema};
use model::{Layout, PartRole};
use records::NormalisedRecord;

use crate::outcome::{Hits, Outcome};

/// A value as the set of its tokens.
pub(crate) type Value = Vec<u64>;

/// One part of all encodings, the true values behind it, and the list.
pub(crate) struct Exhibit {
    /// The encodings of the part, one a record that has it.
    pub(crate) encodings: Vec<Vec<u8>>,
    /// The values behind them, for judging.
    truth: Vec<Value>,
    /// The values of the list and how often each occurs, the most frequent first.
    pub(crate) list: Vec<(Value, usize)>,
}

impl Exhibit {
    /// The part to be attacked: the surname, else a name, else the first.
    pub(crate) fn part(schema: &LinkageSchema, layout: &Layout) -> usize {
        let kinds = [
            FieldKind::Surname,
            FieldKind::GivenName,
            FieldKind::FullName,
        ];
        let field = kinds.iter().find_map(|kind| schema.first_of(*kind));
        let whole = |part: &model::Part| part.role == PartRole::Whole && Some(part.field) == field;
        layout.parts.iter().position(whole).unwrap_or(0)
    }

    pub(crate) fn of(
        layout: &Layout,
        part: usize,
        rows: &TrialRows,
        target: &[&NormalisedRecord],
        register: &[ClearRecord],
    ) -> Self {
        let mut list: BTreeMap<Value, usize> = BTreeMap::new();
        for record in register
            .iter()
            .filter(|record| !record.tokens(part).is_empty())
        {
            *list.entry(record.tokens(part).to_vec()).or_default() += 1;
        }
        let mut list: Vec<(Value, usize)> = list.into_iter().collect();
        list.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        let (mut encodings, mut truth, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
        for place in 0..rows.len() {
            let (row, owner) = (rows.row(place), rows.owner(place));
            if row.presence() >> part & 1 == 1 && seen.insert(owner) {
                encodings.push(row.signature(&layout.parts[part]).to_vec());
                // A decoy has nobody's value, which is on no list.
                let record = target.get(owner as usize);
                truth.push(record.map_or(Vec::new(), |record| {
                    ClearRecord::of(layout, record).tokens(part).to_vec()
                }));
            }
        }
        Self {
            encodings,
            truth,
            list,
        }
    }

    /// The distinct encodings and the places of each, the most frequent first.
    pub(crate) fn ranked(&self) -> Vec<(&[u8], Vec<usize>)> {
        let mut places: BTreeMap<&[u8], Vec<usize>> = BTreeMap::new();
        for (place, encoding) in self.encodings.iter().enumerate() {
            places.entry(encoding).or_default().push(place);
        }
        let mut ranked: Vec<(&[u8], Vec<usize>)> = places.into_iter().collect();
        ranked.sort_by(|a, b| b.1.len().cmp(&a.1.len()).then(a.0.cmp(b.0)));
        ranked
    }

    /// Judges guesses, an entry of the list for the encoding at a place, and an alignment by rank.
    pub(crate) fn judge(
        &self,
        guesses: &BTreeMap<usize, usize>,
        aligned: &[(usize, usize)],
    ) -> Outcome {
        let is_right = |(place, entry): (usize, usize)| self.truth[place] == self.list[entry].0;
        let hits = |pairs: &[(usize, usize)]| Hits {
            made: pairs.len(),
            right: pairs.iter().filter(|pair| is_right(**pair)).count(),
        };
        let guesses: Vec<(usize, usize)> = guesses
            .iter()
            .map(|(place, entry)| (*place, *entry))
            .collect();
        let listed: BTreeSet<&Value> = self.list.iter().map(|(value, _)| value).collect();
        let most = self.list.first().map_or(0, |(_, count)| *count);
        let all: usize = self.list.iter().map(|(_, count)| count).sum();
        Outcome {
            of: self
                .truth
                .iter()
                .filter(|value| listed.contains(value))
                .count(),
            named: hits(&guesses).right,
            sure: hits(&guesses),
            top_20: hits(&aligned[..aligned.len().min(20)]),
            top_100: hits(&aligned[..aligned.len().min(100)]),
            prior: most as f64 / all.max(1) as f64,
        }
    }
}

#[cfg(test)]
impl Exhibit {
    pub(crate) fn for_test(encodings: Vec<Vec<u8>>) -> Self {
        Self {
            encodings,
            truth: Vec::new(),
            list: Vec::new(),
        }
    }
}
