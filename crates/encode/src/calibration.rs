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
pub struct Rank {
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

    /// The rank as a node keeps it between batches.
    pub fn to_bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..14].copy_from_slice(&self.order);
        bytes[14..].copy_from_slice(&self.bucket.to_le_bytes());
        bytes
    }

    /// The rank of [`Rank::to_bytes`].
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        let mut order = [0; 14];
        order.copy_from_slice(&bytes[..14]);
        let bucket = u16::from_le_bytes([bytes[14], bytes[15]]);
        Self { order, bucket }
    }

    /// What stands in for a block value.
    pub(crate) fn bucket(self) -> [u8; 2] {
        self.bucket.to_le_bytes()
    }
}

/// A record in the sample, and its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampled {
    /// Its place in the order of sampling.
    pub rank: Rank,
    /// Its calibration row.
    pub entry: HandleEntry,
}

/// The sample so far.
#[derive(Default)]
pub(crate) struct Sample {
    /// Without the row itself where an earlier batch brought it.
    kept: BTreeMap<Rank, (Option<Vec<u8>>, HandleEntry)>,
    /// Rows of earlier batches that fell out.
    gone: Vec<PassHandle>,
}

impl Sample {
    /// The sample that earlier batches left.
    pub(crate) fn of(sampled: Vec<Sampled>) -> Self {
        let row = |Sampled { rank, entry }| (rank, (None, entry));
        Self {
            kept: sampled.into_iter().map(row).collect(),
            gone: Vec::new(),
        }
    }

    /// The rank from which on no record is in the sample as it stands; none while all are.
    pub(crate) fn bound(&self) -> Option<Rank> {
        let (last, _) = self.kept.last_key_value()?;
        (self.kept.len() >= MAX_RECORDS).then_some(*last)
    }

    /// Takes a row in; the row of the largest rank may fall out.
    pub(crate) fn add(&mut self, rank: Rank, row: Vec<u8>, entry: HandleEntry) {
        self.kept.insert(rank, (Some(row), entry));
        if self.kept.len() > MAX_RECORDS
            && let Some((_, (None, entry))) = self.kept.pop_last()
        {
            self.gone.push(entry.pass);
        }
    }

    /// Who is in the sample.
    pub(crate) fn sampled(&self) -> Vec<Sampled> {
        let row = |(rank, (_, entry)): (&Rank, &(Option<Vec<u8>>, HandleEntry))| Sampled {
            rank: *rank,
            entry: *entry,
        };
        self.kept.iter().map(row).collect()
    }

    /// The rows of this batch and whose they are, and the rows of earlier ones that fell out.
    pub(crate) fn into_rows(self) -> (Vec<(Vec<u8>, HandleEntry)>, Vec<PassHandle>) {
        let new = |(row, entry): (Option<Vec<u8>>, HandleEntry)| Some((row?, entry));
        (self.kept.into_values().filter_map(new).collect(), self.gone)
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

    fn add(sample: &mut Sample, order: u16) {
        let entry = HandleEntry {
            pass: PassHandle::new([order as u8; 16]),
            record: RecordHandle::new([0; 16]),
        };
        if sample.bound().is_none_or(|bound| rank(order) < bound) {
            sample.add(rank(order), vec![0], entry);
        }
    }

    #[test]
    fn a_sample_taken_up_again_is_that_of_all_records_at_once() {
        let mut at_once = Sample::default();
        (0..3000).for_each(|order| add(&mut at_once, order));
        let mut first = Sample::default();
        (1000..3000).for_each(|order| add(&mut first, order));
        let sampled: Vec<Sampled> = first.sampled();
        let through_bytes = |sampled: &Sampled| Sampled {
            rank: Rank::from_bytes(sampled.rank.to_bytes()),
            entry: sampled.entry,
        };
        let mut second = Sample::of(sampled.iter().map(through_bytes).collect());
        (0..1000).for_each(|order| add(&mut second, order));
        assert_eq!(second.sampled(), at_once.sampled());
        let (rows, gone) = second.into_rows();
        assert_eq!(
            (rows.len(), gone.len()),
            (1000, 2000 - (MAX_RECORDS - 1000))
        );
    }

    #[test]
    fn the_smallest_ranks_stay_in_whatever_order_they_come() {
        let mut sample = Sample::default();
        // 3 and 4096 have no common factor, so every rank comes once.
        for step in 0..4096u32 {
            add(&mut sample, (step * 3 % 4096) as u16);
        }
        let kept: Vec<Rank> = sample.kept.keys().copied().collect();
        let smallest: Vec<Rank> = (0..MAX_RECORDS as u16).map(rank).collect();
        assert_eq!(kept, smallest);
    }
}
