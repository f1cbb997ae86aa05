//! The linkage key: made by one custodian, handed to the others, installed by each.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use encode::LinkageKey;
use secret::key_file::{self, KeyFileError, Purpose};
use secret::{Entropy, Key32};

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
        "no linkage key is installed; get it from the custodian who made it and run \
         `symbolon-node key install`"
    )]
    None,
}

/// What people read to each other to see that they hold the same linkage key. Derived one-way from
/// the key; whoever hears it learns nothing of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    fn of(key: &Key32) -> Self {
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
/// [`KeyFileError`]; an existing file is never overwritten.
pub fn new_linkage_key(out: &Path, entropy: &mut dyn Entropy) -> Result<Fingerprint, NodeError> {
    let key = Key32::generate(entropy);
    key_file::write(out, Purpose::Linkage, &key)?;
    Ok(Fingerprint::of(&key))
}

impl Node {
    /// Copies the linkage key in the file `from` into the node's directory. Installing the same key
    /// again changes nothing.
    ///
    /// # Errors
    /// [`NodeError`] when the file is no linkage key, is open to others, or another key is
    /// installed.
    pub fn install_linkage_key(&self, from: &Path) -> Result<Fingerprint, NodeError> {
        let _lock = self.home.lock()?;
        let key = key_file::read(from, Purpose::Linkage)?;
        let offered = Fingerprint::of(&key);
        let path = self.home.linkage_key();
        if path.exists() {
            return match self.linkage_key_fingerprint()? {
                installed if installed == offered => Ok(offered),
                installed => Err(LinkageKeyError::Another {
                    path,
                    installed,
                    offered,
                }
                .into()),
            };
        }
        let draft = path.with_extension("new");
        // Left by a program that was killed while writing it.
        drop(fs::remove_file(&draft));
        key_file::write(&draft, Purpose::Linkage, &key)?;
        fs::rename(&draft, &path).map_err(io_error("put in place", &path))?;
        sync_parent(&path)?;
        Ok(offered)
    }

    /// The fingerprint of the installed linkage key.
    ///
    /// # Errors
    /// [`NodeError`] when none is installed or its file cannot be used.
    pub fn linkage_key_fingerprint(&self) -> Result<Fingerprint, NodeError> {
        Ok(Fingerprint::of(&self.linkage_key_bytes()?))
    }

    pub(crate) fn linkage_key(&self) -> Result<LinkageKey, NodeError> {
        Ok(LinkageKey::new(self.linkage_key_bytes()?))
    }

    fn linkage_key_bytes(&self) -> Result<Key32, NodeError> {
        key_file::read(&self.home.linkage_key(), Purpose::Linkage).map_err(|error| match error {
            KeyFileError::Missing(_) => LinkageKeyError::None.into(),
            other => other.into(),
        })
    }
}
