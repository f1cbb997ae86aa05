//! Sealing the keys of a node's directory under a passphrase, where they lie.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use secret::Passphrase;
use secret::key_file::{self, Purpose};

use crate::error::NodeError;
use crate::files::{io_error, write};
use crate::init::InitError;
use crate::open::Node;

impl Node {
    /// Seals every key of this node under the passphrase in `file`, and has `node.toml` name that file
    /// from now on. What is sealed already is left; repeating it changes nothing.
    ///
    /// # Errors
    /// [`NodeError`] when a key cannot be sealed, or is sealed under another passphrase.
    pub fn seal_keys(&self, file: &Path) -> Result<(), NodeError> {
        let _lock = self.home.lock()?;
        let passphrase = Passphrase::read(file)?;
        let mut keys = vec![
            (self.home.node_secret(), Purpose::Vault),
            (self.home.log_key(), Purpose::Signing),
            (self.home.tls_key(), Purpose::Tls),
        ];
        keys.extend(self.keys_of_epochs()?);
        for (path, purpose) in keys {
            key_file::seal_in_place(&path, purpose, &passphrase)?;
        }
        let mut config = self.config.clone();
        config.passphrase_file = Some(file.to_owned());
        let text = toml::to_string(&config).map_err(InitError::from)?;
        Ok(write(&self.home.config(), text.as_bytes())?)
    }

    /// The key files of all epochs.
    fn keys_of_epochs(&self) -> Result<Vec<(PathBuf, Purpose)>, NodeError> {
        let keys = self.home.root().join("keys");
        let mut found = Vec::new();
        for entry in fs::read_dir(&keys).map_err(io_error("look into", &keys))? {
            let epoch = entry.map_err(io_error("look into", &keys))?.path();
            let files = match fs::read_dir(&epoch) {
                Err(error) if error.kind() == io::ErrorKind::NotADirectory => continue,
                files => files.map_err(io_error("look into", &epoch))?,
            };
            for file in files {
                let path = file.map_err(io_error("look into", &epoch))?.path();
                let name = path.file_name().and_then(|name| name.to_str());
                let purpose = match name {
                    Some("linkage.key") => Purpose::Linkage,
                    Some("signing.key") => Purpose::Signing,
                    Some("sealing.key") => Purpose::Results,
                    Some("contribution.key") => Purpose::Contribution,
                    _ => continue,
                };
                found.push((path, purpose));
            }
        }
        Ok(found)
    }
}
