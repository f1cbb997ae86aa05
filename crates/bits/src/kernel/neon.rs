//! The kernel for 64-bit Arm: four registers hold a line, sums are bytes until the end of a burst.
//! NEON is part of every such processor, so nothing has to be asked.

use std::arch::aarch64::*;

use super::lanes::Lanes;
use super::panels::{Line, PANEL_ROWS};

/// Eight words in four registers.
#[derive(Clone, Copy)]
pub(super) struct Neon([uint8x16_t; 4]);

impl Lanes for Neon {
    type Sums = [uint8x16_t; 4];
    type Totals = [int64x2_t; 4];
    /// A byte holds 255, a word adds at most 8.
    const BURST: usize = 31;

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn load(line: &Line) -> Self {
        let start: *const u8 = line.0.as_ptr().cast();
        // SAFETY: a line is 64 bytes that may be read, in quarters of 16.
        Self(std::array::from_fn(|part| unsafe {
            vld1q_u8(start.add(16 * part))
        }))
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn splat(word: u64) -> Self {
        Self([vreinterpretq_u8_u64(vdupq_n_u64(word)); 4])
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn and(self, other: Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Self([
            vandq_u8(a, e),
            vandq_u8(b, f),
            vandq_u8(c, g),
            vandq_u8(d, h),
        ])
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn xor(self, other: Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Self([
            veorq_u8(a, e),
            veorq_u8(b, f),
            veorq_u8(c, g),
            veorq_u8(d, h),
        ])
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn or(self, other: Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Self([
            vorrq_u8(a, e),
            vorrq_u8(b, f),
            vorrq_u8(c, g),
            vorrq_u8(d, h),
        ])
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn totals(start: i64) -> Self::Totals {
        [vdupq_n_s64(start); 4]
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn begin(_totals: Self::Totals) -> Self::Sums {
        [vdupq_n_u8(0); 4]
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn count(self, sums: Self::Sums) -> Self::Sums {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, sums);
        [
            vaddq_u8(e, vcntq_u8(a)),
            vaddq_u8(f, vcntq_u8(b)),
            vaddq_u8(g, vcntq_u8(c)),
            vaddq_u8(h, vcntq_u8(d)),
        ]
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn end(totals: Self::Totals, sums: Self::Sums) -> Self::Totals {
        let ([a, b, c, d], [e, f, g, h]) = (totals, sums);
        [
            vaddq_s64(a, widened(e)),
            vaddq_s64(b, widened(f)),
            vaddq_s64(c, widened(g)),
            vaddq_s64(d, widened(h)),
        ]
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn any_negative(totals: &[Self::Totals]) -> bool {
        let mut signs = vdupq_n_s64(0);
        for total in totals.iter().flatten() {
            signs = vorrq_s64(signs, *total);
        }
        vgetq_lane_s64::<0>(signs) < 0 || vgetq_lane_s64::<1>(signs) < 0
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn negative(totals: Self::Totals) -> u8 {
        let signs = totals.map(|pair| vshrq_n_u64::<63>(vreinterpretq_u64_s64(pair)));
        let bits = signs.map(|pair| vgetq_lane_u64::<0>(pair) | vgetq_lane_u64::<1>(pair) << 1);
        (bits[0] | bits[1] << 2 | bits[2] << 4 | bits[3] << 6) as u8
    }

    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn store(totals: Self::Totals) -> [i64; PANEL_ROWS] {
        let mut lanes = [0; PANEL_ROWS];
        let start: *mut i64 = lanes.as_mut_ptr();
        for (part, total) in totals.into_iter().enumerate() {
            // SAFETY: the array is 64 bytes that may be written, in quarters of 16.
            unsafe { vst1q_s64(start.add(2 * part), total) };
        }
        lanes
    }
}

/// The sum of the bytes of each half.
#[inline]
#[target_feature(enable = "neon")]
fn widened(bytes: uint8x16_t) -> int64x2_t {
    vreinterpretq_s64_u64(vpaddlq_u32(vpaddlq_u16(vpaddlq_u8(bytes))))
}
