//! Real-time lookup: a standing index of rows answers which of them one more record meets, and how alike they are,
//! without a run. This is the matcher's half; [`crate::resolve::Answerer`] makes persons of what it tells.
//!
//! Rows lie in segments sorted by block token, in files where there is a directory for them, and the newest in
//! memory. Whoever adds never keeps whoever asks waiting for longer than it takes to put a few hundred rows in a map: segments are
//! written aside and change places with the rows they hold in one step.

mod recent;
mod segment;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use model::layout::Row;
use model::{Layout, LinkageSchema, PartyIndex};

use crate::comparison::{MAX_BATCHES, RowId, push_header};
use crate::matcher::MAX_BLOCK_ROWS;
use crate::matcher::grade::Grader;
use crate::scratch::{Buckets, Scratch};
use recent::Recent;
use segment::Segment;

/// Rows added in one go while nobody can ask.
const STEP: usize = 256;
/// The share of the memory that the newest rows may take.
const RECENT: usize = 8;
/// More segments than this become one.
const MAX_SEGMENTS: usize = 6;
/// The most rows one record may ask for.
pub const MAX_QUERY_ROWS: usize = 4096;
/// The batch that the rows of a question count for.
const QUERY: u16 = u16::MAX;

/// Why rows were not taken or nothing was found out.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// Bytes that are not whole rows of the schema.
    #[error("{bytes} bytes are not whole rows of {row_bytes}; encode them under this schema")]
    TornRows {
        /// The bytes.
        bytes: usize,
        /// The size of a row.
        row_bytes: usize,
    },
    /// A row of a pass that the schema does not have.
    #[error(
        "row {row} is for pass {pass}, which the schema does not have; encode it under this schema"
    )]
    UnknownPass {
        /// The row, counted from 0.
        row: usize,
        /// The pass it names.
        pass: u8,
    },
    /// A question of more rows than a record has.
    #[error(
        "a record has {rows} rows, the limit is {MAX_QUERY_ROWS}; ask for one record at a time"
    )]
    TooManyRows {
        /// The rows.
        rows: usize,
    },
    /// More batches, or rows in one, than can be numbered.
    #[error(
        "more batches, or more rows in one, than can be numbered; build the index again from one batch a party"
    )]
    TooMany,
    /// Rows could not be read or set aside.
    #[error("rows of the index cannot be read or set aside on disk")]
    Disk(#[from] io::Error),
}

/// What the index knows of a batch.
#[derive(Debug, Clone, Copy)]
struct Standing {
    party: PartyIndex,
    rows: u32,
}

/// A standing index of rows.
pub struct StandingIndex {
    passes: usize,
    /// By party: whether two of its records may be of one person.
    duplicates: Vec<bool>,
    layout: Layout,
    grader: Grader,
    scratch: Scratch,
    state: RwLock<State>,
    /// Whoever writes segments has this; only one does at a time.
    writing: Mutex<()>,
}

#[derive(Default)]
struct State {
    batches: Vec<Standing>,
    segments: Vec<Arc<Segment>>,
    /// Rows that are on their way into a segment.
    leaving: Option<Arc<Recent>>,
    recent: Recent,
}

/// What a question is answered from, besides the newest rows.
struct Snapshot {
    batches: Vec<Standing>,
    segments: Vec<Arc<Segment>>,
}

impl StandingIndex {
    /// An index of nothing, which keeps most rows in the files of `scratch`.
    pub fn new(schema: &LinkageSchema, layout: &Layout, scratch: &Scratch) -> Self {
        let duplicates = schema.parties.iter().map(|party| party.duplicates);
        Self {
            passes: schema.passes.len(),
            duplicates: duplicates.collect(),
            grader: Grader::new(layout),
            layout: layout.clone(),
            scratch: scratch.clone(),
            state: RwLock::default(),
            writing: Mutex::new(()),
        }
    }

