//! Minwise hashing of a set of well-mixed 16-bit elements: at which of [`PLACES`] places each element has the smallest
//! rank. Two sets have the same winner at a place with probability `J`, their Jaccard similarity (Broder, 1997).
//!
//! The rank of an element at place `i` is a mixing bijection of `element ^ A[i]`. Elements must come
//! well mixed; `A[i]` is public. Sixteen bits are enough: of sets as small as a value's tokens few have two equal elements, and
//! equal ones win together.

/// The places at which a set is sampled.
pub const PLACES: usize = 512;

/// A set of places, one bit each.
pub type PlaceSet = [u64; PLACES / 64];

/// 2^16 over the golden ratio.
const SPREAD: u16 = 0x9e37;

/// A second odd multiplier.
const SECOND: u16 = 0x6d2b;

/// By how much the rounds shift.
const SHIFT: u32 = 7;

/// The offsets `A[i]`: the upper halves of a Weyl sequence through the finaliser of MurmurHash3 (Appleby).
static OFFSETS: [u16; PLACES] = offsets();

const fn offsets() -> [u16; PLACES] {
    let mut offsets = [0; PLACES];
    let mut index = 0;
    while index < PLACES {
        let mut value = (index as u32 + 1).wrapping_mul(0x9e37_79b1);
        value = (value ^ value >> 16).wrapping_mul(0x85eb_ca6b);
        value = (value ^ value >> 13).wrapping_mul(0xc2b2_ae35);
        offsets[index] = ((value ^ value >> 16) >> 16) as u16;
        index += 1;
    }
    offsets
}

/// Writes for each of `elements` the places at which it has the smallest rank of all into `won`, which is as long.
pub fn winners(elements: &[u16], won: &mut [PlaceSet]) {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx512bw") {
            // SAFETY: the processor has AVX-512 with its instructions for bytes and words, as was just asked.
            return unsafe { winners_avx512(elements, won) };
        }
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2, as was just asked; the function needs nothing else.
            return unsafe { winners_avx2(elements, won) };
        }
    }
    winners_portable(elements, won);
}

fn winners_portable(elements: &[u16], won: &mut [PlaceSet]) {
    for (word, offsets) in OFFSETS.as_chunks::<64>().0.iter().enumerate() {
        let mut smallest = [u16::MAX; 64];
        for element in elements {
            for (least, offset) in smallest.iter_mut().zip(offsets) {
                *least = (*least).min(rank(element ^ offset));
            }
        }
        for (element, won) in elements.iter().zip(won.iter_mut()) {
            won[word] = 0;
            for (index, (least, offset)) in smallest.iter().zip(offsets).enumerate() {
                won[word] |= u64::from(*least == rank(element ^ offset)) << index;
            }
        }
    }
}

/// The same, sixteen places at a time.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn winners_avx2(elements: &[u16], won: &mut [PlaceSet]) {
    use std::arch::x86_64::*;
    let rank = |element: u16, offsets: __m256i| {
        let value = _mm256_xor_si256(_mm256_set1_epi16(element as i16), offsets);
        let value = _mm256_mullo_epi16(value, _mm256_set1_epi16(SPREAD as i16));
        let value = _mm256_xor_si256(value, _mm256_srli_epi16::<{ SHIFT as i32 }>(value));
        _mm256_mullo_epi16(value, _mm256_set1_epi16(SECOND as i16))
    };
    let mut ranks = vec![[_mm256_setzero_si256(); 4]; elements.len()];
    for (word, offsets) in OFFSETS.as_chunks::<64>().0.iter().enumerate() {
        // SAFETY: the load is unaligned, and the four parts are within the word's offsets.
        let offsets: [__m256i; 4] = std::array::from_fn(|part| unsafe {
            _mm256_loadu_si256(offsets.as_ptr().add(part * 16).cast())
        });
        let mut smallest = [_mm256_set1_epi16(-1); 4];
        for (element, ranks) in elements.iter().zip(&mut ranks) {
            for part in 0..4 {
                ranks[part] = rank(*element, offsets[part]);
                smallest[part] = _mm256_min_epu16(smallest[part], ranks[part]);
            }
        }
        for (ranks, won) in ranks.iter().zip(won.iter_mut()) {
            let equal = |part: usize| _mm256_cmpeq_epi16(smallest[part], ranks[part]);
            won[word] = 0;
            for half in 0..2 {
                // Packing takes turns between the lanes of both; put in order again, each place is one byte.
                let bytes = _mm256_packs_epi16(equal(2 * half), equal(2 * half + 1));
                let bytes = _mm256_permute4x64_epi64::<0b11_01_10_00>(bytes);
                let places = _mm256_movemask_epi8(bytes) as u32;
                won[word] |= u64::from(places) << (32 * half);
            }
        }
    }
}

