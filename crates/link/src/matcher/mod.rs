//! The matcher's half: rows fall into blocks by token, blocks into pairs, pairs into comparisons.

mod blocks;
mod crowded;
mod extend;
mod grade;

use model::digest::Digester;
use model::layout::Row;
use model::{Digest, Layout, LinkageSchema, PartyIndex, Progress};
use rayon::prelude::*;

use blocks::{Block, Blocks};

use crate::comparison::{MAX_BATCHES, MISSING, push_header};
use grade::Grader;

pub use extend::{Extension, extend};

/// About how many pairs are compared between two hand-overs of results; with the largest block it
/// bounds the memory they take.
const PAIRS_PER_STEP: u64 = 1 << 20;
/// The most rows of one block that are compared with one another. A block beyond it is skipped and
/// counted: it says nearly nothing about who is who, and would cost more than all others together.
pub const MAX_BLOCK_ROWS: usize = 2048;
/// The most pairs of rows in one run.
pub const MAX_PAIRS: u64 = 20_000_000_000;

/// One batch of a party's rows.
#[derive(Clone, Copy)]
pub struct PartyRows<'a> {
    /// Whose.
    pub party: PartyIndex,
    /// Whole rows, one after the other.
    pub bytes: &'a [u8],
    /// Whether they were compared with one another before, so that only pairs with rows of other
    /// inputs are left.
    pub standing: bool,
    /// Rows that count no longer, by number, sorted.
    pub gone: &'a [u32],
}

impl<'a> PartyRows<'a> {
    /// Rows that were never compared and all count.
    pub fn new(party: PartyIndex, bytes: &'a [u8]) -> Self {
        Self {
            party,
            bytes,
            standing: false,
            gone: &[],
        }
    }

    /// The digest of the rows' handles in their order. The numbers of rows mean the same to matcher
    /// and resolver when it equals that of [`RecordSet::handles_digest`](crate::RecordSet::handles_digest).
    pub fn handles_digest(&self, layout: &Layout) -> Digest {
        let mut digester = Digester::new();
        for row in self.bytes.chunks_exact(layout.row_bytes) {
            digester.update(Row::new(row).handle().as_bytes());
        }
        digester.finish()
    }
}

/// Why comparing stopped.
#[derive(Debug, thiserror::Error)]
pub enum MatchError<E> {
    /// A party's bytes are not whole rows of this schema.
    #[error(
        "the rows of party {party} are {bytes} bytes, not a multiple of {row_bytes}; prepare the batch again under this schema"
    )]
    TornRows {
        /// The party.
        party: PartyIndex,
        /// Its bytes.
        bytes: usize,
        /// The size of a row.
        row_bytes: usize,
    },
    /// A row names a pass that the schema does not have.
    #[error(
        "row {row} of party {party} is for pass {pass}, which the schema does not have; prepare the batch again under this schema"
    )]
    UnknownPass {
        /// The party.
        party: PartyIndex,
        /// The row, counted from 0.
        row: usize,
        /// The pass it names.
        pass: u8,
    },
    /// More pairs than a run may have.
    #[error(
        "the blocks hold {pairs} pairs, the limit is {MAX_PAIRS}; use blocking passes with smaller blocks"
    )]
    TooManyPairs {
        /// The pairs.
        pairs: u64,
    },
    /// More batches than can be numbered.
    #[error("the run has more than {MAX_BATCHES} batches; link its records again from the start")]
    TooManyBatches,
    /// More rows than can be numbered.
    #[error("there are more than four thousand million rows")]
    TooManyRows,
    /// Comparisons of an earlier run that are not whole rows.
    #[error("the comparisons of the standing run are cut short; link it again from the start")]
    TornComparisons,
    /// Comparisons of an earlier run could not be read.
    #[error("the comparisons of the standing run cannot be read")]
    Before(#[source] std::io::Error),
    /// The receiver of comparisons failed.
    #[error("comparisons could not be handed over")]
    Sink(#[source] E),
}

/// What was compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MatchReport {
    /// Rows seen.
    pub rows: u64,
    /// Pairs compared, over all passes and for calibration, now and before.
    pub pairs: u64,
    /// Pairs compared, by pass.
    pub pairs_by_pass: Vec<u64>,
    /// Pairs compared to show how alike strangers are.
    pub calibration_pairs: u64,
    /// Blocks with more than [`MAX_BLOCK_ROWS`] rows, by pass; they were skipped.
    pub skipped_by_pass: Vec<u64>,
}

