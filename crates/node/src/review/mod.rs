//! Clerical review at the node: the doubtful pairs of its own records, what its people say of them,
//! and the way of their verdicts into the next handle map.
//!
//! Everything is kept sealed in one book. A pair is known by its review id and the registry's own
//! key of the record; of the other record nothing is known but whose it is.

mod book;
mod fetch;
mod registry;
mod verdicts;

use model::RunNumber;
use secret::Entropy;
use secret::sealed_stream::StreamError;
use serde::Serialize;
use std::path::PathBuf;
use wire::Verdict;

pub use book::{Book, ReviewItem};
pub use fetch::ReviewSummary;
pub use registry::OwnRecords;

use crate::error::NodeError;
use crate::files::FileError;
use crate::open::Node;
use book::BookKey;

/// The fewest characters of a review id that name a pair.
const MIN_PREFIX: usize = 4;

/// Why a step of a review was not done.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// The book cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The sealed stream is not whole, or of another node.
    #[error("the review book {}: {source}", path.display())]
    Sealed {
        /// The book's file.
        path: PathBuf,
        /// What is wrong.
        source: StreamError,
    },
    /// The stream is genuine but not a book.
    #[error("the review book {} is from another version of this program", .0.display())]
    Malformed(PathBuf),
    /// No pair has this id.
    #[error(
        "no pair `{id}` is up for review here; see `symbolon-node review list`, and give at least \
         {MIN_PREFIX} characters"
    )]
    Unknown {
        /// What was asked for.
        id: String,
    },
    /// Several pairs have ids that begin so.
    #[error("{count} pairs begin with `{id}`; give more characters")]
    Ambiguous {
        /// What was asked for.
        id: String,
        /// How many there are.
        count: usize,
    },
    /// Pairs of records this node did not send.
    #[error(
        "{count} pairs are of records that the vault of run {run} does not hold; the registry was \
         prepared anew after the upload, or tell the coordinator's operator"
    )]
    Strangers {
        /// The run.
        run: RunNumber,
        /// How many.
        count: usize,
    },
    /// A pair that cannot be.
    #[error(
        "the resolver sent a pair that cannot be: {0}; use the same version of the programs on \
         both sides"
    )]
    BadPair(&'static str),
}

impl ReviewError {
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Unknown { .. } | Self::Ambiguous { .. })
    }
}

/// What a reviewer says of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// One person.
    Same,
    /// Two people.
    Different,
    /// It cannot be said; counts as no verdict, and the pair is not asked about again.
    Unsure,
}

impl Answer {
    /// What of it the resolver is told.
    pub(crate) const fn verdict(self) -> Option<Verdict> {
        match self {
            Self::Same => Some(Verdict::Same),
            Self::Different => Some(Verdict::Different),
            Self::Unsure => None,
        }
    }
}

impl Node {
    /// The book: all pairs this node was asked about and is to remember.
    ///
    /// # Errors
    /// [`NodeError`] when the book is not what this node sealed.
    pub fn review_book(&self) -> Result<Book, NodeError> {
        Ok(Book::open(&self.home.review(), &self.review_key()?)?)
    }

    /// Keeps what a reviewer says of the pair whose id begins with `id`; a later answer takes the
    /// place of an earlier one. It counts from the next preparation on.
    ///
    /// # Errors
    /// [`NodeError`] when there is no such pair, or several, or the book cannot be kept.
    pub fn decide(
        &self,
        id: &str,
        answer: Answer,
        entropy: &mut dyn Entropy,
    ) -> Result<(), NodeError> {
        let _lock = self.home.lock()?;
        let key = self.review_key()?;
        let mut book = Book::open(&self.home.review(), &key)?;
        book.find_mut(id)?.answer = Some(answer);
        book.seal(&self.home.review(), &key, entropy)?;
        Ok(())
    }

    pub(crate) fn review_key(&self) -> Result<BookKey, NodeError> {
        let config = &self.config;
        let secret = self.secret()?;
        Ok(BookKey::derive(&secret, &config.project, &config.party))
    }
}
