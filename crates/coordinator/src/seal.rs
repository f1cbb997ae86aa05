//! Sealing the keys of a coordinator's state directory under a passphrase, where they lie.

use std::path::Path;

use secret::Passphrase;
use secret::key_file::{self, KeyFileError, Purpose};
use secret::passphrase::PassphraseError;
use service::DirLock;
use service::files::write_atomic;
use wire::Role;

use crate::directory::{SettingsError, StateDir};

/// Why keys were not sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// Settings or schema are wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A program has the directory.
    #[error(transparent)]
    InUse(#[from] service::files::LockError),
    /// The passphrase cannot be read.
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    /// A key cannot be sealed.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The settings cannot be written.
    #[error("the settings cannot be written: {0}")]
    Write(#[source] std::io::Error),
}

/// Seals every key in the state directory under the passphrase in `file`, and has `coordinator.toml` name
/// that file from now on. What is sealed already is left; repeating it changes nothing. The
/// coordinator must not run.
///
/// # Errors
/// [`SealError`] when a key cannot be sealed.
pub fn seal_keys(directory: &StateDir, file: &Path) -> Result<(), SealError> {
    let mut settings = directory.load()?.0;
    let _lock = DirLock::acquire(directory.path())?;
    let passphrase = Passphrase::read(file)?;
    // A matcher by itself has no authority.
    let mut keys = match settings.role.has(Role::Resolver) {
        true => vec![(directory.authority_key(), Purpose::Tls)],
        false => Vec::new(),
    };
    for role in settings.role.all() {
        let of = directory.role(*role);
        keys.push((of.log_key(), Purpose::Signing));
        keys.push((of.key(), Purpose::Tls));
        keys.push((of.handle_map_key(), Purpose::HandleMap));
        keys.push((of.pseudonym_key(), Purpose::Pseudonym));
    }
    for (path, purpose) in keys {
        key_file::seal_in_place(&path, purpose, &passphrase)?;
    }
    settings.passphrase_file = Some(file.to_owned());
    let text = toml::to_string(&settings).map_err(std::io::Error::other);
    let written = text.and_then(|text| write_atomic(&directory.settings(), text.as_bytes()));
    written.map_err(SealError::Write)
}
