//! How rows lie for the kernels: eight rows side by side, word by word, so that one vector register
//! holds the same word of eight rows and counts stay in lanes until they are compared.

use std::ops::Range;

/// Rows side by side in one panel.
pub const PANEL_ROWS: usize = 8;

/// The same word of the eight rows of a panel, one cache line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, align(64))]
pub(super) struct Line(pub(super) [u64; PANEL_ROWS]);

/// Rows of equal width in panels of [`PANEL_ROWS`]. The last panel is filled up with rows of zeros.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Panels {
    words: usize,
    rows: usize,
    lines: Vec<Line>,
}

impl Panels {
    /// Lays out `rows`, each of `words` words. Shorter rows are filled up with zeros, longer ones are
    /// cut.
    pub fn new<'a>(words: usize, rows: impl ExactSizeIterator<Item = &'a [u64]>) -> Self {
        let count = rows.len();
        let mut lines = vec![Line([0; PANEL_ROWS]); count.div_ceil(PANEL_ROWS) * words];
        for (index, row) in rows.enumerate() {
            let start = index / PANEL_ROWS * words;
            for (line, word) in lines[start..start + words].iter_mut().zip(row) {
                line.0[index % PANEL_ROWS] = *word;
            }
        }
        Self {
            words,
            rows: count,
            lines,
        }
    }

    /// Rows, without those that fill up the last panel.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Words of 64 bits in a row.
    pub fn words(&self) -> usize {
        self.words
    }

    /// Panels, counting the last one that may not be full.
    pub fn count(&self) -> usize {
        self.rows.div_ceil(PANEL_ROWS)
    }

    /// The first `words` lines of panel `index`.
    pub(super) fn head(&self, index: usize, words: usize) -> &[Line] {
        &self.lines[index * self.words..][..words]
    }

    /// Which rows of panel `index` do not only fill it up, one bit each.
    pub(super) fn real(&self, index: usize) -> u8 {
        match self.rows - index * PANEL_ROWS {
            PANEL_ROWS.. => u8::MAX,
            rows => (1 << rows) - 1,
        }
    }

    /// Panel numbers in `range` that exist.
    pub(super) fn within(&self, range: Range<usize>) -> Range<usize> {
        range.start.min(self.count())..range.end.min(self.count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_lie_side_by_side_and_the_last_panel_is_filled_with_zeros() {
        let rows: Vec<[u64; 3]> = (0..10)
            .map(|row| [row * 10, row * 10 + 1, row * 10 + 2])
            .collect();
        let panels = Panels::new(3, rows.iter().map(|row| &row[..]));
        assert_eq!((panels.rows(), panels.count(), panels.words()), (10, 2, 3));
        assert_eq!(panels.head(0, 3)[1].0, [1, 11, 21, 31, 41, 51, 61, 71]);
        assert_eq!(panels.head(1, 3)[2].0, [82, 92, 0, 0, 0, 0, 0, 0]);
        assert_eq!(panels.within(1..9), 1..2);
        assert_eq!((panels.real(0), panels.real(1)), (0xff, 0b11));
    }
}
