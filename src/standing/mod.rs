//! A finished rehearsal that records can be added to: what the parties and the coordinator of a
//! federation would hold of it.

mod files;

use std::collections::{BTreeMap, HashMap, HashSet};

use encode::Sampled;
use link::RecordSet;
use model::layout::Row;
use model::{Layout, PartyIndex, PassHandle, RecordHandle};

pub(crate) use files::{Kept, load, save};

/// The records of one party that came at one time.
pub(crate) struct Batch {
    /// What the user calls the party.
    pub(crate) label: String,
    /// The rows, whole, one after the other.
    pub(crate) rows: Vec<u8>,
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
    pub(crate) comparisons: Vec<u8>,
    /// The cluster of every record that could meet another.
    pub(crate) clusters: HashMap<(PartyIndex, RecordHandle), u32>,
}

impl StandingRun {
    /// What `party` has to know of its earlier batches.
    pub(crate) fn of_party(&self, party: PartyIndex) -> encode::Standing {
        let own = self.batches.iter().filter(|batch| batch.set.party == party);
        encode::Standing {
            records: own
                .flat_map(|batch| batch.records.iter().map(|(handle, _)| *handle))
                .collect(),
            sample: self.samples.get(&party).cloned().unwrap_or_default(),
        }
    }

    /// Takes the calibration rows out that records added since took the place of.
    pub(crate) fn drop_rows(&mut self, layout: &Layout, gone: &HashSet<(PartyIndex, PassHandle)>) {
        if gone.is_empty() {
            return;
        }
        for batch in &mut self.batches {
            let party = batch.set.party;
            let stays = |handle: PassHandle| !gone.contains(&(party, handle));
            let rows = batch.rows.chunks_exact(layout.row_bytes);
            batch.rows = rows
                .filter(|row| stays(Row::new(row).handle()))
                .flatten()
                .copied()
                .collect();
            batch.set.handles.retain(|(handle, _)| stays(*handle));
        }
    }
}

#[cfg(test)]
mod tests;
