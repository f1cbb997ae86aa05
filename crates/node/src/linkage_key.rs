//! The linkage key of an epoch: made by all nodes together (`ceremony`), and destroyed by each.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use audit::Event;
use encode::LinkageKey;
use model::Epoch;
use secret::Key32;
use secret::key_file::{self, Purpose};
use service::files::create_dir_private;

use crate::error::NodeError;
use crate::files::{io_error, sync_parent};
use crate::open::Node;

/// The ending of a key file while it is written.
const DRAFT: &str = "new";

/// Why a linkage key was not installed.
#[derive(Debug, thiserror::Error)]
pub enum LinkageKeyError {
    /// The epoch is over here.
    #[error(
        "the keys of epoch {0} were destroyed at this node; no key is made for it again: the \
         coordinator's operator opens the next epoch"
    )]
    Destroyed(Epoch),
    /// None is there.
    #[error(
        "no linkage key of epoch {0} is installed; agree on it with the other nodes by \
         `symbolon-node key agree --epoch {0}`"
    )]
    None(Epoch),
}

/// What people read to each other to see that they hold the same linkage key. Derived one-way from
/// the key; whoever hears it learns nothing of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    pub(crate) fn of(key: &Key32) -> Self {
        let mut bytes = [0; 16];
        key.expand("linkage key fingerprint", &[], &mut bytes);
        Self(bytes)
    }
}

impl fmt::Display for Fingerprint {
    /// Eight groups of four hexadecimal digits.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, pair) in self.0.chunks_exact(2).enumerate() {
            let gap = if place == 0 { "" } else { " " };
            write!(out, "{gap}{:02x}{:02x}", pair[0], pair[1])?;
        }
        Ok(())
    }
}

impl Node {
    /// Puts the key of `epoch` in its place, whole or not at all.
    pub(crate) fn put_linkage_key(&self, epoch: Epoch, key: &Key32) -> Result<(), NodeError> {
        let directory = self.home.epoch(epoch);
        create_dir_private(&directory).map_err(io_error("make", &directory))?;
        let path = self.home.linkage_key(epoch);
        self.put(&path, Purpose::Linkage, key)
    }

    /// Destroys this node's keys of `epoch`, and what the key server gave in it: what was encoded under them can then not be made again,
    /// nor new encodings compared with it.
    ///
    /// # Errors
    /// [`NodeError`] when there are none, or a file cannot be overwritten.
    pub fn destroy_keys(&self, epoch: Epoch) -> Result<(), NodeError> {
        let _lock = self.home.lock()?;
        let files = self.key_files(epoch)?;
        let event = Event::KeyDestroyed { epoch };
        if files.is_empty() && !self.home.has_recorded(&event)? {
            return Err(LinkageKeyError::None(epoch).into());
        }
        self.home.record(&event, &self.config.party, &*self.clock)?;
        let evaluations = self.home.evaluations(epoch);
        if evaluations.exists() {
            fs::remove_dir_all(&evaluations).map_err(io_error("remove", &evaluations))?;
        }
        files
            .iter()
            .try_for_each(|path| Ok(key_file::destroy(path)?))
    }

    /// Every file of the epoch that has or may have key material, also those a program was writing when
    /// it was killed.
    fn key_files(&self, epoch: Epoch) -> Result<Vec<PathBuf>, NodeError> {
        let directory = self.home.epoch(epoch);
        if !directory.exists() {
            return Ok(Vec::new());
        }
        let entries = fs::read_dir(&directory).map_err(io_error("look into", &directory))?;
        let paths = entries.flatten().map(|entry| entry.path());
        let is_key = |path: &PathBuf| {
            let extension = path.extension().and_then(|extension| extension.to_str());
            matches!(extension, Some("key" | DRAFT))
        };
        Ok(paths.filter(is_key).collect())
    }

    /// Refuses an epoch whose keys were destroyed here.
    pub(crate) fn check_not_destroyed(&self, epoch: Epoch) -> Result<(), NodeError> {
        match self.home.has_recorded(&Event::KeyDestroyed { epoch })? {
            true => Err(LinkageKeyError::Destroyed(epoch).into()),
            false => Ok(()),
        }
    }

    /// The fingerprint of the installed linkage key.
    ///
    /// # Errors
    /// [`NodeError`] when none is installed.
    pub fn linkage_key_fingerprint(&self, epoch: Epoch) -> Result<Fingerprint, NodeError> {
        Ok(Fingerprint::of(&self.read_linkage_key(epoch)?))
    }

    /// The latest epoch whose linkage key is installed.
    pub(crate) fn latest_epoch(&self) -> Option<Epoch> {
        let entries = fs::read_dir(self.home.root().join("keys")).ok()?;
        let names = entries.flatten().map(|entry| entry.file_name());
        let epoch = |name: std::ffi::OsString| name.to_str()?.strip_prefix("epoch-")?.parse().ok();
        let epochs = names.filter_map(epoch).map(Epoch);
        epochs
            .filter(|epoch| self.home.linkage_key(*epoch).exists())
            .max()
    }

    pub(crate) fn linkage_key(&self, epoch: Epoch) -> Result<LinkageKey, NodeError> {
        Ok(LinkageKey::new(self.read_linkage_key(epoch)?))
    }

    pub(crate) fn read_linkage_key(&self, epoch: Epoch) -> Result<Key32, NodeError> {
        let path = self.home.linkage_key(epoch);
        if !path.exists() {
            return Err(LinkageKeyError::None(epoch).into());
        }
        Ok(self.home.unlock().read(&path, Purpose::Linkage)?)
    }

    /// Writes a key file under another name and renames it: it is there whole or not at all.
    pub(crate) fn put(&self, path: &Path, purpose: Purpose, key: &Key32) -> Result<(), NodeError> {
        let draft = path.with_extension(DRAFT);
        // Left by a program that was killed while writing it.
        key_file::destroy(&draft)?;
        self.home.unlock().write(&draft, purpose, key)?;
        fs::rename(&draft, path).map_err(io_error("put in place", path))?;
        Ok(sync_parent(path)?)
    }
}
