//! How a program gets at the key files of a directory: in clear, or under the one passphrase that unlocks
//! all of them. It is read once, when the program begins; what is made of it is wiped when it ends.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::key::Key32;
use crate::key_file::{self, KeyFileError, Purpose};
use crate::passphrase::{Passphrase, PassphraseError};

/// What opens a directory's key files. Copies share one passphrase.
#[derive(Clone, Default)]
pub struct Unlock(Option<Arc<Passphrase>>);

impl fmt::Debug for Unlock {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self.0 {
            Some(_) => "Unlock(passphrase)",
            None => "Unlock(in clear)",
        })
    }
}

impl Unlock {
    /// Key files are sealed under this passphrase.
    pub fn by(passphrase: Passphrase) -> Self {
        Self(Some(Arc::new(passphrase)))
    }

    /// Key files are sealed under the passphrase in `file`, if one is named; else they are in clear.
    ///
    /// # Errors
    /// [`PassphraseError`] when the file cannot be used.
    pub fn from_file(file: Option<&Path>) -> Result<Self, PassphraseError> {
        Ok(file
            .map(Passphrase::read)
            .transpose()?
            .map_or_else(Self::default, Self::by))
    }

    /// Reads a key, which may still lie there in clear.
    ///
    /// # Errors
    /// [`KeyFileError`] names the file.
    pub fn read(&self, path: &Path, purpose: Purpose) -> Result<Key32, KeyFileError> {
        key_file::read_with(path, purpose, self.0.as_deref())
    }

    /// Reads a key that is text, as PEM, which may still lie there in clear.
    ///
    /// # Errors
    /// [`KeyFileError`] names the file.
    pub fn read_text(
        &self,
        path: &Path,
        purpose: Purpose,
    ) -> Result<Zeroizing<String>, KeyFileError> {
        key_file::read_text_with(path, purpose, self.0.as_deref())
    }

    /// Writes a key into a new file, sealed if there is a passphrase.
    ///
    /// # Errors
    /// [`KeyFileError`] names the file.
    pub fn write(&self, path: &Path, purpose: Purpose, key: &Key32) -> Result<(), KeyFileError> {
        match &self.0 {
            None => key_file::write(path, purpose, key),
            Some(passphrase) => key_file::write_sealed(path, purpose, key, passphrase),
        }
    }

    /// Writes a key that is text into a new file, sealed if there is a passphrase.
    ///
    /// # Errors
    /// [`KeyFileError`] names the file.
    pub fn write_text(
        &self,
        path: &Path,
        purpose: Purpose,
        text: &str,
    ) -> Result<(), KeyFileError> {
        key_file::write_text(path, purpose, text, self.0.as_deref())
    }
}
