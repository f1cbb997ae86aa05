//! Encodings bit for bit those of clkhash 0.18.3: a linkage schema (version 1, 2 or 3), a secret and a
//! CSV file become one CLK a record.
//!
//! This is the profile of those who already link with clkhash and anonlink; `docs/clkhash.md` says what
//! it leaks compared with block-keyed signatures. The way of a record: cells are checked and brought
//! into canonical form (`value`), fall into tokens (`token`), tokens into bit positions under keys
//! of their feature (`kdf`, `hashing`), all in one filter, which is folded and packed (`fold`).

mod cache;
mod convert;
mod csv;
mod date;
mod encoder;
mod error;
mod file;
mod filter;
mod fold;
mod grammar;
mod hashing;
mod json;
mod kdf;
mod lines;
mod number;
mod numeric;
mod pattern;
mod place;
mod rows;
mod schema;
mod short;
mod statistics;
mod token;
mod value;

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod vectors;

pub use convert::MAX_SCHEMA_BYTES;
pub use encoder::{ClkEncoder, ClkWorker, RefusedCell};
pub use error::{
    CellProblem, DateProblem, EncodeError, KeyError, PatternError, Problem, RowPlace, SchemaError,
};
pub use file::{Header, ReadOptions, encode_csv};
pub use grammar::SchemaVersion;
pub use json::Document;
pub use kdf::ClkSecret;
pub use schema::{ClkSchema, FeatureSummary, MAX_FEATURES, MAX_FILTER_BITS, MAX_INSERTIONS};
pub use statistics::{PopcountRange, PopcountSummary, Popcounts};
