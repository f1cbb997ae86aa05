//! What a kernel needs of a processor, and the kernels themselves, written once over it.
//!
//! A count runs over words; each step joins a word of one row with the same word of eight others
//! and adds eight popcounts to eight running sums. Where the running sums are narrower than 64 bits
//! they are widened after each burst of words.

use super::panels::{Line, PANEL_ROWS};

/// Eight lanes of 64 bits on one kind of processor.
///
/// # Safety
/// Every method may be called only on a processor that has the instructions of the implementing type.
pub(super) trait Lanes: Copy {
    /// Running sums of popcounts, good for [`Self::BURST`] words.
    type Sums: Copy;
    /// Eight signed sums of 64 bits.
    type Totals: Copy;
    /// Words whose popcounts fit into [`Self::Sums`].
    const BURST: usize;

    /// One lane from each word of the line.
    unsafe fn load(line: &Line) -> Self;
    /// The same word in all lanes.
    unsafe fn splat(word: u64) -> Self;
    /// Bits set in both.
    unsafe fn and(self, other: Self) -> Self;
    /// Bits set in one.
    unsafe fn xor(self, other: Self) -> Self;
    /// Bits set in either.
    unsafe fn or(self, other: Self) -> Self;
    /// The same total in all lanes.
    unsafe fn totals(start: i64) -> Self::Totals;
    /// Begins a burst that will be added to `totals`.
    unsafe fn begin(totals: Self::Totals) -> Self::Sums;
    /// Adds the popcount of each lane.
    unsafe fn count(self, sums: Self::Sums) -> Self::Sums;
    /// Ends the burst begun with `totals`.
    unsafe fn end(totals: Self::Totals, sums: Self::Sums) -> Self::Totals;
    /// Whether any lane of any of the totals is negative.
    unsafe fn any_negative(totals: &[Self::Totals]) -> bool;
    /// Which lanes are negative, one bit each.
    unsafe fn negative(totals: Self::Totals) -> u8;
    /// The totals, one a lane.
    unsafe fn store(totals: Self::Totals) -> [i64; PANEL_ROWS];
    /// The totals, of which none is negative or over 65,535, one a lane.
    #[inline(always)]
    unsafe fn store_narrow(totals: Self::Totals) -> [u16; PANEL_ROWS] {
        // SAFETY: the caller vouches for the processor.
        unsafe { Self::store(totals) }.map(|total| total as u16)
    }
}

/// Joins two vectors as the operation says: `and` or `xor`.
#[inline(always)]
unsafe fn join<V: Lanes, const XOR: bool>(a: V, b: V) -> V {
    // SAFETY: the caller vouches for the processor.
    unsafe { if XOR { a.xor(b) } else { a.and(b) } }
}

/// Counts of eight rows with `N` rows of another panel, `first` and those after it, added to `starts`.
///
/// # Safety
/// As for [`Lanes`].
#[inline(always)]
pub(super) unsafe fn totals<V: Lanes, const XOR: bool, const N: usize>(
    queries: &[Line],
    first: usize,
    panel: &[Line],
    starts: [i64; N],
) -> [V::Totals; N] {
    // SAFETY: the caller vouches for the processor.
    unsafe {
        let mut totals = starts.map(|start| V::totals(start));
        let bursts = queries.chunks(V::BURST).zip(panel.chunks(V::BURST));
        for (queries, panel) in bursts {
            let mut sums = totals.map(|totals| V::begin(totals));
            for (query, line) in queries.iter().zip(panel) {
                let lanes = V::load(line);
                for (offset, sums) in sums.iter_mut().enumerate() {
                    let word = V::splat(query.0[first + offset]);
                    *sums = join::<V, XOR>(lanes, word).count(*sums);
                }
            }
            for (totals, sums) in totals.iter_mut().zip(sums) {
                *totals = V::end(*totals, sums);
            }
        }
        totals
    }
}

