//! Enrolling: a node's certificate request becomes a certificate for one party, and a matcher's, which another
//! operator runs, one for that role.

use std::io;
use std::path::PathBuf;

use audit::{KeyKind, KeyName, TileDir, VerifierKey};
use model::{Clock, Digest, PartyName, Refusal};
use secret::key_file::{KeyFileError, Purpose};
use service::files::{create_dir_private, write_atomic};
use wire::Role;
use wire::identity::{CertificateFacts, IdentityError};
use wire::pki::{Authority, PkiError, PrivateKeyPem, Validity};

use crate::directory::{Settings, SettingsError, StateDir};
use crate::log_key::keeper;
use crate::roles::Roles;

/// How long a certificate holds.
const DAYS: u32 = 825;

/// Why a node was not enrolled.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// A rule says no: the party takes no part.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The project's authority is with the operator of the resolver.
    #[error("this directory has no authority; the operator of the resolver enrols")]
    NoAuthority,
    /// The matcher is in this directory.
    #[error("the matcher is in this directory; there is no other one to enrol")]
    MatcherHere,
    /// The matcher's log key is not known yet, and nodes are to know it from the beginning.
    #[error(
        "the matcher is not enrolled yet; begin with `symbolon-coordinator enrol --role matcher`"
    )]
    NoMatcher,
    /// Not the key of the matcher's log.
    #[error(
        "not the public key of the log of this project's matcher; it is `matcher/log/key` there"
    )]
    LogKey,
    /// The matcher was enrolled with another log key, which nodes may have by now.
    #[error(
        "the matcher was enrolled with another log key, and nodes hold it to that; a matcher that lost its log \
         needs a new project"
    )]
    OtherLogKey,
    /// What is kept of the matcher cannot be written.
    #[error("the matcher's log key cannot be kept")]
    Keep(#[source] io::Error),
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
        matches!(
            self,
            Self::Refused(_)
                | Self::OtherName(_)
                | Self::NoAuthority
                | Self::MatcherHere
                | Self::NoMatcher
                | Self::LogKey
                | Self::OtherLogKey
        )
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

/// What an enrolled node, or matcher, gets.
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
    /// The keys of both roles' logs, one a line: by them nodes know the logs from the beginning.
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
    let (settings, _) = directory.load()?;
    issue(directory, &settings, String::new(), |authority| {
        authority.issue_key_server(request_pem, Validity::days(clock, DAYS))
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
    let (settings, project) = directory.load()?;
    project.member(party)?;
    let log_keys = log_keys(directory, &settings)?;
    issue(directory, &settings, log_keys, |authority| {
        authority.issue_node(request_pem, party, Validity::days(clock, DAYS))
    })
}

/// Issues the certificate of the matcher that another operator runs, and keeps the public key of its log, in
/// the text `log_key`, for the nodes. Works beside a running resolver; repeating it issues another one.
///
/// # Errors
/// [`EnrolError`]; see [`EnrolError::is_refusal`].
pub fn enrol_matcher(
    directory: &StateDir,
    request_pem: &str,
    log_key: &str,
    clock: &dyn Clock,
) -> Result<Enrolled, EnrolError> {
    let (settings, _) = directory.load()?;
    if settings.role.is_both() {
        return Err(EnrolError::MatcherHere);
    }
    let key: VerifierKey = log_key.trim_end().parse().map_err(|_| EnrolError::LogKey)?;
    let name = KeyName::of_log(&settings.project, &keeper(Role::Matcher));
    if (key.kind, &key.name) != (KeyKind::Log, &name) {
        return Err(EnrolError::LogKey);
    }
    if known_log_key(directory)?.is_some_and(|known| known != format!("{key}\n")) {
        return Err(EnrolError::OtherLogKey);
    }
    let enrolled = issue(directory, &settings, String::new(), |authority| {
        authority.issue_role_for(request_pem, Role::Matcher, Validity::days(clock, DAYS))
    })?;
    let path = directory.matcher_log_key();
    let kept = path.parent().map_or(Ok(()), create_dir_private);
    kept.and_then(|()| write_atomic(&path, format!("{key}\n").as_bytes()))
        .map_err(EnrolError::Keep)?;
    let log_keys = log_keys(directory, &settings)?;
    Ok(Enrolled {
        log_keys,
        ..enrolled
    })
}

fn issue(
    directory: &StateDir,
    settings: &Settings,
    log_keys: String,
    issue: impl FnOnce(&Authority) -> Result<String, PkiError>,
) -> Result<Enrolled, EnrolError> {
    if settings.role == Roles::Matcher {
        return Err(EnrolError::NoAuthority);
    }
    let authority_pem = read(directory.authority_certificate())?;
    let directory = &directory.clone().unlocked()?;
    let key = directory
        .unlock()
        .read_text(&directory.authority_key(), Purpose::Tls)?;
    let authority = Authority::load(&authority_pem, &PrivateKeyPem::of_text(key))?;
    let certificate_pem = issue(&authority)?;
    Ok(Enrolled {
        fingerprint: CertificateFacts::read(&certificate_pem)?.fingerprint,
        authority_fingerprint: CertificateFacts::read(&authority_pem)?.fingerprint,
        log_keys,
        certificate_pem,
        authority_pem,
    })
}

/// The log keys of both roles; of a matcher elsewhere, what its operator sent.
fn log_keys(directory: &StateDir, settings: &Settings) -> Result<String, EnrolError> {
    if settings.role == Roles::Matcher {
        return Err(EnrolError::NoAuthority);
    }
    let keys = [Role::Matcher, Role::Resolver].map(|role| match settings.role.has(role) {
        true => read(TileDir::new(&directory.role(role).log()).key_file()),
        false => known_log_key(directory)?.ok_or(EnrolError::NoMatcher),
    });
    Ok(keys.into_iter().collect::<Result<Vec<_>, _>>()?.concat())
}

/// The log key of another operator's matcher, once that is enrolled.
fn known_log_key(directory: &StateDir) -> Result<Option<String>, EnrolError> {
    let path = directory.matcher_log_key();
    path.exists().then(|| read(path)).transpose()
}

fn read(path: PathBuf) -> Result<String, EnrolError> {
    std::fs::read_to_string(&path).map_err(|source| EnrolError::Unreadable { path, source })
}
