//! Whose certificates count: those of nodes, and at the matcher the resolver's, but for the ones that were
//! revoked. Revoking works beside a running coordinator and counts from the next call on.
//!
//! Each role logs a certificate before anything is done under it for the first time, and that it was
//! revoked before the first call under it is refused: a certificate that somebody had issued in a party's
//! name shows in the log, where that party's own log does not have it.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use audit::Event;

use model::{Digest, PartyName, Refusal, RefusalCode};
use service::files::{create_dir_private, write_atomic_private};
use wire::Gate;

use crate::sync::lock;

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

    fn check(&self, holder: &str, certificate: &Digest) -> Result<(), Refusal> {
        if !self.is_revoked(certificate) {
            return Ok(());
        }
        tracing::warn!(%holder, %certificate, "a revoked certificate was used");
        let detail = format!("the certificate {certificate} of {holder} was revoked");
        Err(Refusal::new(RefusalCode::CertificateRevoked, detail))
    }

    fn path(&self, certificate: &Digest) -> PathBuf {
        self.0.join(certificate.to_string())
    }

    /// The directory they are in.
    pub fn path_of_all(&self) -> &Path {
        &self.0
    }
}

/// Where a role's gate writes what it saw.
pub(crate) trait Record: Send + Sync + 'static {
    /// Logs `event` unless it stands in the log; says whether it does now.
    fn record(&self, event: Event) -> bool;
}

/// The gate of one role.
pub(crate) struct LoggedGate {
    revoked: RevokedCertificates,
    log: Arc<dyn Record>,
    /// What stands in the log since the program began.
    known: Mutex<HashSet<(Digest, bool)>>,
}

impl LoggedGate {
    pub(crate) fn new(revoked: RevokedCertificates, log: Arc<dyn Record>) -> Self {
        Self {
            revoked,
            log,
            known: Mutex::default(),
        }
    }

    /// Logs what was said of a certificate, by `event` if it was admitted, and says so then.
    fn logged(
        &self,
        certificate: &Digest,
        admitted: Result<(), Refusal>,
        event: impl FnOnce() -> Event,
    ) -> Result<(), Refusal> {
        match self.log(*certificate, admitted.is_err(), event) {
            true => admitted,
            false => {
                let detail = "the call cannot be logged now; try again later";
                Err(Refusal::new(RefusalCode::WrongState, detail))
            }
        }
    }

    fn log(&self, certificate: Digest, is_revoked: bool, event: impl FnOnce() -> Event) -> bool {
        let mut known = lock(&self.known);
        if known.contains(&(certificate, is_revoked)) {
            return true;
        }
        let event = match is_revoked {
            true => Event::CertificateRevoked { certificate },
            false => event(),
        };
        let is_logged = self.log.record(event);
        if is_logged {
            known.insert((certificate, is_revoked));
        }
        is_logged
    }
}

impl Gate for LoggedGate {
    fn admit(&self, party: &PartyName, certificate: &Digest) -> Result<(), Refusal> {
        let admitted = self.revoked.admit(party, certificate);
        self.logged(certificate, admitted, || Event::CertificateAdmitted {
            party: party.clone(),
            certificate: *certificate,
        })
    }

    fn admit_resolver(&self, certificate: &Digest) -> Result<(), Refusal> {
        let admitted = self.revoked.admit_resolver(certificate);
        self.logged(certificate, admitted, || Event::ResolverAdmitted {
            certificate: *certificate,
        })
    }
}

impl Gate for RevokedCertificates {
    fn admit(&self, party: &PartyName, certificate: &Digest) -> Result<(), Refusal> {
        self.check(party.as_str(), certificate)
    }

    fn admit_resolver(&self, certificate: &Digest) -> Result<(), Refusal> {
        self.check("the resolver", certificate)
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

    #[derive(Default)]
    struct Events {
        all: Mutex<Vec<Event>>,
        is_full: std::sync::atomic::AtomicBool,
    }

    impl Record for Events {
        fn record(&self, event: Event) -> bool {
            let is_full = self.is_full.load(std::sync::atomic::Ordering::SeqCst);
            if !is_full {
                lock(&self.all).push(event);
            }
            !is_full
        }
    }

    #[test]
    fn a_certificate_is_logged_before_it_counts_and_when_it_counts_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let revoked = RevokedCertificates::new(dir.path().join("revoked"));
        let events = Arc::new(Events::default());
        let gate = LoggedGate::new(revoked.clone(), events.clone());
        let (party, certificate): (PartyName, _) = ("crvs".parse().unwrap(), Digest::of(b"c"));
        events
            .is_full
            .store(true, std::sync::atomic::Ordering::SeqCst);
        assert!(gate.admit(&party, &certificate).is_err());
        events
            .is_full
            .store(false, std::sync::atomic::Ordering::SeqCst);
        gate.admit(&party, &certificate).unwrap();
        gate.admit(&party, &certificate).unwrap();
        revoked.revoke(&certificate, "stolen").unwrap();
        for _ in 0..2 {
            let refusal = gate.admit(&party, &certificate).unwrap_err();
            assert_eq!(refusal.code, RefusalCode::CertificateRevoked);
        }
        let own = Digest::of(b"resolver");
        gate.admit_resolver(&own).unwrap();
        revoked.revoke(&own, "stolen").unwrap();
        assert!(gate.admit_resolver(&own).is_err());
        let expected = [
            Event::CertificateAdmitted { party, certificate },
            Event::CertificateRevoked { certificate },
            Event::ResolverAdmitted { certificate: own },
            Event::CertificateRevoked { certificate: own },
        ];
        assert_eq!(*lock(&events.all), expected);
    }
}