/// Folded distances of `P` panels from `N` rows of another panel, `first` and those after it, added to
/// `starts`. Words that do not fill a group of `FOLD` are left out.
///
/// # Safety
/// As for [`Lanes`].
#[inline(always)]
pub(super) unsafe fn folded<V: Lanes, const FOLD: usize, const P: usize, const N: usize>(
    queries: &[Line],
    first: usize,
    panels: [&[Line]; P],
    starts: [i64; N],
) -> [[V::Totals; N]; P] {
    // SAFETY: the caller vouches for the processor.
    unsafe {
        let mut totals = [[V::totals(0); N]; P];
        for (totals, start) in totals
            .as_flattened_mut()
            .iter_mut()
            .zip(starts.iter().cycle())
        {
            *totals = V::totals(*start);
        }
        let (queries, _) = queries.as_chunks::<FOLD>();
        let panels = panels.map(|panel| &panel.as_chunks::<FOLD>().0[..queries.len()]);
        for start in (0..queries.len()).step_by(V::BURST) {
            let mut sums = [[V::begin(totals[0][0]); N]; P];
            for (sums, totals) in sums
                .as_flattened_mut()
                .iter_mut()
                .zip(totals.as_flattened())
            {
                *sums = V::begin(*totals);
            }
            for group in start..queries.len().min(start.saturating_add(V::BURST)) {
                for offset in 0..N {
                    let query = first + offset;
                    for (panel, sums) in panels.iter().zip(&mut sums) {
                        let any = any_differing::<V, FOLD>(&queries[group], query, &panel[group]);
                        sums[offset] = any.count(sums[offset]);
                    }
                }
            }
            let sums = sums.as_flattened().iter();
            for (totals, sums) in totals.as_flattened_mut().iter_mut().zip(sums) {
                *totals = V::end(*totals, *sums);
            }
        }
        totals
    }
}

/// Places where a word of the group differs.
#[inline(always)]
unsafe fn any_differing<V: Lanes, const FOLD: usize>(
    queries: &[Line; FOLD],
    query: usize,
    panel: &[Line; FOLD],
) -> V {
    // SAFETY: the caller vouches for the processor.
    unsafe {
        let mut any = V::load(&panel[0]).xor(V::splat(queries[0].0[query]));
        for word in 1..FOLD {
            any = any.or(V::load(&panel[word]).xor(V::splat(queries[word].0[query])));
        }
        any
    }
}

/// Counts of eight rows with one row that lies by itself.
///
/// # Safety
/// As for [`Lanes`].
#[inline(always)]
pub(super) unsafe fn one<V: Lanes, const XOR: bool>(
    query: &[u64],
    panel: &[Line],
) -> [i64; PANEL_ROWS] {
    // SAFETY: the caller vouches for the processor.
    unsafe {
        let mut totals = V::totals(0);
        for (query, panel) in query.chunks(V::BURST).zip(panel.chunks(V::BURST)) {
            let mut sums = V::begin(totals);
            for (word, line) in query.iter().zip(panel) {
                sums = join::<V, XOR>(V::load(line), V::splat(*word)).count(sums);
            }
            totals = V::end(totals, sums);
        }
        V::store(totals)
    }
}

/// Bits set in both of two rows, eight words at a time.
///
/// # Safety
/// As for [`Lanes`].
#[inline(always)]
pub(super) unsafe fn shared<V: Lanes>(left: &[u64], right: &[u64]) -> u32 {
    let (left, left_rest) = left.as_chunks::<PANEL_ROWS>();
    let (right, right_rest) = right.as_chunks::<PANEL_ROWS>();
    let rest = left_rest.iter().zip(right_rest);
    let rest: u32 = rest.map(|(left, right)| (left & right).count_ones()).sum();
    // SAFETY: the caller vouches for the processor.
    unsafe {
        let mut totals = V::totals(0);
        for (left, right) in left.chunks(V::BURST).zip(right.chunks(V::BURST)) {
            let mut sums = V::begin(totals);
            for (left, right) in left.iter().zip(right) {
                sums = V::load(&Line(*left))
                    .and(V::load(&Line(*right)))
                    .count(sums);
            }
            totals = V::end(totals, sums);
        }
        rest + V::store(totals).iter().sum::<i64>() as u32
    }
}
