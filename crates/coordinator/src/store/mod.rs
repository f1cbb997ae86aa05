//! Where a role keeps batches and the state of its runs: two narrow traits, one implementation with
//! SQLite and files, and one suite that every implementation has to pass.

mod batch_files;
pub mod sqlite;
#[cfg(test)]
pub(crate) mod suite;

use std::io::{self, Read};
use std::path::PathBuf;

use model::{BatchManifest, Digest, RunNumber};
use wire::Receipt;

pub use sqlite::SqliteStore;

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] rusqlite::Error),
    /// A file failed.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What was stored does not read back.
    #[error("a stored {what} cannot be read back; restore the state directory from its backup")]
    Damaged {
        /// What.
        what: &'static str,
        /// How it does not.
        source: serde_json::Error,
    },
    /// The store was made by another version.
    #[error(
        "the database has version {found}, this program needs {expected}; use the program that made it"
    )]
    Version {
        /// What it is.
        found: i64,
        /// What it should be.
        expected: i64,
    },
    /// There is no such batch.
    #[error("there is no batch {0}")]
    UnknownBatch(Digest),
}

/// A batch as far as it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBatch {
    /// What the node said about it.
    pub manifest: BatchManifest,
    /// The chunk expected next; all before it are durable.
    pub next_chunk: u64,
    /// The receipt, once it is accepted.
    pub receipt: Option<Receipt>,
}

impl StoredBatch {
    /// Whether the batch is accepted.
    pub fn is_accepted(&self) -> bool {
        self.receipt.is_some()
    }
}

/// Keeps batches. Calls about batches of one party come one at a time, others at once.
pub trait BatchStore: Send + Sync {
    /// Takes up a batch that is not accepted yet, in place of any other partial upload of its kind
    /// and party in its run. The same manifest again goes on where durable data ends.
    ///
    /// # Errors
    /// [`StoreError`] when the medium fails.
    fn open(&self, manifest: &BatchManifest) -> Result<StoredBatch, StoreError>;

    /// The batch of this manifest.
    ///
    /// # Errors
    /// As for [`BatchStore::open`].
    fn find(&self, manifest_digest: &Digest) -> Result<Option<StoredBatch>, StoreError>;

    /// All batches of a run, in the order they were opened: at most one a party and kind.
    ///
    /// # Errors
    /// As for [`BatchStore::open`].
    fn list(&self, run: RunNumber) -> Result<Vec<StoredBatch>, StoreError>;

    /// Makes the chunk expected next durable.
    ///
    /// # Errors
    /// As for [`BatchStore::open`]; then the chunk is still the one expected next.
    fn append(&self, manifest_digest: &Digest, bytes: &[u8]) -> Result<(), StoreError>;

    /// The batch's durable bytes.
    ///
    /// # Errors
    /// As for [`BatchStore::open`].
    fn read(&self, manifest_digest: &Digest) -> Result<Box<dyn Read + Send>, StoreError>;

    /// Forgets a batch whether or not it is accepted, at the end of its run.
    ///
    /// # Errors
    /// As for [`BatchStore::open`].
    fn forget(&self, manifest_digest: &Digest) -> Result<(), StoreError>;

    /// Forgets a batch that is not accepted.
    ///
    /// # Errors
    /// As for [`BatchStore::open`].
    fn discard(&self, manifest_digest: &Digest) -> Result<(), StoreError>;

    /// Marks the batch that `receipt` names as accepted. Again changes nothing.
    ///
    /// # Errors
    /// As for [`BatchStore::open`].
    fn accept(&self, receipt: &Receipt) -> Result<(), StoreError>;
}

/// Keeps where each run stands, as text that only its role reads.
pub trait RunStore: Send + Sync {
    /// The state of a run, if one was saved.
    ///
    /// # Errors
    /// [`StoreError`] when the medium fails.
    fn load_run(&self, run: RunNumber) -> Result<Option<String>, StoreError>;

    /// Saves the state of a run, durably.
    ///
    /// # Errors
    /// As for [`RunStore::load_run`].
    fn save_run(&self, run: RunNumber, state: &str) -> Result<(), StoreError>;
}
