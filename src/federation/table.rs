//! A registry's file in memory, by column: only for the report of a rehearsal, whose registries are
//! made up.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Context;

use crate::truth::open;

/// A CSV file, read whole.
pub(super) struct Table {
    columns: HashMap<String, usize>,
    rows: Vec<csv::StringRecord>,
}

impl Table {
    /// Reads a file, plain or gzip.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
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
    pub(super) fn rows(&self) -> impl Iterator<Item = RowOf<'_>> {
        self.rows.iter().map(|row| RowOf { table: self, row })
    }
}

/// One row of a table.
#[derive(Clone, Copy)]
pub(super) struct RowOf<'a> {
    table: &'a Table,
    row: &'a csv::StringRecord,
}

impl<'a> RowOf<'a> {
    /// The value of `column`.
    pub(super) fn get(self, column: &str) -> &'a str {
        self.table
            .columns
            .get(column)
            .and_then(|place| self.row.get(*place))
            .unwrap_or_default()
    }
}
