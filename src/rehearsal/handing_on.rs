//! Rows that go to be compared as they are made: the shortest way, of a rehearsal that nothing is added to later. The
//! records of all parties are read first, so that no row is made that would meet nobody.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::mpsc;
use std::thread;

use anyhow::Context;
use encode::{BlockTally, ClearReader, EpochKeys, NodeKeys, PrepareReport, Preparer, RowsOfRecord};
use link::RecordSet;
use link::matcher::{Intake, RowBatch};
use model::{Progress, Silent};
use records::{ColumnPlan, RawRecord};
use sources::{CsvFile, SourceError};

use super::{CHUNK, PartyFile, Rehearsal, Work, cannot_be_prepared, record_id};
use crate::clear::{ClearRecords, Similarities};
use crate::standing::Batch;

/// The share of the memory that records may take while they wait.
const WAITING: usize = 3;
/// The share of the memory for what blocks were seen, and the most bytes for it.
const TALLY: usize = 64;
const MOST_TALLY_BYTES: usize = 128 << 20;

/// The records of a registry, chunk by chunk; an empty chunk ends them.
type Chunks = mpsc::Receiver<Result<Vec<RawRecord>, SourceError>>;

/// A party whose registry is read.
struct Party<'a> {
    file: &'a PartyFile,
    epoch: &'a EpochKeys,
    keys: &'a NodeKeys,
    columns: &'a ColumnPlan,
}

/// A party whose records wait, or had their rows made.
struct Reading<'a> {
    preparer: Preparer<'a>,
    intake: Intake,
    clear: ClearRecords,
}

impl<'a> Work<'a> {
    /// Whether rows go to be compared as they are made. They are kept first where they may be compared again later,
    /// and where all of a batch decide what each shows.
    pub(super) fn hands_rows_on(&self) -> bool {
        let profile = self.plan.schema.profile;
        let is_kept = self.plan.keeps_rows || !self.standing.batches.is_empty();
        !is_kept && profile.hides_patterns_below().is_none()
    }

    /// Prepares all registries, and has each record's rows taken as they are made.
    pub(super) fn hand_all_on(
        &mut self,
        files: &[PartyFile],
        epoch: &EpochKeys,
        keys: &[NodeKeys],
        progress: &dyn Progress,
    ) -> anyhow::Result<Vec<(String, PrepareReport)>> {
        let memory = self.plan.scratch.memory();
        let tally = BlockTally::new((memory / TALLY).min(MOST_TALLY_BYTES));
        let (mut waiting, mut parties) = (0, Vec::new());
        let schema = &self.plan.schema;
        let columns = |file: &PartyFile| ColumnPlan::of(schema, file.party);
        let columns: Vec<ColumnPlan> = files.iter().map(columns).collect();
        // All files are read from the start, each a chunk ahead of what is taken in, so that nothing waits where one ends.
        thread::scope(|scope| {
            let sources = files.iter().zip(&columns).map(|(file, columns)| {
                let source = CsvFile::open(&file.path, columns);
                let source = source.with_context(|| cannot_be_prepared(file))?;
                let (chunks, read) = mpsc::sync_channel(1);
                scope.spawn(move || send_chunks(source, &chunks));
                anyhow::Ok(read)
            });
            let sources: Vec<Chunks> = sources.collect::<anyhow::Result<_>>()?;
            let parts = files.iter().zip(keys).zip(columns.iter().zip(sources));
            for ((file, keys), (columns, source)) in parts {
                progress.stage(&format!("read {}", file.label), 0);
                let room = (memory / WAITING).saturating_sub(waiting);
                let party = Party {
                    file,
                    epoch,
                    keys,
                    columns,
                };
                let party = self.read(&party, source, &tally, room, progress);
                let party = party.with_context(|| cannot_be_prepared(file))?;
                waiting += party.preparer.waiting_bytes();
                parties.push(party);
            }
            anyhow::Ok(())
        })?;
        let mut reports = Vec::new();
        for (file, party) in files.iter().zip(parties) {
            progress.stage(&format!("encode {}", file.label), 0);
            let report = self.encode(file, party, &tally, progress);
            let report = report.with_context(|| cannot_be_prepared(file))?;
            reports.push((file.label.clone(), report));
        }
        Ok(reports)
    }

