//! Whose certificates count: those the operator of the key server has admitted, each for one custodian.
//!
//! The coordinator has the project's authority and could issue itself a certificate in a custodian's name;
//! here it would not be heard. Admitting works beside a running key server and counts from the next call on.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use audit::Event;
use model::{Digest, PartyName, Refusal, RefusalCode};
use service::files::write_atomic_private;
use wire::Gate;

use crate::error::{KeyServerError, io_error};
use crate::home::Home;
use crate::ledger::Ledger;

/// The certificates that were admitted: one file each, named by the fingerprint.
#[derive(Debug, Clone)]
pub struct Admitted(PathBuf);

impl Admitted {
    /// Those of the key server in `home`.
    pub fn of(home: &Home) -> Self {
        Self(home.admitted())
    }

    /// Hears `party` under the certificate with this fingerprint from now on.
    ///
    /// # Errors
    /// The system's.
    pub fn admit(&self, party: &PartyName, certificate: &Digest) -> Result<(), KeyServerError> {
        let path = self.0.join(certificate.to_string());
        let text = format!("{party}\n");
        write_atomic_private(&path, text.as_bytes()).map_err(io_error("write", &path))
    }

    /// Does not hear the certificate with this fingerprint any more.
    ///
    /// # Errors
    /// The system's; there need not be one.
    pub fn withdraw(&self, certificate: &Digest) -> Result<(), KeyServerError> {
        let path = self.0.join(certificate.to_string());
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(io_error("remove", &path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Whether `party` is heard under it. What cannot be looked up does not count.
    fn has(&self, party: &PartyName, certificate: &Digest) -> bool {
        let text = fs::read_to_string(self.0.join(certificate.to_string()));
        text.is_ok_and(|text| text.trim_end() == party.as_str())
    }
}

/// The gate of a key server: logs a certificate before anything is done under it for the first time.
pub(crate) struct LoggedGate {
    pub(crate) admitted: Admitted,
    pub(crate) ledger: Arc<Ledger>,
}

impl Gate for LoggedGate {
    fn admit(&self, party: &PartyName, certificate: &Digest) -> Result<(), Refusal> {
        if !self.admitted.has(party, certificate) {
            tracing::warn!(%party, %certificate, "a certificate that was not admitted was used");
            let detail = format!(
                "certificate {certificate} of {party} is not admitted at this key server; who runs it \
                 compares the fingerprint and admits it"
            );
            return Err(Refusal::new(RefusalCode::NotAMember, detail));
        }
        let (party, certificate) = (party.clone(), *certificate);
        let event = Event::CertificateAdmitted { party, certificate };
        self.ledger.record_once(event).map_err(|error| {
            tracing::error!(%error, "a certificate cannot be logged");
            let detail = "the call cannot be logged now; try again later";
            Refusal::new(RefusalCode::WrongState, detail)
        })
    }

    fn admit_resolver(&self, _certificate: &Digest) -> Result<(), Refusal> {
        let detail = "a key server hears nodes, and nobody who coordinates";
        Err(Refusal::new(RefusalCode::NotAMember, detail))
    }
}
