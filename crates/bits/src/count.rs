//! Exact counts over whole vectors, eight bytes at a time.

/// Set bits of `a`.
pub fn popcount(a: &[u8]) -> u32 {
    words(a).map(u64::count_ones).sum()
}

/// Bits in which `a` and `b` differ. Both have the same length.
pub fn hamming(a: &[u8], b: &[u8]) -> u32 {
    debug_assert_eq!(a.len(), b.len());
    words(a)
        .zip(words(b))
        .map(|(a, b)| (a ^ b).count_ones())
        .sum()
}

/// Bits set in both `a` and `b`. Both have the same length.
pub fn and_count(a: &[u8], b: &[u8]) -> u32 {
    debug_assert_eq!(a.len(), b.len());
    words(a)
        .zip(words(b))
        .map(|(a, b)| (a & b).count_ones())
        .sum()
}

fn words(vector: &[u8]) -> impl Iterator<Item = u64> + '_ {
    debug_assert_eq!(vector.len() % 8, 0);
    vector.chunks_exact(8).map(|chunk| {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        u64::from_le_bytes(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::get_bit;
    use proptest::prelude::*;

    fn pair() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
        (1usize..20).prop_flat_map(|words| {
            let bytes = words * 8;
            (
                proptest::collection::vec(any::<u8>(), bytes),
                proptest::collection::vec(any::<u8>(), bytes),
            )
        })
    }

    proptest! {
        #[test]
        fn counts_equal_counting_bit_by_bit((a, b) in pair()) {
            let count = |test: &dyn Fn(usize) -> bool| (0..a.len() * 8).filter(|i| test(*i)).count() as u32;
            prop_assert_eq!(popcount(&a), count(&|i| get_bit(&a, i)));
            prop_assert_eq!(and_count(&a, &b), count(&|i| get_bit(&a, i) && get_bit(&b, i)));
            prop_assert_eq!(hamming(&a, &b), count(&|i| get_bit(&a, i) != get_bit(&b, i)));
        }

        #[test]
        fn counts_fit_together((a, b) in pair()) {
            prop_assert_eq!(hamming(&a, &b) + 2 * and_count(&a, &b), popcount(&a) + popcount(&b));
        }
    }
}
