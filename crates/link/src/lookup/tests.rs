//! What an index answers is what a run compares.

use model::Silent;
use proptest::prelude::*;

use super::*;
use crate::comparison::{Comparison, ComparisonLayout};
use crate::matcher::tests::{row, schema};
use crate::matcher::{Comparer, RowBatch};

/// One comparison: pass, the row asked for, the standing row, and the grades with the former on the left.
type Met = (u8, u32, RowId, Vec<u8>);

fn by_index(layout: &Layout, batches: &[Vec<u8>], asked: &[u8], scratch: &Scratch) -> Vec<Met> {
    let index = StandingIndex::new(&schema(), layout, scratch);
    for (party, rows) in (0..).zip(batches) {
        let batch = index.begin_batch(PartyIndex(party % 2)).unwrap();
        // In two parts, as a delta comes.
        let half = rows.len() / layout.row_bytes / 2 * layout.row_bytes;
        index.add(batch, &rows[..half]).unwrap();
        index.add(batch, &rows[half..]).unwrap();
    }
    let out = index.compare(PartyIndex(1), asked).unwrap();
    let form = ComparisonLayout::of(layout);
    let met = |met: Comparison<'_>| {
        let left = met.left();
        assert_eq!(left.batch, QUERY);
        (met.pass().0, left.row, met.right(), met.grades().to_vec())
    };
    let mut met: Vec<Met> = form.iter(&out).map(met).collect();
    met.sort();
    met
}

fn by_run(layout: &Layout, batches: &[Vec<u8>], asked: &[u8]) -> Vec<Met> {
    let (schema, scratch) = (schema(), Scratch::in_memory());
    let mut comparer = Comparer::new(&schema, layout, &scratch);
    for (party, rows) in (0..).zip(batches) {
        let batch = RowBatch::new(PartyIndex(party % 2));
        comparer.add(&batch, &mut rows.as_slice()).unwrap();
    }
    let batch = RowBatch::new(PartyIndex(1));
    comparer.add(&batch, &mut &*asked).unwrap();
    let mut out = Vec::new();
    let mut sink = |part: &[u8]| {
        out.extend_from_slice(part);
        Ok::<(), io::Error>(())
    };
    comparer.run(&mut io::empty(), &Silent, &mut sink).unwrap();
    let (form, mirrored) = (ComparisonLayout::of(layout), layout.mirrored());
    let own = batches.len() as u16;
    let of_question = |met: Comparison<'_>| {
        // Rows come in order of their blocks, so the row of the last batch is on the right, but for pairs of its own.
        let asked = met.right().batch == own && met.left().batch != own;
        let grades = mirrored.iter().map(|slot| met.grades()[*slot]).collect();
        asked.then(|| (met.pass().0, met.right().row, met.left(), grades))
    };
    let mut met: Vec<Met> = form.iter(&out).filter_map(of_question).collect();
    met.sort();
    met
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn an_index_answers_what_a_run_compares(
        rows in proptest::collection::vec((0usize..3, 0u8..2, 0u8..6, any::<u8>()), 0..80),
        asked in proptest::collection::vec((0u8..2, 0u8..6, any::<u8>()), 0..8),
        memory in 0usize..4000,
    ) {
        let layout = Layout::of(&schema());
        let mut batches = [const { Vec::new() }; 3];
        for (handle, (batch, pass, block, value)) in (0..).zip(&rows) {
            batches[*batch].extend(row(&layout, *pass, *block, handle, *value));
        }
        let asked = (0..).zip(&asked);
        let asked: Vec<u8> = asked.flat_map(|(handle, (pass, block, value))| row(&layout, *pass, *block, handle, *value)).collect();
        let directory = tempfile::tempdir().unwrap();
        let expected = by_run(&layout, &batches, &asked);
        for scratch in [Scratch::in_memory(), Scratch::in_directory(directory.path(), memory)] {
            prop_assert_eq!(by_index(&layout, &batches, &asked, &scratch), expected.clone());
        }
    }
}

#[test]
fn questions_are_answered_in_full_while_rows_move_into_segments() {
    let layout = Layout::of(&schema());
    let directory = tempfile::tempdir().unwrap();
    let scratch = Scratch::in_directory(directory.path(), 40_000);
    let index = StandingIndex::new(&schema(), &layout, &scratch);
    let first = index.begin_batch(PartyIndex(0)).unwrap();
    let standing: Vec<u8> = (0..50).flat_map(|n| row(&layout, 0, 1, n, 0)).collect();
    index.add(first, &standing).unwrap();
    let asked = row(&layout, 0, 1, 0, 0);
    let row_bytes = ComparisonLayout::of(&layout).row_bytes();
    std::thread::scope(|scope| {
        let delta = scope.spawn(|| {
            let batch = index.begin_batch(PartyIndex(0)).unwrap();
            for block in 2..200 {
                let rows: Vec<u8> = (0..20).flat_map(|n| row(&layout, 0, block, n, 0)).collect();
                index.add(batch, &rows).unwrap();
            }
        });
        while !delta.is_finished() {
            let met = index.compare(PartyIndex(1), &asked).unwrap();
            assert_eq!(met.len() / row_bytes, 50);
        }
    });
    assert_eq!(index.rows(), 50 + 198 * 20);
    assert!(!index.snapshot(&[]).0.segments.is_empty());
}

#[test]
fn what_is_no_row_is_refused() {
    let layout = Layout::of(&schema());
    let index = StandingIndex::new(&schema(), &layout, &Scratch::in_memory());
    let torn = index.compare(PartyIndex(0), &[0; 7]);
    assert!(matches!(torn, Err(LookupError::TornRows { bytes: 7, .. })));
    let unknown = row(&layout, 7, 1, 1, 0);
    let unknown = index.compare(PartyIndex(0), &unknown);
    assert!(matches!(
        unknown,
        Err(LookupError::UnknownPass { row: 0, pass: 7 })
    ));
    let many = row(&layout, 0, 1, 1, 0).repeat(MAX_QUERY_ROWS + 1);
    let many = index.compare(PartyIndex(0), &many);
    assert!(matches!(many, Err(LookupError::TooManyRows { .. })));
    assert!(index.add(3, &row(&layout, 0, 1, 1, 0)).is_err());
}
