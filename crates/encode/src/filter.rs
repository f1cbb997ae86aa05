//! Keyed Bloom filters, for the profiles whose encodings stay as they are.
//!
//! A token's digest is hashed to positions under the filter key (SipHash-2-4, Aumasson and Bernstein, 2012):
//! independent positions, not double hashing, whose pattern attacks exploit (Niedermeyer et al., 2014).

use std::hash::Hasher;

use model::profile::FilterShape;
use secret::cipher::Block;
use siphasher::sip::SipHasher24;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The key of one namespace.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct FilterKey([u8; FILTER_KEY_BYTES]);

/// Bytes of key material one [`FilterKey`] takes.
pub(crate) const FILTER_KEY_BYTES: usize = 16;

impl FilterKey {
    /// Reads a key from fresh key material of [`FILTER_KEY_BYTES`].
    pub(crate) fn read(material: &[u8]) -> Self {
        let mut key = [0; FILTER_KEY_BYTES];
        key.copy_from_slice(material);
        Self(key)
    }

    /// Sets the bits of `token` in `filter`.
    pub(crate) fn insert(&self, token: &Block, shape: FilterShape, filter: &mut [u8]) {
        debug_assert_eq!(filter.len() * 8, 1 << shape.log2_bits);
        let shift = 32 - shape.log2_bits;
        for pair in 0..shape.hashes.div_ceil(2) {
            let mut hasher = SipHasher24::new_with_key(&self.0);
            hasher.write(token);
            hasher.write_u32(pair);
            let hash = hasher.finish();
            bits::set_bit(filter, (hash as u32 >> shift) as usize);
            if pair * 2 + 1 < shape.hashes {
                bits::set_bit(filter, ((hash >> 32) as u32 >> shift) as usize);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: FilterShape = FilterShape {
        log2_bits: 10,
        hashes: 3,
    };

    fn filter(key: u8, tokens: &[u8]) -> [u8; 128] {
        let key = FilterKey::read(&[key; FILTER_KEY_BYTES]);
        let mut filter = [0; 128];
        tokens
            .iter()
            .for_each(|token| key.insert(&[*token; 16], SHAPE, &mut filter));
        filter
    }

    #[test]
    fn a_token_sets_its_number_of_positions_within_the_filter() {
        assert!((1..=3).contains(&bits::popcount(&filter(1, &[5]))));
    }

    #[test]
    fn a_filter_is_the_union_of_its_tokens() {
        let (one, other) = (filter(1, &[5]), filter(1, &[6]));
        let union: Vec<u8> = one.iter().zip(other).map(|(a, b)| a | b).collect();
        assert_eq!(filter(1, &[6, 5, 6]).to_vec(), union);
    }

    #[test]
    fn another_key_sets_other_positions() {
        assert_ne!(filter(1, &[5, 6, 7]), filter(2, &[5, 6, 7]));
    }
}
