//! The project's certificate authority: one self-signed certificate that every member trusts, kept
//! by the coordinator's operator. A node makes its private key itself and sends only a request.

mod check;
mod key;
mod validity;

use model::{Digest, PartyName, ProjectName};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData,
    SanType, SerialNumber,
};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use crate::identity::{
    self, CertificateFacts, IdentityError, KEY_SERVER_NAME, node_name, role_name,
};
use crate::limits::MAX_PEM_BYTES;
use crate::messages::Role;

pub use check::check_role;
pub use key::PrivateKeyPem;
pub use validity::Validity;

/// Why a certificate, key or request could not be made or used.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// The authority's certificate cannot be read.
    #[error("the authority's certificate: {0}")]
    Certificate(#[from] IdentityError),
    /// The private key cannot be read.
    #[error("the private key cannot be read; check that the key file was copied whole")]
    Key,
    /// Certificate and key are not a pair.
    #[error("the private key does not belong to the certificate; use the pair made together")]
    NotAPair,
    /// The request cannot be read, or its signature is wrong.
    #[error("the certificate request cannot be read or was changed; have the node make it again")]
    Request,
    /// The request asks for other names than its party's.
    #[error("the request is for {asked}, not for {expected}; check which node sent it")]
    OtherName {
        /// The names asked for.
        asked: String,
        /// The one name it may ask for.
        expected: String,
    },
    /// The certificate would hold longer than the authority's own.
    #[error(
        "the certificate would outlive the authority; choose fewer days or renew the authority"
    )]
    OutlivesAuthority,
    /// The certificate is another one's, from another authority, or not in date.
    #[error("the certificate is not one of the {role} from this authority: {reason}")]
    NotOfRole {
        /// Whose it should be.
        role: Role,
        /// What the check said.
        reason: String,
    },
    /// Making a key or signing failed.
    #[error("signing failed: {0}")]
    Signing(#[from] rcgen::Error),
}

/// A certificate with its private key.
pub struct Issued {
    /// The certificate in PEM.
    pub certificate_pem: String,
    /// Its private key in PEM.
    pub key: PrivateKeyPem,
}

/// A request for a certificate, with the private key that stays where it was made.
pub struct NodeRequest {
    /// The request in PEM; goes to the coordinator's operator.
    pub request_pem: String,
    /// The private key in PEM; never leaves the node.
    pub key: PrivateKeyPem,
}

/// Makes a private key and a request for the certificate of `party`'s node.
///
/// # Errors
/// [`PkiError::Signing`] when the machine has no randomness.
pub fn request(party: &PartyName) -> Result<NodeRequest, PkiError> {
    request_for(&node_name(party))
}

/// Makes a private key and a request for the certificate of a role that another operator runs.
///
/// # Errors
/// [`PkiError::Signing`] when the machine has no randomness.
pub fn request_role(role: Role) -> Result<NodeRequest, PkiError> {
    request_for(&role_name(role))
}

/// Makes a private key and a request for the certificate of the project's key server.
///
/// # Errors
/// [`PkiError::Signing`] when the machine has no randomness.
pub fn request_key_server() -> Result<NodeRequest, PkiError> {
    request_for(KEY_SERVER_NAME)
}

fn request_for(name: &str) -> Result<NodeRequest, PkiError> {
    let key = KeyPair::generate()?;
    let request = named(name)?.serialize_request(&key)?;
    Ok(NodeRequest {
        request_pem: request.pem()?,
        key: PrivateKeyPem::of(&key),
    })
}

