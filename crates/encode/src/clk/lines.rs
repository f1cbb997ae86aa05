//! Words in whole lines of a processor's cache: what is one line long is read with one fetch.

use std::ops::Range;

use zeroize::Zeroize;

/// Words of a line.
pub(super) const LINE_WORDS: usize = 8;
/// Bytes of a line.
const LINE_BYTES: usize = 64;

/// As much as a processor fetches at once.
pub(super) type Line = [u64; LINE_WORDS];

/// Lines that start where those of the processor do. Wiped on drop by those who know which are used.
pub(super) struct Lines {
    words: Vec<u64>,
    /// The word the first line starts with.
    first: usize,
    count: usize,
}

impl Lines {
    /// So many lines of zeros. Memory is taken when it is written to.
    pub(super) fn zeros(count: usize) -> Self {
        // One line more: the allocation may start within one.
        let words = vec![0_u64; (count + 1) * LINE_WORDS];
        // Where it cannot be told, all works the same, only slower.
        let first = words.as_ptr().align_offset(LINE_BYTES).min(LINE_WORDS);
        Self {
            words,
            first,
            count,
        }
    }

    #[inline]
    pub(super) fn all(&self) -> &[Line] {
        let (lines, _) = self.words[self.first..].as_chunks();
        &lines[..self.count]
    }

    #[inline]
    pub(super) fn all_mut(&mut self) -> &mut [Line] {
        let (lines, _) = self.words[self.first..].as_chunks_mut();
        &mut lines[..self.count]
    }

    /// Wipes some of them.
    pub(super) fn wipe(&mut self, range: Range<usize>) {
        self.all_mut()[range].as_flattened_mut().zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_and_as_many_as_asked_for() {
        for count in 0..5 {
            let mut lines = Lines::zeros(count);
            assert_eq!(lines.all().len(), count);
            assert_eq!(lines.all_mut().as_ptr().align_offset(LINE_BYTES), 0);
            lines.all_mut().fill([7; LINE_WORDS]);
            lines.wipe(0..count);
            assert!(lines.all().iter().all(|line| *line == [0; LINE_WORDS]));
        }
    }
}
