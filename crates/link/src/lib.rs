//! Encodings to blocks to pairs to comparison vectors, and from there to match weights, links and
//! clusters. Synchronous, without clock or randomness: the same inputs give the same bytes on any
//! number of threads, so that an auditor can replay a run.
//!
//! Two halves that share no input, as the two roles of the coordinator do: [`matcher`] sees
//! encodings and block tokens under pass handles; [`mod@resolve`] sees which records the handles belong
//! to and the comparisons, never an encoding.

pub mod clk;
pub mod comparison;
pub mod evaluate;
pub mod lookup;
pub mod matcher;
mod memory;
pub mod resolve;
pub mod scratch;

pub use comparison::{Comparison, ComparisonLayout, MISSING, RowId};
pub use evaluate::{Quality, evaluate};
pub use lookup::{LookupError, StandingIndex};
pub use matcher::{Comparer, Extension, Intake, MatchError, PartyRows, RowBatch, compare};
pub use memory::{Memory, MemoryError};
pub use resolve::{
    Answer, Answerer, Cluster, CutReason, Decision, Link, RecordSet, Resolution, ResolveError,
    Resolver, Verdict, resolve,
};
pub use scratch::{Scratch, Spool};
