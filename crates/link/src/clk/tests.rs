//! Searches against comparing every pair by its definition.

use super::*;
use model::progress::Silent;
use proptest::prelude::*;
use std::convert::Infallible;

/// Rows around a few centres, so that many pairs lie near any threshold.
fn rows(words: usize) -> impl Strategy<Value = Vec<u8>> {
    let row = (any::<u8>(), proptest::collection::vec(any::<u16>(), 0..20));
    proptest::collection::vec(row, 0..70).prop_map(move |rows| {
        let of = |(centre, flips): &(u8, Vec<u16>)| {
            let mut row: Vec<u8> = (0..words * 8)
                .map(|byte| {
                    if centre % 5 == 0 {
                        0
                    } else {
                        (byte * 37 + usize::from(centre % 3) * 91) as u8
                    }
                })
                .collect();
            for flip in flips {
                bits::flip_bit(&mut row, usize::from(*flip) % (words * 64));
            }
            row
        };
        rows.iter().flat_map(of).collect()
    })
}

fn two_sets() -> impl Strategy<Value = (usize, Vec<u8>, Vec<u8>)> {
    proptest::sample::select(vec![1usize, 3, 12, 16, 20])
        .prop_flat_map(|words| (Just(words * 64), rows(words), rows(words)))
}

fn set(bits: usize, bytes: &[u8]) -> ClkSet {
    ClkSet::new(bits, bytes).unwrap()
}

fn by_definition(bits: usize, left: &[u8], right: &[u8], threshold: f64) -> Vec<(u32, u32, f64)> {
    let mut pairs = Vec::new();
    for (i, a) in left.chunks_exact(bits / 8).enumerate() {
        for (j, b) in right.chunks_exact(bits / 8).enumerate() {
            let total = bits::popcount(a) + bits::popcount(b);
            let dice = 2.0 * f64::from(bits::and_count(a, b)) / f64::from(total.max(1));
            if total > 0 && dice >= threshold {
                pairs.push((i as u32, j as u32, dice));
            }
        }
    }
    pairs
}

fn plain(pair: &Pair) -> (u32, u32, f64) {
    (pair.left, pair.right, pair.score.dice())
}

/// All pairs of a search, with its report.
fn collect(
    search: impl FnOnce(
        &mut dyn FnMut(&[Pair]) -> Result<(), Infallible>,
    ) -> Result<SearchReport, SearchError<Infallible>>,
) -> (Vec<Pair>, SearchReport) {
    let mut all = Vec::new();
    let report = search(&mut |pairs| {
        all.extend_from_slice(pairs);
        Ok(())
    });
    (all, report.unwrap())
}

