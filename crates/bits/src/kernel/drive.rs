//! The loops over panels, compiled once for each instruction set.

use std::ops::Range;

use super::lanes::{self, Lanes};
use super::panels::{Line, PANEL_ROWS, Panels};
use super::{Count, Fold, Glance, Hit, PanelCounts, QueryPanel};

/// The four loops for the lanes `$lanes`, which take `$queries` queries at once, or `$n` with `$p`
/// panels: as many as leave their running sums in registers.
macro_rules! loops {
    ($name:ident, $lanes:ty, $queries:literal, $p:literal x $n:literal $(, $features:literal)?) => {
        /// The loops for one instruction set.
        pub(super) mod $name {
            use super::*;

            $(#[target_feature(enable = $features)])?
            pub(in super::super) fn one_to_many(count: Count, query: &[u64], rows: &Panels, counts: &mut Vec<u16>) {
                // SAFETY: this function is compiled for what the lanes need.
                unsafe {
                    match count {
                        Count::Shared => super::one_to_many::<$lanes, false>(query, rows, counts),
                        Count::Differing => super::one_to_many::<$lanes, true>(query, rows, counts),
                    }
                }
            }

            $(#[target_feature(enable = $features)])?
            pub(in super::super) fn counts(
                count: Count,
                queries: &Panels,
                index: usize,
                rows: &Panels,
                range: Range<usize>,
                counts: &mut Vec<PanelCounts>,
            ) {
                let queries = queries.head(index, rows.words());
                // SAFETY: this function is compiled for what the lanes need.
                unsafe {
                    match count {
                        Count::Shared => super::counts::<$lanes, false, $queries>(queries, rows, range, counts),
                        Count::Differing => super::counts::<$lanes, true, $queries>(queries, rows, range, counts),
                    }
                }
            }

            $(#[target_feature(enable = $features)])?
            pub(in super::super) fn near(
                queries: QueryPanel<'_>,
                rows: &Panels,
                range: Range<usize>,
                glance: Glance,
                hits: &mut Vec<Hit>,
            ) -> u64 {
                let words = usize::from(glance.words).min(rows.words());
                // SAFETY: this function is compiled for what the lanes need.
                unsafe {
                    match glance.fold {
                        Fold::None => super::near::<$lanes, 1, $p, $n>(queries, rows, range, words, hits),
                        Fold::Pairs => super::near::<$lanes, 2, $p, $n>(queries, rows, range, words, hits),
                        Fold::Triples => super::near::<$lanes, 3, $p, $n>(queries, rows, range, words, hits),
                    }
                }
            }

            $(#[target_feature(enable = $features)])?
            pub(in super::super) fn shared_of(
                words: usize,
                left: &[u64],
                right: &[u64],
                hits: &[Hit],
                counts: &mut Vec<u16>,
            ) {
                let row = |rows: &'_ [u64], index: u32| -> Range<usize> {
                    let start = index as usize * words;
                    debug_assert!(start + words <= rows.len());
                    start..start + words
                };
                counts.extend(hits.iter().map(|hit| {
                    let (left, right) = (&left[row(left, hit.query)], &right[row(right, hit.row)]);
                    // SAFETY: this function is compiled for what the lanes need.
                    unsafe { lanes::shared::<$lanes>(left, right) as u16 }
                }));
            }
        }
    };
}

loops!(scalar, crate::kernel::scalar::Scalar, 1, 1 x 1);
#[cfg(target_arch = "x86_64")]
loops!(avx2, crate::kernel::avx2::Avx2, 2, 1 x 2, "avx2,popcnt");
#[cfg(target_arch = "x86_64")]
loops!(
    avx512,
    crate::kernel::avx512::Avx512,
    8,
    4 x 4,
    "avx512f,avx512vpopcntdq,popcnt"
);
#[cfg(target_arch = "x86_64")]
loops!(
    compiled,
    crate::kernel::scalar::Scalar,
    1,
    1 x 1,
    "avx512f,avx512vpopcntdq,popcnt"
);
#[cfg(target_arch = "aarch64")]
loops!(neon, crate::kernel::neon::Neon, 2, 1 x 2, "neon");

/// # Safety
/// As for [`Lanes`].
#[inline(always)]
unsafe fn one_to_many<V: Lanes, const XOR: bool>(
    query: &[u64],
    rows: &Panels,
    counts: &mut Vec<u16>,
) {
    counts.reserve(rows.rows());
    for index in 0..rows.count() {
        let panel = rows.head(index, rows.words());
        // SAFETY: the caller vouches for the processor.
        let totals = unsafe { lanes::one::<V, XOR>(query, panel) };
        let real = PANEL_ROWS.min(rows.rows() - index * PANEL_ROWS);
        counts.extend(totals[..real].iter().map(|total| *total as u16));
    }
}

/// # Safety
/// As for [`Lanes`].
#[inline(always)]
unsafe fn counts<V: Lanes, const XOR: bool, const N: usize>(
    queries: &[Line],
    rows: &Panels,
    range: Range<usize>,
    counts: &mut Vec<PanelCounts>,
) {
    for index in rows.within(range) {
        let panel = rows.head(index, rows.words());
        let mut tile = PanelCounts::default();
        for first in (0..PANEL_ROWS).step_by(N) {
            // SAFETY: the caller vouches for the processor.
            unsafe {
                let totals = lanes::totals::<V, XOR, N>(queries, first, panel, [0; N]);
                for (counts, totals) in tile[first..].iter_mut().zip(totals) {
                    *counts = V::store_narrow(totals);
                }
            }
        }
        counts.push(tile);
    }
}

/// Distances start below zero by one more than the limit, so that a near pair is a negative lane and
/// one look at the signs of all lanes tells whether there is any.
///
/// # Safety
/// As for [`Lanes`].
#[inline(always)]
unsafe fn near<V: Lanes, const FOLD: usize, const P: usize, const N: usize>(
    queries: QueryPanel<'_>,
    rows: &Panels,
    range: Range<usize>,
    words: usize,
    hits: &mut Vec<Hit>,
) -> u64 {
    let lines = queries.panels.head(queries.index, words);
    let below = queries
        .limits
        .map(|limit| limit.map_or(0, |limit| -1 - i64::from(limit)));
    let range = rows.within(range);
    let mut completed = 0;
    for index in range.clone().step_by(P) {
        // Past the end the last panel is taken again, and its hits are left out.
        let panel = |offset: usize| (index + offset).min(range.end - 1);
        let panels = std::array::from_fn(|offset| rows.head(panel(offset), words));
        for first in (0..PANEL_ROWS).step_by(N) {
            let starts = std::array::from_fn(|offset| below[first + offset]);
            // SAFETY: the caller vouches for the processor.
            unsafe {
                let totals = lanes::folded::<V, FOLD, P, N>(lines, first, panels, starts);
                if V::any_negative(totals.as_flattened()) {
                    for (totals, panel) in totals.iter().zip(index..range.end) {
                        for (query, totals) in (first..).zip(totals) {
                            let near = V::negative(*totals) & rows.real(panel);
                            completed += u64::from(near.count_ones());
                            if near != 0 {
                                let near =
                                    near & complete::<V>(queries, query, rows, panel, below[query]);
                                push_hits(queries.index * PANEL_ROWS + query, near, panel, hits);
                            }
                        }
                    }
                }
            }
        }
    }
    completed
}

/// Which rows of a panel are within the limit of one query, over all their words.
///
/// # Safety
/// As for [`Lanes`].
#[inline(always)]
unsafe fn complete<V: Lanes>(
    queries: QueryPanel<'_>,
    query: usize,
    rows: &Panels,
    panel: usize,
    below: i64,
) -> u8 {
    let lines = queries.panels.head(queries.index, rows.words());
    let panel = rows.head(panel, rows.words());
    // SAFETY: the caller vouches for the processor.
    unsafe {
        let [totals] = lanes::totals::<V, true, 1>(lines, query, panel, [below]);
        V::negative(totals)
    }
}

/// Appends the pairs of a query with the rows of a panel that the bits of `near` tell.
fn push_hits(query: usize, mut near: u8, panel: usize, hits: &mut Vec<Hit>) {
    while near != 0 {
        hits.push(Hit {
            query: query as u32,
            row: (panel * PANEL_ROWS) as u32 + near.trailing_zeros(),
        });
        near &= near - 1;
    }
}
