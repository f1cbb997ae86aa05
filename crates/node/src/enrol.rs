//! The node's TLS identity: installing its certificate, and taking it up again.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use audit::Event;
use model::{Clock, Digest, PartyName};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, RootCertStore};
use secret::Purpose;
use wire::NodeIdentity;
use wire::identity::{CertificateFacts, IdentityError, Standing, party_of};
use wire::limits::MAX_PEM_BYTES;
use wire::pki::PrivateKeyPem;
use zeroize::Zeroizing;

use crate::error::NodeError;
use crate::files::{read_text, write};
use crate::open::Node;

/// Why a certificate was not installed.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// Not a certificate of a node.
    #[error("the certificate: {0}")]
    Certificate(IdentityError),
    /// Not a certificate.
    #[error("the authority: {0}")]
    Authority(IdentityError),
    /// Another party's.
    #[error("the certificate is for `{found}`, this node is `{expected}`; ask for the right one")]
    OtherParty {
        /// The party it names.
        found: PartyName,
        /// The node's party.
        expected: PartyName,
    },
    /// Its time is over.
    #[error("the certificate has expired; send the request to the coordinator's operator again")]
    Expired,
    /// Its time has not come.
    #[error("the certificate is not valid yet; check this machine's clock")]
    NotYet,
    /// Issued to another key.
    #[error(
        "the certificate was issued for another key; send this node's identity/request.csr to the \
         coordinator's operator"
    )]
    OtherKey,
    /// Not from the authority.
    #[error("the certificate was not issued by this authority ({0}); get both from one operator")]
    NotIssued(rustls::Error),
    /// The node's private key cannot be read.
    #[error("the node's private key cannot be read; make a new node")]
    OwnKey,
    /// None is installed.
    #[error(
        "this node has no certificate; send identity/request.csr to the coordinator's operator and \
         run `symbolon-node enrol` with what comes back"
    )]
    NotEnrolled,
}

impl EnrolError {
    pub(crate) fn is_refusal(&self) -> bool {
        !matches!(self, Self::OwnKey)
    }
}

impl Node {
    /// Installs the node's certificate and the project's authority, both in PEM files, and the keys by
    /// which the node knows the coordinator's logs, if they are given.
    ///
    /// # Errors
    /// [`EnrolError`] when the certificate is not this node's, not from the authority, or not in
    /// date; nothing is changed then.
    pub fn enrol(
        &self,
        certificate: &Path,
        authority: &Path,
        log_keys: Option<&Path>,
    ) -> Result<(), NodeError> {
        let _lock = self.home.lock()?;
        let limit = MAX_PEM_BYTES as u64;
        let certificate = read_text(certificate, limit)?;
        let authority = read_text(authority, limit)?;
        let key = self.tls_key()?;
        let fingerprint = self.check(&certificate, &authority, &key)?;
        if let Some(log_keys) = log_keys {
            self.pin_log_keys(log_keys)?;
        }
        let event = Event::CertificateInstalled {
            certificate: fingerprint,
        };
        self.home.record(&event, &self.config.party, &*self.clock)?;
        write(&self.home.authority(), authority.as_bytes())?;
        // Last: whether the node is enrolled is seen by this file.
        Ok(write(&self.home.certificate(), certificate.as_bytes())?)
    }

    /// What the node shows and trusts when it dials.
    pub(crate) fn identity(&self) -> Result<NodeIdentity, NodeError> {
        if !self.home.certificate().exists() {
            return Err(EnrolError::NotEnrolled.into());
        }
        let limit = MAX_PEM_BYTES as u64;
        Ok(NodeIdentity {
            authority_pem: read_text(&self.home.authority(), limit)?.to_string(),
            certificate_pem: read_text(&self.home.certificate(), limit)?.to_string(),
            key: PrivateKeyPem::of_text(self.tls_key()?),
        })
    }

    pub(crate) fn tls_key(&self) -> Result<Zeroizing<String>, NodeError> {
        let unlock = self.home.unlock();
        Ok(unlock.read_text(&self.home.tls_key(), Purpose::Tls)?)
    }

    /// Checks the certificate and returns its fingerprint.
    fn check(&self, certificate: &str, authority: &str, key: &str) -> Result<Digest, EnrolError> {
        let facts = CertificateFacts::read(certificate).map_err(EnrolError::Certificate)?;
        let unreadable = |_| EnrolError::Certificate(IdentityError::Unreadable);
        let leaf = CertificateDer::from_pem_slice(certificate.as_bytes()).map_err(unreadable)?;
        let found = party_of(&leaf).map_err(EnrolError::Certificate)?;
        if found != self.config.party {
            return Err(EnrolError::OtherParty {
                found,
                expected: self.config.party.clone(),
            });
        }
        match facts.standing(&*self.clock) {
            Standing::Valid => {}
            Standing::Expired => return Err(EnrolError::Expired),
            Standing::NotYet => return Err(EnrolError::NotYet),
        }
        let provider = Arc::new(ring::default_provider());
        check_issued(&leaf, authority, &provider, &*self.clock)?;
        check_key(leaf, key, &provider)?;
        Ok(facts.fingerprint)
    }
}

/// Checks the certificate as the coordinator's TLS will.
fn check_issued(
    leaf: &CertificateDer<'_>,
    authority: &str,
    provider: &Arc<CryptoProvider>,
    clock: &dyn Clock,
) -> Result<(), EnrolError> {
    let unreadable = |_| EnrolError::Authority(IdentityError::Unreadable);
    let root = CertificateDer::from_pem_slice(authority.as_bytes()).map_err(unreadable)?;
    let mut roots = RootCertStore::empty();
    roots.add(root).map_err(EnrolError::NotIssued)?;
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
            .build()
            .map_err(|_| EnrolError::Authority(IdentityError::Unreadable))?;
    let now = UnixTime::since_unix_epoch(Duration::from_millis(clock.unix_millis()));
    verifier
        .verify_client_cert(leaf, &[], now)
        .map_err(EnrolError::NotIssued)?;
    Ok(())
}

fn check_key(
    leaf: CertificateDer<'_>,
    key: &str,
    provider: &CryptoProvider,
) -> Result<(), EnrolError> {
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| EnrolError::OwnKey)?;
    let key = provider
        .key_provider
        .load_private_key(key)
        .map_err(|_| EnrolError::OwnKey)?;
    match CertifiedKey::new(vec![leaf.into_owned()], key).keys_match() {
        Ok(()) => Ok(()),
        Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            Err(EnrolError::OtherKey)
        }
        Err(_) => Err(EnrolError::OwnKey),
    }
}
