//! The way from batches of rows to comparisons within a memory budget, and the adding of batches to
//! what was compared before.
//!
//! Where batches stood already, only pairs with a row of another are compared, and what comes out is
//! the comparisons of all rows together. Two things take an earlier comparison back: a block that
//! grew over the limit counts for nothing, as it would have had all rows been there from the start,
//! and a row may be gone, as calibration rows are when added records have smaller ranks.

use std::collections::HashSet;
use std::io::{self, Read};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use model::digest::Digester;
use model::layout::Row;
use model::{Digest, Layout, LinkageSchema, PartyIndex, PassHandle, Progress};

use super::blocks::Input;
use super::grade::Grader;
use super::limit::BlockSizes;
use super::matching::{Matching, Out};
use super::order::Ordered;
use super::{MAX_BLOCK_ROWS, MatchError, MatchReport};
use crate::comparison::{Comparison, ComparisonLayout, MAX_BATCHES, RowId};
use crate::scratch::{Buckets, Scratch};

/// Partitions of rows: by the first byte of their block's token, which is random.
const PARTITIONS: usize = 256;
/// The share of the memory that partitions may hold while they are filled, and comparisons while
/// they are put in order.
const FILLING: usize = 6;
/// Rows read at once.
const READ_ROWS: usize = 4096;

/// A batch whose rows are to be compared.
#[derive(Debug, Clone)]
pub struct RowBatch {
    /// Whose.
    pub party: PartyIndex,
    /// Whether its rows were compared with those of other standing batches before.
    pub standing: bool,
}

impl RowBatch {
    /// A batch that was never compared.
    pub fn new(party: PartyIndex) -> Self {
        let standing = false;
        Self { party, standing }
    }
}

/// Takes comparisons, on whichever thread.
pub trait Sink: Send {
    /// Takes the next ones.
    ///
    /// # Errors
    /// What keeps it from taking more.
    fn take(&mut self, comparisons: &[u8]) -> io::Result<()>;

    /// Whether the work is to be left.
    fn is_stopped(&self) -> bool {
        false
    }
}

impl<F: FnMut(&[u8]) -> io::Result<()> + Send> Sink for F {
    fn take(&mut self, comparisons: &[u8]) -> io::Result<()> {
        self(comparisons)
    }
}

/// What became of comparing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extension {
    /// All rows together, as if they had been compared at once.
    pub all: MatchReport,
    /// Pairs compared now.
    pub compared: u64,
    /// Comparisons of before that still hold.
    pub kept: u64,
    /// Comparisons of before that hold no longer.
    pub taken_back: u64,
}

/// Takes rows, then compares them.
pub struct Comparer<'a> {
    schema: &'a LinkageSchema,
    layout: &'a Layout,
    scratch: &'a Scratch,
    partitions: Buckets<'a>,
    inputs: Vec<Input>,
    gone: HashSet<RowId>,
    sizes: Mutex<BlockSizes>,
    is_kept: bool,
}

/// A batch whose rows are taken in any order, from several threads at once.
pub struct Intake {
    batch: u16,
    party: PartyIndex,
    rows: AtomicU32,
}

/// A batch whose rows are being taken.
struct Adding {
    input: Input,
    last: Option<PassHandle>,
    handles: Digester,
}

impl Adding {
    fn new(comparer: &Comparer<'_>, batch: &RowBatch) -> Result<Self, MatchError> {
        if comparer.inputs.len() >= MAX_BATCHES {
            return Err(MatchError::TooManyBatches);
        }
        Ok(Self {
            input: Input::of(comparer.schema, batch),
            last: None,
            handles: Digester::new(),
        })
    }
}

impl<'a> Comparer<'a> {
    /// Nothing to compare yet. What outgrows memory goes to `scratch`.
    pub fn new(schema: &'a LinkageSchema, layout: &'a Layout, scratch: &'a Scratch) -> Self {
        Self {
            schema,
            layout,
            scratch,
            partitions: Buckets::new(scratch, PARTITIONS, scratch.memory() / FILLING),
            inputs: Vec::new(),
            gone: HashSet::new(),
            sizes: Mutex::default(),
            is_kept: false,
        }
    }

    /// Has all blocks up to [`MAX_BLOCK_ROWS`] compared, however many pairs that makes: rows may be added
    /// to what is compared now, and what was skipped for want of time could not be taken up again.
    #[must_use]
    pub fn to_be_kept(mut self) -> Self {
        self.is_kept = true;
        self
    }

