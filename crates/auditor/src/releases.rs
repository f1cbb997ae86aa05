//! Reconciling releases with approvals, and every log with the agreement: a run is released when the
//! officer of each custodian has approved exactly what came out of it, all members work under the same
//! documents, and nothing is done under an agreement that was revoked.

use std::collections::BTreeMap;

use audit::{Entry, Event};
use model::agreement::Act;
use model::{Digest, PartyName, RunNumber, approval};

use crate::finding::{Finding, Severity};
use crate::reconcile::{Books, parties};
use crate::verify::CheckedLog;

/// An approval as a log has it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Approved<'a> {
    at: u64,
    party: &'a PartyName,
    agreement: &'a Digest,
    outcome: &'a Digest,
}

/// One release of a run, and the log it stands in.
struct Release<'a> {
    log: &'a CheckedLog,
    at: u64,
    run: RunNumber,
    agreement: &'a Digest,
}

/// Every release that the resolver's log tells of is one that all custodians approved.
pub(crate) fn check(resolver: &CheckedLog, books: &Books<'_>) -> Vec<Finding> {
    let releases = resolver
        .entries
        .iter()
        .filter_map(|entry| match &entry.event {
            Event::RunReleased { run, agreement } => Some(Release {
                log: resolver,
                at: entry.sequence,
                run: *run,
                agreement,
            }),
            _ => None,
        });
    releases.flat_map(|release| release.check(books)).collect()
}

impl Release<'_> {
    fn check(&self, books: &Books<'_>) -> Vec<Finding> {
        let approvals: Vec<Approved<'_>> = approvals(self.log, self.run)
            .filter(|approved| approved.at < self.at)
            .collect();
        let mut findings: Vec<Finding> = approvals
            .iter()
            .flat_map(|approved| self.check_approval(approved, books))
            .collect();
        let run = self.run;
        let has = |party: &&PartyName| approvals.iter().any(|approved| approved.party == *party);
        let missing: Vec<&str> = parties(self.log)
            .filter(|party| !has(party))
            .map(PartyName::as_str)
            .collect();
        findings.push(match missing.is_empty() {
            true => self.right(format!(
                "it released run {run} after every custodian had approved it"
            )),
            false => self.wrong(format!(
                "it released run {run} without the approval of {}",
                missing.join(", ")
            )),
        });
        findings
    }

    fn right(&self, text: String) -> Finding {
        Finding::new(Severity::Right, &self.log.name, text).at(self.at)
    }

    fn wrong(&self, text: String) -> Finding {
        Finding::new(Severity::Wrong, &self.log.name, text).at(self.at)
    }

    /// An approval is of what was linked, under the agreement of the release, and stands in the log of
    /// the party whose it is.
    fn check_approval(&self, approved: &Approved<'_>, books: &Books<'_>) -> Vec<Finding> {
        let (party, run) = (approved.party, self.run);
        let mut findings = Vec::new();
        let mut wrong = |text: String| findings.push(self.wrong(text).at(approved.at));
        if approved.agreement != self.agreement {
            wrong(format!(
                "{party} approved run {run} under another agreement than it was released under"
            ));
        }
        if outcome(self.log, run).is_some_and(|outcome| outcome != *approved.outcome) {
            wrong(format!(
                "it has an approval of {party} of another outcome than the one it linked"
            ));
        }
        let Some(own) = books.nodes.get(party.as_str()) else {
            return findings;
        };
        let given = approvals(own, run).any(|given| {
            (given.agreement, given.outcome) == (approved.agreement, approved.outcome)
        });
        findings.push(match given {
            true => self
                .right(format!(
                    "its approval of run {run} by {party} is one that {party} gave"
                ))
                .at(approved.at),
            false => {
                let text = format!(
                    "it has an approval of run {run} in the name of {party} that {party} never gave"
                );
                self.wrong(text).at(approved.at).shown_by(party.as_str())
            }
        });
        findings
    }
}

/// What custodians approve of `run`, as it follows from what the log says was sealed and linked.
pub(crate) fn outcome(log: &CheckedLog, run: RunNumber) -> Option<Digest> {
    let (mut project, mut manifests, mut clusters) = (None, None, None);
    for entry in &log.entries {
        match &entry.event {
            Event::ProjectOpened { project: name, .. } => project = Some(name),
            Event::RunSealed {
                run: of,
                manifest_digests,
            } if *of == run => manifests = Some(manifest_digests),
            Event::RunResolved {
                run: of,
                clusters_digest,
            } if *of == run => clusters = Some(clusters_digest),
            _ => {}
        }
    }
    Some(approval::outcome(project?, run, manifests?, clusters?))
}