fn search(threshold: f64) -> Search {
    Search::new(Threshold::new(threshold).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_search_finds_what_comparing_every_pair_finds((bits, left, right) in two_sets(), twentieths in 1u8..=20) {
        let threshold = f64::from(twentieths) / 20.0;
        let expected = by_definition(bits, &left, &right, threshold);
        let (left, right) = (set(bits, &left), set(bits, &right));
        for kernel in Kernel::available() {
            for search in [search(threshold), search(threshold).exhaustive()] {
                let (found, report) = collect(|sink| search.kernel(kernel).between(&left, &right, &Silent, sink));
                let found: Vec<_> = found.iter().map(plain).collect();
                prop_assert_eq!(&found, &expected);
                prop_assert_eq!(report.found, expected.len() as u64);
                prop_assert!(report.completed <= report.examined && report.examined <= report.pairs);
            }
        }
    }

    #[test]
    fn within_a_set_each_pair_is_found_once((bits, rows, _) in two_sets(), twentieths in 1u8..=20) {
        let threshold = f64::from(twentieths) / 20.0;
        let mut expected = by_definition(bits, &rows, &rows, threshold);
        expected.retain(|(left, right, _)| left < right);
        let set = set(bits, &rows);
        let (found, _) = collect(|sink| search(threshold).within(&set, &Silent, sink));
        prop_assert_eq!(found.iter().map(plain).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_best_are_the_first_of_all_in_order((bits, left, right) in two_sets(), partners in 1usize..5, twentieths in 1u8..=19) {
        let (left, right) = (set(bits, &left), set(bits, &right));
        let search = search(f64::from(twentieths) / 20.0);
        let (mut expected, _) = collect(|sink| search.between(&left, &right, &Silent, sink));
        expected.sort_by(|a, b| a.left.cmp(&b.left).then_with(|| a.by_score(b)));
        let mut kept = Vec::new();
        for row in expected.chunk_by(|a, b| a.left == b.left) {
            kept.extend(row.iter().take(partners).map(plain));
        }
        let best = search.best(NonZeroUsize::new(partners).unwrap());
        let (found, _) = collect(|sink| best.between(&left, &right, &Silent, sink));
        prop_assert_eq!(found.iter().map(plain).collect::<Vec<_>>(), kept);
    }
}

/// Rows that differ a little, over more than one shard and many bands.
fn many(rows: usize) -> ClkSet {
    let mut state = 1u64;
    let mut word = || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        state >> 40
    };
    let bytes: Vec<u8> = (0..rows)
        .flat_map(|row| {
            [
                (row as u64 % 97).wrapping_mul(0x9e37_79b9_7f4a_7c15) | word(),
                word(),
            ]
        })
        .flat_map(u64::to_le_bytes)
        .collect();
    set(128, &bytes)
}

#[test]
fn the_order_is_the_same_on_any_number_of_threads() {
    let set = many(9000);
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| collect(|sink| search(0.9).within(&set, &Silent, sink)))
    };
    let (one, four) = (on(1), on(4));
    assert!(one.0.len() > 1000, "{}", one.0.len());
    assert!(one.0.is_sorted_by_key(|pair| (pair.left, pair.right)));
    assert_eq!(one, four);
}

#[test]
fn where_everything_matches_pieces_stay_small_and_nothing_is_lost() {
    let equal = set(64, &[0x0f; 8 * 2000]);
    let (mut largest, mut pairs) = (0, 0);
    let report = search(1.0).between(&equal, &equal, &Silent, |piece| {
        largest = largest.max(piece.len());
        pairs += piece.len();
        Ok::<_, Infallible>(())
    });
    assert_eq!((pairs, report.unwrap().found), (4_000_000, 4_000_000));
    assert!(largest <= band::MAX_FOUND, "{largest}");
}

#[test]
fn among_sets_every_two_are_searched_in_order() {
    let sets: Vec<ClkSet> = (0..3)
        .map(|rows| set(64, &vec![0x11; 8 * (rows + 1)]))
        .collect();
    let mut met = Vec::new();
    let report = search(0.5).among(&sets, &Silent, |sets, pairs| {
        met.push((sets, pairs.len()));
        Ok::<_, Infallible>(())
    });
    assert_eq!(met, [((0, 1), 2), ((0, 2), 3), ((1, 2), 6)]);
    assert_eq!(report.unwrap().pairs, 11);
}

#[test]
fn sets_of_different_lengths_and_a_failing_sink_stop_the_search() {
    let (short, long) = (set(64, &[1; 8]), set(128, &[1; 16]));
    let error = search(0.5).between(&short, &long, &Silent, |_| Ok::<_, Infallible>(()));
    assert!(matches!(
        error,
        Err(SearchError::Lengths {
            left: 64,
            right: 128
        })
    ));
    let error = search(0.5).between(&short, &short, &Silent, |_| Err("full"));
    assert!(matches!(error, Err(SearchError::Sink("full"))));
}

#[test]
fn rows_without_set_bits_match_nothing() {
    let empty = set(64, &[0; 16]);
    let (found, report) = collect(|sink| search(0.01).between(&empty, &empty, &Silent, sink));
    assert!(found.is_empty());
    assert_eq!((report.pairs, report.examined), (4, 0));
}
