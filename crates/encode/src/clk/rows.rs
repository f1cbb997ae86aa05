//! Some rows of a file with their cells, as the reader of CSV hands them on.

use std::ops::Range;

use zeroize::Zeroizing;

use super::error::RowPlace;

/// Some rows of a file, their cells without quotes. Wiped on drop.
#[derive(Default)]
pub(super) struct Rows {
    text: Zeroizing<Vec<u8>>,
    /// Where each cell ends in `text`.
    cell_ends: Vec<usize>,
    rows: Vec<RowEnd>,
    /// The number of the first row.
    first: u64,
}

/// A row of a batch.
#[derive(Clone, Copy)]
struct RowEnd {
    /// The cells of the batch up to its end.
    cells: usize,
    /// The line it starts on.
    line: u64,
}

impl Rows {
    /// No rows yet, the first of which will have the number `first`; room for `bytes` of text.
    pub(super) fn new(first: u64, bytes: usize) -> Self {
        Self {
            text: Zeroizing::new(Vec::with_capacity(bytes)),
            first,
            ..Self::default()
        }
    }

    /// Adds text to the cell that has begun.
    #[inline]
    pub(super) fn push(&mut self, text: &[u8]) {
        let needed = self.text.len() + text.len();
        if needed > self.text.capacity() {
            // A vector that grows by itself leaves its old bytes behind unwiped.
            let mut larger = Zeroizing::new(Vec::with_capacity(needed.next_power_of_two()));
            larger.extend_from_slice(&self.text);
            self.text = larger;
        }
        self.text.extend_from_slice(text);
    }

    /// Ends the cell that has begun.
    #[inline]
    pub(super) fn end_cell(&mut self) {
        self.cell_ends.push(self.text.len());
    }

    /// Ends the row that has begun, which starts on this line.
    #[inline]
    pub(super) fn end_row(&mut self, line: u64) {
        let cells = self.cell_ends.len();
        self.rows.push(RowEnd { cells, line });
    }

    /// Bytes of all cells, also of those that have only begun.
    #[inline]
    pub(super) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Cells of the row that has begun.
    #[inline]
    pub(super) fn begun_cells(&self) -> usize {
        self.cell_ends.len() - self.ended_cells()
    }

    /// Bytes of the row that has begun.
    #[inline]
    pub(super) fn begun_bytes(&self) -> usize {
        let last = self.ended_cells().checked_sub(1);
        self.text.len() - last.map_or(0, |cell| self.cell_ends[cell])
    }

    /// What there is of the cell that has begun.
    #[inline]
    pub(super) fn begun_cell(&self) -> &[u8] {
        &self.text[self.cell_ends.last().copied().unwrap_or(0)..]
    }

    /// Cells of the rows that have ended.
    #[inline]
    fn ended_cells(&self) -> usize {
        self.rows.last().map_or(0, |row| row.cells)
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Where a row of the batch stands in the file.
    pub(super) fn place(&self, row: usize) -> RowPlace {
        RowPlace {
            row: self.first + row as u64,
            line: self.rows[row].line,
        }
    }

    /// Where the cells of a row lie in the bytes of the batch.
    #[inline]
    fn ranges(&self, row: usize) -> impl ExactSizeIterator<Item = Range<usize>> {
        let before = |place: usize| place.checked_sub(1);
        let first = before(row).map_or(0, |row| self.rows[row].cells);
        (first..self.rows[row].cells).map(move |cell| {
            let start = before(cell).map_or(0, |cell| self.cell_ends[cell]);
            start..self.cell_ends[cell]
        })
    }

    /// The bytes of the cells of a row.
    pub(super) fn cells(&self, row: usize) -> impl ExactSizeIterator<Item = &[u8]> {
        self.ranges(row).map(|range| &self.text[range])
    }

    /// The cells of all rows.
    pub(super) fn texts(&self) -> Texts<'_> {
        Texts {
            rows: self,
            whole: std::str::from_utf8(&self.text).ok(),
        }
    }
}

/// The cells of a batch as text, checked all at once when all is well.
pub(super) struct Texts<'a> {
    rows: &'a Rows,
    whole: Option<&'a str>,
}

impl<'a> Texts<'a> {
    /// The cells of a row; none for one that is not UTF-8.
    #[inline]
    pub(super) fn row(&self, row: usize) -> impl ExactSizeIterator<Item = Option<&'a str>> {
        let rows = self.rows;
        rows.ranges(row).map(move |range| match self.whole {
            // A cell that starts within a character is not UTF-8, even if all is together.
            Some(whole) => whole.get(range),
            None => std::str::from_utf8(&rows.text[range]).ok(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growing_keeps_what_there_is() {
        let mut rows = Rows::new(7, 4);
        for cell in [&b"abcdef"[..], b"", &[b'x'; 1000]] {
            rows.push(cell);
            rows.end_cell();
        }
        assert_eq!((rows.begun_cells(), rows.begun_bytes()), (3, 1006));
        rows.end_row(9);
        rows.push(b"yz");
        assert_eq!((rows.begun_bytes(), rows.begun_cell()), (2, &b"yz"[..]));
        let cells: Vec<&[u8]> = rows.cells(0).collect();
        assert_eq!(cells, [&b"abcdef"[..], b"", &[b'x'; 1000]]);
        assert_eq!((rows.place(0).row, rows.place(0).line), (7, 9));
    }
}
