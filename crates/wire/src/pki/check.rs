//! Checking the certificate of a role that another operator's authority issued, as those who dial the role
//! will.

use std::sync::Arc;
use std::time::Duration;

use model::{Clock, Digest};
use rcgen::{KeyPair, PublicKeyData as _};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

use super::{PkiError, PrivateKeyPem, public_key};
use crate::identity::{der_of, role_name, role_of};
use crate::messages::Role;

/// Checks that a certificate (PEM) is one of `role` from this authority (PEM), holds now, and belongs to
/// `key`. Returns the fingerprints of both certificates.
///
/// # Errors
/// [`PkiError`] says in what it fails.
pub fn check_role(
    role: Role,
    certificate_pem: &str,
    key: &PrivateKeyPem,
    authority_pem: &str,
    clock: &dyn Clock,
) -> Result<[Digest; 2], PkiError> {
    let (der, authority) = (der_of(certificate_pem)?, der_of(authority_pem)?);
    let wrong = |reason: String| PkiError::NotOfRole { role, reason };
    if role_of(&der) != Some(role) {
        return Err(wrong("it names another holder".to_owned()));
    }
    let own = KeyPair::from_pem(key.expose()).map_err(|_| PkiError::Key)?;
    if public_key(certificate_pem)? != own.der_bytes() {
        return Err(PkiError::NotAPair);
    }
    let fingerprints = [Digest::of(&der), Digest::of(&authority)];
    check_issued(role, der, authority, clock).map_err(|error| wrong(error.to_string()))?;
    Ok(fingerprints)
}

fn check_issued(
    role: Role,
    der: Vec<u8>,
    authority: Vec<u8>,
    clock: &dyn Clock,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(authority))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
    let now = UnixTime::since_unix_epoch(Duration::from_millis(clock.unix_millis()));
    let name = ServerName::try_from(role_name(role))?;
    verifier.verify_server_cert(&CertificateDer::from(der), &[], &name, &[], now)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Authority, Validity, request_role};
    use super::*;

    struct At(u64);

    impl Clock for At {
        fn unix_millis(&self) -> u64 {
            self.0 * 1000
        }
    }

    const NOW: At = At(1_800_000_000);

    fn authority() -> Authority {
        let project = "census".parse().unwrap();
        Authority::create(&project, Validity::days(&NOW, 365)).unwrap()
    }

    #[test]
    fn only_the_roles_own_certificate_from_the_authority_passes() {
        let (authority, other) = (authority(), self::authority());
        let request = request_role(Role::Matcher).unwrap();
        let issue = |by: &Authority, days| {
            let validity = Validity::days(&NOW, days);
            by.issue_role_for(&request.request_pem, Role::Matcher, validity)
                .unwrap()
        };
        let check = |certificate: &str, key: &PrivateKeyPem, at: &At| {
            let root = authority.certificate_pem();
            check_role(Role::Matcher, certificate, key, root, at).map(drop)
        };
        let good = issue(&authority, 9);
        check(&good, &request.key, &NOW).unwrap();
        let later = At(NOW.0 + 10 * 86_400);
        assert!(check(&good, &request.key, &later).is_err());
        let foreign = issue(&other, 9);
        let refused = check(&foreign, &request.key, &NOW).unwrap_err();
        assert!(matches!(refused, PkiError::NotOfRole { .. }), "{refused}");
        let key = request_role(Role::Matcher).unwrap().key;
        let refused = check(&good, &key, &NOW).unwrap_err();
        assert!(matches!(refused, PkiError::NotAPair), "{refused}");
        let resolver = authority
            .issue_role(Role::Resolver, Validity::days(&NOW, 9))
            .unwrap();
        let refused = check(&resolver.certificate_pem, &resolver.key, &NOW).unwrap_err();
        assert!(matches!(refused, PkiError::NotOfRole { .. }), "{refused}");
    }
}
