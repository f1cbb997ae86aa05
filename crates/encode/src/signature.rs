//! Hardening: a Bloom filter becomes, by [`bits::minhash`], a signature of fixed length and weight near one half, whatever
//! the length of the value.
//!
//! Each bit is one bit of the smallest hash over the filter's set positions (b-bit minwise
//! hashing with b = 1, Li and König, WWW 2010). Two signatures agree in a bit with probability
//! `(1 + J) / 2`, where `J` is the Jaccard similarity of the filters.

use bits::{flip_bit, set_bit};

use crate::noise::Noise;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::FilterKey;
    use bits::{hamming, popcount};
    use model::profile::FilterShape;
    use proptest::prelude::*;

    /// Positions as a keyed hash gives them.
    fn positions(numbers: impl Iterator<Item = u32>, seed: u32) -> Vec<u32> {
        let key = FilterKey::read(&[seed.to_le_bytes(); 4].concat());
        let shape = FilterShape {
            log2_bits: 32,
            hashes: 1,
        };
        let mut filter = Vec::new();
        for number in numbers {
            key.insert(
                &[number.to_le_bytes(); 4].concat().try_into().unwrap(),
                shape,
                &mut filter,
            );
        }
        filter
    }

    fn signature(filter: &[u32]) -> [u8; 128] {
        let mut signature = [0; 128];
        bits::minhash(filter, &mut signature);
        signature
    }

    proptest! {
        #[test]
        fn agreement_estimates_jaccard(shared in 0u32..30, own in 1u32..20, seed: u32) {
            let left = positions(0..shared + own, seed);
            let right = positions((0..shared).chain(500..500 + own), seed);
            let differing = hamming(&signature(&left), &signature(&right));
            let agreement = 1.0 - f64::from(differing) / 1024.0;
            let jaccard = f64::from(shared) / f64::from(shared + 2 * own);
            // Five standard deviations of a binomial share over 1024 bits.
            prop_assert!((2.0 * agreement - 1.0 - jaccard).abs() < 0.16);
        }

        #[test]
        fn weight_says_nothing_about_length(len in 1u32..60, seed: u32) {
            let weight = popcount(&signature(&positions(0..len, seed)));
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
