//! The REST API of the anonlink entity service, version 1, with its results to the last bit.
//!
//! ```text
//! upload --JSON or bytes--> encodings, block rows --tiles--> raw pairs --sort--> pairs --> result
//! ```
//!
//! [`Anonlink`] is the whole service: projects and runs stand in a [`Catalogue`], bulk data in flat
//! files, and one worker takes runs from stage to stage, so that a run goes on after any end of the
//! program where its durable data end. Pairs above a threshold come from a [`Linker`]; grouping
//! and permutations are made here. What differs from the original, and why, stands in
//! `docs/anonlink-compatibility.md`.

mod catalogue;
mod files;
mod hex;
mod http;
mod id;
mod linker;
mod problem;
mod project;
pub mod reading;
mod repr;
mod run;
mod serve;
mod sort;
mod time;
mod token;
mod upload;
mod work;

pub use catalogue::{Catalogue, CatalogueError, Listed, ListedRun};
pub use id::{NotAnId, ProjectId, RunId};
pub use linker::{Linker, LinkerError, Pair, Sets};
pub use project::{Party, Project, ResultType, Upload};
pub use run::{Checkpoint, Run, RunState, Stage};
pub use serve::{Anonlink, Limits, OpenError, Parts};

/// Where random bytes come from. Tokens and permutations need a cryptographic source.
pub trait Randomness: Send + Sync {
    /// Overwrites all of `out` with fresh bytes.
    fn fill(&self, out: &mut [u8]);
}
