//! Comparing tags and digests without telling, by how long it takes, where they first differ.

use std::hint::black_box;

/// Whether two byte strings are equal, in time that depends on their lengths alone.
///
/// Lengths are taken to be public: strings of unequal length are told apart at once.
pub fn constant_time_eq(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    let pairs = left.iter().zip(right);
    // The barrier keeps the compiler from leaving the loop once a difference is known.
    let difference = pairs.fold(0, |seen, (a, b)| black_box(seen | (a ^ b)));
    black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lengths_count() {
        assert!(constant_time_eq(b"", b""));
        assert!(!constant_time_eq(b"a", b"a\0"));
    }

    fn short() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(0u8..3, 0..4)
    }

    proptest! {
        #[test]
        fn agrees_with_plain_comparison(left in short(), right in short()) {
            prop_assert_eq!(constant_time_eq(&left, &right), left == right);
        }

        #[test]
        fn one_changed_bit_is_seen(bytes: [u8; 40], at: usize, bit in 0u32..8) {
            let mut changed = bytes;
            let at = at % bytes.len();
            changed[at] ^= 1 << bit;
            prop_assert!(!constant_time_eq(&bytes, &changed));
        }
    }
}
