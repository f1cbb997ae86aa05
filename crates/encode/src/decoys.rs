//! Decoys: records of nobody, made of the values of others and encoded like them, so that who looks at the
//! rows cannot tell how many people there are in a block, or trust a likeness.
//!
//! A decoy starts from one record and takes about a quarter of its values from another. So it sits in blocks
//! of the first, beside its relatives, and in some of nobody's. Which records it starts from, and from which it
//! takes, follows from the node's key for the epoch: in another run of the epoch the same decoys are there, or
//! what changes between runs would be what is real.

use std::collections::HashMap;

use model::RecordHandle;
use records::{LocalKey, NormalisedRecord, NormalisedValue};
use secret::cipher::Block;

use crate::encoder::RecordIds;
use crate::keys::NodeKeys;

/// Of this many values one is another record's.
const TAKEN: u64 = 4;

/// A record that a decoy starts from.
pub(crate) struct Donor {
    rank: Block,
    record: NormalisedRecord,
}

/// A record of nobody.
pub(crate) struct Decoy {
    pub(crate) handle: RecordHandle,
    pub(crate) ids: RecordIds,
    pub(crate) record: NormalisedRecord,
}

impl Donor {
    /// The record as one that a decoy starts from, if it is, where there are about `permille` decoys for a thousand
    /// records.
    pub(crate) fn of(
        permille: u32,
        node: &NodeKeys,
        ids: &RecordIds,
        record: NormalisedRecord,
    ) -> Option<Self> {
        if permille == 0 {
            return None;
        }
        let rank = node.decoys.tag16(&[b"rank", &ids.noise]);
        let place = u128::from(u64::from_be_bytes(std::array::from_fn(|at| rank[at])));
        let is_one = place * 1000 < u128::from(permille) << 64;
        is_one.then_some(Self { rank, record })
    }
}

/// The decoys of all donors. Of a single one there can be none: it would be that record again.
pub(crate) fn make(mut donors: Vec<Donor>, node: &NodeKeys) -> Vec<Decoy> {
    donors.sort_unstable_by_key(|donor| donor.rank);
    if donors.len() < 2 {
        return Vec::new();
    }
    let others = donors.iter().cycle().skip(1);
    let pairs = donors.iter().zip(others);
    pairs.map(|(one, other)| decoy(node, one, other)).collect()
}

/// A decoy before it is encoded, and the place of the record that it starts from.
pub struct MadeDecoy {
    /// Among the records that were offered.
    pub from: u32,
    /// Its values.
    pub record: NormalisedRecord,
}

/// Makes the decoys of a node's batch once more, for measuring what they are worth.
pub struct DecoyMaker<'a> {
    node: &'a NodeKeys,
    permille: u32,
    donors: Vec<Donor>,
    places: HashMap<RecordHandle, u32>,
    offered: u32,
}

impl<'a> DecoyMaker<'a> {
    /// About so many decoys for a thousand records.
    pub fn new(node: &'a NodeKeys, permille: u32) -> Self {
        Self {
            node,
            permille,
            donors: Vec::new(),
            places: HashMap::new(),
            offered: 0,
        }
    }

    /// Takes the next record of the registry, with its local key there.
    pub fn offer(&mut self, key: &LocalKey, record: &NormalisedRecord) {
        let ids = RecordIds {
            passes: self.node.record_passes(self.node.record_handle(key)),
            noise: self.node.record_noise(key),
        };
        let copied = NormalisedRecord {
            values: record
                .values
                .iter()
                .map(|value| value.as_ref().map(copy))
                .collect(),
        };
        if let Some(donor) = Donor::of(self.permille, self.node, &ids, copied) {
            let handle = self.node.decoy_handle(&donor.rank);
            self.places.insert(handle, self.offered);
            self.donors.push(donor);
        }
        self.offered += 1;
    }

    /// The decoys of all that was offered, in the order of what they start from.
    pub fn make(self) -> Vec<MadeDecoy> {
        let made = make(self.donors, self.node).into_iter();
        let placed = made.filter_map(|decoy| {
            let from = *self.places.get(&decoy.handle)?;
            Some(MadeDecoy {
                from,
                record: decoy.record,
            })
        });
        let mut placed: Vec<MadeDecoy> = placed.collect();
        placed.sort_by_key(|decoy| decoy.from);
        placed
    }
}

fn decoy(node: &NodeKeys, one: &Donor, other: &Donor) -> Decoy {
    let handle = node.decoy_handle(&one.rank);
    let noise = node.decoys.tag16(&[b"noise", &one.rank]);
    let choice = node.decoys.tag(&[b"values", &one.rank, &other.rank]);
    let fields = one.record.values.len();
    let always = usize::from(choice[31]) % fields.max(1);
    let takes = |field: usize| field == always || u64::from(choice[field % 31]) % TAKEN == 0;
    let value = |field: usize| {
        let from = if takes(field) { other } else { one };
        from.record.values[field].as_ref().map(copy)
    };
    Decoy {
        handle,
        ids: RecordIds {
            passes: node.record_passes(handle),
            noise,
        },
        record: NormalisedRecord {
            values: (0..fields).map(value).collect(),
        },
    }
}

fn copy(value: &NormalisedValue) -> NormalisedValue {
    match value {
        NormalisedValue::Words(words) => NormalisedValue::Words(words.clone()),
        NormalisedValue::Date(date) => NormalisedValue::Date(*date),
        NormalisedValue::Text(text) => NormalisedValue::Text(text.clone()),
        NormalisedValue::Code(code) => NormalisedValue::Code(code.clone()),
    }
}
