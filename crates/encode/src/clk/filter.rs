//! The filter of a record before folding, and faster forms of it for many bits at a time.

use zeroize::Zeroize;

/// Something with bits to set.
pub(super) trait Bits {
    fn bits(&self) -> usize;
    /// Sets the bit at a position below [`Bits::bits`].
    fn set(&mut self, position: usize);
}

/// A filter; bit 0 is the highest of the first word.
pub(super) struct Filter {
    words: Vec<u64>,
    bits: usize,
}

impl Filter {
    pub(super) fn new(bits: usize) -> Self {
        let words = vec![0; bits.div_ceil(64)];
        Self { words, bits }
    }

    pub(super) fn clear(&mut self) {
        self.words.fill(0);
    }

    pub(super) fn words(&self) -> &[u64] {
        &self.words
    }

    /// Sets what is set in `mask`.
    #[inline]
    pub(super) fn unite(&mut self, mask: &[u64]) {
        for (word, mask) in self.words.iter_mut().zip(mask) {
            *word |= mask;
        }
    }
}

impl Bits for Filter {
    fn bits(&self) -> usize {
        self.bits
    }

    #[inline]
    fn set(&mut self, position: usize) {
        if let Some(word) = self.words.get_mut(position / 64) {
            *word |= 1 << 63 >> (position % 64);
        }
    }
}

/// A filter with a byte for each bit: setting a bit is one store that waits for no other.
pub(super) struct Marks {
    bytes: Vec<[u8; 8]>,
    bits: usize,
}

impl Marks {
    pub(super) fn new(bits: usize) -> Self {
        let bytes = vec![[0; 8]; bits.div_ceil(64) * 8];
        Self { bytes, bits }
    }

    /// Sets in `filter` what is set here, and clears this.
    pub(super) fn drain_into(&mut self, filter: &mut Filter) {
        // One bit of each of eight bytes, gathered in the highest byte of the product.
        const GATHER: u64 = 0x8040_2010_0804_0201;
        for (word, eights) in filter.words.iter_mut().zip(self.bytes.chunks_exact(8)) {
            let gather = |marks: &[u8; 8]| u64::from_le_bytes(*marks).wrapping_mul(GATHER) >> 56;
            *word |= eights
                .iter()
                .fold(0, |bits, marks| bits << 8 | gather(marks));
        }
        self.bytes.fill([0; 8]);
    }
}

impl Bits for Marks {
    fn bits(&self) -> usize {
        self.bits
    }

    #[inline]
    fn set(&mut self, position: usize) {
        if let Some(byte) = self.bytes.as_flattened_mut().get_mut(position) {
            *byte = 1;
        }
    }
}

impl Drop for Marks {
    fn drop(&mut self) {
        self.bytes.as_flattened_mut().zeroize();
    }
}

impl Drop for Filter {
    fn drop(&mut self) {
        self.words.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn marks_and_bits_are_the_same(positions in prop::collection::vec(0..500_usize, 0..200), bits in 500..600_usize) {
            let (mut filter, mut marks) = (Filter::new(bits), Marks::new(bits));
            for position in positions {
                filter.set(position);
                marks.set(position);
            }
            let mut drained = Filter::new(bits);
            marks.drain_into(&mut drained);
            prop_assert_eq!(drained.words(), filter.words());
            marks.drain_into(&mut drained);
            prop_assert_eq!(drained.words(), filter.words());
        }
    }
}
