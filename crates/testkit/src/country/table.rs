//! A table of text that stays small: all cells in one string, so a million rows cost little more than their letters.

use super::rng::Rng;

/// Rows of text under named columns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Table {
    columns: &'static [&'static str],
    text: String,
    /// Where each cell ends in `text`, row after row.
    ends: Vec<usize>,
}

impl Table {
    pub(super) fn new(columns: &'static [&'static str]) -> Self {
        Self {
            columns,
            text: String::new(),
            ends: Vec::new(),
        }
    }

    /// The names of the columns, in the order they are written.
    pub fn columns(&self) -> &'static [&'static str] {
        self.columns
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.ends.len() / self.columns.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The cells of row `row`, from the first column to the last. Panics if there is no such row.
    pub fn row(&self, row: usize) -> impl Iterator<Item = &str> {
        let first = row * self.columns.len();
        (first..first + self.columns.len()).map(|cell| self.text_of(cell))
    }

    /// The cell of row `row` under `column`; none if there is no such column. Panics if there is no such row.
    pub fn cell(&self, row: usize, column: &str) -> Option<&str> {
        let position = self.columns.iter().position(|&name| name == column)?;
        Some(self.text_of(row * self.columns.len() + position))
    }

    /// Every cell under `column`; none at all if there is no such column.
    pub fn column<'a>(&'a self, column: &str) -> impl Iterator<Item = &'a str> {
        let position = self.columns.iter().position(|&name| name == column);
        let cells = position.map_or(0..0, |_| 0..self.len());
        let first = position.unwrap_or(0);
        cells.map(move |row| self.text_of(row * self.columns.len() + first))
    }

    /// Adds a row; it has as many cells as there are columns, which the type of each registry's `COLUMNS` sees to.
    pub(super) fn push<const N: usize>(&mut self, cells: [&str; N]) {
        debug_assert_eq!(N, self.columns.len(), "cells in a row");
        for cell in cells {
            self.text.push_str(cell);
            self.ends.push(self.text.len());
        }
    }

    /// The same rows in a random order, so that a row's place says nothing about it.
    pub(super) fn shuffled(&self, rng: &mut Rng) -> Self {
        let mut order: Vec<usize> = (0..self.len()).collect();
        rng.shuffle(&mut order);
        let mut shuffled = Self {
            columns: self.columns,
            text: String::with_capacity(self.text.len()),
            ends: Vec::with_capacity(self.ends.len()),
        };
        for row in order {
            for cell in self.row(row) {
                shuffled.text.push_str(cell);
                shuffled.ends.push(shuffled.text.len());
            }
        }
        shuffled
    }

    fn text_of(&self, cell: usize) -> &str {
        let start = if cell == 0 { 0 } else { self.ends[cell - 1] };
        &self.text[start..self.ends[cell]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Table {
        let mut table = Table::new(&["letter", "number"]);
        for (letter, number) in [("a", "1"), ("b", ""), ("", "3")] {
            table.push([letter, number]);
        }
        table
    }

    #[test]
    fn cells_come_back() {
        let table = sample();
        assert_eq!(table.len(), 3);
        assert_eq!(table.row(0).collect::<Vec<_>>(), ["a", "1"]);
        assert_eq!(table.cell(1, "letter"), Some("b"));
        assert_eq!(table.cell(2, "letter"), Some(""));
        assert_eq!(table.cell(0, "colour"), None);
        assert_eq!(table.column("number").collect::<Vec<_>>(), ["1", "", "3"]);
        assert_eq!(table.column("colour").count(), 0);
    }

    #[test]
    fn shuffling_keeps_rows_whole() {
        let table = sample();
        let shuffled = table.shuffled(&mut Rng::for_job(1, "test"));
        let mut rows: Vec<Vec<&str>> = (0..3).map(|row| shuffled.row(row).collect()).collect();
        rows.sort_unstable();
        assert_eq!(rows, [vec!["", "3"], vec!["a", "1"], vec!["b", ""]]);
    }
}
