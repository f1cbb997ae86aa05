//! Linkage agreements, their signatures, and statements about them.

use model::agreement::Statement;
use model::{Agreement, Digest, RunNumber, Signature, SignedAgreement};

use super::parts;

/// Agreement, statements and signature files, divided by lines of `====`: each is read as each, and what
/// is an agreement is signed by keys of which every signature holds, so that all behind that is reached.
pub fn agreements(bytes: &[u8]) -> bool {
    let parts = parts(bytes);
    let mut taken = false;
    for part in &parts {
        taken |= signature(part) | statement(part) | agreement(part, &parts);
    }
    taken
}

fn signature(bytes: &[u8]) -> bool {
    let Ok(signature) = Signature::parse(bytes) else {
        return false;
    };
    let again = Signature::parse(signature.to_text().as_bytes());
    assert_eq!(again, Ok(signature.clone()));
    signature.is_of(&signature.fingerprint, b"document", secret::signing::verify);
    true
}

fn statement(bytes: &[u8]) -> bool {
    let Ok(statement) = Statement::parse(bytes) else {
        return false;
    };
    assert!(!statement.file_stem().contains(['/', '\n', '\0']));
    true
}

/// Every signature holds.
fn holds(_: &[u8; 32], _: &[u8], _: &[u8; 64]) -> bool {
    true
}

fn agreement(bytes: &[u8], others: &[&[u8]]) -> bool {
    let Ok(agreement) = Agreement::parse(bytes) else {
        return false;
    };
    agreement.custodians().for_each(drop);
    let signatures: Vec<Signature> = others
        .iter()
        .filter_map(|part| Signature::parse(part).ok())
        .collect();
    let real = SignedAgreement::verify(bytes, &signatures, secret::signing::verify);
    let Ok(mut signed) = SignedAgreement::verify(bytes, &signatures, holds) else {
        assert!(real.is_err());
        return true;
    };
    assert_eq!(signed.digest(), Digest::of(bytes));
    for part in others {
        let before = signed.standing();
        if signed.hear(part, &signatures, holds).is_err() {
            assert_eq!(signed.standing(), before);
        }
    }
    drop(signed.check_run(&agreement.project, RunNumber(1), 1_767_225_600_000));
    drop(signed.check_follows(&signed.clone(), bytes, &signatures, holds));
    for member in &agreement.member {
        for output in &member.outputs {
            assert_eq!(signed.check_output(&member.name, *output), Ok(()));
        }
    }
    true
}
