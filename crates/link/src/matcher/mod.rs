//! The matcher's half: rows fall into blocks by token, blocks into pairs, pairs into comparisons.
//!
//! Rows are first sorted into partitions by their block's token, on disk beyond the memory there is,
//! so that a block is whole within one partition and one partition after the other is compared. The
//! comparisons are put in order of their rows' numbers, which are those of random handles: neither
//! the memory nor the number of threads shows in them, nor which block is which.

mod blocks;
mod comparer;
pub(crate) mod grade;
mod limit;
mod matching;
mod order;

use std::io;

use model::{Layout, LinkageSchema, PartyIndex, Progress};

pub use comparer::{Comparer, Extension, Intake, RowBatch, Sink};

use crate::comparison::MAX_BATCHES;
use crate::scratch::Scratch;

/// The most rows of one block that are compared with one another. A block beyond it is skipped and
/// counted: it says nearly nothing about who is who, and would cost more than all others together. A
/// large run may have to stay below it ([`MatchReport::block_limit`]).
pub const MAX_BLOCK_ROWS: usize = 2048;
/// The most pairs of rows in one run.
pub const MAX_PAIRS: u64 = 20_000_000_000;

/// One party's rows in memory.
#[derive(Clone, Copy)]
pub struct PartyRows<'a> {
    /// Whose.
    pub party: PartyIndex,
    /// Whole rows, one after the other.
    pub bytes: &'a [u8],
}

/// Why comparing stopped.
#[derive(Debug, thiserror::Error)]
pub enum MatchError {
    /// A party's bytes are not whole rows of this schema.
    #[error(
        "the rows of party {party} are {bytes} bytes, not a multiple of {row_bytes}; prepare the batch again under this schema"
    )]
    TornRows {
        /// The party.
        party: PartyIndex,
        /// Its bytes.
        bytes: u64,
        /// The size of a row.
        row_bytes: usize,
    },
    /// Rows that are not in order of their handles: their numbers would tell the order they had.
    #[error(
        "row {row} of party {party} is not in order of the handles, or has one twice; prepare the batch again"
    )]
    OutOfOrder {
        /// The party.
        party: PartyIndex,
        /// The row, counted from 0.
        row: u64,
    },
    /// A row names a pass that the schema does not have.
    #[error(
        "row {row} of party {party} is for pass {pass}, which the schema does not have; prepare the batch again under this schema"
    )]
    UnknownPass {
        /// The party.
        party: PartyIndex,
        /// The row, counted from 0.
        row: u64,
        /// The pass it names.
        pass: u8,
    },
    /// More pairs than a run may have.
    #[error(
        "the blocks hold {pairs} pairs or more, the limit is {MAX_PAIRS}; use blocking passes with smaller blocks"
    )]
    TooManyPairs {
        /// The pairs.
        pairs: u64,
    },
    /// More batches than can be numbered.
    #[error("the run has more than {MAX_BATCHES} batches; link its records again from the start")]
    TooManyBatches,
    /// More rows in a batch than can be numbered.
    #[error("a batch of party {party} has more than four thousand million rows")]
    TooManyRows {
        /// The party.
        party: PartyIndex,
    },
    /// Comparisons of an earlier run that are not whole rows.
    #[error("the comparisons of the standing run are cut short; link it again from the start")]
    TornComparisons,
    /// The receiver of comparisons asked to stop.
    #[error("comparing was asked to stop")]
    Stopped,
    /// Rows or comparisons could not be read, set aside or handed over.
    #[error("rows or comparisons cannot be read or set aside on disk")]
    Disk(#[from] io::Error),
}

/// What was compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MatchReport {
    /// Rows that count.
    pub rows: u64,
    /// Pairs compared, over all passes and for calibration, now and before.
    pub pairs: u64,
    /// Pairs compared, by pass.
    pub pairs_by_pass: Vec<u64>,
    /// Pairs compared to show how alike strangers are.
    pub calibration_pairs: u64,
    /// The most rows of a block that was compared, which keeps the run within its budget of pairs.
    pub block_limit: usize,
    /// Blocks with more rows than that, by pass; they were skipped.
    pub skipped_by_pass: Vec<u64>,
}

impl MatchReport {
    /// Adds the pairs and blocks of another part of the same rows.
    fn add(&mut self, part: &Self) {
        self.pairs += part.pairs;
        self.calibration_pairs += part.calibration_pairs;
        let add = |own: &mut [u64], part: &[u64]| {
            own.iter_mut()
                .zip(part)
                .for_each(|(own, part)| *own += part);
        };
        add(&mut self.pairs_by_pass, &part.pairs_by_pass);
        add(&mut self.skipped_by_pass, &part.skipped_by_pass);
    }
}

/// Compares all pairs of rows in memory that share a block, one batch an input; pairs within a party
/// where it may hold duplicates. Returns all comparisons in order.
///
/// # Errors
/// [`MatchError`] when rows do not fit the schema.
pub fn compare(
    schema: &LinkageSchema,
    layout: &Layout,
    inputs: &[PartyRows<'_>],
    progress: &dyn Progress,
) -> Result<(Vec<u8>, MatchReport), MatchError> {
    let scratch = Scratch::in_memory();
    let mut comparer = Comparer::new(schema, layout, &scratch);
    for input in inputs {
        comparer.add(&RowBatch::new(input.party), &mut &*input.bytes)?;
    }
    let mut out = Vec::new();
    let mut sink = |bytes: &[u8]| -> io::Result<()> {
        out.extend_from_slice(bytes);
        Ok(())
    };
    let extension = comparer.run(&mut io::empty(), progress, &mut sink)?;
    Ok((out, extension.all))
}

#[cfg(test)]
pub(crate) mod tests;
