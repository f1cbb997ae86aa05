//! A finished rehearsal that records can be added to: what the parties and the coordinator of a
//! federation would hold of it.

mod files;

use std::collections::{BTreeMap, HashMap};

use encode::Sampled;
use link::{RecordSet, Spool};
use model::{PartyIndex, PassHandle, RecordHandle};

pub(crate) use files::{Kept, KeptRun};

/// The records of one party that came at one time.
pub(crate) struct Batch {
    /// What the user calls the party.
    pub(crate) label: String,
    /// The rows, whole, one after the other, in order of their handles; none where they are not kept.
    pub(crate) rows: Vec<u8>,
    /// The numbers of its calibration rows, by their handles.
    pub(crate) calibration: BTreeMap<PassHandle, u32>,
    /// The rows that count no longer, by number, sorted.
    pub(crate) gone: Vec<u32>,
    /// Whose they are.
    pub(crate) set: RecordSet,
    /// The record ids, in the order of the registry.
    pub(crate) records: Vec<(RecordHandle, String)>,
}

/// All that is known of a finished run.
#[derive(Default)]
pub(crate) struct StandingRun {
    /// In the order they came; those of one time in the order of the schema's parties.
    pub(crate) batches: Vec<Batch>,
    /// By party: who calibrates.
    pub(crate) samples: BTreeMap<PartyIndex, Vec<Sampled>>,
    /// All comparisons.
    pub(crate) comparisons: Spool,
    /// The cluster of every record that could meet another.
    pub(crate) clusters: HashMap<(PartyIndex, RecordHandle), u32>,
}

impl StandingRun {
    /// What `party` has to know of its earlier batches.
    pub(crate) fn of_party(&self, party: PartyIndex) -> encode::Standing {
        let own = self.batches.iter().filter(|batch| batch.set.party == party);
        encode::Standing {
            records: own
                .flat_map(|batch| batch.records.iter().map(|(handle, _)| (*handle, 0)))
                .collect(),
            sample: self.samples.get(&party).cloned().unwrap_or_default(),
        }
    }

    /// How many records there are, by party.
    pub(crate) fn record_counts(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for batch in &self.batches {
            *counts.entry(batch.label.clone()).or_default() += batch.records.len() as u64;
        }
        counts
    }

    /// Marks the calibration rows of `party` that records added since took the place of.
    pub(crate) fn mark_gone(&mut self, party: PartyIndex, gone: &[PassHandle]) {
        let own = self.batches.iter_mut();
        for batch in own.filter(|batch| batch.set.party == party) {
            let row = |handle| batch.calibration.get(handle).copied();
            let rows: Vec<u32> = gone.iter().filter_map(row).collect();
            batch.gone.extend(rows);
            batch.gone.sort_unstable();
        }
    }
}

#[cfg(test)]
mod tests;
