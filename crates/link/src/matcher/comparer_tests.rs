//! Comparing in a memory budget, at once and in additions.

use model::Silent;
use proptest::prelude::*;
use rayon::prelude::*;

use super::super::MAX_BLOCK_ROWS;
use super::super::tests::{row, schema};
use super::*;

/// Two batches of both parties, of which the first two may stand.
fn run(
    layout: &Layout,
    batches: &[Vec<u8>],
    before: Option<&[u8]>,
    gone: &[Vec<u32>],
    scratch: &Scratch,
) -> (Vec<u8>, Extension) {
    let schema = schema();
    let mut comparer = Comparer::new(&schema, layout, scratch);
    for (place, rows) in batches.iter().enumerate() {
        let batch = RowBatch {
            party: PartyIndex((place % 2) as u8),
            standing: before.is_some() && place < 2,
        };
        comparer.add(&batch, &mut rows.as_slice()).unwrap();
    }
    for (batch, rows) in (0..).zip(gone) {
        comparer.drop_rows(batch, rows.iter().copied());
    }
    let mut out = Vec::new();
    let mut sink = |part: &[u8]| {
        out.extend_from_slice(part);
        Ok::<(), io::Error>(())
    };
    let mut before = before.unwrap_or_default();
    let extension = comparer.run(&mut before, &Silent, &mut sink).unwrap();
    (out, extension)
}

/// The first two batches compared, then all, is all compared at once.
fn hold(layout: &Layout, batches: &[Vec<u8>; 4], gone: &[Vec<u32>; 2]) {
    let directory = tempfile::tempdir().unwrap();
    let little = Scratch::in_directory(directory.path(), 1000);
    let memory = Scratch::in_memory();
    let (before, _) = run(layout, &batches[..2], None, &[], &memory);
    let (at_once, all) = run(layout, batches, None, gone, &memory);
    let (added, extension) = run(layout, batches, Some(&before), gone, &little);
    assert_eq!(added, at_once);
    assert_eq!(extension.all, all.all);
    assert_eq!(extension.kept + extension.compared, all.compared);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn adding_rows_gives_the_comparisons_of_all_at_once(
        rows in proptest::collection::vec((0u8..4, 0u8..2, 0u8..6), 0..80),
        gone in proptest::collection::btree_set(0u32..20, 0..6),
    ) {
        let layout = Layout::of(&schema());
        let mut batches = [const { Vec::new() }; 4];
        for (handle, (batch, pass, block)) in rows.iter().enumerate() {
            batches[usize::from(*batch)].extend(row(&layout, *pass, *block, handle as u16, *block));
        }
        let gone = |batch: usize| {
            let rows = (batches[batch].len() / layout.row_bytes) as u32;
            gone.range(..rows).copied().collect()
        };
        hold(&layout, &batches, &[gone(0), gone(1)]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn rows_taken_in_any_order_give_the_same_comparisons(
        rows in proptest::collection::vec((0u8..4, 0u8..2, 0u8..6), 0..80), step in 1usize..9
    ) {
        let (schema, directory) = (schema(), tempfile::tempdir().unwrap());
        let layout = Layout::of(&schema);
        let mut batches = [const { Vec::new() }; 4];
        for (handle, (batch, pass, block)) in rows.iter().enumerate() {
            batches[usize::from(*batch)].extend(row(&layout, *pass, *block, handle as u16, *block));
        }
        let (in_order, at_once) = run(&layout, &batches, None, &[], &Scratch::in_memory());
        let form = ComparisonLayout::of(&layout);
        let sorted = |bytes: &[u8]| {
            let mut all: Vec<Vec<u8>> = bytes.chunks_exact(form.row_bytes()).map(<[u8]>::to_vec).collect();
            all.sort();
            all
        };
        for scratch in [Scratch::in_memory(), Scratch::in_directory(directory.path(), 1000)] {
            let mut comparer = Comparer::new(&schema, &layout, &scratch);
            for (place, rows) in batches.iter().enumerate() {
                let batch = RowBatch::new(PartyIndex((place % 2) as u8));
                let intake = comparer.begin(&batch).unwrap();
                let numbered: Vec<(usize, &[u8])> = rows.chunks_exact(layout.row_bytes).enumerate().collect();
                // The last first, some together on their thread.
                numbered.rchunks(step).collect::<Vec<_>>().into_par_iter().for_each(|some| {
                    some.iter().for_each(|(number, row)| comparer.take(&intake, *number as u32, row, 0).unwrap());
                });
                comparer.end(intake);
            }
            let out = Mutex::new(Vec::new());
            let take = |part: &[u8]| {
                out.lock().unwrap().extend_from_slice(part);
                Ok(())
            };
            let report = comparer.run_unordered(&Silent, &take).unwrap();
            prop_assert_eq!(&report, &at_once.all);
            prop_assert_eq!(sorted(&out.into_inner().unwrap()), sorted(&in_order));
        }
    }
}

#[test]
fn rows_that_do_not_fit_are_refused_while_they_are_taken() {
    let (schema, scratch) = (schema(), Scratch::in_memory());
    let layout = Layout::of(&schema);
    let mut comparer = Comparer::new(&schema, &layout, &scratch);
    let intake = comparer.begin(&RowBatch::new(PartyIndex(0))).unwrap();
    let mut bytes = row(&layout, 0, 1, 1, 1);
    let torn = comparer.take(&intake, 0, &bytes[1..], 0);
    assert!(matches!(torn, Err(MatchError::TornRows { .. })));
    bytes[0] = 99;
    let unknown = comparer.take(&intake, 7, &bytes, 0);
    assert!(matches!(
        unknown,
        Err(MatchError::UnknownPass {
            pass: 99,
            row: 7,
            ..
        })
    ));
}

#[test]
fn a_block_that_outgrows_the_limit_takes_its_comparisons_back() {
    let layout = Layout::of(&schema());
    let few: Vec<u8> = (0..10).flat_map(|n| row(&layout, 0, 1, n, 0)).collect();
    let many: Vec<u8> = (0..MAX_BLOCK_ROWS as u16)
        .flat_map(|n| row(&layout, 0, 1, n, 0))
        .collect();
    let batches = [few, Vec::new(), Vec::new(), many];
    hold(&layout, &batches, &[Vec::new(), Vec::new()]);
}

#[test]
fn comparisons_cut_short_are_refused() {
    let (schema, scratch) = (schema(), Scratch::in_memory());
    let layout = Layout::of(&schema);
    let comparer = Comparer::new(&schema, &layout, &scratch);
    let mut sink = |_: &[u8]| Ok::<(), io::Error>(());
    let result = comparer.run(&mut &[0; 5][..], &Silent, &mut sink);
    assert!(matches!(result, Err(MatchError::TornComparisons)));
}

struct Impatient;

impl Sink for Impatient {
    fn take(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn is_stopped(&self) -> bool {
        true
    }
}

#[test]
fn work_is_left_when_the_receiver_asks() {
    let (schema, scratch) = (schema(), Scratch::in_memory());
    let layout = Layout::of(&schema);
    let comparer = Comparer::new(&schema, &layout, &scratch);
    let result = comparer.run(&mut io::empty(), &Silent, &mut Impatient);
    assert!(matches!(result, Err(MatchError::Stopped)));
}
