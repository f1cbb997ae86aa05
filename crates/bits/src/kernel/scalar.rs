//! The kernel for any processor: plain words, what every other kernel must equal.

use super::lanes::Lanes;
use super::panels::{Line, PANEL_ROWS};

/// Eight words.
#[derive(Clone, Copy)]
pub(super) struct Scalar([u64; PANEL_ROWS]);

// Nothing here depends on the processor, so the demands of the trait are met anywhere.
impl Lanes for Scalar {
    type Sums = [i64; PANEL_ROWS];
    type Totals = [i64; PANEL_ROWS];
    const BURST: usize = usize::MAX;

    #[inline(always)]
    unsafe fn load(line: &Line) -> Self {
        Self(line.0)
    }

    #[inline(always)]
    unsafe fn splat(word: u64) -> Self {
        Self([word; PANEL_ROWS])
    }

    #[inline(always)]
    unsafe fn and(self, other: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane] & other.0[lane]))
    }

    #[inline(always)]
    unsafe fn xor(self, other: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane] ^ other.0[lane]))
    }

    #[inline(always)]
    unsafe fn or(self, other: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane] | other.0[lane]))
    }

    #[inline(always)]
    unsafe fn totals(start: i64) -> Self::Totals {
        [start; PANEL_ROWS]
    }

    #[inline(always)]
    unsafe fn begin(totals: Self::Totals) -> Self::Sums {
        totals
    }

    #[inline(always)]
    unsafe fn count(self, sums: Self::Sums) -> Self::Sums {
        std::array::from_fn(|lane| sums[lane] + i64::from(self.0[lane].count_ones()))
    }

    #[inline(always)]
    unsafe fn end(_totals: Self::Totals, sums: Self::Sums) -> Self::Totals {
        sums
    }

    #[inline(always)]
    unsafe fn any_negative(totals: &[Self::Totals]) -> bool {
        totals.iter().flatten().any(|total| *total < 0)
    }

    #[inline(always)]
    unsafe fn negative(totals: Self::Totals) -> u8 {
        let bit = |(lane, total): (usize, i64)| u8::from(total < 0) << lane;
        totals.into_iter().enumerate().map(bit).sum()
    }

    #[inline(always)]
    unsafe fn store(totals: Self::Totals) -> [i64; PANEL_ROWS] {
        totals
    }
}
