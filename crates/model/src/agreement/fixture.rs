//! A small agreement, and a stand-in for signatures, which `model` does not have.

use super::{Draft, DraftMember, SignedAgreement};
use crate::digest::Digest;
use crate::schema::LinkageSchema;
use crate::signature::{PublicKey, Signature};

pub(super) const SCHEMA: &str = r#"
format = 1
name = "s"
revision = 1
profile = "standard"
latest_year = 2025
field = [{ name = "born", kind = "date" }]
pass = [{ name = "born", block = ["born"] }]
[[party]]
name = "a"
title = "Births"
duplicates = false
record_id = "id"
map = { born = { columns = ["b"], formats = ["YYYY-MM-DD"] } }
[[party]]
name = "b"
title = "Households"
duplicates = false
record_id = "id"
map = { born = { columns = ["b"], formats = ["YYYY-MM-DD"] } }
"#;

pub(super) fn schema() -> LinkageSchema {
    LinkageSchema::parse(SCHEMA).unwrap()
}

/// The key of a party's DPO, by the party's letter.
pub(super) fn key(party: u8) -> PublicKey {
    PublicKey::new([party; 32])
}

pub(super) fn draft() -> Draft {
    let custodian = |party: u8| DraftMember {
        party: char::from(party).to_string().parse().unwrap(),
        dpo: format!("DPO of {}", char::from(party)),
        dpo_key: key(party).fingerprint(),
    };
    Draft {
        project: "p".parse().unwrap(),
        purpose: "To find out".to_owned(),
        legal_basis: "Act 1, section 2".to_owned(),
        starts: "2026-01-01".parse().unwrap(),
        expires: "2026-12-31".parse().unwrap(),
        runs: 3,
        retention_days: 30,
        noise: None,
        disclosure: None,
        decoys: None,
        risk: None,
        key_server: None,
        custodians: vec![custodian(b'a'), custodian(b'b')],
        coordinator: "The linkage unit".to_owned(),
    }
}

/// A signature that names key and digest of the message.
pub(super) fn sign(party: u8, document: &[u8]) -> Signature {
    Signature::make(document, *key(party).as_bytes(), |message| {
        let mut bytes = [party; 64];
        bytes[32..].copy_from_slice(Digest::of(message).as_bytes());
        bytes
    })
}

pub(super) fn verify(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    signature[..32] == *key && signature[32..] == *Digest::of(message).as_bytes()
}

pub(super) fn text() -> String {
    draft().to_text(&schema()).unwrap()
}

/// `text` with the signatures of both DPOs.
pub(super) fn signed(text: &str) -> SignedAgreement {
    let document = text.as_bytes();
    let signatures = [b'a', b'b'].map(|party| sign(party, document));
    SignedAgreement::verify(document, &signatures, verify).unwrap()
}

/// Noon of a day, in milliseconds.
pub(super) fn noon(day: &str) -> u64 {
    day.parse::<crate::Day>().unwrap().start_millis() + 43_200_000
}
