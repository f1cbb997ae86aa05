//! Every kernel against counting bit by bit, on rows of any number of words.

use super::*;
use proptest::prelude::*;

const WIDTHS: [usize; 10] = [1, 2, 3, 7, 8, 12, 16, 31, 33, 64];

#[derive(Debug, Clone)]
struct Rows {
    words: usize,
    rows: Vec<u64>,
}

impl Rows {
    fn row(&self, index: usize) -> &[u64] {
        &self.rows[index * self.words..][..self.words]
    }

    fn len(&self) -> usize {
        self.rows.len() / self.words
    }

    fn panels(&self) -> Panels {
        Panels::new(self.words, self.rows.chunks_exact(self.words))
    }
}

/// Rows from nearly empty to nearly full, so that sums meet their limits.
fn rows(words: usize, most: usize) -> impl Strategy<Value = Rows> {
    let word = prop_oneof![4 => any::<u64>(), 1 => Just(0), 1 => Just(u64::MAX)];
    (1..=most).prop_flat_map(move |count| {
        proptest::collection::vec(word.clone(), count * words)
            .prop_map(move |rows| Rows { words, rows })
    })
}

fn two_sets() -> impl Strategy<Value = (Rows, Rows)> {
    proptest::sample::select(&WIDTHS[..]).prop_flat_map(|words| (rows(words, 9), rows(words, 30)))
}

fn counted(count: Count, a: &[u64], b: &[u64]) -> u16 {
    let one = |word: usize, bit: usize, row: &[u64]| row[word] >> bit & 1 == 1;
    let bits = (0..a.len()).flat_map(|word| (0..64).map(move |bit| (word, bit)));
    let told = bits.filter(|(word, bit)| match count {
        Count::Shared => one(*word, *bit, a) && one(*word, *bit, b),
        Count::Differing => one(*word, *bit, a) != one(*word, *bit, b),
    });
    told.count() as u16
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_kernel_counts_as_counting_bit_by_bit((left, right) in two_sets()) {
        let (queries, panels) = (left.panels(), right.panels());
        for kernel in Kernel::available().chain(Kernel::compiled()) {
            for count in [Count::Shared, Count::Differing] {
                for query in 0..left.len() {
                    let (mut one, mut tile) = (Vec::new(), Vec::new());
                    kernel.one_to_many(count, left.row(query), &panels, &mut one);
                    kernel.counts(count, (&queries, query / PANEL_ROWS), &panels, 0..panels.count(), &mut tile);
                    prop_assert_eq!(one.len(), right.len());
                    for (row, one) in one.iter().enumerate() {
                        let expected = counted(count, left.row(query), right.row(row));
                        prop_assert_eq!(*one, expected, "{}", kernel.name());
                        prop_assert_eq!(tile[row / PANEL_ROWS][query % PANEL_ROWS][row % PANEL_ROWS], expected);
                    }
                }
            }
        }
    }

    #[test]
    fn every_kernel_finds_the_near_pairs_at_any_glance((left, right) in two_sets(), limits in any::<[Option<u8>; 8]>(), tenths in 1usize..=10, fold in proptest::sample::select(vec![Fold::None, Fold::Pairs, Fold::Triples])) {
        let (queries, panels) = (left.panels(), right.panels());
        let words = (left.words * tenths).div_ceil(10);
        let limits = limits.map(|limit| limit.map(|limit| u16::from(limit) * left.words as u16 / 4));
        let mut expected = Vec::new();
        for (query, limit) in limits.iter().enumerate().take(left.len()) {
            for row in 0..right.len() {
                let distance = counted(Count::Differing, left.row(query), right.row(row));
                if limit.is_some_and(|limit| distance <= limit) {
                    expected.push(Hit { query: query as u32, row: row as u32 });
                }
            }
        }
        for kernel in Kernel::available().chain(Kernel::compiled()) {
            let mut hits = Vec::new();
            let panel = QueryPanel { panels: &queries, index: 0, limits };
            let completed = kernel.near(panel, &panels, 0..panels.count(), Glance { words: words as u16, fold }, &mut hits);
            prop_assert!(completed >= hits.len() as u64);
            // A query that only fills up the panel may find rows: callers give it no limit.
            hits.retain(|hit| (hit.query as usize) < left.len());
            hits.sort_unstable();
            prop_assert_eq!(&hits, &expected, "{}", kernel.name());
        }
    }

    #[test]
    fn every_kernel_counts_named_pairs((left, right) in two_sets(), names in proptest::collection::vec(any::<(u32, u32)>(), 0..20)) {
        let hits: Vec<Hit> = names
            .iter()
            .map(|(query, row)| Hit { query: query % left.len() as u32, row: row % right.len() as u32 })
            .collect();
        for kernel in Kernel::available().chain(Kernel::compiled()) {
            let mut counts = Vec::new();
            kernel.shared_of(left.words, (&left.rows, &right.rows), &hits, &mut counts);
            let expected: Vec<u16> = hits
                .iter()
                .map(|hit| counted(Count::Shared, left.row(hit.query as usize), right.row(hit.row as usize)))
                .collect();
            prop_assert_eq!(&counts, &expected, "{}", kernel.name());
        }
    }
}

#[test]
fn the_widest_rows_do_not_overflow_a_sum() {
    let full = Rows {
        words: 128,
        rows: vec![u64::MAX; 128 * 3],
    };
    for kernel in Kernel::available().chain(Kernel::compiled()) {
        let mut counts = Vec::new();
        kernel.one_to_many(Count::Shared, full.row(0), &full.panels(), &mut counts);
        assert_eq!(counts, [8192; 3], "{}", kernel.name());
    }
}

#[test]
fn this_machine_has_the_kernel_for_any_processor_and_a_best_one() {
    assert_eq!(Kernel::available().next(), Some(Kernel::SCALAR));
    assert!(Kernel::available().any(|kernel| kernel == Kernel::best()));
}
