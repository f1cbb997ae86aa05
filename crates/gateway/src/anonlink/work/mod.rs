//! Runs computed: encodings to scored pairs, pairs to results, in steps that a restart goes on from.

mod compare;
mod encodings;
mod groups;
mod output;
mod pairs;
mod permutation;
mod scored;
mod tiles;
mod worker;

pub(super) use worker::Worker;

use std::io;

use super::{CatalogueError, LinkerError};

/// Why a run is not computed to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum WorkError {
    /// The run or its project was deleted.
    #[error("the run was deleted")]
    Gone,
    /// The program stops; the run goes on when it starts again.
    #[error("the program stops")]
    Stopped,
    /// A file failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The catalogue failed.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The linker failed.
    #[error(transparent)]
    Linker(#[from] LinkerError),
}
