//! An append-only log of entries, with the Merkle tree over it.

use std::ops::Range;
use std::path::PathBuf;

use model::Digest;

use crate::checkpoint::CheckpointError;
use crate::entry::{Actor, Entry, EntryError};
use crate::event::Event;
use crate::note::NoteError;
use crate::store::{EntryStore, StoreError};
use crate::tiles::TileError;
use crate::tree::{HashTree, Receipt, TreeHead, leaf_hash};
use crate::verify::{self, ProofError};

/// Why a log was not opened, extended or read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An entry is over its limit, or stored bytes are no entry.
    #[error("entry {index}: {source}")]
    Entry {
        /// Which.
        index: u64,
        /// Why.
        source: EntryError,
    },
    /// A stored entry gives another place than the one it stands in.
    #[error(
        "entry {index} says it is entry {found}: the log was rearranged, restore it from a copy"
    )]
    OutOfPlace {
        /// Where it stands.
        index: u64,
        /// Where it says it stands.
        found: u64,
    },
    /// A stored entry is not the one the tree was computed from.
    #[error("entry {index} was changed while the log was open: keep it, restore it from a copy")]
    Changed {
        /// Which.
        index: u64,
    },
    /// The checkpoint beside the log is not one that this log's key signed.
    #[error("{}: {source}: restore the log and its key from one copy", path.display())]
    Checkpoint {
        /// The checkpoint's file.
        path: PathBuf,
        /// What is wrong.
        source: CheckpointError,
    },
    /// What others read of the log cannot be read back.
    #[error(transparent)]
    Tiles(#[from] TileError),
    /// A checkpoint could not be put together.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The log is not the one that was promised.
    #[error("the log does not extend the head of {size} entries given out before: {source}")]
    NotAnExtension {
        /// Size of that head.
        size: u64,
        /// Why.
        source: ProofError,
    },
}

/// A log and its tree. Holds about 80 bytes of memory for each entry.
pub struct Log<S> {
    store: S,
    tree: HashTree,
}

impl<S: EntryStore> Log<S> {
    /// Opens the log that `store` holds, reading every entry and computing the tree anew.
    ///
    /// # Errors
    /// An entry that is malformed or out of place; a store that fails.
    pub fn open(store: S) -> Result<Self, LogError> {
        let mut log = Self {
            store,
            tree: HashTree::default(),
        };
        while let Some(bytes) = log.store.read(log.size())? {
            parse(log.size(), &bytes)?;
            log.grow(&bytes);
        }
        Ok(log)
    }

    /// Checks that the log extends `promised`, a head that was given out earlier and kept
    /// elsewhere. Finds entries lost or altered as a whole, which no check of the file alone can.
    ///
    /// # Errors
    /// [`LogError::NotAnExtension`].
    pub fn check_extends(&self, promised: &TreeHead) -> Result<(), LogError> {
        let path = self.consistency(promised.size).unwrap_or_default();
        let refused = |source| LogError::NotAnExtension {
            size: promised.size,
            source,
        };
        verify::consistency(promised, &self.head(), &path).map_err(refused)
    }

    /// Appends `event`, done by `actor` at `unix_millis`, and returns its entry once that is
    /// durable.
    ///
    /// # Errors
    /// As [`Log::append_all`].
    pub fn append(
        &mut self,
        event: Event,
        actor: Actor,
        unix_millis: u64,
    ) -> Result<Entry, LogError> {
        let entry = Entry {
            sequence: self.size(),
            unix_millis,
            actor,
            event,
        };
        self.commit(&[to_bytes(&entry)?])?;
        Ok(entry)
    }

    /// Appends events and who did them, in one go, and returns their places once all are durable.
    ///
    /// # Errors
    /// An entry over its limit, and nothing is appended; a store that fails, after which the log
    /// must be opened again.
    pub fn append_all(
        &mut self,
        events: impl IntoIterator<Item = (Event, Actor)>,
        unix_millis: u64,
    ) -> Result<Range<u64>, LogError> {
        let first = self.size();
        let numbered = (first..).zip(events);
        let entries = numbered.map(|(sequence, (event, actor))| {
            to_bytes(&Entry {
                sequence,
                unix_millis,
                actor,
                event,
            })
        });
        let entries: Vec<Vec<u8>> = entries.collect::<Result<_, _>>()?;
        self.commit(&entries)?;
        Ok(first..self.size())
    }

