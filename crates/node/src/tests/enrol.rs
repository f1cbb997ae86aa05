//! Which certificates a node takes, and which it does not.

use std::fs;

use wire::Role;
use wire::pki::{self, Authority, Validity};

use super::fixture::{Addresses, At, DAY, Setting, now, project_name};
use crate::{EnrolError, NodeError};

fn enrol_error(setting: &Setting, certificate: &std::path::Path) -> EnrolError {
    match setting
        .node
        .enrol(certificate, &setting.authority_file(), None)
    {
        Err(NodeError::Enrol(error)) => error,
        Err(other) => panic!("{other}"),
        Ok(()) => panic!("the certificate was taken"),
    }
}

#[test]
fn the_certificate_for_the_nodes_request_is_taken() {
    let setting = Setting::bare(&Addresses::default());
    assert!(
        setting
            .node
            .local_status()
            .unwrap()
            .certificate_until
            .is_none()
    );
    setting.enrol();
    // Once more changes nothing.
    setting.enrol();
    assert_eq!(
        setting.node.local_status().unwrap().certificate_days,
        Some(30)
    );
}

#[test]
fn certificates_of_others_are_refused() {
    let setting = Setting::bare(&Addresses::default());
    let foreign = pki::request(&"crvs".parse().unwrap()).unwrap();
    let request = setting.write("foreign.csr", &foreign.request_pem);
    let certificate = setting.issue(&request, "crvs", now(), 30);
    assert!(matches!(
        enrol_error(&setting, &certificate),
        EnrolError::OtherKey
    ));

    let other = pki::request(&"sr".parse().unwrap()).unwrap();
    let request = setting.write("other.csr", &other.request_pem);
    let certificate = setting.issue(&request, "sr", now(), 30);
    assert!(matches!(
        enrol_error(&setting, &certificate),
        EnrolError::OtherParty { .. }
    ));

    let role = setting
        .authority
        .issue_role(Role::Matcher, Validity::days(&At(now()), 30));
    let certificate = setting.write("role.pem", &role.unwrap().certificate_pem);
    assert!(matches!(
        enrol_error(&setting, &certificate),
        EnrolError::Certificate(_)
    ));
    assert!(!setting.node.home().certificate().exists());
}

#[test]
fn certificates_out_of_date_or_of_another_authority_are_refused() {
    let setting = Setting::bare(&Addresses::default());
    let request = setting.node.home().certificate_request();
    let past = setting.issue(&request, "crvs", now() - 31 * DAY, 30);
    assert!(matches!(enrol_error(&setting, &past), EnrolError::Expired));
    let future = setting.issue(&request, "crvs", now() + DAY, 30);
    assert!(matches!(enrol_error(&setting, &future), EnrolError::NotYet));

    let validity = Validity::days(&At(now()), 365);
    let stranger = Authority::create(&project_name(), validity).unwrap();
    let pem = fs::read_to_string(&request).unwrap();
    let party = "crvs".parse().unwrap();
    let issued = stranger.issue_node(&pem, &party, Validity::days(&At(now()), 30));
    let certificate = setting.write("stranger.pem", &issued.unwrap());
    assert!(matches!(
        enrol_error(&setting, &certificate),
        EnrolError::NotIssued(_)
    ));
}

#[test]
fn what_is_no_certificate_is_named() {
    let setting = Setting::bare(&Addresses::default());
    let text = setting.write("text.pem", "hello");
    assert!(matches!(
        enrol_error(&setting, &text),
        EnrolError::Certificate(_)
    ));
    let certificate = setting.issue(
        &setting.node.home().certificate_request(),
        "crvs",
        now(),
        30,
    );
    let refused = setting.node.enrol(&certificate, &text, None);
    assert!(matches!(
        refused,
        Err(NodeError::Enrol(EnrolError::Authority(_)))
    ));
}

#[test]
fn a_renewed_node_has_another_key_and_is_enrolled_again() {
    let setting = Setting::new();
    setting.enrol();
    let home = setting.node.home();
    let read = |path: std::path::PathBuf| std::fs::read_to_string(path).unwrap();
    let (key, request) = (read(home.tls_key()), read(home.certificate_request()));
    assert_eq!(setting.node.renew().unwrap(), home.certificate_request());
    assert_ne!(read(home.tls_key()), key);
    assert_ne!(read(home.certificate_request()), request);
    assert!(setting.node.identity().is_err());
    setting.enrol();
    setting.node.identity().unwrap();
}
