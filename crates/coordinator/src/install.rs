//! Installing the certificate of a role whose certificate another operator's authority issues.

use std::io;

use model::{Clock, Digest};
use secret::key_file::{KeyFileError, Purpose};
use service::files::{create_dir_private, write_atomic};
use wire::Role;
use wire::pki::{PkiError, PrivateKeyPem, check_role};

use crate::directory::{SettingsError, StateDir};
use crate::roles::Roles;

/// Why a certificate was not installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// Settings or schema are wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The authority is here: certificates are made with the directory.
    #[error("this directory has the project's authority and needs no other certificate")]
    HasAuthority,
    /// The private key cannot be read.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// It is not the certificate of the matcher that is here.
    #[error("the certificate is not installed: {0}")]
    Refused(#[source] PkiError),
    /// A file cannot be written.
    #[error("the certificate cannot be written")]
    File(#[from] io::Error),
}

impl InstallError {
    /// Whether a rule said no, in contrast to a failure.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::HasAuthority)
    }
}

/// Installs the matcher's certificate and the authority it is from, both in PEM; returns their
/// fingerprints, to be compared by voice. A later one takes its place from the next start on.
///
/// # Errors
/// [`InstallError`] when it is not of this matcher's key, not from the authority, or not in date; nothing is
/// changed then.
pub fn install(
    directory: &StateDir,
    certificate_pem: &str,
    authority_pem: &str,
    clock: &dyn Clock,
) -> Result<[Digest; 2], InstallError> {
    if directory.load()?.0.role != Roles::Matcher {
        return Err(InstallError::HasAuthority);
    }
    let directory = &directory.clone().unlocked()?;
    let at = directory.role(Role::Matcher);
    let key = PrivateKeyPem::of_text(at.unlock().read_text(&at.key(), Purpose::Tls)?);
    let checked = check_role(Role::Matcher, certificate_pem, &key, authority_pem, clock);
    let fingerprints = checked.map_err(InstallError::Refused)?;
    create_dir_private(&directory.authority())?;
    write_atomic(&directory.authority_certificate(), authority_pem.as_bytes())?;
    // Last: whether there is one is seen by this file.
    write_atomic(&at.certificate(), certificate_pem.as_bytes())?;
    Ok(fingerprints)
}
