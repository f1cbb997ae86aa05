//! The kernel for x86-64 with AVX-512 and its popcount: one register holds a line.

use std::arch::x86_64::*;

use super::lanes::Lanes;
use super::panels::{Line, PANEL_ROWS};

/// Eight words in one register. Needs `avx512f` and `avx512vpopcntdq`.
#[derive(Clone, Copy)]
pub(super) struct Avx512(__m512i);

impl Lanes for Avx512 {
    type Sums = __m512i;
    type Totals = __m512i;
    const BURST: usize = usize::MAX;

    #[inline]
    #[target_feature(enable = "avx512f,avx512vpopcntdq")]
    unsafe fn load(line: &Line) -> Self {
        // SAFETY: a line is 64 bytes that may be read.
        Self(unsafe { _mm512_loadu_si512(line.0.as_ptr().cast()) })
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512vpopcntdq")]
    unsafe fn splat(word: u64) -> Self {
        Self(_mm512_set1_epi64(word as i64))
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512vpopcntdq")]
    unsafe fn and(self, other: Self) -> Self {
        Self(_mm512_and_si512(self.0, other.0))
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512vpopcntdq")]
    unsafe fn xor(self, other: Self) -> Self {
        Self(_mm512_xor_si512(self.0, other.0))
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512vpopcntdq")]
    unsafe fn or(self, other: Self) -> Self {
        Self(_mm512_or_si512(self.0, other.0))
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512vpopcntdq")]
    unsafe fn totals(start: i64) -> Self::Totals {
        _mm512_set1_epi64(start)
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512vpopcntdq")]
    unsafe fn begin(totals: Self::Totals) -> Self::Sums {
        totals
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512vpopcntdq")]
    unsafe fn count(self, sums: Self::Sums) -> Self::Sums {
        _mm512_add_epi64(sums, _mm512_popcnt_epi64(self.0))
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512vpopcntdq")]
    unsafe fn end(_totals: Self::Totals, sums: Self::Sums) -> Self::Totals {
        sums
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512vpopcntdq")]
    unsafe fn any_negative(totals: &[Self::Totals]) -> bool {
        let mut signs = _mm512_setzero_si512();
        for total in totals {
            signs = _mm512_or_si512(signs, *total);
        }
        _mm512_cmplt_epi64_mask(signs, _mm512_setzero_si512()) != 0
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512vpopcntdq")]
    unsafe fn negative(totals: Self::Totals) -> u8 {
        _mm512_cmplt_epi64_mask(totals, _mm512_setzero_si512())
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512vpopcntdq")]
    unsafe fn store(totals: Self::Totals) -> [i64; PANEL_ROWS] {
        let mut lanes = [0; PANEL_ROWS];
        // SAFETY: the array is 64 bytes that may be written.
        unsafe { _mm512_storeu_si512(lanes.as_mut_ptr().cast(), totals) };
        lanes
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512vpopcntdq")]
    unsafe fn store_narrow(totals: Self::Totals) -> [u16; PANEL_ROWS] {
        let mut lanes = [0; PANEL_ROWS];
        let narrow = _mm512_cvtepi64_epi16(totals);
        // SAFETY: the array is 16 bytes that may be written.
        unsafe { _mm_storeu_si128(lanes.as_mut_ptr().cast(), narrow) };
        lanes
    }
}