/// The same, thirty-two places at a time.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512bw")]
fn winners_avx512(elements: &[u16], won: &mut [PlaceSet]) {
    use std::arch::x86_64::*;
    use std::mem::MaybeUninit;
    let rank = |element: u16, offsets: __m512i| {
        let value = _mm512_xor_si512(_mm512_set1_epi16(element as i16), offsets);
        let value = _mm512_mullo_epi16(value, _mm512_set1_epi16(SPREAD as i16));
        let value = _mm512_xor_si512(value, _mm512_srli_epi16::<SHIFT>(value));
        _mm512_mullo_epi16(value, _mm512_set1_epi16(SECOND as i16))
    };
    // The ranks of the first elements, so that those are worked out once alone.
    let mut ranks = [MaybeUninit::<[__m512i; 4]>::uninit(); 32];
    let (first, more) = elements.split_at(elements.len().min(ranks.len()));
    for (words, offsets) in OFFSETS.as_chunks::<128>().0.iter().enumerate() {
        // SAFETY: the load is unaligned, and the four parts are within the offsets of these two words.
        let offsets: [__m512i; 4] = std::array::from_fn(|part| unsafe {
            _mm512_loadu_si512(offsets.as_ptr().add(part * 32).cast())
        });
        let mut smallest = [_mm512_set1_epi16(-1); 4];
        let mut lower = |ranks: [__m512i; 4]| {
            for (least, rank) in smallest.iter_mut().zip(ranks) {
                *least = _mm512_min_epu16(*least, rank);
            }
        };
        for (element, ranks) in first.iter().zip(&mut ranks) {
            lower(*ranks.write(offsets.map(|offsets| rank(*element, offsets))));
        }
        for element in more {
            lower(offsets.map(|offsets| rank(*element, offsets)));
        }
        let places = |ranks: [__m512i; 4]| -> [u64; 2] {
            let equal =
                |part: usize| u64::from(_mm512_cmpeq_epi16_mask(smallest[part], ranks[part]));
            [equal(0) | equal(1) << 32, equal(2) | equal(3) << 32]
        };
        let (first_won, more_won) = won.split_at_mut(first.len());
        for (won, ranks) in first_won.iter_mut().zip(&ranks) {
            // SAFETY: as many ranks as there are first elements were written just above.
            won[2 * words..][..2].copy_from_slice(&places(unsafe { ranks.assume_init() }));
        }
        for (won, element) in more_won.iter_mut().zip(more) {
            let ranks = offsets.map(|offsets| rank(*element, offsets));
            won[2 * words..][..2].copy_from_slice(&places(ranks));
        }
    }
}

/// Two rounds of multiply and shift: with one alone, two elements would not win equally often.
#[inline(always)]
fn rank(mut value: u16) -> u16 {
    value = value.wrapping_mul(SPREAD);
    value ^= value >> SHIFT;
    value.wrapping_mul(SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn won(elements: &[u16]) -> Vec<PlaceSet> {
        let mut won = vec![PlaceSet::default(); elements.len()];
        winners(elements, &mut won);
        won
    }

    fn elements() -> impl Strategy<Value = Vec<u16>> {
        let set = proptest::collection::btree_set(any::<u16>(), 1..50);
        set.prop_map(|set: BTreeSet<u16>| set.into_iter().collect())
    }

    proptest! {
        #[test]
        fn every_kernel_gives_the_portable_places(elements in elements()) {
            let mut portable = vec![PlaceSet::default(); elements.len()];
            winners_portable(&elements, &mut portable);
            prop_assert_eq!(won(&elements), portable);
        }

        #[test]
        #[cfg(target_arch = "x86_64")]
        fn avx2_gives_the_portable_places(elements in elements()) {
            if std::arch::is_x86_feature_detected!("avx2") {
                let mut portable = vec![PlaceSet::default(); elements.len()];
                let mut avx2 = portable.clone();
                winners_portable(&elements, &mut portable);
                // SAFETY: the processor has AVX2, as was just asked.
                unsafe { winners_avx2(&elements, &mut avx2) };
                prop_assert_eq!(avx2, portable);
            }
        }

        #[test]
        fn every_place_has_one_winner_whatever_the_order(mut elements in elements()) {
            let mut forwards = won(&elements);
            for word in 0..PLACES / 64 {
                let all = forwards.iter().fold(0, |all, places| {
                    assert_eq!(all & places[word], 0);
                    all | places[word]
                });
                prop_assert_eq!(all, u64::MAX);
            }
            elements.reverse();
            forwards.reverse();
            prop_assert_eq!(won(&elements), forwards);
        }
    }

    #[test]
    fn elements_win_about_equally_often() {
        let elements: Vec<u16> = (1..=16).map(|n| rank(n << 10)).collect();
        for places in won(&elements) {
            let count: u32 = places.iter().map(|word| word.count_ones()).sum();
            // Five standard deviations about the mean of 32.
            assert!((5..=60).contains(&count), "{count}");
        }
    }
}
