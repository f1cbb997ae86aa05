//! Records to tokens to encodings to hardened encodings, with block keys and handles.
//!
//! The way of one record: its normalised values fall into tokens; every token becomes a keyed
//! digest; for each blocking pass and block value the digests are hashed into Bloom filters under
//! keys derived from that block value; filters are hardened to signatures of fixed length and some
//! bits are flipped; the signatures leave as a row under a handle that nobody else can trace.
//!
//! This crate owns the linkage key; `tests/architecture.rs` keeps it out of the coordinator's reach.

mod batch;
mod block;
mod calibration;
mod clear;
pub mod clk;
mod decoys;
mod encoder;
mod filter;
mod handing_on;
mod keys;
mod lines;
mod noise;
mod patterns;
mod prepare;
mod prepare_report;
mod rows;
mod served;
mod signature;
mod sketch;
mod tally;
mod token;
mod token_key;
mod trial;

/// The most block values one record has in one pass.
pub const MAX_BLOCKS: usize = block::MAX_BLOCKS;

/// The block values of a record in a pass, each once; none when a component is missing. Values are
/// wiped on drop.
pub fn block_values(
    pass: &model::schema::Pass,
    record: &records::NormalisedRecord,
) -> Vec<zeroize::Zeroizing<Vec<u8>>> {
    let mut values = Vec::new();
    block::Forms::of(record).for_each(pass, |value| {
        values.push(zeroize::Zeroizing::new(value.to_vec()));
    });
    values
}

pub use batch::UnsortedBatch;
pub use calibration::{Rank, Sampled};
pub use clear::{ClearReader, ClearRecord, Overlap};
pub use decoys::{DecoyMaker, MadeDecoy};
pub use handing_on::{HandedOn, RowsOfRecord, TakeRows};
pub use keys::{EpochKeys, LinkageKey, NodeKeys};
pub use prepare::{HandleEntry, MAX_RECORDS, PrepareError, Prepared, Preparer, Standing};
pub use prepare_report::{PrepareReport, ProblemCount};
pub use rows::SortedRows;
pub use served::{Input, InputReader, MissingOutput, Outputs, UnservedKeys};
pub use tally::BlockTally;
pub use trial::{TrialKeys, TrialRows, trial_rows};
