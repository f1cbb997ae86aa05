//! Hardening: a Bloom filter becomes a signature of fixed length and weight near one half, whatever
//! the length of the value.
//!
//! Each bit is the lowest bit of the smallest hash over the filter's set positions (b-bit minwise
//! hashing with b = 1, Li and König, WWW 2010). Two signatures agree in a bit with probability
//! `(1 + J) / 2`, where `J` is the Jaccard similarity of the filters.

use bits::{flip_bit, set_bit};
use zeroize::Zeroize;

use crate::noise::Noise;

/// Writes the 1-bit MinHash of `filter` into `signature`, under a `seed` from the block's key.
pub(crate) fn minhash(filter: &mut [u32], seed: u32, signature: &mut [u8]) {
    filter
        .iter_mut()
        .for_each(|position| *position = mix(*position ^ seed));
    bits::minhash(filter, signature);
    filter.zeroize();
}

/// Writes the filter itself into `signature`.
pub(crate) fn plain(filter: &[u32], signature: &mut [u8]) {
    signature.fill(0);
    filter
        .iter()
        .for_each(|position| set_bit(signature, *position as usize));
}

/// Flips bits of `signature` as `noise` says.
pub(crate) fn flip(signature: &mut [u8], noise: &mut Noise<'_>) {
    let bits = signature.len() * 8;
    let mut next = noise.gap();
    while next < bits {
        flip_bit(signature, next);
        next += 1 + noise.gap();
    }
}

/// A bijection on 32 bits that spreads every input bit (the finaliser of MurmurHash3, Appleby).
fn mix(mut value: u32) -> u32 {
    value ^= value >> 16;
    value = value.wrapping_mul(0x85eb_ca6b);
    value ^= value >> 13;
    value = value.wrapping_mul(0xc2b2_ae35);
    value ^ value >> 16
}

#[cfg(test)]
mod tests {
    use super::*;
    use bits::{hamming, popcount};
    use proptest::prelude::*;

    fn signature(filter: &[u32], seed: u32) -> [u8; 128] {
        let mut signature = [0; 128];
        minhash(&mut filter.to_vec(), seed, &mut signature);
        signature
    }

    proptest! {
        #[test]
        fn agreement_estimates_jaccard(shared in 0u32..30, own in 1u32..20, seed: u32) {
            let left: Vec<u32> = (0..shared + own).collect();
            let right: Vec<u32> = (0..shared).chain(500..500 + own).collect();
            let differing = hamming(&signature(&left, seed), &signature(&right, seed));
            let agreement = 1.0 - f64::from(differing) / 1024.0;
            let jaccard = f64::from(shared) / f64::from(shared + 2 * own);
            // Five standard deviations of a binomial share over 1024 bits.
            prop_assert!((2.0 * agreement - 1.0 - jaccard).abs() < 0.16);
        }

        #[test]
        fn weight_says_nothing_about_length(len in 1u32..60, seed: u32) {
            let filter: Vec<u32> = (0..len).collect();
            let weight = popcount(&signature(&filter, seed));
            prop_assert!((432..592).contains(&weight), "{}", weight);
        }
    }

    #[test]
    fn a_plain_filter_is_its_positions() {
        let mut signature = [0; 64];
        plain(&[3, 500], &mut signature);
        assert_eq!(popcount(&signature), 2);
        assert!(bits::get_bit(&signature, 500));
    }
}
