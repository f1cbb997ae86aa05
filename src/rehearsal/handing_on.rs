//! Rows that go to be compared as they are made: the shortest way, of a rehearsal that nothing is added to later.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::thread;

use anyhow::Context;
use encode::{ClearReader, EpochKeys, NodeKeys, PrepareReport, Preparer};
use link::RecordSet;
use link::matcher::RowBatch;
use model::Progress;
use records::ColumnPlan;
use sources::CsvFile;

use super::{CHUNK, PartyFile, Work, record_id};
use crate::clear::{ClearRecords, Similarities};
use crate::standing::Batch;

impl Work<'_> {
    /// Whether rows go to be compared as they are made. They are kept first where they may be compared again later,
    /// and where all of a batch decide what each shows.
    pub(super) fn hands_rows_on(&self) -> bool {
        let profile = self.plan.schema.profile;
        let is_kept = self.plan.keeps_rows || !self.standing.batches.is_empty();
        !is_kept && profile.hides_patterns_below().is_none()
    }

    /// Prepares a registry, and has each record's rows taken as they are made.
    pub(super) fn hand_on(
        &mut self,
        file: &PartyFile,
        epoch: &EpochKeys,
        keys: &NodeKeys,
        progress: &dyn Progress,
    ) -> anyhow::Result<PrepareReport> {
        let (schema, layout, party) = (&self.plan.schema, &self.plan.layout, file.party);
        let columns = ColumnPlan::of(schema, party);
        let mut source = CsvFile::open(&file.path, &columns)?;
        let reader = ClearReader::new(schema, layout, party, &columns, keys);
        let clear_too = self.plan.similarities == Similarities::Clear;
        let mut clear = ClearRecords::new();
        let mut preparer = Preparer::new(schema, layout, party, &columns, epoch, keys);
        let intake = self.comparer.begin(&RowBatch::new(party))?;
        let comparer = &self.comparer;
        let take = |number: u32, rows: &[u8]| Ok(comparer.take(&intake, number, rows)?);
        // While one chunk is encoded, the next is read.
        let (chunks, read) = mpsc::sync_channel(1);
        thread::scope(|scope| {
            scope.spawn(move || {
                loop {
                    let chunk = source.next_chunk(CHUNK);
                    let is_last = chunk.as_ref().map_or(true, Vec::is_empty);
                    // Nobody waits any more when encoding has failed; then it says why.
                    if chunks.send(chunk).is_err() || is_last {
                        break;
                    }
                }
            });
            for chunk in read {
                let chunk = chunk?;
                progress.advance(chunk.len() as u64);
                if clear_too {
                    clear.extend(chunk.iter().map(|raw| reader.read(raw)));
                }
                let handed_on = preparer.hand_on(chunk, &take);
                handed_on.with_context(|| file.path.display().to_string())?;
            }
            anyhow::Ok(())
        })?;
        let made = preparer.finish_handed_on();
        let made = made.with_context(|| file.path.display().to_string())?;
        for (number, row) in &made.calibration {
            comparer.take(&intake, *number, row)?;
        }
        self.comparer.end(intake);
        self.clear.push(clear);
        let own = made.vault.iter();
        self.standing.batches.push(Batch {
            label: file.label.clone(),
            calibration: BTreeMap::new(),
            gone: Vec::new(),
            set: RecordSet::by_record(party, made.handles),
            records: own.map(|(handle, key)| (*handle, record_id(key))).collect(),
            rows: Vec::new(),
        });
        Ok(made.report)
    }
}
