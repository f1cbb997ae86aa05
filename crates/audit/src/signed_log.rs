//! A log as it is kept by a program: entries in a file of its own, and beside it what others read,
//! the signed checkpoint and the tiles.
//!
//! ```text
//! entries       see `file_store`: what counts
//! checkpoint    ┐
//! key           ├ see `tiles`: follows from the entries and the signing key
//! tile/         ┘
//! ```
//!
//! Entries are durable first, then tiles, then the checkpoint; only then has an append happened. A log
//! that is opened must extend the checkpoint beside it, so entries that were lost or altered as a
//! whole do not go unnoticed by the program itself.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use crate::checkpoint::Checkpoint;
use crate::entry::{Actor, Entry};
use crate::event::Event;
use crate::file_store::FileStore;
use crate::files::make_directory;
use crate::log::{Log, LogError};
use crate::note::NoteSigner;
use crate::tiles::TileDir;

/// A log with its signing key, in a directory that this program alone writes.
pub struct SignedLog {
    log: Log<FileStore>,
    files: TileDir,
    signer: Arc<NoteSigner>,
    checkpoint: Checkpoint,
}

impl SignedLog {
    /// Opens the log in `directory`, or makes an empty one.
    ///
    /// # Errors
    /// As [`Log::open`]; a log that does not extend the checkpoint beside it, or has another key.
    pub fn open(directory: &Path, signer: Arc<NoteSigner>) -> Result<Self, LogError> {
        make_directory(directory)?;
        let files = TileDir::new(directory);
        let kept = kept(&files, &signer)?;
        let acknowledged = kept.as_ref().map_or(0, |kept| kept.head().size);
        let entries = FileStore::open_with(&directory.join("entries"), acknowledged)?;
        let log = Log::open(entries)?;
        let (checkpoint, published) = match kept {
            Some(kept) => {
                log.check_extends(&kept.head())?;
                let size = kept.head().size;
                // A tile that was lost follows from the entries.
                let published = if files.has_all(size) { size } else { 0 };
                (kept, published)
            }
            None => {
                files.write_key(signer.key())?;
                (Checkpoint::sign(log.head(), &signer)?, 0)
            }
        };
        let mut log = Self {
            log,
            files,
            signer,
            checkpoint,
        };
        if published == 0 || published < log.log.size() {
            log.publish(published)?;
        }
        Ok(log)
    }

    /// The entries and their tree.
    pub fn log(&self) -> &Log<FileStore> {
        &self.log
    }

    /// The signed head.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Appends `event` as [`Log::append`] does, and publishes the log with it.
    ///
    /// # Errors
    /// As [`Log::append`]; after any, the log must be opened again.
    pub fn append(
        &mut self,
        event: Event,
        actor: Actor,
        unix_millis: u64,
    ) -> Result<Entry, LogError> {
        let before = self.log.size();
        let entry = self.log.append(event, actor, unix_millis)?;
        self.publish(before)?;
        Ok(entry)
    }

    /// Appends events as [`Log::append_all`] does, and publishes the log with them.
    ///
    /// # Errors
    /// As [`Log::append_all`]; after any, the log must be opened again.
    pub fn append_all(
        &mut self,
        events: impl IntoIterator<Item = (Event, Actor)>,
        unix_millis: u64,
    ) -> Result<Range<u64>, LogError> {
        let before = self.log.size();
        let places = self.log.append_all(events, unix_millis)?;
        self.publish(before)?;
        Ok(places)
    }

    /// Writes the tiles that came since the log had `old_size` entries, and the checkpoint.
    fn publish(&mut self, old_size: u64) -> Result<(), LogError> {
        let entry = |index| {
            let bytes = self.log.entry_bytes(index)?;
            bytes.ok_or(LogError::Changed { index })
        };
        self.files.write_tiles(self.log.tree(), old_size, entry)?;
        let checkpoint = Checkpoint::sign(self.log.head(), &self.signer)?;
        self.files.write_checkpoint(&checkpoint)?;
        self.checkpoint = checkpoint;
        Ok(())
    }
}

