//! Similarities from the clear tokens themselves, for rehearsals on test data: what the hardened
//! encodings estimate, without filter, flips or keys. The difference in quality is what privacy costs.
//!
//! Token hashes have no secret key, so whoever holds them can guess the values behind them. They stay
//! in the process, are wiped on drop and have no serial form.

use std::hash::Hasher;

use model::{Layout, LinkageSchema, Part, PartRole, PartyIndex, RecordHandle};
use records::{ColumnPlan, NormalisedRecord, Normaliser, RawRecord};
use siphasher::sip::SipHasher24;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::keys::NodeKeys;
use crate::token;

/// Takes the clear tokens of one party's records.
pub struct ClearReader<'a> {
    normaliser: Normaliser,
    layout: &'a Layout,
    node: &'a NodeKeys,
}

/// The token sets of one record, one a part of the layout; empty where the part is missing.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct ClearRecord(Vec<Vec<u64>>);

/// How far two token sets overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlap {
    /// Tokens in both.
    pub shared: usize,
    /// Tokens of the one and of the other, added up.
    pub total: usize,
}

impl<'a> ClearReader<'a> {
    /// Reads records of `party`, which hold the columns of `plan`. `node` gives them the handles under
    /// which [`crate::Preparer`] knows them.
    pub fn new(
        schema: &'a LinkageSchema,
        layout: &'a Layout,
        party: PartyIndex,
        plan: &ColumnPlan,
        node: &'a NodeKeys,
    ) -> Self {
        Self {
            normaliser: Normaliser::new(schema, party, plan),
            layout,
            node,
        }
    }

    /// The handle of a record and its tokens. Problems of its values are for the preparer to report.
    pub fn read(&self, raw: &RawRecord) -> (RecordHandle, ClearRecord) {
        let record = self.normaliser.normalise(raw, &mut Vec::new());
        (
            self.node.record_handle(&raw.key),
            ClearRecord::of(self.layout, &record),
        )
    }
}

impl ClearRecord {
    /// The tokens of `record`, by part of `layout`.
    pub fn of(layout: &Layout, record: &NormalisedRecord) -> Self {
        let sets = layout.parts.iter().map(|part| tokens(record, part));
        Self(sets.map(settled).collect())
    }

    /// The token hashes of a part, in order, each once; empty where the part is missing. Those of one
    /// namespace are comparable, those of a whole record are told apart by field.
    pub fn tokens(&self, part: usize) -> &[u64] {
        self.0.get(part).map_or(&[], Vec::as_slice)
    }

    /// How far part `own` of this record overlaps part `others` of the other; none where either is
    /// missing. The parts must share a namespace, as those of every slot do.
    pub fn overlap(&self, own: usize, other: &Self, others: usize) -> Option<Overlap> {
        let (own, others) = (self.0.get(own)?, other.0.get(others)?);
        if own.is_empty() || others.is_empty() {
            return None;
        }
        Some(Overlap {
            shared: shared(own, others),
            total: own.len() + others.len(),
        })
    }
}

impl Overlap {
    /// The Dice similarity in `steps` steps, to the nearest.
    pub fn dice(self, steps: usize) -> usize {
        (2 * self.shared * steps + self.total / 2) / self.total.max(1)
    }
}

/// The hashes of a part's tokens.
fn tokens(record: &NormalisedRecord, part: &Part) -> Vec<u64> {
    let (fields, apart) = match part.role {
        PartRole::Record => (0..record.values.len(), true),
        _ => (part.field..part.field + 1, false),
    };
    let mut hashes = Vec::new();
    for field in fields {
        if let Some(value) = &record.values[field] {
            token::for_each(value, part.role, &mut |token| {
                let mut hasher = SipHasher24::new();
                hasher.write(token);
                if apart {
                    hasher.write_usize(field);
                }
                hashes.push(hasher.finish());
            });
        }
    }
    hashes
}

/// A set: sorted, each once.
fn settled(mut hashes: Vec<u64>) -> Vec<u64> {
    hashes.sort_unstable();
    hashes.dedup();
    hashes
}

/// Elements in both of two sorted sets.
fn shared(left: &[u64], right: &[u64]) -> usize {
    let mut right = right.iter().peekable();
    left.iter()
        .filter(|one| {
            while right.next_if(|other| other < one).is_some() {}
            right.next_if_eq(one).is_some()
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prepare::tests::schema;
    use records::{NormalisedValue, PartialDate};
    use static_assertions::assert_not_impl_any;
    use std::fmt::{Debug, Display};

    assert_not_impl_any!(ClearRecord: Debug, Display, Clone, PartialEq);

    fn record(given: &str, surname: Option<&str>, month: Option<u8>) -> ClearRecord {
        let words = |text: &str| NormalisedValue::Words(vec![text.to_owned()]);
        let born = PartialDate {
            year: Some(1985),
            month,
            day: month,
        };
        let record = NormalisedRecord {
            values: vec![
                Some(words(given)),
                surname.map(words),
                Some(NormalisedValue::Date(born)),
            ],
        };
        ClearRecord::of(&Layout::of(&schema("standard")), &record)
    }

    #[test]
    fn equal_values_are_alike_in_full() {
        let (a, b) = (
            record("ana", Some("silva"), Some(3)),
            record("ana", Some("silva"), Some(3)),
        );
        for part in 0..a.0.len() {
            let overlap = a.overlap(part, &b, part).unwrap();
            assert_eq!((overlap.dice(20), overlap.dice(7)), (20, 7));
        }
    }

    #[test]
    fn parts_without_tokens_are_missing_on_either_side() {
        let (whole, partial) = (
            record("ana", Some("silva"), Some(3)),
            record("ana", None, None),
        );
        let missing: Vec<usize> = (0..whole.0.len())
            .filter(|part| whole.overlap(*part, &partial, *part).is_none())
            .collect();
        assert_eq!(missing, [1, 3, 4], "surname, month and day");
        assert_eq!(partial.overlap(1, &whole, 1), None);
        assert_eq!(whole.overlap(99, &partial, 99), None);
    }

    #[test]
    fn swapped_names_are_alike_crosswise() {
        let (a, b) = (
            record("ana", Some("silva"), None),
            record("silva", Some("ana"), None),
        );
        assert_eq!(a.overlap(0, &b, 1).unwrap().dice(20), 20);
        assert!(a.overlap(0, &b, 0).unwrap().dice(20) < 20);
    }

    #[test]
    fn dice_rounds_to_the_nearest_step() {
        let dice = |shared, total| Overlap { shared, total }.dice(20);
        assert_eq!(
            (dice(0, 9), dice(1, 3), dice(2, 5), dice(3, 6)),
            (0, 13, 16, 20)
        );
        assert_eq!(shared(&[1, 3, 5, 9], &[0, 3, 4, 9, 12]), 2);
    }
}
