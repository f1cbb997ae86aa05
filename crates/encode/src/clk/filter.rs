//! The filter of a record before folding.

use super::lines::{LINE_WORDS, Line, Lines};

/// Bits that can be set; bit 0 is the highest of the first word.
pub(super) struct Bits<'a> {
    lines: &'a mut [Line],
    count: usize,
}

impl<'a> Bits<'a> {
    /// The first `count` bits of some lines.
    pub(super) fn of(lines: &'a mut [Line], count: usize) -> Self {
        Self { lines, count }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Sets the bit at a position below [`Bits::count`].
    #[inline]
    pub(super) fn set(&mut self, position: usize) {
        if let Some(word) = self.lines.as_flattened_mut().get_mut(position / 64) {
            *word |= 1 << 63 >> (position % 64);
        }
    }
}

/// A filter.
pub(super) struct Filter {
    lines: Lines,
    bits: usize,
}

impl Filter {
    pub(super) fn new(bits: usize) -> Self {
        let lines = Lines::zeros(lines_of(bits));
        Self { lines, bits }
    }

    pub(super) fn clear(&mut self) {
        self.lines.all_mut().fill([0; LINE_WORDS]);
    }

    pub(super) fn words(&self) -> &[u64] {
        &self.lines.all().as_flattened()[..self.bits.div_ceil(64)]
    }

    pub(super) fn lines_mut(&mut self) -> &mut [Line] {
        self.lines.all_mut()
    }
}

/// The lines that hold so many bits.
pub(super) fn lines_of(bits: usize) -> usize {
    bits.div_ceil(64 * LINE_WORDS)
}

/// Sets in `lines` what is set in `mask`.
#[inline]
pub(super) fn unite(lines: &mut [Line], mask: &[Line]) {
    for (line, mask) in lines.iter_mut().zip(mask) {
        // A copy is known to be no part of the mask: it is united in registers.
        let mut united = *line;
        for (word, mask) in united.iter_mut().zip(mask) {
            *word |= mask;
        }
        *line = united;
    }
}

impl Drop for Filter {
    fn drop(&mut self) {
        self.lines.wipe(0..lines_of(self.bits));
    }
}
