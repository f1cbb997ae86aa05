//! Tests of issuing certificates.

use model::Clock;

use super::*;
use crate::identity::{Standing, party_of};

struct At(u64);

impl Clock for At {
    fn unix_millis(&self) -> u64 {
        self.0 * 1000
    }
}

const NOW: At = At(1_800_000_000);
const DAY: u64 = 24 * 60 * 60;

fn authority() -> Authority {
    let project = "census".parse().unwrap();
    Authority::create(&project, Validity::days(&NOW, 365)).unwrap()
}

fn party(name: &str) -> PartyName {
    name.parse().unwrap()
}

#[test]
fn a_node_gets_a_certificate_with_its_name_and_nothing_else() {
    let request = request(&party("crvs")).unwrap();
    let validity = Validity::days(&NOW, 90);
    let pem = authority()
        .issue_node(&request.request_pem, &party("crvs"), validity)
        .unwrap();
    let facts = CertificateFacts::read(&pem).unwrap();
    assert_eq!(facts.names, ["crvs.node.symbolon"]);
    let der = identity::der_of(&pem).unwrap();
    assert_eq!(party_of(&der).unwrap(), party("crvs"));
    assert_eq!(facts.fingerprint, Digest::of(&der));
}

#[test]
fn a_certificate_holds_from_a_little_before_now() {
    let issued = authority()
        .issue_role(Role::Matcher, Validity::days(&NOW, 90))
        .unwrap();
    let facts = CertificateFacts::read(&issued.certificate_pem).unwrap();
    assert_eq!(facts.standing(&NOW), Standing::Valid);
    assert_eq!(facts.standing(&At(NOW.0 - DAY)), Standing::NotYet);
    assert_eq!(facts.standing(&At(NOW.0 + 91 * DAY)), Standing::Expired);
}

#[test]
fn a_request_for_another_name_is_not_signed() {
    let request = request(&party("crvs")).unwrap();
    let refused =
        authority().issue_node(&request.request_pem, &party("id"), Validity::days(&NOW, 90));
    let text = refused.unwrap_err().to_string();
    assert!(text.contains("crvs.node.symbolon"), "{text}");
    assert!(text.contains("not for id.node.symbolon"), "{text}");
}

#[test]
fn a_request_that_was_changed_is_not_signed() {
    let request = request(&party("crvs")).unwrap().request_pem;
    let mut lines: Vec<_> = request.lines().collect();
    lines.swap(1, 2);
    let garbage = [
        "",
        "no request",
        &lines.join("\n"),
        &"x".repeat(MAX_PEM_BYTES + 1),
    ];
    for text in garbage {
        let refused = authority().issue_node(text, &party("crvs"), Validity::days(&NOW, 90));
        assert!(matches!(refused, Err(PkiError::Request)));
    }
}

#[test]
fn no_certificate_outlives_the_authority() {
    let refused = authority().issue_role(Role::Resolver, Validity::days(&NOW, 366));
    assert!(matches!(refused, Err(PkiError::OutlivesAuthority)));
}

#[test]
fn an_authority_loads_back_and_issues_the_same_way() {
    let first = authority();
    let again = Authority::load(first.certificate_pem(), &first.key()).unwrap();
    let issued = again
        .issue_role(Role::Matcher, Validity::days(&NOW, 90))
        .unwrap();
    assert!(
        issued
            .certificate_pem
            .starts_with("-----BEGIN CERTIFICATE-----")
    );
    assert_eq!(again.certificate_pem(), first.certificate_pem());
}

#[test]
fn the_key_of_another_authority_is_told() {
    let (one, other) = (authority(), authority());
    let loaded = Authority::load(one.certificate_pem(), &other.key());
    assert!(matches!(loaded, Err(PkiError::NotAPair)));
    let loaded = Authority::load(one.certificate_pem(), &PrivateKeyPem::new("no key".into()));
    assert!(matches!(loaded, Err(PkiError::Key)));
    let loaded = Authority::load("no certificate", &one.key());
    assert!(matches!(loaded, Err(PkiError::Certificate(_))));
}

#[test]
fn certificates_without_exactly_one_party_name_are_nobody() {
    let authority = authority();
    let validity = Validity::days(&NOW, 90);
    let role = authority.issue_role(Role::Matcher, validity).unwrap();
    for pem in [authority.certificate_pem(), &role.certificate_pem] {
        let der = identity::der_of(pem).unwrap();
        assert_eq!(party_of(&der), Err(IdentityError::NotANode));
    }
    assert_eq!(party_of(b"garbage"), Err(IdentityError::Unreadable));
    assert_eq!(party_of(&two_names()), Err(IdentityError::NotANode));
}

fn two_names() -> Vec<u8> {
    let names = ["crvs", "id"].map(|name| node_name(&party(name)));
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(names.to_vec()).unwrap();
    params.self_signed(&key).unwrap().der().to_vec()
}

#[test]
fn a_renewed_certificate_has_another_serial_number() {
    let (authority, request) = (authority(), request(&party("crvs")).unwrap());
    let issue = |days| {
        let validity = Validity::days(&NOW, days);
        let pem = authority.issue_node(&request.request_pem, &party("crvs"), validity);
        let der = identity::der_of(&pem.unwrap()).unwrap();
        let (_, certificate) = X509Certificate::from_der(&der).unwrap();
        certificate.raw_serial().to_vec()
    };
    assert_ne!(issue(30), issue(31));
    assert_eq!(issue(30).len(), 16);
}

#[test]
fn a_role_that_another_operator_runs_gets_its_certificate_by_a_request() {
    let request = request_role(Role::Matcher).unwrap();
    let validity = Validity::days(&NOW, 90);
    let (authority, pem) = (authority(), &request.request_pem);
    let issued = authority.issue_role_for(pem, Role::Matcher, validity);
    let der = identity::der_of(&issued.unwrap()).unwrap();
    assert_eq!(identity::role_of(&der), Some(Role::Matcher));
    assert!(party_of(&der).is_err());
    // Nobody becomes the resolver, or a node, by the matcher's request.
    let refused = authority.issue_role_for(pem, Role::Resolver, validity);
    assert!(matches!(refused, Err(PkiError::OtherName { .. })));
    let refused = authority.issue_node(pem, &party("crvs"), validity);
    assert!(matches!(refused, Err(PkiError::OtherName { .. })));
    let node = self::request(&party("crvs")).unwrap().request_pem;
    let node = authority.issue_node(&node, &party("crvs"), validity);
    let node = identity::der_of(&node.unwrap()).unwrap();
    assert_eq!(identity::role_of(&node), None);
}
