//! Adding rows to what was compared before: only pairs with an added row are compared, and what
//! comes out is the comparisons of all rows together.
//!
//! Two things may take a comparison back: a block that grew over the limit counts for nothing, as it
//! would have had all rows been there from the start, and calibration rows leave the sample when
//! added records have smaller ranks.

use std::collections::HashSet;
use std::io::Read;

use model::{Layout, LinkageSchema, Progress};

use super::blocks::Blocks;
use super::{MatchError, MatchReport, PartyRows, compare_blocks};
use crate::comparison::{Comparison, ComparisonLayout, RowId};

/// What became of an extension.
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

/// Compares what the inputs that are not standing add to the comparisons `before` of those that
/// are, and hands all comparisons to `sink`: those of before that still hold, then the new ones.
///
/// # Errors
/// [`MatchError`] when rows do not fit the schema, `before` is cut short, or the sink fails.
pub fn extend<E: Send>(
    schema: &LinkageSchema,
    layout: &Layout,
    inputs: &[PartyRows<'_>],
    before: &mut dyn Read,
    progress: &dyn Progress,
    mut sink: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<Extension, MatchError<E>> {
    let blocks = Blocks::of(schema, layout, inputs)?;
    let mut void: HashSet<RowId> = blocks.oversized().map(|member| member.id).collect();
    for (batch, input) in (0u16..).zip(inputs) {
        void.extend(input.gone.iter().map(|row| RowId { batch, row: *row }));
    }
    let (kept, taken_back) = keep(ComparisonLayout::of(layout), before, &void, &mut sink)?;
    let all = compare_blocks(&blocks, layout, inputs, progress, &mut sink)?;
    Ok(Extension {
        compared: blocks.pairs(),
        all,
        kept,
        taken_back,
    })
}

/// Hands on the comparisons that still hold; says how many do and do not.
fn keep<E>(
    form: ComparisonLayout,
    before: &mut dyn Read,
    void: &HashSet<RowId>,
    sink: &mut impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(u64, u64), MatchError<E>> {
    let holds = |met: &Comparison<'_>| !void.contains(&met.left()) && !void.contains(&met.right());
    let (mut kept, mut taken_back) = (0, 0);
    let (mut chunk, mut out) = (Vec::new(), Vec::new());
    loop {
        form.read_chunk(before, &mut chunk)
            .map_err(MatchError::Before)?;
        if chunk.is_empty() {
            return Ok((kept, taken_back));
        }
        if !chunk.len().is_multiple_of(form.row_bytes()) {
            return Err(MatchError::TornComparisons);
        }
        out.clear();
        let rows = chunk.chunks_exact(form.row_bytes()).zip(form.iter(&chunk));
        for (bytes, _) in rows.filter(|(_, met)| holds(met)) {
            out.extend_from_slice(bytes);
        }
        let held = (out.len() / form.row_bytes()) as u64;
        kept += held;
        taken_back += (chunk.len() / form.row_bytes()) as u64 - held;
        sink(&out).map_err(MatchError::Sink)?;
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use model::{PartyIndex, Silent};
    use proptest::prelude::*;

    use super::super::tests::{row, schema};
    use super::super::{MAX_BLOCK_ROWS, compare};
    use super::*;

    fn input(party: u8, bytes: &[u8]) -> PartyRows<'_> {
        PartyRows::new(PartyIndex(party), bytes)
    }

    fn at_once(layout: &Layout, inputs: &[PartyRows<'_>]) -> (Vec<u8>, MatchReport) {
        let mut out = Vec::new();
        let sink = |part: &[u8]| {
            out.extend_from_slice(part);
            Ok::<(), Infallible>(())
        };
        let report = compare(&schema(), layout, inputs, &Silent, sink).unwrap();
        (out, report)
    }

    /// Which rows met, whichever stood left.
    fn pairs(layout: &Layout, comparisons: &[u8]) -> Vec<(RowId, RowId)> {
        let form = ComparisonLayout::of(layout);
        let pair = |met: Comparison<'_>| {
            let (left, right) = (met.left(), met.right());
            (left.min(right), left.max(right))
        };
        let mut pairs: Vec<_> = form.iter(comparisons).map(pair).collect();
        pairs.sort_unstable();
        pairs
    }

    /// Two batches of both parties, of which the first two stand and lose rows.
    fn hold(layout: &Layout, batches: &[Vec<u8>; 4], gone: &[Vec<u32>; 2]) {
        let all: Vec<PartyRows<'_>> = batches
            .iter()
            .enumerate()
            .map(|(place, bytes)| input((place % 2) as u8, bytes))
            .collect();
        let (before, _) = at_once(layout, &all[..2]);
        let inputs = |standing: bool| -> Vec<PartyRows<'_>> {
            let mut inputs = all.clone();
            for (input, gone) in inputs.iter_mut().zip(gone) {
                input.gone = gone;
                input.standing = standing;
            }
            inputs
        };
        let (expected, report) = at_once(layout, &inputs(false));
        let mut out = Vec::new();
        let sink = |part: &[u8]| {
            out.extend_from_slice(part);
            Ok::<(), Infallible>(())
        };
        let inputs = inputs(true);
        let before = &mut before.as_slice();
        let extension = extend(&schema(), layout, &inputs, before, &Silent, sink).unwrap();
        assert_eq!(pairs(layout, &out), pairs(layout, &expected));
        assert_eq!(extension.all, report);
        assert_eq!(extension.kept + extension.compared, report.pairs);
    }

    proptest! {
        #[test]
        fn adding_rows_gives_the_comparisons_of_all_at_once(
            rows in proptest::collection::vec((0u8..4, 0u8..2, 0u8..6), 0..80),
            gone in proptest::collection::btree_set(0u32..20, 0..6),
        ) {
            let layout = Layout::of(&schema());
            let mut batches = [const { Vec::new() }; 4];
            for (handle, (batch, pass, block)) in rows.iter().enumerate() {
                batches[usize::from(*batch)].extend(row(&layout, *pass, *block, handle as u8, *block));
            }
            let gone = |batch: usize| {
                let rows = (batches[batch].len() / layout.row_bytes) as u32;
                gone.range(..rows).copied().collect()
            };
            hold(&layout, &batches, &[gone(0), gone(1)]);
        }
    }

    #[test]
    fn a_block_that_outgrows_the_limit_takes_its_comparisons_back() {
        let layout = Layout::of(&schema());
        let few: Vec<u8> = (0..10).flat_map(|n| row(&layout, 0, 1, n, 0)).collect();
        let many: Vec<u8> = (0..MAX_BLOCK_ROWS)
            .flat_map(|n| row(&layout, 0, 1, 100 + (n % 100) as u8, 0))
            .collect();
        hold(
            &layout,
            &[few, Vec::new(), Vec::new(), many],
            &[Vec::new(), Vec::new()],
        );
    }

    #[test]
    fn comparisons_cut_short_are_refused() {
        let layout = Layout::of(&schema());
        let result = extend(&schema(), &layout, &[], &mut &[0; 5][..], &Silent, |_| {
            Ok::<(), Infallible>(())
        });
        assert!(matches!(result, Err(MatchError::TornComparisons)));
    }
}
