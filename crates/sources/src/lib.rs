//! Where records come from. Today: CSV files, plain or gzip.
//!
//! A source yields raw records in chunks; it reads only the columns its plan names, refuses what it
//! cannot trust, and says where: file, row and column, never a value.

mod csv_file;

pub use csv_file::{CsvFile, SourceError};
