//! Exact search among whole-record encodings (CLKs): all pairs with a Dice similarity of at least a
//! threshold, or the best of them for each record, never losing one.
//!
//! Of all pairs, the number of set bits alone drops those that could not share enough; over the
//! first few words of the rest the distance is counted in lanes, and only pairs not yet too far
//! apart are compared to the end (`docs/decisions/0011-exact-clk-search.md` has the bounds and what
//! they cost). Pairs come by left row, in the same order on any number of threads, and are handed
//! over in pieces, so memory grows with neither pairs compared nor pairs found.

mod band;
mod best;
mod plan;
mod set;
mod threshold;

use std::cmp::Ordering;
use std::num::NonZeroUsize;
use std::ops::Range;

use bits::{Kernel, PANEL_ROWS};
use model::Progress;
use rayon::prelude::*;

use band::{Outcome, Task};
use plan::Plan;
pub use set::{CLK_BITS, ClkSet, ClkSetError, MAX_CLKS};
use threshold::Demand;
pub use threshold::{NoThreshold, Score, Threshold};

/// The most rows of a band, which one thread searches with.
const BAND_ROWS: usize = 512;
/// Bands searched between two hand-overs.
const BANDS_PER_STEP: usize = 32;
/// How many times smaller bands get where one has found too much.
const SPLIT: usize = 8;

/// A pair that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// The row in the left set, counted from 0.
    pub left: u32,
    /// The row in the right set.
    pub right: u32,
    /// Their similarity.
    pub score: Score,
}

impl Pair {
    /// The order in which anonlink lists pairs of two sets: the best first, then by left, then by
    /// right row.
    pub fn by_score(&self, other: &Self) -> Ordering {
        let by_row = || (self.left, self.right).cmp(&(other.left, other.right));
        other.score.cmp(&self.score).then_with(by_row)
    }
}

/// What a search looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SearchReport {
    /// Pairs there are.
    pub pairs: u64,
    /// Pairs of which the first words were compared: those that set bits alone did not rule out.
    pub examined: u64,
    /// Pairs that were compared to the end.
    pub completed: u64,
    /// Pairs handed over.
    pub found: u64,
}

/// Why a search stopped.
#[derive(Debug, thiserror::Error)]
pub enum SearchError<E> {
    /// Two sets of different encodings.
    #[error(
        "encodings of {left} bits cannot be compared with encodings of {right} bits; encode both under one schema"
    )]
    Lengths {
        /// Bits in the left set.
        left: usize,
        /// Bits in the right set.
        right: usize,
    },
    /// The receiver of pairs failed.
    #[error("pairs could not be handed over")]
    Sink(#[source] E),
}

/// A search and how it is done.
#[derive(Debug, Clone, Copy)]
pub struct Search {
    threshold: Threshold,
    best: Option<NonZeroUsize>,
    kernel: Kernel,
    exhaustive: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Between,
    /// Each pair of one set once: the left row is before the right one.
    Within,
}

impl Search {
    /// A search for all pairs that reach the threshold.
    pub fn new(threshold: Threshold) -> Self {
        Self {
            threshold,
            best: None,
            kernel: Kernel::best(),
            exhaustive: false,
        }
    }

    /// Only this many of the best pairs of each left row, the first right rows of equally good ones.
    pub fn best(self, partners: NonZeroUsize) -> Self {
        Self {
            best: Some(partners),
            ..self
        }
    }

    /// With this kernel instead of the fastest.
    pub fn kernel(self, kernel: Kernel) -> Self {
        Self { kernel, ..self }
    }

    /// Comparing every pair to the end whatever bounds say: what the bounds are measured against.
    pub fn exhaustive(self) -> Self {
        Self {
            exhaustive: true,
            ..self
        }
    }

    /// Searches among all pairs of a row of `left` and a row of `right`. Pairs reach `sink` by left row,
    /// then by right row; where only the best are asked for, the best first.
    ///
    /// # Errors
    /// [`SearchError`] when the sets do not fit each other or the sink fails.
    pub fn between<E>(
        &self,
        left: &ClkSet,
        right: &ClkSet,
        progress: &dyn Progress,
        mut sink: impl FnMut(&[Pair]) -> Result<(), E>,
    ) -> Result<SearchReport, SearchError<E>> {
        progress.stage("compare encodings", left.len() as u64);
        self.run(left, right, Scope::Between, progress, &mut sink)
    }

    /// Searches among all pairs of two rows of `set`, each once, as [`Search::between`] does.
    ///
    /// # Errors
    /// [`SearchError`] when the sink fails.
    pub fn within<E>(
        &self,
        set: &ClkSet,
        progress: &dyn Progress,
        mut sink: impl FnMut(&[Pair]) -> Result<(), E>,
    ) -> Result<SearchReport, SearchError<E>> {
        progress.stage("compare encodings", set.len() as u64);
        self.run(set, set, Scope::Within, progress, &mut sink)
    }

