//! Signatures by AVX2, and by AVX-512 with the byte matrices of GFNI: all columns in one register.

use std::arch::x86_64::*;

use super::{COLUMNS, Columns, Deal, LOWER, PASS_ROUNDS};
use crate::minhash::PlaceSet;

/// In each lane of 16 bytes, which byte lies one, and two, further or nearer.
const BYTE_PARTNERS: [[u8; 16]; 2] = [
    [1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14],
    [2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13],
];
/// Swaps neighbouring halves of a word, for `_mm256_shuffle_epi32`.
const HALVES: i32 = 0b10_11_00_01;
/// Swaps neighbouring words.
const WORDS: i32 = 0b01_00_11_10;

/// The byte matrices that take each bit's partner at a distance of 1, 2 and 4.
const BIT_PARTNERS: [i64; 3] = [bit_partners(1), bit_partners(2), bit_partners(4)];

/// Row `7 - i` of a byte matrix says which bits make bit `i`.
const fn bit_partners(distance: usize) -> i64 {
    let (mut matrix, mut bit) = (0, 0);
    while bit < 8 {
        matrix |= 1 << (bit ^ distance) << (8 * (7 - bit));
        bit += 1;
    }
    matrix
}

#[target_feature(enable = "avx2")]
#[inline]
fn load<T>(columns: &T) -> __m256i {
    const { assert!(size_of::<T>() == size_of::<__m256i>()) };
    // SAFETY: the load is unaligned, and columns are as long as the register.
    unsafe { _mm256_loadu_si256(std::ptr::from_ref(columns).cast()) }
}

#[target_feature(enable = "avx2")]
#[inline]
fn stored(columns: __m256i) -> Columns {
    let mut out = Columns::default();
    // SAFETY: the store is unaligned, and columns are as long as the register.
    unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), columns) };
    out
}

/// The partners of all bytes at the distance of this row of [`BYTE_PARTNERS`].
#[target_feature(enable = "avx2")]
#[inline]
fn byte_partners(row: usize) -> __m256i {
    // SAFETY: the load is unaligned, and the row is as long as the register.
    _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(BYTE_PARTNERS[row].as_ptr().cast()) })
}

/// The signature of a set under `deal`.
#[target_feature(enable = "avx2")]
pub(super) fn signature_avx2(
    deal: &Deal,
    won: &[PlaceSet],
    strings: &[[u8; COLUMNS / 8]],
) -> Columns {
    let own = load(&deal.own);
    let mut columns = _mm256_setzero_si256();
    for (won, string) in won.iter().zip(strings) {
        let [lower, upper] = won.as_chunks::<{ COLUMNS / 64 }>().0 else {
            continue;
        };
        let lower = _mm256_and_si256(own, load(lower));
        let dealt = _mm256_or_si256(lower, _mm256_andnot_si256(own, load(upper)));
        columns = _mm256_or_si256(columns, _mm256_and_si256(dealt, load(string)));
    }
    macro_rules! within {
        ($swaps:expr, $round:literal) => {{
            let lower = _mm256_and_si256(load($swaps), _mm256_set1_epi64x(LOWER[$round] as i64));
            let beside = _mm256_xor_si256(columns, _mm256_srli_epi64::<{ 1 << $round }>(columns));
            let changed = _mm256_and_si256(beside, lower);
            let both = _mm256_xor_si256(changed, _mm256_slli_epi64::<{ 1 << $round }>(changed));
            columns = _mm256_xor_si256(columns, both);
        }};
    }
    macro_rules! across {
        ($swaps:expr, $partners:expr) => {{
            let changed = _mm256_and_si256(_mm256_xor_si256(columns, $partners), load($swaps));
            columns = _mm256_xor_si256(columns, changed);
        }};
    }
    let bytes = [byte_partners(0), byte_partners(1)];
    for pass in deal.swaps.as_chunks::<PASS_ROUNDS>().0 {
        within!(&pass[0], 0);
        within!(&pass[1], 1);
        within!(&pass[2], 2);
        across!(&pass[3], _mm256_shuffle_epi8(columns, bytes[0]));
        across!(&pass[4], _mm256_shuffle_epi8(columns, bytes[1]));
        across!(&pass[5], _mm256_shuffle_epi32::<HALVES>(columns));
        across!(&pass[6], _mm256_shuffle_epi32::<WORDS>(columns));
        across!(&pass[7], _mm256_permute4x64_epi64::<WORDS>(columns));
    }
    stored(columns)
}

/// The same, with both halves of the places in one register until all elements are in.
#[target_feature(enable = "avx512f,avx512vl,gfni")]
pub(super) fn signature_avx512(
    deal: &Deal,
    won: &[PlaceSet],
    strings: &[[u8; COLUMNS / 8]],
) -> Columns {
    // Truth tables: `a | b & c`, and `b` where `a` is set, else `c`.
    const ADD: i32 = 0xf8;
    const CHOOSE: i32 = 0xca;
    let mut places = _mm512_setzero_si512();
    for (won, string) in won.iter().zip(strings) {
        // SAFETY: the load is unaligned, and the places are as long as the register.
        let won = unsafe { _mm512_loadu_si512(won.as_ptr().cast()) };
        let string = _mm512_broadcast_i64x4(load(string));
        places = _mm512_ternarylogic_epi64::<ADD>(places, won, string);
    }
    let lower = _mm512_castsi512_si256(places);
    let upper = _mm512_extracti64x4_epi64::<1>(places);
    let mut columns = _mm256_ternarylogic_epi64::<CHOOSE>(load(&deal.own), lower, upper);
    macro_rules! swap {
        ($swaps:expr, $partners:expr) => {{
            columns = _mm256_ternarylogic_epi64::<CHOOSE>(load($swaps), $partners, columns);
        }};
    }
    let bits = BIT_PARTNERS.map(|matrix| _mm256_set1_epi64x(matrix));
    let bytes = [byte_partners(0), byte_partners(1)];
    for pass in deal.swaps.as_chunks::<PASS_ROUNDS>().0 {
        for (swaps, matrix) in pass.iter().zip(bits) {
            swap!(swaps, _mm256_gf2p8affine_epi64_epi8::<0>(columns, matrix));
        }
        for (swaps, bytes) in pass[3..].iter().zip(bytes) {
            swap!(swaps, _mm256_shuffle_epi8(columns, bytes));
        }
        swap!(&pass[5], _mm256_shuffle_epi32::<HALVES>(columns));
        swap!(&pass[6], _mm256_shuffle_epi32::<WORDS>(columns));
        swap!(&pass[7], _mm256_permute4x64_epi64::<WORDS>(columns));
    }
    stored(columns)
}
