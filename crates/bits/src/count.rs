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

/// A stretch of a left vector and one of a right vector that are to be held against each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// Where it begins in the left vector, in bytes.
    pub left: usize,
    /// Where it begins in the right vector, in bytes.
    pub right: usize,
    /// How many words of 64 bits it has.
    pub words: usize,
}

/// Writes the bits in which two vectors differ in each of `stretches` into `counts`, which is as long.
///
/// # Panics
/// When a stretch reaches beyond a vector.
pub fn hamming_each(left: &[u8], right: &[u8], stretches: &[Stretch], counts: &mut [u32]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("popcnt") {
        // SAFETY: the processor has POPCNT, as was just asked; the function needs nothing else.
        return unsafe { hamming_each_popcnt(left, right, stretches, counts) };
    }
    hamming_each_portable(left, right, stretches, counts);
}

/// The same code for a processor that counts a word's bits in one instruction.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "popcnt")]
fn hamming_each_popcnt(left: &[u8], right: &[u8], stretches: &[Stretch], counts: &mut [u32]) {
    hamming_each_portable(left, right, stretches, counts);
}

#[inline(always)]
fn hamming_each_portable(left: &[u8], right: &[u8], stretches: &[Stretch], counts: &mut [u32]) {
    for (stretch, count) in stretches.iter().zip(counts) {
        let bytes = stretch.words * 8;
        let left = &left[stretch.left..][..bytes];
        let right = &right[stretch.right..][..bytes];
        let (left, right) = (left.as_chunks::<32>(), right.as_chunks::<32>());
        // Four words side by side, as most stretches have.
        let fours = left.0.iter().zip(right.0);
        let fours = fours.map(|(a, b)| differing::<4>(a.as_chunks().0, b.as_chunks().0));
        let rest = left.1.as_chunks().0.iter().zip(right.1.as_chunks().0);
        let rest = rest.map(|(a, b)| differing::<1>(&[*a], &[*b]));
        *count = fours.sum::<u32>() + rest.sum::<u32>();
    }
}

#[inline(always)]
fn differing<const N: usize>(left: &[[u8; 8]], right: &[[u8; 8]]) -> u32 {
    let words = left.iter().zip(right).take(N);
    words
        .map(|(a, b)| (u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b)).count_ones())
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
        fn stretches_are_counted_one_by_one(
            (left, right) in pair(), places in proptest::collection::vec(any::<[proptest::sample::Index; 3]>(), 0..8)
        ) {
            let all = left.len() / 8;
            let stretch = |[a, b, words]: &[proptest::sample::Index; 3]| {
                let words = words.index(all + 1);
                let start = |index: &proptest::sample::Index| 8 * index.index(all - words + 1);
                Stretch { left: start(a), right: start(b), words }
            };
            let stretches: Vec<Stretch> = places.iter().map(stretch).collect();
            let of = |s: &Stretch| hamming(&left[s.left..][..8 * s.words], &right[s.right..][..8 * s.words]);
            let one_by_one: Vec<u32> = stretches.iter().map(of).collect();
            for each in [hamming_each, hamming_each_portable] {
                let mut counts = vec![7; stretches.len()];
                each(&left, &right, &stretches, &mut counts);
                prop_assert_eq!(&counts, &one_by_one);
            }
        }

        #[test]
        fn counts_fit_together((a, b) in pair()) {
            prop_assert_eq!(hamming(&a, &b) + 2 * and_count(&a, &b), popcount(&a) + popcount(&b));
        }
    }
}
