//! Calibration rows: a random sample of a party's records, each in a random bucket instead of a
//! block. Rows that share a bucket are nearly all of strangers, so their comparisons show how alike
//! strangers are: the u-probabilities of Fellegi and Sunter, which no other pairs can tell, since all others
//! met because they agree in something.
//!
//! The sample is the records with the smallest keyed hashes (bottom-k sampling; Cohen and Kaplan,
//! 2007), so it needs no count beforehand and is the same in every run of an epoch.

use std::collections::BTreeMap;

use model::PassHandle;

use crate::encoder::RecordIds;
use crate::keys::NodeKeys;
use crate::prepare::HandleEntry;

/// The most records a party calibrates with. With [`BUCKETS`] it makes about fifteen thousand pairs
/// within one party, and twice as many between each two.
pub(crate) const MAX_RECORDS: usize = 2048;
/// The buckets they fall into, the same for all parties.
const BUCKETS: u16 = 128;

/// Where a record stands in the order of sampling, and its bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    order: [u8; 14],
    bucket: u16,
}

impl Rank {
    /// The rank of a record, from its node's noise key: nobody else can foresee it.
    pub(crate) fn of(node: &NodeKeys, ids: &RecordIds) -> Self {
        let tag = node.noise.tag16(&[b"calibration", &ids.noise]);
        let mut order = [0; 14];
        order.copy_from_slice(&tag[..14]);
        Self {
            order,
            bucket: u16::from_le_bytes([tag[14], tag[15]]) % BUCKETS,
        }
    }

    /// What stands in for a block value.
    pub(crate) fn bucket(self) -> [u8; 2] {
        self.bucket.to_le_bytes()
    }
}

/// The sample so far.
#[derive(Default)]
pub(crate) struct Sample {
    kept: BTreeMap<Rank, (Vec<u8>, HandleEntry)>,
}

impl Sample {
    /// Whether a record of this rank is in the sample as it stands.
    pub(crate) fn takes(&self, rank: Rank) -> bool {
        self.kept.len() < MAX_RECORDS
            || self
                .kept
                .last_key_value()
                .is_some_and(|(last, _)| rank < *last)
    }

    /// Takes a row in; the row of the largest rank may fall out.
    pub(crate) fn add(&mut self, rank: Rank, row: Vec<u8>, entry: HandleEntry) {
        self.kept.insert(rank, (row, entry));
        if self.kept.len() > MAX_RECORDS {
            self.kept.pop_last();
        }
    }

    /// The rows and whose they are.
    pub(crate) fn into_rows(self) -> impl Iterator<Item = (Vec<u8>, HandleEntry)> {
        self.kept.into_values()
    }
}

/// A calibration row, ready to be added to the sample.
pub(crate) struct CalibrationRow {
    pub(crate) rank: Rank,
    pub(crate) row: Vec<u8>,
    pub(crate) handle: PassHandle,
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::RecordHandle;

    fn rank(order: u16) -> Rank {
        let mut bytes = [0; 14];
        bytes[..2].copy_from_slice(&order.to_be_bytes());
        Rank {
            order: bytes,
            bucket: order % BUCKETS,
        }
    }

    #[test]
    fn the_smallest_ranks_stay_in_whatever_order_they_come() {
        let mut sample = Sample::default();
        // 3 and 4096 have no common factor, so every rank comes once.
        for step in 0..4096u32 {
            let rank = rank((step * 3 % 4096) as u16);
            let entry = HandleEntry {
                pass: PassHandle::new([0; 16]),
                record: RecordHandle::new([0; 16]),
            };
            if sample.takes(rank) {
                sample.add(rank, vec![0], entry);
            }
        }
        let kept: Vec<Rank> = sample.kept.keys().copied().collect();
        let smallest: Vec<Rank> = (0..MAX_RECORDS as u16).map(rank).collect();
        assert_eq!(kept, smallest);
    }
}