    /// Searches among all pairs of rows of different sets: first and second, first and third, and so
    /// on. With each piece `sink` gets the numbers of its left and its right set.
    ///
    /// # Errors
    /// [`SearchError`] when two sets do not fit each other or the sink fails.
    pub fn among<E>(
        &self,
        sets: &[ClkSet],
        progress: &dyn Progress,
        mut sink: impl FnMut((usize, usize), &[Pair]) -> Result<(), E>,
    ) -> Result<SearchReport, SearchError<E>> {
        let rows = |(index, set): (usize, &ClkSet)| (sets.len() - 1 - index) * set.len();
        let rows: usize = sets.iter().enumerate().map(rows).sum();
        progress.stage("compare encodings", rows as u64);
        let mut report = SearchReport::default();
        for (first, left) in sets.iter().enumerate() {
            for (second, right) in sets.iter().enumerate().skip(first + 1) {
                let mut own = |pairs: &[Pair]| sink((first, second), pairs);
                report.add(self.run(left, right, Scope::Between, progress, &mut own)?);
            }
        }
        Ok(report)
    }

    fn run<E>(
        &self,
        left: &ClkSet,
        right: &ClkSet,
        scope: Scope,
        progress: &dyn Progress,
        sink: &mut dyn FnMut(&[Pair]) -> Result<(), E>,
    ) -> Result<SearchReport, SearchError<E>> {
        let (of_left, of_right) = (left.bits(), right.bits());
        if of_left != of_right {
            return Err(SearchError::Lengths {
                left: of_left,
                right: of_right,
            });
        }
        let task = self.task(left, right, scope);
        let mut report = SearchReport {
            pairs: pairs_of(left, right, scope),
            ..SearchReport::default()
        };
        let band = left
            .len()
            .div_ceil(2 * BANDS_PER_STEP)
            .next_multiple_of(PANEL_ROWS);
        let mut stream = Stream {
            task: &task,
            progress,
            sink,
            report: &mut report,
        };
        stream.rows(0..left.len(), band.clamp(PANEL_ROWS, BAND_ROWS))?;
        Ok(report)
    }

    fn task<'a>(&self, left: &'a ClkSet, right: &'a ClkSet, scope: Scope) -> Task<'a> {
        let plan = if self.exhaustive {
            Plan::whole(left)
        } else {
            Plan::new(left, right)
        };
        Task {
            left,
            right,
            scope,
            kernel: self.kernel,
            demand: Demand::new(self.threshold, left.bits()),
            plan,
            best: self.best.map(NonZeroUsize::get),
            exhaustive: self.exhaustive,
        }
    }
}

impl SearchReport {
    fn add(&mut self, other: Self) {
        self.pairs += other.pairs;
        self.examined += other.examined;
        self.completed += other.completed;
        self.found += other.found;
    }
}

fn pairs_of(left: &ClkSet, right: &ClkSet, scope: Scope) -> u64 {
    let (left, right) = (left.len() as u64, right.len() as u64);
    match scope {
        Scope::Between => left * right,
        Scope::Within => left * left.saturating_sub(1) / 2,
    }
}

/// Hands pairs over in the order of rows while bands are searched at once.
struct Stream<'a, E> {
    task: &'a Task<'a>,
    progress: &'a dyn Progress,
    sink: &'a mut dyn FnMut(&[Pair]) -> Result<(), E>,
    report: &'a mut SearchReport,
}

impl<E> Stream<'_, E> {
    /// Searches with `rows` in bands of `band` rows. A band that finds more than may be held at once is
    /// searched again in smaller ones.
    fn rows(&mut self, rows: Range<usize>, band: usize) -> Result<(), SearchError<E>> {
        let bands: Vec<Range<usize>> = rows
            .clone()
            .step_by(band)
            .map(|start| start..rows.end.min(start + band))
            .collect();
        for step in bands.chunks(BANDS_PER_STEP) {
            let task = self.task;
            let outcomes: Vec<Option<Outcome>> = step
                .par_iter()
                .map(|band| task.search(band.clone()))
                .collect();
            for (rows, outcome) in step.iter().zip(outcomes) {
                match outcome {
                    Some(outcome) => self.hand_over(rows.len(), &outcome)?,
                    None => self.rows(rows.clone(), band.div_ceil(SPLIT))?,
                }
            }
        }
        Ok(())
    }

    fn hand_over(&mut self, rows: usize, outcome: &Outcome) -> Result<(), SearchError<E>> {
        self.report.examined += outcome.examined;
        self.report.completed += outcome.completed;
        self.report.found += outcome.pairs.len() as u64;
        if !outcome.pairs.is_empty() {
            (self.sink)(&outcome.pairs).map_err(SearchError::Sink)?;
        }
        self.progress.advance(rows as u64);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