    fn commit(&mut self, entries: &[Vec<u8>]) -> Result<(), LogError> {
        self.store.append_all(entries)?;
        entries.iter().for_each(|bytes| self.grow(bytes));
        Ok(())
    }

    /// Number of entries.
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// Size and root as they stand.
    pub fn head(&self) -> TreeHead {
        self.tree.head()
    }

    /// Size and root as they stood after `size` entries; `None` if there are fewer.
    pub fn head_at(&self, size: u64) -> Option<TreeHead> {
        self.tree.head_at(size)
    }

    /// The tree over the entries.
    pub fn tree(&self) -> &HashTree {
        &self.tree
    }

    /// The entry at `index`, or `None` past the end.
    ///
    /// # Errors
    /// As [`Log::entry_bytes`].
    pub fn entry(&self, index: u64) -> Result<Option<Entry>, LogError> {
        let bytes = self.entry_bytes(index)?;
        bytes.map(|bytes| parse(index, &bytes)).transpose()
    }

    /// The byte form of the entry at `index`, or `None` past the end.
    ///
    /// # Errors
    /// A store that fails or gives back other bytes than it was given.
    pub fn entry_bytes(&self, index: u64) -> Result<Option<Vec<u8>>, LogError> {
        let Some(leaf) = self.tree.subtree(0, index) else {
            return Ok(None);
        };
        let bytes = self.store.read(index)?;
        match bytes.filter(|bytes| leaf_hash(bytes) == *leaf) {
            None => Err(LogError::Changed { index }),
            found => Ok(found),
        }
    }

    /// Proof that entry `index` stands in the log as it is now, or `None` if there is no such
    /// entry.
    pub fn receipt(&self, index: u64) -> Option<Receipt> {
        let path = self.tree.inclusion_path(index)?;
        Some(Receipt {
            index,
            head: self.head(),
            path,
        })
    }

    /// Proof that the log as it is now extends its first `old_size` entries, or `None` if there are
    /// fewer.
    pub fn consistency(&self, old_size: u64) -> Option<Vec<Digest>> {
        self.tree.consistency_path(old_size)
    }

    fn grow(&mut self, bytes: &[u8]) {
        self.tree.push(leaf_hash(bytes));
    }
}

fn to_bytes(entry: &Entry) -> Result<Vec<u8>, LogError> {
    let index = entry.sequence;
    entry
        .to_bytes()
        .map_err(|source| LogError::Entry { index, source })
}