    /// Takes the rows of the next batch. Returns the digest of their handles in order: where it equals
    /// that of [`RecordSet::handles_digest`](crate::RecordSet::handles_digest), the numbers of rows
    /// mean the same to matcher and resolver.
    ///
    /// # Errors
    /// [`MatchError`] when rows do not fit the schema, or cannot be read or set aside.
    pub fn add(&mut self, batch: &RowBatch, rows: &mut dyn Read) -> Result<Digest, MatchError> {
        let mut adding = Adding::new(self, batch)?;
        let (row_bytes, mut chunk) = (self.layout.row_bytes, Vec::new());
        loop {
            chunk.clear();
            let bytes = (READ_ROWS * row_bytes) as u64;
            (&mut *rows).take(bytes).read_to_end(&mut chunk)?;
            if chunk.is_empty() {
                return Ok(self.added(adding));
            }
            if !chunk.len().is_multiple_of(row_bytes) {
                return Err(MatchError::TornRows {
                    party: batch.party,
                    bytes: u64::from(adding.input.rows) * row_bytes as u64 + chunk.len() as u64,
                    row_bytes,
                });
            }
            for row in chunk.chunks_exact(row_bytes) {
                self.add_row(&mut adding, row)?;
            }
        }
    }

    /// The same with rows that are at hand.
    ///
    /// # Errors
    /// [`MatchError`] when rows do not fit the schema, or cannot be set aside.
    pub fn add_rows<'r>(
        &mut self,
        batch: &RowBatch,
        rows: impl Iterator<Item = &'r [u8]>,
    ) -> Result<Digest, MatchError> {
        let mut adding = Adding::new(self, batch)?;
        for row in rows {
            if row.len() != self.layout.row_bytes {
                return Err(MatchError::TornRows {
                    party: batch.party,
                    bytes: row.len() as u64,
                    row_bytes: self.layout.row_bytes,
                });
            }
            self.add_row(&mut adding, row)?;
        }
        Ok(self.added(adding))
    }

    fn add_row(&mut self, adding: &mut Adding, bytes: &[u8]) -> Result<(), MatchError> {
        let (row, party) = (Row::new(bytes), adding.input.party());
        let number = adding.input.rows;
        if adding.last >= Some(row.handle()) {
            let row = u64::from(number);
            return Err(MatchError::OutOfOrder { party, row });
        }
        adding.last = Some(row.handle());
        adding.handles.update(row.handle().as_bytes());
        let batch = self.inputs.len() as u16;
        let id = RowId { batch, row: number };
        self.take_row(party, id, bytes)?;
        let rows = number.checked_add(1);
        adding.input.rows = rows.ok_or(MatchError::TooManyRows { party })?;
        Ok(())
    }

    /// Sets a row aside for its partition.
    fn take_row(&self, party: PartyIndex, id: RowId, bytes: &[u8]) -> Result<(), MatchError> {
        let row = Row::new(bytes);
        self.check(party, id.row, row)?;
        if usize::from(row.pass().0) < self.schema.passes.len() && BlockSizes::looks_at(row) {
            let mut sizes = self.sizes.lock().unwrap_or_else(PoisonError::into_inner);
            sizes.see(row, id.batch);
        }
        let partition = usize::from(row.token().as_bytes()[0]);
        Ok((self.partitions).push(partition, &[&id.to_bytes(), bytes])?)
    }

    /// Begins a batch whose rows [`Comparer::take`] takes.
    ///
    /// # Errors
    /// [`MatchError::TooManyBatches`].
    pub fn begin(&mut self, batch: &RowBatch) -> Result<Intake, MatchError> {
        let Adding { input, .. } = Adding::new(self, batch)?;
        self.inputs.push(input);
        Ok(Intake {
            batch: (self.inputs.len() - 1) as u16,
            party: batch.party,
            rows: AtomicU32::new(0),
        })
    }

    /// Takes whole rows that comparisons are to name by `number`. Rows of one record may have one number, as long as
    /// none of them is dropped and the comparisons need no order. `alone` more rows count, each of which is said to be
    /// alone in its block.
    ///
    /// # Errors
    /// [`MatchError`] when rows do not fit the schema, or cannot be set aside.
    pub fn take(
        &self,
        intake: &Intake,
        number: u32,
        rows: &[u8],
        alone: u32,
    ) -> Result<(), MatchError> {
        let (party, row_bytes) = (intake.party, self.layout.row_bytes);
        if !rows.len().is_multiple_of(row_bytes) {
            return Err(MatchError::TornRows {
                party,
                bytes: rows.len() as u64,
                row_bytes,
            });
        }
        let (batch, row) = (intake.batch, number);
        for bytes in rows.chunks_exact(row_bytes) {
            self.take_row(party, RowId { batch, row }, bytes)?;
        }
        let count = (rows.len() / row_bytes) as u32 + alone;
        match intake.rows.fetch_add(count, Relaxed).checked_add(count) {
            Some(_) => Ok(()),
            None => Err(MatchError::TooManyRows { party }),
        }
    }

    /// Ends a batch that was begun.
    pub fn end(&mut self, intake: Intake) {
        self.inputs[usize::from(intake.batch)].rows = intake.rows.into_inner();
    }

    fn added(&mut self, adding: Adding) -> Digest {
        self.inputs.push(adding.input);
        adding.handles.finish()
    }

    fn check(&self, party: PartyIndex, number: u32, row: Row<'_>) -> Result<(), MatchError> {
        let pass = row.pass().0;
        let calibrates = self.schema.calibration_pass().map(|own| own.0) == Some(pass);
        if usize::from(pass) < self.schema.passes.len() || calibrates {
            return Ok(());
        }
        let row = u64::from(number);
        Err(MatchError::UnknownPass { party, row, pass })
    }

    /// Counts these rows of batch `batch` for gone.
    pub fn drop_rows(&mut self, batch: u16, rows: impl IntoIterator<Item = u32>) {
        let gone = rows.into_iter().map(|row| RowId { batch, row });
        self.gone.extend(gone);
    }

    /// Compares all rows, and hands the comparisons to `take` as they come: in no order that can be
    /// relied on, and on several threads at once. It is what [`Comparer::run`] does with nothing before it, for
    /// those who need no order.
    ///
    /// # Errors
    /// As for [`Comparer::run`].
    pub fn run_unordered(
        self,
        progress: &dyn Progress,
        take: &(dyn Fn(&[u8]) -> io::Result<()> + Sync),
    ) -> Result<MatchReport, MatchError> {
        let (extension, _) = self.compare(Out::AsTheyCome(take), progress)?;
        Ok(extension.all)
    }

    /// Compares what the batches that are not standing add to the comparisons `before` of those that
    /// are, and hands all comparisons to `sink` in order.
    ///
    /// # Errors
    /// [`MatchError`] when there are too many pairs, `before` is cut short, the sink fails or asks to
    /// stop, or the disk fails.
    pub fn run(
        self,
        before: &mut dyn Read,
        progress: &dyn Progress,
        sink: &mut dyn Sink,
    ) -> Result<Extension, MatchError> {
        let layout = self.layout;
        let mut ordered = Ordered::new(layout, self.scratch, FILLING, &self.inputs);
        let out = Out::InOrder(Mutex::new((&mut ordered, &mut *sink)));
        let (mut extension, void) = self.compare(out, progress)?;
        (extension.kept, extension.taken_back) =
            keep(layout, before, &void, |part| ordered.push(part))?;
        let handed_over = ordered.finish(sink);
        handed_over.map_err(|error| stopped(error, sink))?;
        Ok(extension)
    }

    /// Compares. Returns what became of it, and the rows of which no comparison holds.
    fn compare(
        self,
        out: Out<'_, 'a>,
        progress: &dyn Progress,
    ) -> Result<(Extension, HashSet<RowId>), MatchError> {
        let rows: u64 = self.inputs.iter().map(|input| u64::from(input.rows)).sum();
        progress.stage("compare rows", rows);
        let limit = match self.is_kept || self.inputs.iter().any(Input::is_standing) {
            true => MAX_BLOCK_ROWS,
            false => {
                let sizes = self.sizes.into_inner();
                let sizes = sizes.unwrap_or_else(PoisonError::into_inner);
                sizes.limit(&self.inputs, rows)
            }
        };
        let matching = Matching {
            schema: self.schema,
            layout: self.layout,
            inputs: &self.inputs,
            gone: &self.gone,
            grader: Grader::new(self.layout),
            limit,
            pairs: AtomicU64::new(0),
            out,
        };
        let done = matching.compare_all(self.partitions.into_buckets(), progress)?;
        let mut report = MatchReport {
            rows: rows - self.gone.len() as u64,
            block_limit: limit,
            ..done.report
        };
        let extension = Extension {
            compared: done.compared,
            ..Extension::default()
        };
        let mut void = self.gone.clone();
        void.extend(done.oversized);
        report.calibration_pairs = report.pairs_by_pass.pop().unwrap_or(0);
        report.skipped_by_pass.pop();
        let all = report;
        Ok((Extension { all, ..extension }, void))
    }
}

