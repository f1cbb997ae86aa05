//! `symbolon link --clear`: grades taken from the clear tokens instead of from encodings.
//!
//! Blocks, pairs and handles stay those of the encodings, so nothing but the similarities differs
//! between the two runs, and the difference of their results is what hardening costs.

use std::collections::HashMap;

use encode::ClearRecord;
use link::comparison::GRADES;
use link::{ComparisonLayout, MISSING, RecordSet};
use model::layout::Slot;
use model::{Layout, PartyIndex, PassHandle, RecordHandle};
use rayon::prelude::*;

/// What is said of every clear run.
pub(crate) const WARNING: &str =
    "similarities are from clear values: a rehearsal on test data, which no federation can repeat";

/// Where a rehearsal's grades come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Similarities {
    /// Hardened encodings, as in every real run.
    Encoded,
    /// Clear tokens.
    Clear,
}

/// One party's clear records, by their handles.
pub(crate) type ClearRecords = HashMap<RecordHandle, ClearRecord>;

/// The clear record behind every row.
struct Rows<'a>(Vec<(PartyIndex, HashMap<PassHandle, &'a ClearRecord>)>);

impl<'a> Rows<'a> {
    fn of(parties: &[(&'a RecordSet, &'a ClearRecords)]) -> Self {
        let rows = |(set, records): &(&'a RecordSet, &'a ClearRecords)| {
            let row = |(pass, record)| Some((pass, records.get(&record)?));
            let rows = set.handles.iter().copied().filter_map(row).collect();
            (set.party, rows)
        };
        Self(parties.iter().map(rows).collect())
    }

    fn record(&self, (party, handle): (PartyIndex, PassHandle)) -> Option<&'a ClearRecord> {
        let (_, rows) = self.0.iter().find(|(own, _)| *own == party)?;
        rows.get(&handle).copied()
    }
}

/// Replaces every grade of `comparisons`, which are whole rows, by that of the clear tokens.
pub(crate) fn regrade(
    layout: &Layout,
    parties: &[(&RecordSet, &ClearRecords)],
    comparisons: &mut [u8],
) {
    let rows = Rows::of(parties);
    let form = ComparisonLayout::of(layout);
    let header = form.row_bytes() - form.slots();
    comparisons
        .par_chunks_exact_mut(form.row_bytes())
        .for_each(|bytes| {
            let met = form.iter(bytes).next();
            let Some((left, right)) =
                met.and_then(|met| Some((rows.record(met.left())?, rows.record(met.right())?)))
            else {
                return;
            };
            for (grade, slot) in bytes[header..].iter_mut().zip(&layout.slots) {
                *grade = clear_grade(*slot, left, right);
            }
        });
}

fn clear_grade(slot: Slot, left: &ClearRecord, right: &ClearRecord) -> u8 {
    let overlap = left.overlap(slot.left, right, slot.right);
    overlap.map_or(MISSING, |overlap| overlap.dice(usize::from(GRADES)) as u8)
}