    /// Begins a batch of `party`. Its number is what [`RowId::batch`] says of its rows.
    ///
    /// # Errors
    /// [`LookupError::TooMany`].
    pub fn begin_batch(&self, party: PartyIndex) -> Result<u16, LookupError> {
        let batches = &mut self.write().batches;
        if batches.len() >= MAX_BATCHES - 1 {
            return Err(LookupError::TooMany);
        }
        batches.push(Standing { party, rows: 0 });
        Ok(batches.len() as u16 - 1)
    }

    /// Adds rows to a batch that was begun, after those it has. Calibration rows are counted, so that numbers stay those of
    /// the batch, and left out.
    ///
    /// # Errors
    /// [`LookupError`] when the rows do not fit the schema, or cannot be set aside; then none of them is taken unless the
    /// disk failed.
    pub fn add(&self, batch: u16, rows: &[u8]) -> Result<(), LookupError> {
        self.check(rows)?;
        for step in rows.chunks(STEP * self.layout.row_bytes) {
            let full = {
                let state = &mut *self.write();
                let Some(standing) = state.batches.get_mut(usize::from(batch)) else {
                    return Err(LookupError::TooMany);
                };
                for bytes in step.chunks_exact(self.layout.row_bytes) {
                    let row = standing.rows;
                    standing.rows = row.checked_add(1).ok_or(LookupError::TooMany)?;
                    if usize::from(Row::new(bytes).pass().0) < self.passes {
                        state.recent.push(RowId { batch, row }, bytes);
                    }
                }
                state.recent.bytes() > self.scratch.memory() / RECENT
            };
            if full {
                self.write_out()?;
            }
        }
        Ok(())
    }

    /// How many rows stand in it.
    pub fn rows(&self) -> u64 {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let segments = state.segments.iter().map(|segment| segment.rows());
        let leaving = state.leaving.iter().map(|recent| recent.rows());
        segments.chain(leaving).sum::<u64>() + state.recent.rows()
    }

    /// Compares the rows of one record of `party` with the standing rows of their blocks, as a run would. Returns
    /// comparisons laid out by [`crate::ComparisonLayout`]; their left rows are those of the question, in its order.
    ///
    /// # Errors
    /// [`LookupError`] when the rows do not fit the schema, or the disk fails.
    pub fn compare(&self, party: PartyIndex, rows: &[u8]) -> Result<Vec<u8>, LookupError> {
        self.check(rows)?;
        let count = rows.len() / self.layout.row_bytes;
        if count > MAX_QUERY_ROWS {
            return Err(LookupError::TooManyRows { rows: count });
        }
        let asked = rows.chunks_exact(self.layout.row_bytes).map(Row::new);
        let asked: Vec<Row<'_>> = asked.collect();
        let (standing, mut blocks) = self.snapshot(&asked);
        let mut out = Vec::new();
        for (number, (row, block)) in (0..).zip(asked.iter().zip(&mut blocks)) {
            for segment in &standing.segments {
                segment.read_block(row.token(), block)?;
            }
            self.compare_block(party, &standing.batches, (number, *row), block, &mut out);
        }
        Ok(out)
    }