/// Compares all pairs of rows that share a block and hands the comparisons to `sink` in an order
/// that depends on the rows' random handles alone. Pairs within a party are compared where it may
/// hold duplicates, pairs of two standing inputs never.
///
/// # Errors
/// [`MatchError`] when rows do not fit the schema or the sink fails.
pub fn compare<E: Send>(
    schema: &LinkageSchema,
    layout: &Layout,
    inputs: &[PartyRows<'_>],
    progress: &dyn Progress,
    mut sink: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<MatchReport, MatchError<E>> {
    let blocks = Blocks::of(schema, layout, inputs)?;
    compare_blocks(&blocks, layout, inputs, progress, &mut sink)
}

fn compare_blocks<E: Send>(
    blocks: &Blocks,
    layout: &Layout,
    inputs: &[PartyRows<'_>],
    progress: &dyn Progress,
    sink: &mut impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<MatchReport, MatchError<E>> {
    let grader = Grader::new(layout);
    let mut report = blocks.report();
    if report.pairs > MAX_PAIRS {
        return Err(MatchError::TooManyPairs {
            pairs: report.pairs,
        });
    }
    progress.stage("compare pairs", blocks.pairs());
    for step in blocks.steps(PAIRS_PER_STEP) {
        let parts: Vec<Vec<u8>> = step
            .par_iter()
            .map(|block| compare_block(blocks, block, layout, &grader, inputs))
            .collect();
        for part in &parts {
            sink(part).map_err(MatchError::Sink)?;
        }
        progress.advance(step.iter().map(|block| block.pairs).sum());
    }
    report.rows = inputs
        .iter()
        .map(|input| (input.bytes.len() / layout.row_bytes - input.gone.len()) as u64)
        .sum();
    Ok(report)
}

fn compare_block(
    blocks: &Blocks,
    block: &Block,
    layout: &Layout,
    grader: &Grader,
    inputs: &[PartyRows<'_>],
) -> Vec<u8> {
    let members = blocks.members(block);
    let row = |member: &blocks::Member| {
        let start = member.id.row as usize * layout.row_bytes;
        Row::new(&inputs[usize::from(member.id.batch)].bytes[start..start + layout.row_bytes])
    };
    let mut out = Vec::new();
    for (place, left) in members.iter().enumerate() {
        for right in &members[place + 1..] {
            if !blocks.are_compared(left, right) {
                continue;
            }
            let (l, r) = (row(left), row(right));
            push_header(&mut out, l.pass(), left.id, right.id);
            grader.push_grades(layout, l, r, &mut out);
        }
    }
    out
}

/// The presence of both rows' parts decides whether a slot has a grade.
fn both_present(layout: &Layout, slot: usize, left: Row<'_>, right: Row<'_>) -> bool {
    let slot = layout.slots[slot];
    left.presence() >> slot.left & 1 == 1 && right.presence() >> slot.right & 1 == 1
}

impl Grader {
    fn push_grades(&self, layout: &Layout, left: Row<'_>, right: Row<'_>, out: &mut Vec<u8>) {
        for (index, slot) in layout.slots.iter().enumerate() {
            let grade = if both_present(layout, index, left, right) {
                let (l, r) = (&layout.parts[slot.left], &layout.parts[slot.right]);
                self.grade(left.signature(l), right.signature(r))
            } else {
                MISSING
            };
            out.push(grade);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
