//! Enrolling a node: its certificate request becomes a certificate for one party.

use std::io;
use std::path::PathBuf;

use audit::TileDir;
use model::{Clock, Digest, PartyName, Refusal};
use secret::key_file::{KeyFileError, Purpose};
use wire::Role;
use wire::identity::{CertificateFacts, IdentityError};
use wire::pki::{Authority, PkiError, PrivateKeyPem, Validity};

use crate::directory::{SettingsError, StateDir};

/// How long a node's certificate holds.
const NODE_DAYS: u32 = 825;

/// Why a node was not enrolled.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// A rule says no: the party takes no part.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The request asks for another party's name.
    #[error(transparent)]
    OtherName(PkiError),
    /// The certificate could not be issued.
    #[error("cannot issue the certificate")]
    Pki(#[source] PkiError),
    /// The new certificate does not read back.
    #[error("cannot read the certificate just issued")]
    Certificate(#[from] IdentityError),
    /// Settings or schema are wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The authority's key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The authority cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl EnrolError {
    /// Whether a rule said no, in contrast to a failure.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::OtherName(_))
    }
}

impl From<PkiError> for EnrolError {
    fn from(error: PkiError) -> Self {
        match error {
            PkiError::OtherName { .. } => Self::OtherName(error),
            other => Self::Pki(other),
        }
    }
}

/// What an enrolled node gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolled {
    /// Its certificate, in PEM.
    pub certificate_pem: String,
    /// The authority's certificate, in PEM.
    pub authority_pem: String,
    /// The new certificate's fingerprint, to be compared by voice.
    pub fingerprint: Digest,
    /// The authority's fingerprint.
    pub authority_fingerprint: Digest,
    /// The keys of both roles' logs, one a line: by them the node knows the logs from the beginning.
    pub log_keys: String,
}

/// Issues the certificate of the project's key server. Works beside a running coordinator.
///
/// # Errors
/// As [`enrol`].
pub fn enrol_key_server(
    directory: &StateDir,
    request_pem: &str,
    clock: &dyn Clock,
) -> Result<Enrolled, EnrolError> {
    issue(directory, |authority| {
        authority.issue_key_server(request_pem, Validity::days(clock, NODE_DAYS))
    })
}

/// Issues the certificate of `party`'s node. Works beside a running coordinator.
///
/// # Errors
/// [`EnrolError`]; see [`EnrolError::is_refusal`].
pub fn enrol(
    directory: &StateDir,
    request_pem: &str,
    party: &PartyName,
    clock: &dyn Clock,
) -> Result<Enrolled, EnrolError> {
    directory.load()?.1.member(party)?;
    issue(directory, |authority| {
        authority.issue_node(request_pem, party, Validity::days(clock, NODE_DAYS))
    })
}

fn issue(
    directory: &StateDir,
    sign: impl FnOnce(&Authority) -> Result<String, PkiError>,
) -> Result<Enrolled, EnrolError> {
    let authority_pem = read(directory.authority_certificate())?;
    let directory = &directory.clone().unlocked()?;
    let key = directory
        .unlock()
        .read_text(&directory.authority_key(), Purpose::Tls)?;
    let key = PrivateKeyPem::of_text(key);
    let authority = Authority::load(&authority_pem, &key)?;
    let certificate_pem = sign(&authority)?;
    Ok(Enrolled {
        fingerprint: CertificateFacts::read(&certificate_pem)?.fingerprint,
        authority_fingerprint: CertificateFacts::read(&authority_pem)?.fingerprint,
        log_keys: log_keys(directory)?,
        certificate_pem,
        authority_pem,
    })
}

fn log_keys(directory: &StateDir) -> Result<String, EnrolError> {
    let keys = [Role::Matcher, Role::Resolver]
        .map(|role| TileDir::new(&directory.role(role).log()).key_file());
    Ok(keys
        .map(read)
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?
        .concat())
}

fn read(path: PathBuf) -> Result<String, EnrolError> {
    std::fs::read_to_string(&path).map_err(|source| EnrolError::Unreadable { path, source })
}
