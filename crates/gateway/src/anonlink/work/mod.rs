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

use super::run::MOST_ATTEMPTS;
use super::{CatalogueError, LinkerError};

/// Too many open files, of this program and of all.
const EMFILE: i32 = 24;
const ENFILE: i32 = 23;

/// Why a run is not computed to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum WorkError {
    /// The run or its project was deleted.
    #[error("the run was deleted")]
    Gone,
    /// The program stops; the run goes on when it starts again.
    #[error("the program stops")]
    Stopped,
    /// There is no room for so many pairs.
    #[error("the run has more than {0} pairs; ask for a higher threshold, or use blocks")]
    TooManyPairs(u64),
    /// Something about the run ends the program.
    #[error("the service ended {MOST_ATTEMPTS} times while it computed this run")]
    TriedOften,
    /// A fault of the program.
    #[error("a panic")]
    Panic,
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

impl WorkError {
    /// Whether it may be gone a little later: no room on the disk, too many open files.
    fn may_pass(&self) -> bool {
        use io::ErrorKind::{Interrupted, QuotaExceeded, StorageFull};
        let error = match self {
            Self::Io(error) | Self::Linker(LinkerError::Sink(error)) => error,
            other => return matches!(other, Self::Catalogue(_)),
        };
        matches!(error.kind(), Interrupted | QuotaExceeded | StorageFull)
            || matches!(error.raw_os_error(), Some(EMFILE | ENFILE))
    }

    /// Whether its text is for the owner of the run, and not only for the operator.
    fn is_told(&self) -> bool {
        matches!(self, Self::TooManyPairs(_) | Self::TriedOften)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_told_from_what_stays() {
        let io = |number| WorkError::Io(io::Error::from_raw_os_error(number));
        // EINTR, ENFILE, EMFILE, ENOSPC.
        for number in [4, 23, 24, 28] {
            assert!(io(number).may_pass(), "{number}");
        }
        // ENOENT, EIO.
        for number in [2, 5] {
            assert!(!io(number).may_pass(), "{number}");
        }
        assert!(!WorkError::Panic.may_pass());
    }
}