/// The project's certificate authority.
pub struct Authority {
    certificate_pem: String,
    not_after: i64,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes a new authority with a new key.
    ///
    /// # Errors
    /// [`PkiError::Signing`] when the machine has no randomness.
    pub fn create(project: &ProjectName, validity: Validity) -> Result<Self, PkiError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name(&format!("symbolon project {project}"));
        // Path length 0: what it issues cannot issue in turn.
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        stamp(&mut params, validity, key.der_bytes());
        let certificate_pem = params.self_signed(&key)?.pem();
        Ok(Self {
            certificate_pem,
            not_after: validity.not_after,
            issuer: Issuer::new(params, key),
        })
    }

    /// Takes up an authority made earlier.
    ///
    /// # Errors
    /// [`PkiError`] when certificate or key cannot be read or are not a pair.
    pub fn load(certificate_pem: &str, key: &PrivateKeyPem) -> Result<Self, PkiError> {
        let facts = CertificateFacts::read(certificate_pem)?;
        let key = KeyPair::from_pem(key.expose()).map_err(|_| PkiError::Key)?;
        if public_key(certificate_pem)? != key.der_bytes() {
            return Err(PkiError::NotAPair);
        }
        Ok(Self {
            certificate_pem: certificate_pem.to_owned(),
            not_after: facts.not_after,
            issuer: Issuer::from_ca_cert_pem(certificate_pem, key)?,
        })
    }

    /// The certificate every member trusts, in PEM.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The authority's private key; whoever holds it can pose as any member.
    pub fn key(&self) -> PrivateKeyPem {
        PrivateKeyPem::of(self.issuer.key())
    }

    /// Makes key and certificate of one of the coordinator's roles.
    ///
    /// # Errors
    /// [`PkiError::OutlivesAuthority`], or [`PkiError::Signing`].
    pub fn issue_role(&self, role: Role, validity: Validity) -> Result<Issued, PkiError> {
        let key = KeyPair::generate()?;
        Ok(Issued {
            certificate_pem: self.sign(&role_name(role), purposes(role), validity, &key)?,
            key: PrivateKeyPem::of(&key),
        })
    }

    /// Issues the certificate of a role that another operator runs, in PEM, as [`Self::issue_node`] does
    /// that of a node.
    ///
    /// # Errors
    /// As for [`Self::issue_node`].
    pub fn issue_role_for(
        &self,
        request_pem: &str,
        role: Role,
        validity: Validity,
    ) -> Result<String, PkiError> {
        self.issue(request_pem, &role_name(role), purposes(role), validity)
    }

    /// Issues the certificate of `party`'s node, in PEM. Of the request only the public key is
    /// taken over; the operator says whose it is.
    ///
    /// # Errors
    /// [`PkiError`] when the request cannot be read, asks for another name, or the certificate
    /// would outlive the authority.
    pub fn issue_node(
        &self,
        request_pem: &str,
        party: &PartyName,
        validity: Validity,
    ) -> Result<String, PkiError> {
        let purposes = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.issue(request_pem, &node_name(party), purposes, validity)
    }

    /// Issues the certificate of the project's key server, in PEM. Of the request only the public key is
    /// taken over.
    ///
    /// # Errors
    /// As [`Self::issue_node`].
    pub fn issue_key_server(
        &self,
        request_pem: &str,
        validity: Validity,
    ) -> Result<String, PkiError> {
        let purposes = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.issue(request_pem, KEY_SERVER_NAME, purposes, validity)
    }

    fn issue(
        &self,
        request_pem: &str,
        name: &str,
        purposes: Vec<ExtendedKeyUsagePurpose>,
        validity: Validity,
    ) -> Result<String, PkiError> {
        if request_pem.len() > MAX_PEM_BYTES {
            return Err(PkiError::Request);
        }
        let request = CertificateSigningRequestParams::from_pem(request_pem)
            .map_err(|_| PkiError::Request)?;
        check_name(&request.params.subject_alt_names, name)?;
        self.sign(name, purposes, validity, &request.public_key)
    }

    fn sign(
        &self,
        name: &str,
        purposes: Vec<ExtendedKeyUsagePurpose>,
        validity: Validity,
        key: &impl PublicKeyData,
    ) -> Result<String, PkiError> {
        if validity.not_after > self.not_after {
            return Err(PkiError::OutlivesAuthority);
        }
        let mut params = named(name)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = purposes;
        params.use_authority_key_identifier_extension = true;
        stamp(&mut params, validity, key.der_bytes());
        Ok(params.signed_by(key, &self.issuer)?.pem())
    }
}

/// Roles are dialled; the resolver also dials the matcher.
fn purposes(role: Role) -> Vec<ExtendedKeyUsagePurpose> {
    match role {
        Role::Matcher => vec![ExtendedKeyUsagePurpose::ServerAuth],
        Role::Resolver => vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ],
    }
}

fn check_name(asked: &[SanType], expected: &str) -> Result<(), PkiError> {
    if let [SanType::DnsName(name)] = asked
        && name.as_str() == expected
    {
        return Ok(());
    }
    let name = |san: &SanType| match san {
        SanType::DnsName(name) => name.as_str().to_owned(),
        _ => "a name that is no DNS name".to_owned(),
    };
    let asked: Vec<_> = asked.iter().take(4).map(name).collect();
    Err(PkiError::OtherName {
        asked: crate::convert::place::plain_text(&asked.join(", ")),
        expected: expected.to_owned(),
    })
}

fn named(name: &str) -> Result<CertificateParams, PkiError> {
    let mut params = CertificateParams::new(vec![name.to_owned()])?;
    params.distinguished_name = common_name(name);
    Ok(params)
}

fn common_name(name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    subject
}

/// Sets the times, and a serial number that differs between certificates of one key.
fn stamp(params: &mut CertificateParams, validity: Validity, public_key: &[u8]) {
    validity.apply(params);
    let mut digester = model::digest::Digester::new();
    digester.field(public_key);
    digester.field(&validity.not_before.to_le_bytes());
    digester.field(&validity.not_after.to_le_bytes());
    let digest = digester.finish();
    params.serial_number = Some(SerialNumber::from_slice(&serial(&digest)));
}

/// 16 bytes whose first is between 64 and 127, so that the number is positive and of one length.
fn serial(digest: &Digest) -> [u8; 16] {
    let mut serial = [0; 16];
    serial.copy_from_slice(&digest.as_bytes()[..16]);
    serial[0] = serial[0] & 0x7f | 0x40;
    serial
}

fn public_key(certificate_pem: &str) -> Result<Vec<u8>, PkiError> {
    let der = identity::der_of(certificate_pem)?;
    let (_, certificate) =
        X509Certificate::from_der(&der).map_err(|_| IdentityError::Unreadable)?;
    Ok(certificate.public_key().subject_public_key.data.to_vec())
}

#[cfg(test)]
mod tests;
