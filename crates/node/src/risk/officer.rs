//! How an officer answers for an upload that its risk report says to hold: a document of their own beside
//! the report, signed. It works on files alone, on any machine.

use std::path::Path;

use attack::report::{Decision, Report};
use model::agreement::Clause;
use model::risk::Override;
use model::signature::PublicKey;
use model::{Day, Digest, PartyName, Signature};
use secret::signing;
use service::{AgreementFault, AgreementFiles};

use super::RiskError;
use super::gate::MAX_REPORT_BYTES;
use crate::dpo::{DpoError, OfficerKey};
use crate::error::NodeError;
use crate::files::{read_text, write};

/// The file of the word of a member's officer.
pub(super) fn file_of(member: &PartyName) -> String {
    format!("override-{member}.toml")
}

/// Says with the officer's key in `key` that what the risk report in the file `report` is of may be
/// uploaded all the same, and puts that word and its signature beside the report. `agreement` is the directory
/// of the agreement that names the officer.
///
/// # Errors
/// [`NodeError`] when the report says to release, is of another agreement, or the key is no officer's.
pub fn override_risk<'a>(
    report: &Path,
    agreement: &Path,
    key: impl Into<OfficerKey<'a>>,
    reason: &str,
    today: Day,
) -> Result<Override, NodeError> {
    let key = key.into().read()?;
    let text = read_text(report, MAX_REPORT_BYTES)?;
    let said = wording(&text, report, agreement, &key, reason, today)?;
    let document = toml::to_string(&said).map_err(RiskError::from)?;
    // What is signed has to be what a node takes.
    let unread = |error: model::risk::NotAnOverride| wrong(report, &error.to_string());
    Override::parse(document.as_bytes()).map_err(unread)?;
    let path = report.with_file_name(file_of(&said.member));
    let bytes = document.as_bytes();
    let signature = Signature::make(bytes, key.public(), |message| key.sign(message));
    // The signature first: a word without one would make the report unreadable.
    write(&path.with_extension("sig"), signature.to_text().as_bytes())?;
    write(&path, bytes)?;
    Ok(said)
}

fn wrong(path: &Path, why: &str) -> RiskError {
    RiskError::Override {
        path: path.to_owned(),
        why: why.to_owned(),
    }
}

fn wording(
    text: &str,
    path: &Path,
    agreement: &Path,
    key: &secret::SigningKey,
    reason: &str,
    today: Day,
) -> Result<Override, NodeError> {
    let report: Report =
        serde_json::from_str(text).map_err(|error| wrong(path, &error.to_string()))?;
    if report.decision == Decision::Release {
        return Err(RiskError::NotHeld.into());
    }
    let subject = report
        .subject
        .ok_or_else(|| wrong(path, "it is of no upload"))?;
    let files = AgreementFiles::read(agreement)?;
    let agreement = files
        .verify(signing::verify)
        .map_err(AgreementFault::from)?;
    if subject.agreement != agreement.digest() {
        let detail = "the report was made under another";
        return Err(AgreementFault::from(Clause::Agreement.refuse(detail)).into());
    }
    let fingerprint = PublicKey::new(key.public()).fingerprint();
    let member = agreement.terms().member_of_key(&fingerprint);
    let member = member.ok_or(DpoError::NotPinned(fingerprint))?;
    let (kind, format) = Override::HEAD;
    Ok(Override {
        kind,
        format,
        project: subject.project,
        run: subject.run,
        party: subject.party,
        report: Digest::of(text.as_bytes()),
        member: member.name.clone(),
        officer: member.dpo.clone().unwrap_or_default(),
        date: today,
        reason: reason.to_owned(),
    })
}
