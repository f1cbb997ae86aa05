//! Blocks that begin where a line of the processor's cache does, so that no access to four of them at once takes two
//! lines.

use secret::cipher::{BLOCK_BYTES, Block};
use zeroize::{Zeroize, ZeroizeOnDrop};

const LINE_BYTES: usize = 64;
const LINE: usize = LINE_BYTES / BLOCK_BYTES;

/// Memory for blocks, used again and again. Wiped on drop.
#[derive(Default, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Lines {
    blocks: Vec<Block>,
    start: usize,
    len: usize,
}

impl Lines {
    /// Room for so many blocks, in which anything may stand.
    pub(crate) fn room(&mut self, len: usize) -> &mut [Block] {
        // Up to a line more, whose blocks before the first of a line are left.
        if self.blocks.len() < len + LINE {
            self.blocks.resize(len + LINE, Block::default());
        }
        // An allocator that aligns to less than a block is not known; there any start does.
        self.start = self.blocks.as_ptr().align_offset(LINE_BYTES).min(LINE);
        self.len = len;
        self.all_mut()
    }

    /// The blocks there was room made for last.
    pub(crate) fn all(&self) -> &[Block] {
        &self.blocks[self.start..self.start + self.len]
    }

    /// The same, to be written.
    pub(crate) fn all_mut(&mut self) -> &mut [Block] {
        &mut self.blocks[self.start..self.start + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_begins_with_a_line_and_keeps_what_is_written() {
        let mut lines = Lines::default();
        for len in [3, 200, 64, 1000] {
            lines.room(len).fill([len as u8; BLOCK_BYTES]);
            assert_eq!(lines.all(), vec![[len as u8; BLOCK_BYTES]; len]);
            assert!(lines.all().as_ptr().addr().is_multiple_of(LINE_BYTES));
        }
    }
}
