//! Minwise hashing of a set of well-mixed 32-bit elements: at which of [`PLACES`] places each element has the smallest
//! rank. Two sets have the same winner at a place with probability `J`, their Jaccard similarity (Broder, 1997).
//!
//! The rank of an element at place `i` is a mixing bijection of `element ^ A[i]`. Elements must come
//! well mixed; `A[i]` is public.

/// The places at which a set is sampled.
pub const PLACES: usize = 512;

/// A set of places, one bit each.
pub type PlaceSet = [u64; PLACES / 64];

/// 2^32 over the golden ratio, made odd.
const SPREAD: u32 = 0x9e37_79b1;

/// A second odd multiplier (from the search for mixers by Wellons, 2018).
const SECOND: u32 = 0x2c1b_3c6d;

/// The offsets `A[i]`: a Weyl sequence through the finaliser of MurmurHash3 (Appleby).
static OFFSETS: [u32; PLACES] = offsets();

const fn offsets() -> [u32; PLACES] {
    let mut offsets = [0; PLACES];
    let mut index = 0;
    while index < PLACES {
        let mut value = (index as u32 + 1).wrapping_mul(SPREAD);
        value = (value ^ value >> 16).wrapping_mul(0x85eb_ca6b);
        value = (value ^ value >> 13).wrapping_mul(0xc2b2_ae35);
        offsets[index] = value ^ value >> 16;
        index += 1;
    }
    offsets
}

/// Writes for each of `elements` the places at which it has the smallest rank of all into `won`, which is as long.
pub fn winners(elements: &[u32], won: &mut [PlaceSet]) {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has AVX-512, as was just asked; the function needs nothing else.
            return unsafe { winners_avx512(elements, won) };
        }
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2, as was just asked; the function needs nothing else.
            return unsafe { winners_avx2(elements, won) };
        }
    }
    winners_portable(elements, won);
}

fn winners_portable(elements: &[u32], won: &mut [PlaceSet]) {
    for (word, offsets) in OFFSETS.as_chunks::<64>().0.iter().enumerate() {
        let mut smallest = [u32::MAX; 64];
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

/// The same, eight places at a time.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn winners_avx2(elements: &[u32], won: &mut [PlaceSet]) {
    use std::arch::x86_64::*;
    let rank = |element: u32, offsets: __m256i| {
        let value = _mm256_xor_si256(_mm256_set1_epi32(element as i32), offsets);
        let value = _mm256_mullo_epi32(value, _mm256_set1_epi32(SPREAD as i32));
        let value = _mm256_xor_si256(value, _mm256_srli_epi32::<15>(value));
        _mm256_mullo_epi32(value, _mm256_set1_epi32(SECOND as i32))
    };
    let mut ranks = vec![[_mm256_setzero_si256(); 4]; elements.len()];
    won.fill(PlaceSet::default());
    for (group, offsets) in OFFSETS.as_chunks::<32>().0.iter().enumerate() {
        // SAFETY: the load is unaligned, and the four parts are within the group.
        let offsets: [__m256i; 4] = std::array::from_fn(|part| unsafe {
            _mm256_loadu_si256(offsets.as_ptr().add(part * 8).cast())
        });
        let mut smallest = [_mm256_set1_epi32(-1); 4];
        for (element, ranks) in elements.iter().zip(&mut ranks) {
            for part in 0..4 {
                ranks[part] = rank(*element, offsets[part]);
                smallest[part] = _mm256_min_epu32(smallest[part], ranks[part]);
            }
        }
        for (ranks, won) in ranks.iter().zip(won.iter_mut()) {
            let mut places = 0u64;
            for (part, (least, rank)) in smallest.iter().zip(ranks).enumerate() {
                let equal = _mm256_cmpeq_epi32(*least, *rank);
                let equal = _mm256_movemask_ps(_mm256_castsi256_ps(equal));
                places |= u64::from(equal as u32) << (part * 8);
            }
            won[group / 2] |= places << (group % 2 * 32);
        }
    }
}

/// The same, sixteen places at a time.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn winners_avx512(elements: &[u32], won: &mut [PlaceSet]) {
    use std::arch::x86_64::*;
    use std::mem::MaybeUninit;
    let rank = |element: u32, offsets: __m512i| {
        let value = _mm512_xor_si512(_mm512_set1_epi32(element as i32), offsets);
        let value = _mm512_mullo_epi32(value, _mm512_set1_epi32(SPREAD as i32));
        let value = _mm512_xor_si512(value, _mm512_srli_epi32::<15>(value));
        _mm512_mullo_epi32(value, _mm512_set1_epi32(SECOND as i32))
    };
    // The ranks of the first elements, so that those are worked out once alone.
    let mut ranks = [MaybeUninit::<[__m512i; 4]>::uninit(); 32];
    let (first, more) = elements.split_at(elements.len().min(ranks.len()));
    for (word, offsets) in OFFSETS.as_chunks::<64>().0.iter().enumerate() {
        // SAFETY: the load is unaligned, and the four parts are within the word's offsets.
        let offsets: [__m512i; 4] = std::array::from_fn(|part| unsafe {
            _mm512_loadu_si512(offsets.as_ptr().add(part * 16).cast())
        });
        let mut smallest = [_mm512_set1_epi32(-1); 4];
        let mut lower = |ranks: [__m512i; 4]| {
            for (least, rank) in smallest.iter_mut().zip(ranks) {
                *least = _mm512_min_epu32(*least, rank);
            }
        };
        for (element, ranks) in first.iter().zip(&mut ranks) {
            lower(*ranks.write(offsets.map(|offsets| rank(*element, offsets))));
        }
        for element in more {
            lower(offsets.map(|offsets| rank(*element, offsets)));
        }
        let places = |ranks: [__m512i; 4]| {
            let mut places = 0;
            for part in 0..4 {
                let equal = _mm512_cmpeq_epi32_mask(smallest[part], ranks[part]);
                places |= u64::from(equal) << (part * 16);
            }
            places
        };
        let (first_won, more_won) = won.split_at_mut(first.len());
        for (won, ranks) in first_won.iter_mut().zip(&ranks) {
            // SAFETY: as many ranks as there are first elements were written just above.
            won[word] = places(unsafe { ranks.assume_init() });
        }
        for (won, element) in more_won.iter_mut().zip(more) {
            won[word] = places(offsets.map(|offsets| rank(*element, offsets)));
        }
    }
}

/// Two rounds of multiply and shift: with one alone, two elements would not win equally often.
#[inline(always)]
fn rank(mut value: u32) -> u32 {
    value = value.wrapping_mul(SPREAD);
    value ^= value >> 15;
    value.wrapping_mul(SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn won(elements: &[u32]) -> Vec<PlaceSet> {
        let mut won = vec![PlaceSet::default(); elements.len()];
        winners(elements, &mut won);
        won
    }

    fn elements() -> impl Strategy<Value = Vec<u32>> {
        let set = proptest::collection::btree_set(any::<u32>(), 1..50);
        set.prop_map(|set: BTreeSet<u32>| set.into_iter().collect())
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
        let elements: Vec<u32> = (1..=16u32).map(|n| rank(n << 20)).collect();
        for places in won(&elements) {
            let count: u32 = places.iter().map(|word| word.count_ones()).sum();
            // Five standard deviations about the mean of 32.
            assert!((5..=60).contains(&count), "{count}");
        }
    }
}
