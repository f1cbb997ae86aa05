//! Keyed Bloom filters, as the sorted list of their set positions.
//!
//! A token is first digested under a key of its namespace (HMAC-SHA256, once a record), then hashed
//! to positions under the filter key of the block (SipHash-2-4, Aumasson and Bernstein, 2012, once a
//! token and block): independent positions, not double hashing, whose pattern attacks exploit
//! (Niedermeyer et al., 2014).

use std::hash::Hasher;

use model::profile::FilterShape;
use siphasher::sip::SipHasher24;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The keyed digest of a token.
pub(crate) type TokenDigest = [u8; 16];

/// The key of one namespace within one block: positions of tokens, and the seed of signatures.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct FilterKey {
    positions: [u8; 16],
    pub(crate) seed: u32,
}

/// Bytes of key material one [`FilterKey`] takes.
pub(crate) const FILTER_KEY_BYTES: usize = 20;

impl FilterKey {
    /// Reads a key from fresh key material.
    pub(crate) fn read(material: &[u8]) -> Self {
        let (mut positions, mut seed) = ([0; 16], [0; 4]);
        positions.copy_from_slice(&material[..16]);
        seed.copy_from_slice(&material[16..FILTER_KEY_BYTES]);
        Self {
            positions,
            seed: u32::from_le_bytes(seed),
        }
    }

    /// Adds the positions of `token` to `filter`, which is a list, not yet sorted.
    pub(crate) fn insert(&self, token: &TokenDigest, shape: FilterShape, filter: &mut Vec<u32>) {
        debug_assert!(shape.bits.is_power_of_two() && shape.bits <= 1 << 16);
        let mask = shape.bits - 1;
        for pair in 0..shape.hashes.div_ceil(2) {
            let mut hasher = SipHasher24::new_with_key(&self.positions);
            hasher.write(token);
            hasher.write_u32(pair);
            let hash = hasher.finish();
            filter.push(hash as u32 & mask);
            if pair * 2 + 1 < shape.hashes {
                filter.push((hash >> 32) as u32 & mask);
            }
        }
    }
}

/// Brings a list of positions into the one form of a set: sorted, each once.
pub(crate) fn settle(filter: &mut Vec<u32>) {
    filter.sort_unstable();
    filter.dedup();
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: FilterShape = FilterShape {
        bits: 1024,
        hashes: 3,
    };

    fn filter(key: u8, tokens: &[u8]) -> Vec<u32> {
        let key = FilterKey::read(&[key; FILTER_KEY_BYTES]);
        let mut filter = Vec::new();
        tokens
            .iter()
            .for_each(|token| key.insert(&[*token; 16], SHAPE, &mut filter));
        settle(&mut filter);
        filter
    }

    #[test]
    fn a_token_sets_its_number_of_positions_within_the_filter() {
        let positions = filter(1, &[5]);
        assert!((1..=3).contains(&positions.len()));
        assert!(positions.iter().all(|position| *position < SHAPE.bits));
    }

    #[test]
    fn a_filter_is_the_union_of_its_tokens() {
        let mut union = [filter(1, &[5]), filter(1, &[6])].concat();
        settle(&mut union);
        assert_eq!(filter(1, &[6, 5, 6]), union);
    }

    #[test]
    fn another_key_sets_other_positions() {
        assert_ne!(filter(1, &[5, 6, 7]), filter(2, &[5, 6, 7]));
    }
}
