//! Who is who: the names in certificates, and reading them back.
//!
//! A role's certificate holds the DNS name `matcher.symbolon` or `resolver.symbolon`, that of a key server
//! `key-server.symbolon`, a node's `<party>.node.symbolon`. None of them is ever resolved: they are names of members, not of hosts.

use model::{Clock, Digest, PartyName, Refusal, RefusalCode};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::FromDer as _;

use crate::limits::MAX_PEM_BYTES;
use crate::messages::Role;

const NODE_SUFFIX: &str = ".node.symbolon";

/// Why a certificate does not say who its holder is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Not a certificate.
    #[error("this is no X.509 certificate in PEM; check that the file was copied whole")]
    Unreadable,
    /// No name, several, or one of another form.
    #[error(
        "the certificate names no party of a project; request one with `symbolon-node enrol` and have \
         the coordinator's operator issue it"
    )]
    NotANode,
}

impl From<IdentityError> for Refusal {
    fn from(error: IdentityError) -> Self {
        Self::new(RefusalCode::NotAMember, error.to_string())
    }
}

/// The name in the certificate of a project's key server.
pub const KEY_SERVER_NAME: &str = "key-server.symbolon";

/// The name in the certificate of `role`.
pub fn role_name(role: Role) -> String {
    format!("{role}.symbolon")
}

/// The name in the certificate of the node of `party`.
pub fn node_name(party: &PartyName) -> String {
    format!("{party}{NODE_SUFFIX}")
}

/// The party that the certificate (in DER) was issued to. It must hold this name and no other.
///
/// # Errors
/// [`IdentityError`] when it is not the certificate of a node.
pub fn party_of(certificate: &[u8]) -> Result<PartyName, IdentityError> {
    let (_, certificate) =
        X509Certificate::from_der(certificate).map_err(|_| IdentityError::Unreadable)?;
    match dns_names(&certificate).as_slice() {
        [Some(name)] => name
            .strip_suffix(NODE_SUFFIX)
            .and_then(|party| party.parse().ok())
            .ok_or(IdentityError::NotANode),
        _ => Err(IdentityError::NotANode),
    }
}

/// The role that the certificate (in DER) was issued to, if it holds a role's name and no other.
pub fn role_of(certificate: &[u8]) -> Option<Role> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    match dns_names(&certificate).as_slice() {
        [Some(name)] => [Role::Matcher, Role::Resolver]
            .into_iter()
            .find(|role| *name == role_name(*role)),
        _ => None,
    }
}

/// Every alternative name of the certificate; `None` for one that is no DNS name.
fn dns_names(certificate: &X509Certificate<'_>) -> Vec<Option<String>> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    let dns_name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        _ => None,
    };
    extension.value.general_names.iter().map(dns_name).collect()
}

/// What people want to know of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// SHA-256 of the certificate in DER; read aloud to compare certificates.
    pub fingerprint: Digest,
    /// The names it was issued to.
    pub names: Vec<String>,
    /// From when it holds, in seconds since the Unix epoch.
    pub not_before: i64,
    /// Until when it holds, in seconds since the Unix epoch.
    pub not_after: i64,
}

impl CertificateFacts {
    /// Reads the first certificate of a PEM text.
    ///
    /// # Errors
    /// [`IdentityError::Unreadable`] when there is none.
    pub fn read(pem: &str) -> Result<Self, IdentityError> {
        let der = der_of(pem)?;
        let (_, certificate) =
            X509Certificate::from_der(&der).map_err(|_| IdentityError::Unreadable)?;
        let validity = certificate.validity();
        Ok(Self {
            fingerprint: Digest::of(&der),
            names: dns_names(&certificate).into_iter().flatten().collect(),
            not_before: validity.not_before.timestamp(),
            not_after: validity.not_after.timestamp(),
        })
    }

    /// Whether the certificate holds at the clock's time.
    pub fn standing(&self, clock: &dyn Clock) -> Standing {
        let now = (clock.unix_millis() / 1000) as i64;
        if now < self.not_before {
            Standing::NotYet
        } else if now > self.not_after {
            Standing::Expired
        } else {
            Standing::Valid
        }
    }
}

/// Whether a certificate holds at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It does.
    Valid,
    /// Its time has not come.
    NotYet,
    /// Its time is over.
    Expired,
}

/// The first certificate of a PEM text, in DER.
pub(crate) fn der_of(pem: &str) -> Result<Vec<u8>, IdentityError> {
    if pem.len() > MAX_PEM_BYTES {
        return Err(IdentityError::Unreadable);
    }
    match parse_x509_pem(pem.as_bytes()) {
        Ok((_, block)) if block.label == "CERTIFICATE" => Ok(block.contents),
        _ => Err(IdentityError::Unreadable),
    }
}
