//! The linkage key: made by one custodian, handed to the others, installed by each.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use audit::Event;
use encode::LinkageKey;
use model::Epoch;
use secret::key_file::{self, Purpose};
use secret::{Entropy, Key32};
use service::files::create_dir_private;

use crate::error::NodeError;
use crate::files::{io_error, sync_parent};
use crate::open::Node;

/// Why a linkage key was not installed.
#[derive(Debug, thiserror::Error)]
pub enum LinkageKeyError {
    /// Another one is there.
    #[error(
        "another linkage key is installed ({installed}, the new one is {offered}); \
         move {} away first, and agree with the other custodians",
        path.display()
    )]
    Another {
        /// The installed key's file.
        path: PathBuf,
        /// Its fingerprint.
        installed: Fingerprint,
        /// The fingerprint of the key to be installed.
        offered: Fingerprint,
    },
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

/// Draws a linkage key and writes it to the new file `out`.
///
/// # Errors
/// [`key_file::KeyFileError`](secret::key_file::KeyFileError); an existing file is never overwritten.
pub fn new_linkage_key(out: &Path, entropy: &mut dyn Entropy) -> Result<Fingerprint, NodeError> {
    let key = Key32::generate(entropy);
    key_file::write(out, Purpose::Linkage, &key)?;
    Ok(Fingerprint::of(&key))
}

impl Node {
    /// Copies the linkage key in the file `from` into the node's directory, for `epoch`. Installing
    /// the same key again changes nothing.
    ///
    /// # Errors
    /// [`NodeError`] when the file is no linkage key, is open to others, or another key is
    /// installed.
    pub fn install_linkage_key(&self, from: &Path, epoch: Epoch) -> Result<Fingerprint, NodeError> {
        let _lock = self.home.lock()?;
        let key = key_file::read(from, Purpose::Linkage)?;
        let offered = Fingerprint::of(&key);
        let path = self.home.linkage_key(epoch);
        if path.exists() {
            return match self.linkage_key_fingerprint(epoch)? {
                installed if installed == offered => Ok(offered),
                installed => Err(LinkageKeyError::Another {
                    path,
                    installed,
                    offered,
                }
                .into()),
            };
        }
        self.put_linkage_key(epoch, &key)?;
        Ok(offered)
    }

    /// Puts the key of `epoch` in its place, whole or not at all.
    pub(crate) fn put_linkage_key(&self, epoch: Epoch, key: &Key32) -> Result<(), NodeError> {
        let directory = self.home.epoch(epoch);
        create_dir_private(&directory).map_err(io_error("make", &directory))?;
        put(&self.home.linkage_key(epoch), Purpose::Linkage, key)
    }

    /// Destroys this node's keys of `epoch`: what was encoded under them can then not be made again,
    /// nor new encodings compared with it.
    ///
    /// # Errors
    /// [`NodeError`] when a file cannot be overwritten.
    pub fn destroy_keys(&self, epoch: Epoch) -> Result<(), NodeError> {
        let _lock = self.home.lock()?;
        for path in [
            self.home.linkage_key(epoch),
            self.home.contribution(epoch),
            self.home.card_sealing_key(epoch),
            self.home.card_signing_key(epoch),
        ] {
            key_file::destroy(&path)?;
        }
        let event = Event::KeyDestroyed { epoch };
        Ok(self.home.record(&event, &self.config.party, &*self.clock)?)
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

    fn read_linkage_key(&self, epoch: Epoch) -> Result<Key32, NodeError> {
        let path = self.home.linkage_key(epoch);
        if !path.exists() {
            return Err(LinkageKeyError::None(epoch).into());
        }
        Ok(key_file::read(&path, Purpose::Linkage)?)
    }
}

/// Writes a key file under another name and renames it: it is there whole or not at all.
pub(crate) fn put(path: &Path, purpose: Purpose, key: &Key32) -> Result<(), NodeError> {
    let draft = path.with_extension("new");
    // Left by a program that was killed while writing it.
    drop(fs::remove_file(&draft));
    key_file::write(&draft, purpose, key)?;
    fs::rename(&draft, path).map_err(io_error("put in place", path))?;
    Ok(sync_parent(path)?)
}
