//! Raw identifiers and local keys as types that cannot be printed, cloned, compared or serialised,
//! and their normalisation: from what a registry wrote to one canonical form.
//!
//! Only a custodian's programs may reach this crate; `tests/architecture.rs` holds that.

mod code;
mod date;
mod fold;
mod names;
mod nicknames;
mod normalise;
mod numbers;
mod packed;
mod particles;
mod placeholders;
mod places;
mod plan;
mod raw;
mod shapes;
mod slate;

pub use date::PartialDate;
pub use normalise::{NormalisedRecord, NormalisedValue, Normaliser, Problem, ProblemKind};
pub use packed::PackedRecords;
pub use plan::ColumnPlan;
pub use raw::{LocalKey, RawField, RawRecord};

pub use code::{PhoneticCode, phonetic_code, soften};