fn approvals(log: &CheckedLog, of: RunNumber) -> impl Iterator<Item = Approved<'_>> {
    log.entries
        .iter()
        .filter_map(move |entry| match &entry.event {
            Event::RunApproved {
                run,
                party,
                agreement,
                outcome,
            } if *run == of => Some(Approved {
                at: entry.sequence,
                party,
                agreement,
                outcome,
            }),
            _ => None,
        })
}

/// All logs took up the same agreements, before they did anything under one, and stopped when one was
/// revoked.
pub(crate) fn check_agreements(logs: &[CheckedLog]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = logs.iter().filter_map(check_bound).collect();
    let mut known: BTreeMap<u32, (&str, &Digest)> = BTreeMap::new();
    for log in logs {
        for (at, number, digest) in adopted(log) {
            let (first, agreed) = *known.entry(number).or_insert((&log.name, digest));
            if agreed != digest {
                let text = format!("it took up another agreement number {number} than {first}");
                findings.push(Finding::new(Severity::Wrong, &log.name, text).at(at));
            }
        }
    }
    if !known.is_empty()
        && findings
            .iter()
            .all(|finding| finding.severity == Severity::Right)
    {
        let text = format!("all logs took up the same {} agreements", known.len());
        findings.extend(
            logs.first()
                .map(|log| Finding::new(Severity::Right, &log.name, text)),
        );
    }
    findings
}

/// The nodes that agreed on the key of an epoch saw the same cards and commitments.
pub(crate) fn check_keys(logs: &[CheckedLog]) -> Vec<Finding> {
    let mut known: BTreeMap<u32, (&str, &Digest)> = BTreeMap::new();
    let mut findings = Vec::new();
    for log in logs {
        for entry in &log.entries {
            let Event::KeyAgreed {
                epoch, transcript, ..
            } = &entry.event
            else {
                continue;
            };
            let (first, seen) = *known.entry(epoch.0).or_insert((&log.name, transcript));
            if seen != transcript {
                let text =
                    format!("it agreed on the key of epoch {epoch} over other cards than {first}");
                findings.push(Finding::new(Severity::Wrong, &log.name, text).at(entry.sequence));
            }
        }
    }
    findings
}

fn adopted(log: &CheckedLog) -> impl Iterator<Item = (u64, u32, &Digest)> {
    log.entries.iter().filter_map(|entry| match &entry.event {
        Event::AgreementAdopted { agreement, number } => Some((entry.sequence, *number, agreement)),
        _ => None,
    })
}

/// The first entry of a log that no agreement it had taken up allows.
fn check_bound(log: &CheckedLog) -> Option<Finding> {
    let mut current: Option<&Digest> = None;
    let mut revoked: Vec<&Digest> = Vec::new();
    for entry in &log.entries {
        match &entry.event {
            Event::AgreementAdopted { agreement, .. } => current = Some(agreement),
            Event::AgreementStated {
                agreement,
                act: Act::Revoke,
                ..
            } => revoked.push(agreement),
            event if !needs_agreement(event) => {}
            _ => {
                let why = match current {
                    None => "before it had taken up any agreement",
                    Some(agreement) if revoked.contains(&agreement) => {
                        "after the agreement was revoked"
                    }
                    Some(_) => continue,
                };
                return Some(outside(log, entry, why));
            }
        }
    }
    None
}

fn outside(log: &CheckedLog, entry: &Entry, why: &str) -> Finding {
    let text = format!("it {} {why}", crate::words::of(entry));
    Finding::new(Severity::Wrong, &log.name, text).at(entry.sequence)
}

/// What may be done under an agreement in force only.
fn needs_agreement(event: &Event) -> bool {
    matches!(
        event,
        Event::BatchPrepared { .. }
            | Event::BatchAccepted { .. }
            | Event::RunSealed { .. }
            | Event::RunMatched { .. }
            | Event::RunResolved { .. }
            | Event::RunReleased { .. }
            | Event::ResultsCollected { .. }
            | Event::ReviewCollected { .. }
    )
}

/// A certificate that was used in a party's name is one that the party's node installed.
pub(crate) fn check_certificates(role: &CheckedLog, books: &Books<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for entry in &role.entries {
        let Event::CertificateAdmitted { party, certificate } = &entry.event else {
            continue;
        };
        let Some(own) = books.nodes.get(party.as_str()) else {
            continue;
        };
        let is_its = |entry: &Entry| match &entry.event {
            Event::CertificateInstalled { certificate: own } => own == certificate,
            _ => false,
        };
        if !own.entries.iter().any(is_its) {
            let text =
                format!("it let somebody in as {party} by a certificate that {party} never had");
            let finding = Finding::new(Severity::Wrong, &role.name, text);
            findings.push(finding.at(entry.sequence).shown_by(party.as_str()));
        }
    }
    findings
}
