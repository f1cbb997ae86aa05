//! Whose certificates count: those of nodes, but for the ones that were revoked. Revoking works beside
//! a running coordinator and counts from the next call on.

use std::io;
use std::path::{Path, PathBuf};

use model::{Digest, PartyName, Refusal, RefusalCode};
use service::files::{create_dir_private, write_atomic_private};
use wire::Gate;

/// The certificates that were revoked: one file each, named by the fingerprint.
#[derive(Debug, Clone)]
pub struct RevokedCertificates(PathBuf);

impl RevokedCertificates {
    /// Those in the directory `root`, which need not exist.
    pub fn new(root: PathBuf) -> Self {
        Self(root)
    }

    /// Refuses the certificate with this fingerprint from now on.
    ///
    /// # Errors
    /// The system's.
    pub fn revoke(&self, certificate: &Digest, reason: &str) -> io::Result<()> {
        create_dir_private(&self.0)?;
        write_atomic_private(&self.path(certificate), format!("{reason}\n").as_bytes())
    }

    /// Whether it was revoked. What cannot be looked up counts as revoked.
    fn is_revoked(&self, certificate: &Digest) -> bool {
        self.path(certificate).try_exists().unwrap_or(true)
    }

    fn path(&self, certificate: &Digest) -> PathBuf {
        self.0.join(certificate.to_string())
    }

    /// The directory they are in.
    pub fn path_of_all(&self) -> &Path {
        &self.0
    }
}

impl Gate for RevokedCertificates {
    fn admit(&self, party: &PartyName, certificate: &Digest) -> Result<(), Refusal> {
        if !self.is_revoked(certificate) {
            return Ok(());
        }
        tracing::warn!(%party, %certificate, "a revoked certificate was used");
        let detail = format!("the certificate {certificate} of {party} was revoked");
        Err(Refusal::new(RefusalCode::CertificateRevoked, detail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revoked_certificate_and_no_other_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let revoked = RevokedCertificates::new(dir.path().join("revoked"));
        let (stolen, other) = (Digest::of(b"stolen"), Digest::of(b"other"));
        let party = "crvs".parse().unwrap();
        assert!(revoked.admit(&party, &stolen).is_ok());
        revoked.revoke(&stolen, "a laptop was stolen").unwrap();
        let refusal = revoked.admit(&party, &stolen).unwrap_err();
        assert_eq!(refusal.code, RefusalCode::CertificateRevoked);
        assert!(revoked.admit(&party, &other).is_ok());
        // After a restart too.
        let again = RevokedCertificates::new(dir.path().join("revoked"));
        assert!(again.admit(&party, &stolen).is_err());
    }
}
