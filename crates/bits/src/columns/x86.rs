//! Signatures by AVX2, and by AVX-512 with the byte matrices of GFNI: all columns in one register. And columns flipped
//! by their marks.

use std::arch::x86_64::*;

use super::{COLUMNS, Columns, Deal, LOWER, PASS_ROUNDS, sets};
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

/// The signatures of sets under `deal`.
#[target_feature(enable = "avx2")]
pub(super) fn signatures_avx2(
    deal: &Deal,
    ends: &[usize],
    won: &[PlaceSet],
    strings: &[[u8; COLUMNS / 8]],
    out: &mut [Columns],
) {
    for (out, set) in out.iter_mut().zip(sets(ends)) {
        *out = signature_avx2(deal, &won[set.clone()], &strings[set]);
    }
}

#[target_feature(enable = "avx2")]
#[inline]
fn signature_avx2(deal: &Deal, won: &[PlaceSet], strings: &[[u8; COLUMNS / 8]]) -> Columns {
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

/// The same, with both halves of the places in one register until all elements of a set are in, and two sets in one
/// register from then on.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,gfni")]
pub(super) fn signatures_avx512(
    deal: &Deal,
    ends: &[usize],
    won: &[PlaceSet],
    strings: &[[u8; COLUMNS / 8]],
    out: &mut [Columns],
) {
    for (out, set) in out.iter_mut().zip(sets(ends)) {
        *out = stored(chosen(deal, &won[set.clone()], &strings[set]));
    }
    let mut at_once = out.chunks_exact_mut(2 * REGISTERS);
    at_once.by_ref().for_each(|columns| shuffle(deal, columns));
    let rest = at_once.into_remainder();
    if !rest.is_empty() {
        let mut filled_up = [Columns::default(); 2 * REGISTERS];
        filled_up[..rest.len()].copy_from_slice(rest);
        shuffle(deal, &mut filled_up);
        rest.copy_from_slice(&filled_up[..rest.len()]);
    }
}

/// Registers shuffled at once, of two sets each: enough that no step waits for the one before.
const REGISTERS: usize = 4;

/// Truth table of `a | b & c`.
const ADD: i32 = 0xf8;
/// Truth table of `b` where `a` is set, else `c`.
const CHOOSE: i32 = 0xca;

/// What a set tells of the places that its columns start from.
#[target_feature(enable = "avx512f,avx512vl")]
#[inline]
fn chosen(deal: &Deal, won: &[PlaceSet], strings: &[[u8; COLUMNS / 8]]) -> __m256i {
    let mut places = _mm512_setzero_si512();
    for (won, string) in won.iter().zip(strings) {
        // SAFETY: the load is unaligned, and the places are as long as the register.
        let won = unsafe { _mm512_loadu_si512(won.as_ptr().cast()) };
        let string = _mm512_broadcast_i64x4(load(string));
        places = _mm512_ternarylogic_epi64::<ADD>(places, won, string);
    }
    let lower = _mm512_castsi512_si256(places);
    let upper = _mm512_extracti64x4_epi64::<1>(places);
    _mm256_ternarylogic_epi64::<CHOOSE>(load(&deal.own), lower, upper)
}

/// Shuffles the columns of `2 * REGISTERS` sets.
#[target_feature(enable = "avx512f,avx512bw,gfni")]
#[inline]
fn shuffle(deal: &Deal, columns: &mut [Columns]) {
    let (two, _) = columns.as_chunks_mut::<2>();
    let Some(two) = two.first_chunk_mut::<REGISTERS>() else {
        return;
    };
    // SAFETY: the loads are unaligned, and two sets' columns are as long as the register.
    let mut all: [__m512i; REGISTERS] =
        std::array::from_fn(|at| unsafe { _mm512_loadu_si512(two[at].as_ptr().cast()) });
    macro_rules! swap {
        ($swaps:expr, |$columns:ident| $partners:expr) => {{
            let swaps = _mm512_broadcast_i64x4(load($swaps));
            for $columns in &mut all {
                let partners = {
                    let $columns = *$columns;
                    $partners
                };
                *$columns = _mm512_ternarylogic_epi64::<CHOOSE>(swaps, partners, *$columns);
            }
        }};
    }
    let bits = BIT_PARTNERS.map(|matrix| _mm512_set1_epi64(matrix));
    let bytes = [byte_partners(0), byte_partners(1)].map(|bytes| _mm512_broadcast_i64x4(bytes));
    for pass in deal.swaps.as_chunks::<PASS_ROUNDS>().0 {
        for (swaps, matrix) in pass.iter().zip(bits) {
            swap!(swaps, |own| _mm512_gf2p8affine_epi64_epi8::<0>(own, matrix));
        }
        for (swaps, bytes) in pass[3..].iter().zip(bytes) {
            swap!(swaps, |own| _mm512_shuffle_epi8(own, bytes));
        }
        swap!(&pass[5], |own| _mm512_shuffle_epi32::<HALVES>(own));
        swap!(&pass[6], |own| _mm512_shuffle_epi32::<WORDS>(own));
        swap!(&pass[7], |own| _mm512_permutex_epi64::<WORDS>(own));
    }
    for (two, all) in two.iter_mut().zip(all) {
        // SAFETY: the store is unaligned, and two sets' columns are as long as the register.
        unsafe { _mm512_storeu_si512(two.as_mut_ptr().cast(), all) };
    }
}

/// [`super::flip`], half a word of columns at once.
#[target_feature(enable = "avx2")]
pub(super) fn flip_avx2(marks: &[[u8; COLUMNS]], columns: &mut [Columns]) {
    for (marks, columns) in marks.iter().zip(columns) {
        for (column, marks) in columns.iter_mut().zip(marks.as_chunks::<64>().0) {
            let [lower, upper] = marks.as_chunks::<32>().0 else {
                continue;
            };
            let [lower, upper] = [lower, upper].map(|half| _mm256_movemask_epi8(load(half)) as u32);
            *column ^= u64::from(upper) << 32 | u64::from(lower);
        }
    }
}

/// [`super::flip`], a word of columns at once.
#[target_feature(enable = "avx512bw")]
pub(super) fn flip_avx512(marks: &[[u8; COLUMNS]], columns: &mut [Columns]) {
    for (marks, columns) in marks.iter().zip(columns) {
        for (column, marks) in columns.iter_mut().zip(marks.as_chunks::<64>().0) {
            // SAFETY: the load is unaligned, and the marks are as long as the register.
            *column ^= _mm512_movepi8_mask(unsafe { _mm512_loadu_si512(marks.as_ptr().cast()) });
        }
    }
}
