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

/// The key of one namespace within one block.
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

    /// Adds the positions of `token` to `filter`, which is a list, not yet sorted.
    pub(crate) fn insert(&self, token: &TokenDigest, shape: FilterShape, filter: &mut Vec<u32>) {
        debug_assert!((1..=32).contains(&shape.log2_bits));
        let shift = 32 - shape.log2_bits;
        for pair in 0..shape.hashes.div_ceil(2) {
            let mut hasher = SipHasher24::new_with_key(&self.0);
            hasher.write(token);
            hasher.write_u32(pair);
            let hash = hasher.finish();
            filter.push(hash as u32 >> shift);
            if pair * 2 + 1 < shape.hashes {
                filter.push((hash >> 32) as u32 >> shift);
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
        log2_bits: 10,
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
        assert!(
            positions
                .iter()
                .all(|position| *position < 1 << SHAPE.log2_bits)
        );
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
