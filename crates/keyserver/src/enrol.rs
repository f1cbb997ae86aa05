//! The key server's TLS identity: installing its certificate, and taking it up again.

use std::fs;
use std::path::Path;

use model::Digest;
use secret::key_file::Purpose;
use wire::RoleIdentity;
use wire::identity::{CertificateFacts, IdentityError, KEY_SERVER_NAME};
use wire::limits::MAX_PEM_BYTES;
use wire::pki::PrivateKeyPem;

use crate::error::{KeyServerError, io_error};
use crate::home::Home;
use crate::init::write;

/// What was installed, for people to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enrolled {
    /// The certificate's fingerprint.
    pub certificate: Digest,
    /// The authority's.
    pub authority: Digest,
}

impl Home {
    /// Installs the key server's certificate and the project's authority, both in PEM files.
    ///
    /// # Errors
    /// [`KeyServerError`] when either is none, or the certificate is another's; nothing is changed then.
    pub fn enrol(&self, certificate: &Path, authority: &Path) -> Result<Enrolled, KeyServerError> {
        let _lock = self.lock()?;
        let (certificate, authority) = (read(certificate)?, read(authority)?);
        let facts = CertificateFacts::read(&certificate)?;
        if facts.names != [KEY_SERVER_NAME] {
            return Err(KeyServerError::NotOurs);
        }
        let enrolled = Enrolled {
            certificate: facts.fingerprint,
            authority: CertificateFacts::read(&authority)?.fingerprint,
        };
        write(&self.authority(), &authority)?;
        // Last: whether it is enrolled is seen by this file.
        write(&self.certificate(), &certificate)?;
        Ok(enrolled)
    }

    /// What the key server listens with.
    pub(crate) fn identity(&self) -> Result<RoleIdentity, KeyServerError> {
        if !self.certificate().exists() {
            return Err(KeyServerError::NotEnrolled);
        }
        let key = self.unlock().read_text(&self.tls_key(), Purpose::Tls)?;
        Ok(RoleIdentity {
            authority_pem: read(&self.authority())?,
            certificate_pem: read(&self.certificate())?,
            key: PrivateKeyPem::of_text(key),
        })
    }
}

pub(crate) fn read(path: &Path) -> Result<String, KeyServerError> {
    let length = fs::metadata(path).map_err(io_error("read", path))?.len();
    if length > MAX_PEM_BYTES as u64 {
        return Err(IdentityError::Unreadable.into());
    }
    fs::read_to_string(path).map_err(io_error("read", path))
}
