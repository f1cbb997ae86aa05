//! The kernels of `bits` and the search over them against plainer ways to do the same. Each group
//! names its baseline first and ends with what was best of alternating rounds, as ratios to it: on a
//! shared machine only the ratio of two neighbouring figures means anything. How to read them:
//! `docs/benchmarks.md`.

mod made_up;
mod rounds;

use std::hint::black_box;

use bits::{Count, Fold, Glance, Kernel, PANEL_ROWS, PLACES, Panels, PlaceSet, QueryPanel};
use criterion::{Criterion, criterion_group, criterion_main};
use link::clk::{ClkSet, Search, Threshold};
use model::Silent;
use rounds::{Case, compare};

/// As many elements as a name has tokens, about.
const ELEMENTS: u32 = 18;
const SIGNATURE_BYTES: usize = 32;
/// Rows that fit the first-level cache, on each side of a tile.
const TILE_ROWS: usize = 128;
/// Rows that fit no cache: 128 MiB.
const MANY_ROWS: usize = 1 << 20;
/// Rows on each side of a search.
const SEARCH_ROWS: usize = 8_000;
const WORDS: usize = made_up::BITS / 64;

fn mixed(number: u32) -> u32 {
    let value = (number + 1).wrapping_mul(0x9e37_79b9);
    (value ^ value >> 15).wrapping_mul(0x85eb_ca6b)
}

/// One place at a time, each over all elements: what the kernel must beat.
fn plain_winners(elements: &[u32], won: &mut [PlaceSet]) {
    won.fill(PlaceSet::default());
    for place in 0..PLACES {
        let offset = mixed(place as u32);
        let rank = |element: &usize| mixed(elements[*element] ^ offset);
        if let Some(winner) = (0..elements.len()).min_by_key(rank) {
            won[winner][place / 64] |= 1 << (place % 64);
        }
    }
}

fn plain_hamming(a: &[u8], b: &[u8]) -> u32 {
    a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum()
}

fn places(criterion: &mut Criterion) {
    let elements: Vec<u32> = (0..ELEMENTS).map(mixed).collect();
    let mut won = [[PlaceSet::default(); ELEMENTS as usize]; 2];
    let [plain, kernel] = &mut won;
    let cases = vec![
        Case::new("baseline: place by place", || {
            plain_winners(black_box(&elements), plain)
        }),
        Case::new("bits::winners", || {
            bits::winners(black_box(&elements), kernel)
        }),
    ];
    compare(criterion, "winners of 512 places", 1, cases);
}

fn distances(criterion: &mut Criterion) {
    let vector = |seed: u32| -> Vec<u8> {
        (0..SIGNATURE_BYTES as u32)
            .map(|i| mixed(i ^ seed) as u8)
            .collect()
    };
    let (a, b) = (vector(1), vector(2));
    let cases = vec![
        Case::new("baseline: byte by byte", || {
            black_box(plain_hamming(black_box(&a), black_box(&b)));
        }),
        Case::new("bits::hamming", || {
            black_box(bits::hamming(black_box(&a), black_box(&b)));
        }),
    ];
    compare(criterion, "distance of two signatures", 1, cases);
}

/// Every kernel of this processor; first what the compiler makes of the scalar one.
fn kernels() -> Vec<Kernel> {
    Kernel::compiled()
        .into_iter()
        .chain(Kernel::available())
        .collect()
}

fn words(bytes: &[u8]) -> Vec<u64> {
    let (words, _) = bytes.as_chunks::<8>();
    words.iter().map(|word| u64::from_le_bytes(*word)).collect()
}

fn panels(bytes: &[u8]) -> Panels {
    Panels::new(WORDS, words(bytes).chunks_exact(WORDS))
}

