//! What holds an upload back: no report, a report of something else, or one that says to hold and for which
//! no two officers answer.

use std::path::Path;

use attack::report::{Decision, Report};
use audit::Event;
use model::agreement::{Member, RiskRules};
use model::risk::{MAX_OVERRIDE_BYTES, OVERRIDING_OFFICERS, Override};
use model::signature::{MAX_SIGNATURE_BYTES, PublicKey};
use model::{Agreement, Digest, PartyName, Signature, SignedAgreement};
use secret::signing;

use super::{REPORT, RiskError, SIGNATURE, limits, subject, verdict};
use crate::error::NodeError;
use crate::files::read_text;
use crate::open::Node;
use crate::outbox::Outbox;

/// The most bytes a report may have.
pub(super) const MAX_REPORT_BYTES: u64 = 1 << 20;

impl Node {
    /// Refuses to upload what is in `outbox` unless its risk was measured as the agreement asks, and the
    /// report says to release or two officers answer for it. What they answer for is logged.
    pub(crate) fn check_risk(
        &self,
        outbox: &Outbox,
        agreement: &SignedAgreement,
    ) -> Result<(), NodeError> {
        let Some(rules) = agreement.terms().risk_rules() else {
            return Ok(());
        };
        let (report, digest) = self.own_report(outbox)?;
        check_of(&report, outbox, rules)?;
        let Decision::Hold { reasons } = &report.decision else {
            return Ok(());
        };
        let officers = self.overriding(outbox, agreement.terms(), &digest)?;
        let is_ours = officers.contains(&self.config.party);
        if officers.len() < OVERRIDING_OFFICERS || !is_ours {
            let signed: Vec<&str> = officers.iter().map(PartyName::as_str).collect();
            let held = RiskError::Held {
                run: outbox.run,
                reasons: reasons.join("; "),
                signed: if signed.is_empty() {
                    "nobody".to_owned()
                } else {
                    signed.join(", ")
                },
            };
            return Err(held.into());
        }
        let event = Event::RiskOverridden {
            run: outbox.run,
            report: digest,
            officers,
        };
        Ok(self.home.record(&event, &self.config.party, &*self.clock)?)
    }

    /// The report in `outbox`, signed by this node and in its log, and its digest.
    fn own_report(&self, outbox: &Outbox) -> Result<(Report, Digest), NodeError> {
        let (run, dir) = (outbox.run, outbox.risk_dir());
        let path = dir.join(REPORT);
        if !path.exists() {
            return Err(RiskError::Missing(run).into());
        }
        let text = read_text(&path, MAX_REPORT_BYTES)?;
        let signature = signature(&dir.join(SIGNATURE))?;
        let ours = PublicKey::new(self.signing_key()?.public()).fingerprint();
        let report: Option<Report> = serde_json::from_str(&text).ok();
        let digest = Digest::of(text.as_bytes());
        let signed = signature.is_of(&ours, text.as_bytes(), signing::verify);
        match report {
            Some(report) if signed && self.has_logged(outbox, digest, &report)? => {
                Ok((report, digest))
            }
            _ => Err(RiskError::NotOurs(run).into()),
        }
    }

    fn has_logged(
        &self,
        outbox: &Outbox,
        digest: Digest,
        report: &Report,
    ) -> Result<bool, NodeError> {
        let event = Event::RiskMeasured {
            run: outbox.run,
            // That of what is prepared now is held to it by `check_of`, which names what differs.
            prepared: report
                .subject
                .as_ref()
                .map_or(Digest::new([0; 32]), |subject| subject.prepared),
            report: digest,
            verdict: verdict(report),
        };
        Ok(self.home.has_recorded(&event)?)
    }

    /// The members whose officers answer for an upload against this report.
    fn overriding(
        &self,
        outbox: &Outbox,
        terms: &Agreement,
        report: &Digest,
    ) -> Result<Vec<PartyName>, NodeError> {
        let mut officers = Vec::new();
        for member in terms.custodians() {
            let path = outbox
                .risk_dir()
                .join(super::officer::file_of(&member.name));
            if path.exists() {
                self.check_override(&path, member, outbox, report)?;
                officers.push(member.name.clone());
            }
        }
        Ok(officers)
    }

    fn check_override(
        &self,
        path: &Path,
        member: &Member,
        outbox: &Outbox,
        report: &Digest,
    ) -> Result<(), NodeError> {
        let wrong = |why: &str| RiskError::Override {
            path: path.to_owned(),
            why: why.to_owned(),
        };
        let text = read_text(path, MAX_OVERRIDE_BYTES as u64)?;
        let said = Override::parse(text.as_bytes()).map_err(|error| wrong(&error.to_string()))?;
        let signature = signature(&path.with_extension("sig"))?;
        let key = member.dpo_key.unwrap_or(Digest::new([0; 32]));
        let config = &self.config;
        match () {
            () if said.report != *report => Err(wrong("it is about another report"))?,
            () if (&said.project, said.run) != (&config.project, outbox.run)
                || said.party != config.party =>
            {
                Err(wrong("it is about another upload"))?
            }
            () if said.member != member.name || Some(&said.officer) != member.dpo.as_ref() => {
                Err(wrong("the agreement knows its officer by another name"))?
            }
            () if !signature.is_of(&key, text.as_bytes(), signing::verify) => {
                Err(wrong("it is not signed by the officer it names"))?
            }
            () => Ok(()),
        }
    }
}

/// Holds a report to what is prepared and what the agreement asks now.
fn check_of(report: &Report, outbox: &Outbox, rules: RiskRules) -> Result<(), NodeError> {
    let run = outbox.run;
    let expected = subject(&outbox.first_manifest()?);
    let other = |what| Err(RiskError::Other { run, what }.into());
    let Some(subject) = &report.subject else {
        return other("what it is of");
    };
    match () {
        () if subject.agreement != expected.agreement => other("the agreement"),
        () if subject.epoch != expected.epoch => other("the epoch"),
        () if *subject != expected => other("what is prepared"),
        () if report.limits != limits(rules) => other("the limit"),
        () => Ok(()),
    }
}

fn signature(path: &Path) -> Result<Signature, NodeError> {
    let text = read_text(path, MAX_SIGNATURE_BYTES as u64)?;
    let signature = Signature::parse(text.as_bytes()).map_err(|source| RiskError::Signature {
        path: path.to_owned(),
        source,
    });
    Ok(signature?)
}
