//! Memory that begins where a line of the processor's cache does, so that no access as wide as a line takes two.

use zeroize::{Zeroize, ZeroizeOnDrop};

const LINE_BYTES: usize = 64;

/// Memory for items of a size that divides a line, used again and again. Wiped on drop.
#[derive(Default, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Lines<T: Zeroize> {
    items: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Copy + Default + Zeroize> Lines<T> {
    const ITEMS: usize = LINE_BYTES / size_of::<T>();

    /// Room for so many items, in which anything may stand.
    pub(crate) fn room(&mut self, len: usize) -> &mut [T] {
        // Up to a line more, since items before the first line's start are passed over.
        if self.items.len() < len + Self::ITEMS {
            // What a vector outgrows is not wiped by itself.
            self.items.zeroize();
            self.items = vec![T::default(); len + Self::ITEMS];
        }
        // Where items straddle lines in any case, one start is as good as another.
        self.start = (self.items.as_ptr())
            .align_offset(LINE_BYTES)
            .min(Self::ITEMS);
        self.len = len;
        self.all_mut()
    }

    /// The items that there was room made for last.
    pub(crate) fn all(&self) -> &[T] {
        &self.items[self.start..self.start + self.len]
    }

    /// The same, to be written.
    pub(crate) fn all_mut(&mut self) -> &mut [T] {
        &mut self.items[self.start..self.start + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_begins_with_a_line_and_holds_what_is_written() {
        let mut lines = Lines::default();
        for len in [3, 200, 64, 1000] {
            lines.room(len).fill(len as u64);
            assert_eq!(lines.all(), vec![len as u64; len]);
            assert!(lines.all().as_ptr().addr().is_multiple_of(LINE_BYTES));
        }
    }
}