fn parse(index: u64, bytes: &[u8]) -> Result<Entry, LogError> {
    let entry = Entry::from_bytes(bytes).map_err(|source| LogError::Entry { index, source })?;
    match entry.sequence {
        found if found == index => Ok(entry),
        found => Err(LogError::OutOfPlace { index, found }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file_store::FileStore;
    use crate::store::MemoryStore;
    use model::RunNumber;

    fn event(rows: u64) -> Event {
        Event::ResultsReceived {
            run: RunNumber(1),
            rows,
            digest: Digest::of(b"rows"),
        }
    }

    fn filled<S: EntryStore>(store: S, entries: u64) -> Log<S> {
        let mut log = Log::open(store).unwrap();
        for n in 0..entries {
            let entry = log.append(event(n), Actor::Matcher, 1000 + n).unwrap();
            assert_eq!(entry.sequence, n);
        }
        log
    }

    /// Appends, closes, opens again and proves, on any store.
    fn lives_through_reopening<S: EntryStore>(store: S, reopen: impl FnOnce(S) -> S) {
        let log = filled(store, 7);
        let (head, receipt) = (log.head(), log.receipt(3).unwrap());
        let mut log = Log::open(reopen(log.store)).unwrap();
        assert_eq!(log.head(), head);

        log.append(event(7), Actor::Matcher, 9).unwrap();
        log.check_extends(&head).unwrap();
        let path = log.consistency(7).unwrap();
        assert_eq!(verify::consistency(&head, &log.head(), &path), Ok(()));

        let entry = log.entry(3).unwrap().unwrap();
        assert_eq!(entry.event, event(3));
        let bytes = entry.to_bytes().unwrap();
        assert_eq!(verify::receipt(&bytes, &receipt), Ok(()));
        assert_eq!(verify::receipt(&bytes, &log.receipt(3).unwrap()), Ok(()));
        assert!(log.entry(8).unwrap().is_none());
        assert!(log.receipt(8).is_none());
    }

    #[test]
    fn a_log_in_memory_lives_through_reopening() {
        lives_through_reopening(MemoryStore::new(), |store| store);
    }

    #[test]
    fn a_log_in_a_file_lives_through_reopening() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let open = || FileStore::open(&path).unwrap();
        lives_through_reopening(open(), |store| {
            drop(store);
            open()
        });
    }

    #[test]
    fn many_at_once_make_the_same_log_as_one_after_another() {
        let mut log = filled(MemoryStore::new(), 3);
        let events = (3..7).map(|n| (event(n), Actor::Matcher));
        assert_eq!(log.append_all(events, 1003).unwrap(), 3..7);
        let mut other = filled(MemoryStore::new(), 4);
        (4..7).for_each(|n| drop(other.append(event(n), Actor::Matcher, 1003).unwrap()));
        assert_eq!(log.head(), other.head());
        assert_eq!(log.head_at(4), Some(filled(MemoryStore::new(), 4).head()));
        assert_eq!(log.append_all([], 1004).unwrap(), 7..7);
    }

    #[test]
    fn an_empty_log_has_the_empty_head() {
        let log = Log::open(MemoryStore::new()).unwrap();
        assert_eq!(
            log.head(),
            TreeHead {
                size: 0,
                root: Digest::of(b"")
            }
        );
        assert!(log.receipt(0).is_none());
    }

    #[test]
    fn equal_events_still_have_leaves_of_their_own() {
        let mut log = Log::open(MemoryStore::new()).unwrap();
        log.append(event(1), Actor::Matcher, 5).unwrap();
        log.append(event(1), Actor::Matcher, 5).unwrap();
        assert_ne!(log.tree.subtree(0, 0), log.tree.subtree(0, 1));
    }

    #[test]
    fn stored_bytes_that_are_no_entry_or_out_of_place_are_refused() {
        let mut store = MemoryStore::new();
        store.append(b"{}").unwrap();
        assert!(matches!(
            Log::open(store),
            Err(LogError::Entry { index: 0, .. })
        ));

        let second = filled(MemoryStore::new(), 2)
            .store
            .read(1)
            .unwrap()
            .unwrap();
        let mut store = MemoryStore::new();
        store.append(&second).unwrap();
        assert!(matches!(
            Log::open(store),
            Err(LogError::OutOfPlace { index: 0, found: 1 })
        ));
    }

    #[test]
    fn lost_and_altered_entries_show_against_a_promised_head() {
        let promised = filled(MemoryStore::new(), 5).head();
        let shorter = filled(MemoryStore::new(), 4);
        assert!(matches!(
            shorter.check_extends(&promised),
            Err(LogError::NotAnExtension { .. })
        ));

        let mut altered = filled(MemoryStore::new(), 4);
        for n in 0..3 {
            altered
                .append(event(n + 100), Actor::Matcher, 1004 + n)
                .unwrap();
        }
        assert!(matches!(
            altered.check_extends(&promised),
            Err(LogError::NotAnExtension { .. })
        ));
        filled(MemoryStore::new(), 9)
            .check_extends(&promised)
            .unwrap();
    }

    /// A store that fails when told to.
    struct Failing(MemoryStore);

    impl EntryStore for Failing {
        fn append_all(&mut self, _: &[Vec<u8>]) -> Result<(), StoreError> {
            Err(StoreError::Broken)
        }

        fn len(&self) -> u64 {
            self.0.len()
        }

        fn read(&self, index: u64) -> Result<Option<Vec<u8>>, StoreError> {
            self.0.read(index)
        }
    }

    #[test]
    fn an_entry_that_was_not_stored_is_not_in_the_tree() {
        let mut log = Log::open(Failing(filled(MemoryStore::new(), 2).store)).unwrap();
        let head = log.head();
        assert!(log.append(event(2), Actor::Operator, 1).is_err());
        assert_eq!(log.head(), head);
    }
}
