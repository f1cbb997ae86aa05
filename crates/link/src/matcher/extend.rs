//! Adding rows to what was compared before: only pairs with an added row are compared, and what
//! comes out is the comparisons of all rows together.
//!
//! Two things may take a comparison back: a block that grew over the limit counts for nothing, as it
//! would have had all rows been there from the start, and calibration rows leave the sample when
//! added records have smaller ranks.

use std::collections::HashSet;

use model::layout::Row;
use model::{Layout, LinkageSchema, PartyIndex, PassHandle, Progress};

use super::blocks::Blocks;
use super::{MatchError, MatchReport, PartyRows, compare_blocks};
use crate::comparison::{Comparison, ComparisonLayout};

/// Comparisons looked through between two hand-overs.
const KEPT_PER_STEP: usize = 1 << 16;

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
/// `gone` are rows that were compared before and have left the standing inputs since.
///
/// # Errors
/// [`MatchError`] when rows do not fit the schema, `before` is cut short, or the sink fails.
pub fn extend<'a, E: Send>(
    schema: &LinkageSchema,
    layout: &Layout,
    inputs: &[PartyRows<'_>],
    before: impl IntoIterator<Item = &'a [u8]>,
    gone: &HashSet<(PartyIndex, PassHandle)>,
    progress: &dyn Progress,
    mut sink: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<Extension, MatchError<E>> {
    let blocks = Blocks::of(schema, layout, inputs)?;
    let mut void = oversized(&blocks, layout, inputs);
    void.extend(gone);
    let (kept, taken_back) = keep(ComparisonLayout::of(layout), before, &void, &mut sink)?;
    let all = compare_blocks(&blocks, layout, inputs, progress, &mut sink)?;
    Ok(Extension {
        compared: blocks.pairs(),
        all,
        kept,
        taken_back,
    })
}

/// The rows whose comparisons count for nothing, as their blocks are too large.
fn oversized(
    blocks: &Blocks,
    layout: &Layout,
    inputs: &[PartyRows<'_>],
) -> HashSet<(PartyIndex, PassHandle)> {
    let handle = |member: &super::blocks::Member| {
        let input = &inputs[usize::from(member.input)];
        let start = member.row as usize * layout.row_bytes;
        (input.party, Row::new(&input.bytes[start..]).handle())
    };
    blocks.oversized().map(handle).collect()
}

/// Hands on the comparisons that still hold; says how many do and do not.
fn keep<'a, E>(
    form: ComparisonLayout,
    before: impl IntoIterator<Item = &'a [u8]>,
    void: &HashSet<(PartyIndex, PassHandle)>,
    sink: &mut impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(u64, u64), MatchError<E>> {
    let holds = |met: &Comparison<'_>| !void.contains(&met.left()) && !void.contains(&met.right());
    let (mut kept, mut taken_back) = (0, 0);
    for part in before {
        if !part.len().is_multiple_of(form.row_bytes()) {
            return Err(MatchError::TornComparisons);
        }
        for step in part.chunks(KEPT_PER_STEP * form.row_bytes()) {
            let mut out = Vec::with_capacity(step.len());
            let rows = step.chunks_exact(form.row_bytes()).zip(form.iter(step));
            for (bytes, _) in rows.filter(|(_, met)| holds(met)) {
                out.extend_from_slice(bytes);
            }
            let held = (out.len() / form.row_bytes()) as u64;
            kept += held;
            taken_back += (step.len() / form.row_bytes()) as u64 - held;
            sink(&out).map_err(MatchError::Sink)?;
        }
    }
    Ok((kept, taken_back))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use model::Silent;
    use proptest::prelude::*;

    use super::super::tests::{row, schema};
    use super::super::{MAX_BLOCK_ROWS, compare};
    use super::*;

    type Pair = ((PartyIndex, PassHandle), (PartyIndex, PassHandle));

    fn input(party: u8, bytes: &[u8], standing: bool) -> PartyRows<'_> {
        PartyRows {
            party: PartyIndex(party),
            bytes,
            standing,
        }
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
    fn pairs(layout: &Layout, comparisons: &[u8]) -> Vec<Pair> {
        let form = ComparisonLayout::of(layout);
        let pair = |met: Comparison<'_>| {
            let (left, right) = (met.left(), met.right());
            (left.min(right), left.max(right))
        };
        let mut pairs: Vec<Pair> = form.iter(comparisons).map(pair).collect();
        pairs.sort_unstable();
        pairs
    }

    /// Rows of both parties in two batches each, and handles that go.
    fn hold(layout: &Layout, batches: &[Vec<u8>; 4], gone: &HashSet<(PartyIndex, PassHandle)>) {
        let party = |place: usize| (place % 2) as u8;
        let old: Vec<PartyRows<'_>> = (0..2)
            .map(|place| input(party(place), &batches[place], false))
            .collect();
        let (before, _) = at_once(layout, &old);
        let stays = |place: usize| -> Vec<u8> {
            let rows = batches[place].chunks_exact(layout.row_bytes);
            let stays =
                |row: &&[u8]| !gone.contains(&(PartyIndex(party(place)), Row::new(row).handle()));
            rows.filter(stays).flatten().copied().collect()
        };
        let left: Vec<Vec<u8>> = (0..4).map(stays).collect();
        let inputs = |standing: bool| -> Vec<PartyRows<'_>> {
            let one = |place: usize| input(party(place), &left[place], standing && place < 2);
            (0..4).map(one).collect()
        };
        let (all, report) = at_once(layout, &inputs(false));
        let mut out = Vec::new();
        let sink = |part: &[u8]| {
            out.extend_from_slice(part);
            Ok::<(), Infallible>(())
        };
        let inputs = inputs(true);
        let before = before.as_slice();
        let extension = extend(&schema(), layout, &inputs, [before], gone, &Silent, sink).unwrap();
        assert_eq!(pairs(layout, &out), pairs(layout, &all));
        assert_eq!(extension.all, report);
        assert_eq!(extension.kept + extension.compared, report.pairs);
    }

    proptest! {
        #[test]
        fn adding_rows_gives_the_comparisons_of_all_at_once(
            rows in proptest::collection::vec((0u8..4, 0u8..2, 0u8..6), 0..80),
            gone in proptest::collection::vec(0u8..80, 0..6),
        ) {
            let layout = Layout::of(&schema());
            let mut batches = [const { Vec::new() }; 4];
            for (handle, (batch, pass, block)) in rows.iter().enumerate() {
                batches[usize::from(*batch)].extend(row(&layout, *pass, *block, handle as u8, *block));
            }
            let gone = gone.iter().map(|handle| (PartyIndex(handle % 2), PassHandle::new([*handle; 16])));
            // Only rows that were there before can go.
            let gone = gone.filter(|(party, handle)| {
                batches[party.index()].chunks_exact(layout.row_bytes).any(|row| Row::new(row).handle() == *handle)
            });
            hold(&layout, &batches, &gone.collect());
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
            &HashSet::new(),
        );
    }

    #[test]
    fn comparisons_cut_short_are_refused() {
        let layout = Layout::of(&schema());
        let result = extend(
            &schema(),
            &layout,
            &[],
            [&[0; 5][..]],
            &HashSet::new(),
            &Silent,
            |_| Ok::<(), Infallible>(()),
        );
        assert!(matches!(result, Err(MatchError::TornComparisons)));
    }
}