/// All pairs of two sets that stay in the first-level cache: the unpruned kernel.
fn tiles(criterion: &mut Criterion) {
    let (left, right) = made_up::two_sets(TILE_ROWS, 1);
    let (left, right) = (panels(&left), panels(&right));
    let (queries, rows) = (&left, &right);
    let pairs = (TILE_ROWS * TILE_ROWS) as u64;
    let mut cases: Vec<Case<'_>> = Vec::new();
    for kernel in kernels() {
        let mut counts = Vec::new();
        cases.push(Case::new(kernel.name(), move || {
            counts.clear();
            for query in 0..queries.count() {
                kernel.counts(
                    Count::Shared,
                    (queries, query),
                    rows,
                    0..rows.count(),
                    &mut counts,
                );
            }
            black_box(&counts);
        }));
    }
    let rate = compare(
        criterion,
        "tile of 1024-bit pairs, every count",
        pairs,
        cases,
    );
    rounds::print_bound(rate, made_up::BITS);
    let mut cases: Vec<Case<'_>> = Vec::new();
    for (name, words, fold) in [
        ("whole rows", 16, Fold::None),
        ("8 words", 8, Fold::None),
        ("8 words in pairs", 8, Fold::Pairs),
        ("9 words in triples", 9, Fold::Triples),
    ] {
        let mut hits = Vec::new();
        cases.push(Case::new(name, move || {
            let glance = Glance { words, fold };
            for index in 0..queries.count() {
                // No pair is as near: what is measured is dropping.
                let limits = [Some(0); PANEL_ROWS];
                let panel = QueryPanel {
                    panels: queries,
                    index,
                    limits,
                };
                Kernel::best().near(panel, rows, 0..rows.count(), glance, &mut hits);
            }
        }));
    }
    compare(
        criterion,
        "tile of 1024-bit pairs, dropped at a glance",
        pairs,
        cases,
    );
}

/// One row against more than any cache holds: the bound is memory.
fn streams(criterion: &mut Criterion) {
    let mut numbers = made_up::Numbers(3);
    let rows: Vec<u64> = (0..MANY_ROWS * WORDS).map(|_| numbers.next()).collect();
    let many = Panels::new(WORDS, rows.chunks_exact(WORDS));
    let (query, many) = (&rows[..WORDS], &many);
    let mut cases = vec![Case::new("baseline: reading the memory", || {
        black_box(rows.iter().fold(0, |sum, word| sum ^ word));
    })];
    for kernel in kernels() {
        let mut counts = Vec::new();
        cases.push(Case::new(kernel.name(), move || {
            counts.clear();
            kernel.one_to_many(Count::Shared, query, many, &mut counts);
        }));
    }
    compare(
        criterion,
        "one against a million rows",
        MANY_ROWS as u64,
        cases,
    );
}

/// Whole searches on one thread, without and with bounds.
fn searches(criterion: &mut Criterion) {
    let (left, right) = made_up::two_sets(SEARCH_ROWS, 2);
    let sets = [left, right].map(|bytes| ClkSet::new(made_up::BITS, &bytes));
    let [Ok(left), Ok(right)] = &sets else {
        return;
    };
    let Ok(one_thread) = rayon::ThreadPoolBuilder::new().num_threads(1).build() else {
        return;
    };
    for similarity in [0.8, 0.9] {
        let Ok(threshold) = Threshold::new(similarity) else {
            return;
        };
        let run = |search: Search| {
            one_thread.install(|| {
                let mut found = 0;
                let report = search.between(left, right, &Silent, |pairs| {
                    found += pairs.len();
                    Ok::<_, std::convert::Infallible>(())
                });
                black_box((found, report.is_ok()));
            });
        };
        let search = Search::new(threshold);
        let cases = vec![
            Case::new("baseline: every pair to the end", || {
                run(search.exhaustive())
            }),
            Case::new("bounds", || run(search)),
            Case::new("bounds, best 1", || {
                run(search.best(std::num::NonZeroUsize::MIN))
            }),
        ];
        let name = format!("search at {similarity}");
        compare(criterion, &name, (SEARCH_ROWS * SEARCH_ROWS) as u64, cases);
    }
}

criterion_group!(benches, places, distances, tiles, streams, searches);
criterion_main!(benches);