/// The checkpoint beside the entries, if there is one; it must be this log's.
fn kept(files: &TileDir, signer: &NoteSigner) -> Result<Option<Checkpoint>, LogError> {
    let Some(checkpoint) = files.checkpoint()? else {
        return Ok(None);
    };
    let signed = checkpoint.signed_by(signer.key());
    signed.map_err(|source| LogError::Checkpoint {
        path: files.checkpoint_file(),
        source,
    })?;
    Ok(Some(checkpoint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::CheckpointError;
    use crate::note::KeyKind;
    use crate::note::tests::signer;
    use crate::store::StoreError;
    use crate::tiles::{Row, tiles};
    use crate::tree::CompactTree;
    use crate::tree::leaf_hash;
    use crate::verify::{self, SignatureError};
    use model::{Digest, RunNumber};
    use std::fs;

    fn key(seed: u8) -> Arc<NoteSigner> {
        Arc::new(signer("symbolon/p/matcher", KeyKind::Log, seed))
    }

    fn event(rows: u64) -> Event {
        Event::ResultsReceived {
            run: RunNumber(1),
            rows,
            digest: Digest::of(b"rows"),
        }
    }

    /// The head that the published entries have.
    fn published(directory: &Path) -> crate::TreeHead {
        let files = TileDir::new(directory);
        let size = files.checkpoint().unwrap().unwrap().head().size;
        let mut tree = CompactTree::default();
        tiles(Row::Entries, 0, size)
            .flat_map(|tile| files.entries(&tile).unwrap())
            .for_each(|entry| tree.push(leaf_hash(&entry)));
        tree.head()
    }

    #[test]
    fn what_is_appended_is_published_and_signed() {
        let directory = tempfile::tempdir().unwrap();
        let open = || SignedLog::open(directory.path(), key(1)).unwrap();
        let empty = open().checkpoint().clone();
        assert_eq!(empty.signed_by(key(1).key()).unwrap().size, 0);
        let mut log = open();
        log.append(event(1), Actor::Matcher, 5).unwrap();
        let events = (2..300).map(|n| (event(n), Actor::Matcher));
        assert_eq!(log.append_all(events, 6).unwrap(), 1..299);
        let head = log.checkpoint().signed_by(key(1).key()).unwrap();
        assert_eq!((head.size, head), (299, log.log().head()));
        assert_eq!(published(directory.path()), head);
        let receipt = log.log().receipt(7).unwrap();
        let bytes = log.log().entry_bytes(7).unwrap().unwrap();
        assert_eq!(verify::receipt(&bytes, &receipt), Ok(()));
        drop(log);
        assert_eq!(open().checkpoint().head(), head);
        let files = TileDir::new(directory.path());
        assert_eq!(files.key().unwrap().unwrap(), *key(1).key());
    }

    #[test]
    fn entries_that_a_crash_left_unpublished_are_published_on_opening() {
        let directory = tempfile::tempdir().unwrap();
        let mut log = SignedLog::open(directory.path(), key(1)).unwrap();
        log.append(event(1), Actor::Matcher, 5).unwrap();
        log.log.append(event(2), Actor::Matcher, 5).unwrap();
        let head = log.log.head();
        drop(log);
        assert_eq!(published(directory.path()).size, 1);
        let log = SignedLog::open(directory.path(), key(1)).unwrap();
        assert_eq!(log.checkpoint().head(), head);
        assert_eq!(published(directory.path()), head);
    }

    #[test]
    fn a_log_that_lost_or_changed_entries_is_not_opened() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let mut log = SignedLog::open(&path, key(1)).unwrap();
        log.append(event(1), Actor::Matcher, 5).unwrap();
        let one = fs::read(path.join("entries")).unwrap();
        log.append(event(2), Actor::Matcher, 5).unwrap();
        drop(log);
        // Another log with as many entries, each whole in itself.
        let other = directory.path().join("other");
        let mut log = SignedLog::open(&other, key(1)).unwrap();
        (1..4).for_each(|n| drop(log.append(event(n * 10), Actor::Matcher, 5).unwrap()));
        drop(log);
        fs::write(
            path.join("entries"),
            fs::read(other.join("entries")).unwrap(),
        )
        .unwrap();
        let opened = SignedLog::open(&path, key(1));
        assert!(matches!(
            opened,
            Err(LogError::NotAnExtension { size: 2, .. })
        ));
        // Entries that the checkpoint shows to have been there were acknowledged: their loss is damage.
        fs::write(path.join("entries"), &one).unwrap();
        let opened = SignedLog::open(&path, key(1));
        assert!(matches!(
            opened,
            Err(LogError::Store(StoreError::Damaged { .. }))
        ));
        assert_eq!(fs::read(path.join("entries")).unwrap(), one);
    }

    /// One bit of the last group, which a reader without the checkpoint would take for a torn one.
    #[test]
    fn a_damaged_last_group_that_was_acknowledged_is_not_cut() {
        let directory = tempfile::tempdir().unwrap();
        let mut log = SignedLog::open(directory.path(), key(1)).unwrap();
        (1..4).for_each(|n| drop(log.append(event(n), Actor::Matcher, 5).unwrap()));
        drop(log);
        let path = directory.path().join("entries");
        let mut bytes = fs::read(&path).unwrap();
        let last = bytes.len() - 5;
        bytes[last] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert!(SignedLog::open(directory.path(), key(1)).is_err());
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }

    #[test]
    fn a_tile_that_was_lost_is_written_again() {
        let directory = tempfile::tempdir().unwrap();
        let mut log = SignedLog::open(directory.path(), key(1)).unwrap();
        (1..4).for_each(|n| drop(log.append(event(n), Actor::Matcher, 5).unwrap()));
        let head = log.log.head();
        drop(log);
        fs::remove_dir_all(directory.path().join("tile/entries")).unwrap();
        drop(SignedLog::open(directory.path(), key(1)).unwrap());
        assert_eq!(published(directory.path()), head);
    }

    #[test]
    fn another_key_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        SignedLog::open(directory.path(), key(1)).unwrap();
        let refused = SignedLog::open(directory.path(), key(2)).err().unwrap();
        assert!(matches!(
            refused,
            LogError::Checkpoint {
                source: CheckpointError::Signature(SignatureError::Missing(_)),
                ..
            }
        ));
    }
}
