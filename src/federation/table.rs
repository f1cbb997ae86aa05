//! A file in memory, by column: made-up registries, and what is known of the people in them. Only for
//! the reports of rehearsals.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Context;

use crate::truth::open;

/// A CSV file, read whole.
pub(crate) struct Table {
    columns: HashMap<String, usize>,
    rows: Vec<csv::StringRecord>,
}

impl Table {
    /// Reads a file, plain or gzip.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let place = || path.display().to_string();
        let mut reader = csv::Reader::from_reader(open(path).with_context(place)?);
        let header = reader.headers().with_context(place)?.clone();
        let columns = header
            .iter()
            .enumerate()
            .map(|(place, name)| (name.to_owned(), place))
            .collect();
        let rows = reader
            .records()
            .collect::<Result<_, _>>()
            .with_context(place)?;
        Ok(Self { columns, rows })
    }

    /// The rows, each as a way to look up a column; a column that is not there is empty.
    pub(crate) fn rows(&self) -> impl Iterator<Item = RowOf<'_>> {
        self.rows.iter().map(|row| RowOf { table: self, row })
    }
}

/// One row of a table.
#[derive(Clone, Copy)]
pub(crate) struct RowOf<'a> {
    table: &'a Table,
    row: &'a csv::StringRecord,
}

impl<'a> RowOf<'a> {
    /// The value of `column`.
    pub(crate) fn get(self, column: &str) -> &'a str {
        self.table
            .columns
            .get(column)
            .and_then(|place| self.row.get(*place))
            .unwrap_or_default()
    }
}