/// Ends a step of work when its receiver asks to stop.
pub(super) fn hold_on(sink: &dyn Sink) -> io::Result<()> {
    if sink.is_stopped() {
        return Err(io::ErrorKind::Interrupted.into());
    }
    Ok(())
}

pub(super) fn stopped(error: io::Error, sink: &dyn Sink) -> MatchError {
    if sink.is_stopped() {
        MatchError::Stopped
    } else {
        MatchError::Disk(error)
    }
}

/// Hands on the comparisons that still hold; says how many do and do not.
fn keep(
    layout: &Layout,
    before: &mut dyn Read,
    void: &HashSet<RowId>,
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<(u64, u64), MatchError> {
    let form = ComparisonLayout::of(layout);
    let holds = |met: Comparison<'_>| !void.contains(&met.left()) && !void.contains(&met.right());
    let (mut kept, mut taken_back) = (0, 0);
    let mut chunk = Vec::new();
    loop {
        form.read_chunk(before, &mut chunk)?;
        if chunk.is_empty() {
            return Ok((kept, taken_back));
        }
        if !chunk.len().is_multiple_of(form.row_bytes()) {
            return Err(MatchError::TornComparisons);
        }
        let rows = chunk.chunks_exact(form.row_bytes()).zip(form.iter(&chunk));
        for (bytes, met) in rows {
            if holds(met) {
                take(bytes)?;
                kept += 1;
            } else {
                taken_back += 1;
            }
        }
    }
}

#[cfg(test)]
#[path = "comparer_tests.rs"]
mod tests;