    /// Compares a row with those of its block, in order of their numbers; a block too large to compare in a run is not
    /// compared here either.
    fn compare_block(
        &self,
        party: PartyIndex,
        batches: &[Standing],
        (number, row): (u32, Row<'_>),
        block: &[u8],
        out: &mut Vec<u8>,
    ) {
        let met = block.chunks_exact(RowId::BYTES + self.layout.row_bytes);
        let met = met.map(segment::split);
        let mut met: Vec<(RowId, Row<'_>)> = met
            .map(|(id, bytes)| (id, Row::new(bytes)))
            .filter(|(_, other)| other.pass() == row.pass())
            .collect();
        // With the row itself, the block must not be over the limit.
        if met.len() >= MAX_BLOCK_ROWS {
            return;
        }
        met.sort_unstable_by_key(|(id, _)| *id);
        let left = RowId {
            batch: QUERY,
            row: number,
        };
        for (right, other) in met {
            // A row added since the question began belongs to a batch that may not be known yet.
            let of = batches.get(usize::from(right.batch));
            let alone = |of: &Standing| of.party == party && !self.duplicates[party.index()];
            if of.is_some_and(|of| !alone(of)) {
                push_header(out, row.pass(), left, right);
                self.grader.push_grades(row, other, out);
            }
        }
    }

    fn check(&self, rows: &[u8]) -> Result<(), LookupError> {
        let row_bytes = self.layout.row_bytes;
        if !rows.len().is_multiple_of(row_bytes) {
            let bytes = rows.len();
            return Err(LookupError::TornRows { bytes, row_bytes });
        }
        for (row, bytes) in rows.chunks_exact(row_bytes).enumerate() {
            // Calibration is one more pass.
            let pass = Row::new(bytes).pass().0;
            if usize::from(pass) > self.passes {
                return Err(LookupError::UnknownPass { row, pass });
            }
        }
        Ok(())
    }

    /// What stands now: segments that nobody changes, and what memory holds of the blocks asked for. All in one step, so
    /// that no row is missed while it moves from one into the other.
    fn snapshot(&self, asked: &[Row<'_>]) -> (Snapshot, Vec<Vec<u8>>) {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let held = |row: &Row<'_>| {
            let mut block = Vec::new();
            for recent in state.leaving.as_deref().into_iter().chain([&state.recent]) {
                recent.read_block(row.token(), &mut block);
            }
            block
        };
        let snapshot = Snapshot {
            batches: state.batches.clone(),
            segments: state.segments.clone(),
        };
        (snapshot, asked.iter().map(held).collect())
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves the newest rows into a segment, and makes one of all segments when they are many.
    ///
    /// # Errors
    /// [`LookupError::Disk`]; the rows then stay where they were.
    pub fn write_out(&self) -> Result<(), LookupError> {
        let writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = {
            let mut state = self.write();
            // Rows of an attempt that failed are still there.
            if state.leaving.is_none() {
                let recent = std::mem::take(&mut state.recent);
                state.leaving = Some(Arc::new(recent));
            }
            state.leaving.clone()
        };
        let Some(recent) = recent.filter(|recent| recent.rows() > 0) else {
            self.write().leaving = None;
            return Ok(());
        };
        let segment = Segment::write(&self.layout, &self.scratch, recent.rows(), |take| {
            recent.for_each(take)
        })?;
        let left = {
            let mut state = self.write();
            state.segments.push(Arc::new(segment));
            state.leaving.take()
        };
        // To free so many small pieces takes long: whoever asks must not wait for it.
        drop((left, recent));
        self.merge(&writing)
    }

    fn merge(&self, _writing: &MutexGuard<'_, ()>) -> Result<(), LookupError> {
        let segments = self.snapshot(&[]).0.segments;
        if segments.len() <= MAX_SEGMENTS {
            return Ok(());
        }
        let rows = segments.iter().map(|segment| segment.rows()).sum();
        let merged = Segment::write(&self.layout, &self.scratch, rows, |take| {
            segments
                .iter()
                .try_for_each(|segment| segment.for_each(take))
        })?;
        drop(segments);
        let merged = vec![Arc::new(merged)];
        let before = std::mem::replace(&mut self.write().segments, merged);
        before.into_iter().for_each(let_go);
        Ok(())
    }
}

/// How long who waits for the last reader of a segment waits before looking again.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// Closes a segment once nobody reads it: to close a large file takes long, and whoever asks must not be the last to hold it.
fn let_go(segment: Arc<Segment>) {
    while Arc::strong_count(&segment) > 1 {
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// Rows fall into so many parts while they are put in order.
const PARTS: usize = 256;

/// Puts rows in parts by the first byte of their token, the parts in its order.
fn parts<'a>(
    scratch: &'a Scratch,
    fill: impl FnOnce(&mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()>,
) -> io::Result<Buckets<'a>> {
    let parts = Buckets::new(scratch, PARTS, scratch.memory() / RECENT);
    fill(&mut |row| {
        let token = segment::token_of(row);
        parts.push(usize::from(token.as_bytes()[0]), &[row])
    })?;
    Ok(parts)
}

#[cfg(test)]
mod tests;