    /// Takes a registry in. Its records wait as long as there is room for them, in bytes.
    fn read<'k>(
        &mut self,
        party: &Party<'k>,
        chunks: Chunks,
        tally: &BlockTally,
        room: usize,
        progress: &dyn Progress,
    ) -> anyhow::Result<Reading<'k>>
    where
        'a: 'k,
    {
        let plan: &'a Rehearsal = self.plan;
        let (schema, layout, columns) = (&plan.schema, &plan.layout, party.columns);
        let (path, keys) = (&party.file.path, party.keys);
        let reader = ClearReader::new(schema, layout, party.file.party, columns, keys);
        let clear_too = plan.similarities == Similarities::Clear;
        let mut clear = ClearRecords::new();
        let mut preparer =
            Preparer::new(schema, layout, party.file.party, columns, party.epoch, keys);
        let intake = self.comparer.begin(&RowBatch::new(party.file.party))?;
        for chunk in chunks {
            let chunk = chunk?;
            progress.advance(chunk.len() as u64);
            if clear_too {
                clear.extend(chunk.iter().map(|raw| reader.read(raw)));
            }
            let done = preparer.read(chunk, tally);
            done.with_context(|| path.display().to_string())?;
            if preparer.waiting_bytes() > room {
                let done = preparer.hand_on(None, &self.take(&intake, &Silent));
                done.with_context(|| path.display().to_string())?;
            }
        }
        Ok(Reading {
            preparer,
            intake,
            clear,
        })
    }

    /// Has the rows of the records that wait taken, and ends the batch.
    fn encode(
        &mut self,
        file: &PartyFile,
        party: Reading<'_>,
        tally: &BlockTally,
        progress: &dyn Progress,
    ) -> anyhow::Result<PrepareReport> {
        let Reading {
            mut preparer,
            intake,
            clear,
        } = party;
        let handed_on = preparer.hand_on(Some(tally), &self.take(&intake, progress));
        handed_on.with_context(|| file.path.display().to_string())?;
        let made = preparer.finish_handed_on();
        for (number, row) in &made.calibration {
            self.comparer.take(&intake, *number, row, 0)?;
        }
        self.comparer.end(intake);
        self.clear.push(clear);
        let own = made.vault.iter();
        self.standing.batches.push(Batch {
            label: file.label.clone(),
            calibration: BTreeMap::new(),
            gone: Vec::new(),
            set: RecordSet::by_record(file.party, made.handles),
            records: own.map(|(handle, key)| (*handle, record_id(key))).collect(),
            rows: Vec::new(),
        });
        Ok(made.report)
    }

    /// What takes the rows of a party's records.
    fn take<'t>(
        &'t self,
        intake: &'t Intake,
        progress: &'t dyn Progress,
    ) -> impl Fn(RowsOfRecord<'_>) -> Result<(), Box<dyn Error + Send + Sync>> + Sync + 't {
        move |record| {
            let RowsOfRecord {
                number,
                rows,
                alone,
            } = record;
            (self.comparer).take(intake, number, rows, alone)?;
            progress.advance(1);
            Ok(())
        }
    }
}

/// Reads a registry, a chunk ahead of who takes the chunks.
fn send_chunks(
    mut source: CsvFile,
    chunks: &mpsc::SyncSender<Result<Vec<RawRecord>, SourceError>>,
) {
    loop {
        let chunk = source.next_chunk(CHUNK);
        let is_last = chunk.as_ref().map_or(true, Vec::is_empty);
        // Nobody waits any more when taking in has failed; then it says why.
        if chunks.send(chunk).is_err() || is_last {
            break;
        }
    }
}
