//! Where a log keeps its entries: a narrow trait, and the store in memory for tests and rehearsals.

use std::io;
use std::path::PathBuf;

use crate::entry::MAX_ENTRY_BYTES;

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system said no.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the operating system answered.
        source: io::Error,
    },
    /// Another program has the file.
    #[error("{} is in use: a log has one writer, stop the other program first", .0.display())]
    InUse(PathBuf),
    /// The file is something else.
    #[error("{} is not a log file of this version", .0.display())]
    NotALog(PathBuf),
    /// Bytes that were durable once are damaged. Nothing was changed.
    #[error(
        "{} is damaged at byte {offset}, in entry {index}: keep it, restore the log from a copy",
        .path.display()
    )]
    Damaged {
        /// The log file.
        path: PathBuf,
        /// Where the damaged entry starts.
        offset: u64,
        /// Which entry it is.
        index: u64,
    },
    /// An entry over [`MAX_ENTRY_BYTES`].
    #[error("the entry has {0} bytes, the most is {MAX_ENTRY_BYTES}")]
    TooLong(usize),
    /// An earlier append failed half-way.
    #[error("an earlier append failed: open the log again, which cuts what it left behind")]
    Broken,
}

/// Keeps byte strings in the order they came.
pub trait EntryStore {
    /// Adds `entries` at the end. When it returns `Ok`, they survive a crash; when it fails, the
    /// first few of them may be there after the store is opened again, each whole.
    ///
    /// # Errors
    /// A medium that fails, or an entry over [`MAX_ENTRY_BYTES`], in which case nothing is added.
    fn append_all(&mut self, entries: &[Vec<u8>]) -> Result<(), StoreError>;

    /// Adds one entry.
    ///
    /// # Errors
    /// As [`EntryStore::append_all`].
    fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.append_all(&[bytes.to_vec()])
    }

    /// How many there are.
    fn len(&self) -> u64;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes at `index`, or `None` past the end.
    ///
    /// # Errors
    /// A medium that fails, or bytes that are no longer what they were.
    fn read(&self, index: u64) -> Result<Option<Vec<u8>>, StoreError>;
}

/// Holds an entry to its limit before it is stored.
pub(crate) fn check_length(bytes: &[u8]) -> Result<(), StoreError> {
    match bytes.len() {
        0..=MAX_ENTRY_BYTES => Ok(()),
        length => Err(StoreError::TooLong(length)),
    }
}

/// Keeps entries for as long as the program runs.
#[derive(Default)]
pub struct MemoryStore(Vec<Vec<u8>>);

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

impl EntryStore for MemoryStore {
    fn append_all(&mut self, entries: &[Vec<u8>]) -> Result<(), StoreError> {
        entries.iter().try_for_each(|entry| check_length(entry))?;
        self.0.extend_from_slice(entries);
        Ok(())
    }

    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read(&self, index: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let index = usize::try_from(index).ok();
        Ok(index.and_then(|index| self.0.get(index)).cloned())
    }
}

/// The suite that every store passes.
#[cfg(test)]
pub(crate) mod suite {
    use super::*;

    /// `reopen` opens what the store given to it holds, or an empty store.
    pub(crate) fn run<S: EntryStore>(reopen: impl Fn(Option<S>) -> S) {
        starts_empty(reopen(None));
        keeps_order_and_content(&reopen);
        appends_many_at_once(&reopen);
        holds_the_limit(reopen(None));
    }

    fn starts_empty(store: impl EntryStore) {
        assert!(store.is_empty());
        assert_eq!(store.len(), 0);
        assert_eq!(store.read(0).unwrap(), None);
    }

    fn keeps_order_and_content<S: EntryStore>(reopen: impl Fn(Option<S>) -> S) {
        let entries: Vec<Vec<u8>> = (0..20).map(|n| vec![n; usize::from(n) * 7]).collect();
        let mut store = reopen(None);
        for (index, entry) in entries.iter().enumerate() {
            store.append(entry).unwrap();
            if index % 5 == 0 {
                store = reopen(Some(store));
            }
        }
        let store = reopen(Some(store));
        assert_eq!(store.len(), 20);
        let read: Vec<_> = (0..20)
            .map(|index| store.read(index).unwrap().unwrap())
            .collect();
        assert_eq!(read, entries);
        assert_eq!(store.read(20).unwrap(), None);
        assert_eq!(store.read(u64::MAX).unwrap(), None);
    }

    fn appends_many_at_once<S: EntryStore>(reopen: impl Fn(Option<S>) -> S) {
        // 1.5 MB: more than the file store makes durable at once.
        let entries: Vec<Vec<u8>> = (0..100u8).map(|n| vec![n; 300 * usize::from(n)]).collect();
        let mut store = reopen(None);
        store.append_all(&[]).unwrap();
        store.append_all(&entries[..60]).unwrap();
        store.append_all(&entries[60..]).unwrap();
        let store = reopen(Some(store));
        assert_eq!(store.len(), 100);
        let read = |index| store.read(index).unwrap().unwrap();
        assert_eq!((0..100).map(read).collect::<Vec<_>>(), entries);
    }

    fn holds_the_limit(mut store: impl EntryStore) {
        let long = vec![0; MAX_ENTRY_BYTES + 1];
        assert!(matches!(store.append(&long), Err(StoreError::TooLong(_))));
        let both = [vec![1], long.clone()];
        assert!(matches!(
            store.append_all(&both),
            Err(StoreError::TooLong(_))
        ));
        assert!(store.is_empty());
        store.append(&long[1..]).unwrap();
        assert_eq!(store.read(0).unwrap().unwrap().len(), MAX_ENTRY_BYTES);
        assert_eq!(store.len(), 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_store_passes_the_suite() {
        suite::run(|held: Option<MemoryStore>| held.unwrap_or_default());
    }
}
