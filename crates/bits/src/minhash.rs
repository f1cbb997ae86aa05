//! 1-bit minwise hashing of a set of well-mixed 32-bit elements: the kernel that turns sets into
//! signatures of fixed length.
//!
//! Bit `i` of the signature is one bit of the smallest rank over all elements, where the rank
//! of an element is a mixing bijection of `element ^ A[i]`. Elements must come well mixed; `A[i]` is
//! public.

/// The most bits of a signature.
pub const MAX_SIGNATURE_BITS: usize = 1024;

/// The bit of a rank that is told: high enough to depend on every bit of the element, low enough to
/// say nothing about being the smallest.
const TOLD_BIT: u32 = 16;

/// 2^32 over the golden ratio, made odd.
const SPREAD: u32 = 0x9e37_79b1;

/// The offsets `A[i]`: a Weyl sequence through the finaliser of MurmurHash3 (Appleby).
static OFFSETS: [u32; MAX_SIGNATURE_BITS] = offsets();

const fn offsets() -> [u32; MAX_SIGNATURE_BITS] {
    let mut offsets = [0; MAX_SIGNATURE_BITS];
    let mut index = 0;
    while index < MAX_SIGNATURE_BITS {
        let mut value = (index as u32 + 1).wrapping_mul(SPREAD);
        value = (value ^ value >> 16).wrapping_mul(0x85eb_ca6b);
        value = (value ^ value >> 13).wrapping_mul(0xc2b2_ae35);
        offsets[index] = value ^ value >> 16;
        index += 1;
    }
    offsets
}

/// Writes the signature of `elements`, at least one, into `signature`, whose length is a multiple of
/// eight bytes and at most [`MAX_SIGNATURE_BITS`] bits.
pub fn minhash(elements: &[u32], signature: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, as was just asked; the function needs nothing else.
        return unsafe { minhash_avx2(elements, signature) };
    }
    minhash_portable(elements, signature);
}

/// The portable kernel, compiled for AVX2: eight lanes and a 32-bit multiply.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn minhash_avx2(elements: &[u32], signature: &mut [u8]) {
    minhash_portable(elements, signature);
}

#[inline(always)]
fn minhash_portable(elements: &[u32], signature: &mut [u8]) {
    for (word, offsets) in signature.chunks_exact_mut(8).zip(OFFSETS.chunks_exact(64)) {
        let mut smallest = [u32::MAX; 64];
        for element in elements {
            for (least, offset) in smallest.iter_mut().zip(offsets) {
                *least = (*least).min(rank(element ^ offset));
            }
        }
        let mut bits = 0u64;
        for (index, least) in smallest.iter().enumerate() {
            bits |= u64::from(least >> TOLD_BIT & 1) << index;
        }
        word.copy_from_slice(&bits.to_le_bytes());
    }
}

/// Two rounds of multiply and shift: with one alone, two elements would not win equally often.
#[inline(always)]
fn rank(mut value: u32) -> u32 {
    value = value.wrapping_mul(SPREAD);
    value ^= value >> 15;
    value.wrapping_mul(0x2c1b_3c6d)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_kernel_gives_the_portable_bytes(elements in proptest::collection::vec(any::<u32>(), 1..50), words in 1usize..=16) {
            let (mut fast, mut portable) = (vec![0; words * 8], vec![0; words * 8]);
            minhash(&elements, &mut fast);
            minhash_portable(&elements, &mut portable);
            prop_assert_eq!(fast, portable);
        }

        #[test]
        fn order_and_repetition_do_not_matter(mut elements in proptest::collection::vec(any::<u32>(), 1..50)) {
            let mut first = [0; 128];
            minhash(&elements, &mut first);
            elements.reverse();
            elements.push(elements[0]);
            let mut second = [0; 128];
            minhash(&elements, &mut second);
            prop_assert_eq!(first, second);
        }
    }
}
