//! Comparing the rows of one partition after the other, on all threads.

use std::collections::HashSet;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use model::{Layout, LinkageSchema, Progress};
use rayon::prelude::*;

use super::blocks::{Blocks, Input, Partition};
use super::comparer::{Sink, hold_on, stopped};
use super::grade::Grader;
use super::order::Ordered;
use super::{MAX_PAIRS, MatchError, MatchReport};
use crate::comparison::RowId;
use crate::scratch::Bucket;

/// What comparing the rows of one partition takes, on whichever thread.
pub(super) struct Matching<'a, 'b, 's> {
    pub(super) schema: &'a LinkageSchema,
    pub(super) layout: &'a Layout,
    pub(super) inputs: &'a [Input],
    pub(super) gone: &'a HashSet<RowId>,
    pub(super) grader: Grader,
    /// The most rows of a block that is compared.
    pub(super) limit: usize,
    /// Pairs found so far, in all partitions.
    pub(super) pairs: AtomicU64,
    pub(super) out: Out<'b, 's>,
}

/// Where comparisons go.
pub(super) enum Out<'b, 's> {
    /// To be put in order for this sink, which may ask to stop. What holds it starts no work on other threads.
    InOrder(Mutex<(&'b mut Ordered<'s>, &'b mut dyn Sink)>),
    AsTheyCome(&'b (dyn Fn(&[u8]) -> io::Result<()> + Sync)),
}

/// What became of partitions.
pub(super) struct Done {
    pub(super) report: MatchReport,
    /// Pairs that were compared now.
    pub(super) compared: u64,
    /// Rows of blocks that are too large.
    pub(super) oversized: Vec<RowId>,
}

impl Matching<'_, '_, '_> {
    /// Compares the rows of all partitions, on each thread one partition after the other: so many at most are
    /// in memory.
    pub(super) fn compare_all(
        &self,
        partitions: Vec<Bucket>,
        progress: &dyn Progress,
    ) -> Result<Done, MatchError> {
        let (waiting, failed) = (Mutex::new(partitions), AtomicBool::new(false));
        let next = || {
            let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.pop().filter(|_| !failed.load(Relaxed))
        };
        let work = |_: usize| {
            let (mut all, mut bytes) = (Done::of_nothing(self.schema), Vec::new());
            while let Some(partition) = next() {
                let read = partition.read_into(&mut bytes);
                let done = read.map_err(MatchError::from);
                let done = done.and_then(|()| self.compare(&bytes, progress));
                all.add(done.inspect_err(|_| failed.store(true, Relaxed))?);
            }
            Ok(all)
        };
        let threads = (0..rayon::current_num_threads()).into_par_iter();
        let done = threads.with_max_len(1).map(work);
        done.try_reduce(
            || Done::of_nothing(self.schema),
            |mut all, part| {
                all.add(part);
                Ok(all)
            },
        )
    }

    fn compare(&self, rows: &[u8], progress: &dyn Progress) -> Result<Done, MatchError> {
        self.hand_over(&[])?;
        let partition = Partition::new(self.layout, rows);
        let mut report = empty_report(self.schema);
        let blocks = Blocks::of(&partition, self.inputs, self.gone, self.limit, &mut report);
        let pairs = self.pairs.fetch_add(report.pairs, Relaxed) + report.pairs;
        if pairs > MAX_PAIRS {
            return Err(MatchError::TooManyPairs { pairs });
        }
        blocks.compare(&self.grader, |part| self.hand_over(part))?;
        progress.advance(partition.len() as u64);
        Ok(Done {
            compared: blocks.pairs(),
            // What was not compared before has nothing to be taken back.
            oversized: match self.inputs.iter().any(Input::is_standing) {
                true => blocks.oversized().collect(),
                false => Vec::new(),
            },
            report,
        })
    }

    fn hand_over(&self, comparisons: &[u8]) -> Result<(), MatchError> {
        match &self.out {
            Out::AsTheyCome(_) if comparisons.is_empty() => Ok(()),
            Out::AsTheyCome(take) => Ok(take(comparisons)?),
            Out::InOrder(out) => {
                let mut out = out.lock().unwrap_or_else(PoisonError::into_inner);
                let (ordered, sink) = &mut *out;
                hold_on(*sink)
                    .and_then(|()| ordered.push(comparisons))
                    .map_err(|error| stopped(error, *sink))
            }
        }
    }
}

impl Done {
    fn of_nothing(schema: &LinkageSchema) -> Self {
        Self {
            report: empty_report(schema),
            compared: 0,
            oversized: Vec::new(),
        }
    }

    fn add(&mut self, part: Self) {
        self.report.add(&part.report);
        self.compared += part.compared;
        self.oversized.extend(part.oversized);
    }
}

/// A report of nothing. Calibration counts like one more pass here, and apart in the end.
fn empty_report(schema: &LinkageSchema) -> MatchReport {
    MatchReport {
        pairs_by_pass: vec![0; schema.passes.len() + 1],
        skipped_by_pass: vec![0; schema.passes.len() + 1],
        ..MatchReport::default()
    }
}
