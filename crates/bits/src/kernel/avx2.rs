//! The kernel for x86-64 with AVX2: two registers hold a line, bits are counted by looking up half
//! bytes (Muła, Kurz and Lemire, 2018), and sums are bytes until the end of a burst.

use std::arch::x86_64::*;

use super::lanes::Lanes;
use super::panels::{Line, PANEL_ROWS};

/// Eight words in two registers. Needs `avx2`.
#[derive(Clone, Copy)]
pub(super) struct Avx2([__m256i; 2]);

impl Lanes for Avx2 {
    type Sums = [__m256i; 2];
    type Totals = [__m256i; 2];
    /// A byte holds 255, a word adds at most 8.
    const BURST: usize = 31;

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn load(line: &Line) -> Self {
        let start = line.0.as_ptr();
        // SAFETY: a line is 64 bytes that may be read, in halves of 32.
        Self(unsafe {
            [
                _mm256_loadu_si256(start.cast()),
                _mm256_loadu_si256(start.add(4).cast()),
            ]
        })
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn splat(word: u64) -> Self {
        Self([_mm256_set1_epi64x(word as i64); 2])
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn and(self, other: Self) -> Self {
        let ([a, b], [c, d]) = (self.0, other.0);
        Self([_mm256_and_si256(a, c), _mm256_and_si256(b, d)])
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn xor(self, other: Self) -> Self {
        let ([a, b], [c, d]) = (self.0, other.0);
        Self([_mm256_xor_si256(a, c), _mm256_xor_si256(b, d)])
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn or(self, other: Self) -> Self {
        let ([a, b], [c, d]) = (self.0, other.0);
        Self([_mm256_or_si256(a, c), _mm256_or_si256(b, d)])
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn totals(start: i64) -> Self::Totals {
        [_mm256_set1_epi64x(start); 2]
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn begin(_totals: Self::Totals) -> Self::Sums {
        [_mm256_setzero_si256(); 2]
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn count(self, sums: Self::Sums) -> Self::Sums {
        let ([a, b], [c, d]) = (self.0, sums);
        [
            _mm256_add_epi8(c, bytes_counted(a)),
            _mm256_add_epi8(d, bytes_counted(b)),
        ]
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn end(totals: Self::Totals, sums: Self::Sums) -> Self::Totals {
        let (zero, [a, b], [c, d]) = (_mm256_setzero_si256(), totals, sums);
        [
            _mm256_add_epi64(a, _mm256_sad_epu8(c, zero)),
            _mm256_add_epi64(b, _mm256_sad_epu8(d, zero)),
        ]
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn any_negative(totals: &[Self::Totals]) -> bool {
        let mut signs = _mm256_setzero_si256();
        for total in totals.iter().flatten() {
            signs = _mm256_or_si256(signs, *total);
        }
        _mm256_movemask_pd(_mm256_castsi256_pd(signs)) != 0
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn negative(totals: Self::Totals) -> u8 {
        let [low, high] = totals.map(|half| _mm256_movemask_pd(_mm256_castsi256_pd(half)));
        (low | high << 4) as u8
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn store(totals: Self::Totals) -> [i64; PANEL_ROWS] {
        let mut lanes = [0; PANEL_ROWS];
        let start: *mut i64 = lanes.as_mut_ptr();
        // SAFETY: the array is 64 bytes that may be written, in halves of 32.
        unsafe {
            _mm256_storeu_si256(start.cast(), totals[0]);
            _mm256_storeu_si256(start.add(4).cast(), totals[1]);
        }
        lanes
    }
}

/// The popcount of each byte.
#[inline]
#[target_feature(enable = "avx2")]
fn bytes_counted(bytes: __m256i) -> __m256i {
    let counts = _mm256_broadcastsi128_si256(_mm_setr_epi8(
        0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,
    ));
    let half = _mm256_set1_epi8(0x0f);
    let low = _mm256_and_si256(bytes, half);
    let high = _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), half);
    _mm256_add_epi8(
        _mm256_shuffle_epi8(counts, low),
        _mm256_shuffle_epi8(counts, high),
    )
}
