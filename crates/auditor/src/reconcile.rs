//! Reconciling: what one party's log says it gave, another's must say it took, and the other way
//! round. Uploads are held to acceptances, sealed inputs to acceptances, collected results to results
//! received, and a party's preparations to its uploads.

use std::collections::BTreeMap;

use audit::{Entry, Event};
use model::{BatchKind, Digest, PartyName, RunNumber};

use crate::finding::{Finding, Severity};
use crate::verify::CheckedLog;

/// Reconciles the logs of a bundle with one another.
pub fn reconcile(logs: &[CheckedLog]) -> Vec<Finding> {
    let books = Books::of(logs);
    let mut findings = Vec::new();
    findings.extend(
        books
            .nodes
            .iter()
            .flat_map(|(party, log)| books.check_uploads(party, log)),
    );
    for log in books.roles.values() {
        findings.extend(books.check_acceptances(log));
        findings.extend(check_sealed(log));
    }
    findings.extend(
        books
            .nodes
            .iter()
            .flat_map(|(party, log)| books.check_received(party, log)),
    );
    if let Some(resolver) = books.roles.get("resolver") {
        findings.extend(books.check_collected(resolver));
        findings.extend(check_order(resolver));
    }
    findings
}

/// The logs by who keeps them.
struct Books<'a> {
    roles: BTreeMap<&'a str, &'a CheckedLog>,
    nodes: BTreeMap<String, &'a CheckedLog>,
}

/// The log that takes batches of this kind.
fn taker(kind: BatchKind) -> &'static str {
    match kind {
        BatchKind::Encodings | BatchKind::BlockTokens => "matcher",
        BatchKind::HandleMap => "resolver",
    }
}

impl<'a> Books<'a> {
    fn of(logs: &'a [CheckedLog]) -> Self {
        let role = |log: &'a CheckedLog| {
            let is_role = ["matcher", "resolver"].contains(&log.name.as_str());
            is_role.then_some((log.name.as_str(), log))
        };
        let node = |log: &'a CheckedLog| {
            let party = log.name.strip_prefix("node-")?;
            Some((party.to_owned(), log))
        };
        Self {
            roles: logs.iter().filter_map(role).collect(),
            nodes: logs.iter().filter_map(node).collect(),
        }
    }

    /// Each upload that the party's log tells of was accepted, as the same batch.
    fn check_uploads(&self, party: &str, log: &CheckedLog) -> Vec<Finding> {
        let uploads = log.entries.iter().filter_map(|entry| match &entry.event {
            Event::BatchUploaded {
                kind,
                manifest_digest,
                ..
            } => Some((entry.sequence, *kind, manifest_digest)),
            _ => None,
        });
        let check = |(at, kind, digest): (u64, BatchKind, &Digest)| {
            let name = taker(kind);
            let Some(role) = self.roles.get(name) else {
                let text = format!(
                    "its upload cannot be reconciled: the log of the {name} is not in the bundle"
                );
                return Finding::new(Severity::Unproved, &log.name, text).at(at);
            };
            let accepted = accepted(role)
                .find(|(_, by, manifest)| by.as_str() == party && manifest == &digest);
            match accepted {
                Some(_) => Finding::new(
                    Severity::Right,
                    &log.name,
                    format!("what it uploaded, the {name} accepted"),
                )
                .at(at),
                None => {
                    let text = format!(
                        "the {name}'s log does not have the acceptance of what it uploaded"
                    );
                    Finding::new(Severity::Wrong, name, text).shown_by(party)
                }
            }
        };
        uploads.map(check).collect()
    }

    /// Each acceptance is an upload of the party it names, where that party's log is there.
    fn check_acceptances(&self, role: &CheckedLog) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (at, party, digest) in accepted(role) {
            let Some(log) = self.nodes.get(party.as_str()) else {
                continue;
            };
            let prepared = log.entries.iter().any(|entry| match &entry.event {
                Event::BatchPrepared {
                    manifest_digest, ..
                } => manifest_digest == digest,
                _ => false,
            });
            if !prepared {
                let text = format!(
                    "it accepted a batch in the name of {party} that {party} never prepared"
                );
                findings.push(
                    Finding::new(Severity::Wrong, &role.name, text)
                        .at(at)
                        .shown_by(party.as_str()),
                );
            }
        }
        findings
    }

    /// What a party received is what the resolver says it gave.
    fn check_received(&self, party: &str, log: &CheckedLog) -> Vec<Finding> {
        let received = log.entries.iter().filter_map(|entry| match &entry.event {
            Event::ResultsReceived { run, digest, .. } => Some((entry.sequence, *run, *digest)),
            _ => None,
        });
        let check = |(at, run, digest): (u64, RunNumber, Digest)| {
            let Some(resolver) = self.roles.get("resolver") else {
                let text = "its results cannot be reconciled: the log of the resolver is not in the bundle";
                return Finding::new(Severity::Unproved, &log.name, text).at(at);
            };
            let given = collected(resolver)
                .find(|(_, of, by, given)| (*of, by.as_str(), **given) == (run, party, digest));
            match given {
                Some(_) => Finding::new(
                    Severity::Right,
                    &log.name,
                    "what it received, the resolver gave",
                )
                .at(at),
                None => {
                    let text = format!(
                        "it received results of run {run} that the resolver's log does not have: the results or the log were altered"
                    );
                    Finding::new(Severity::Wrong, "resolver", text).shown_by(party)
                }
            }
        };
        received.map(check).collect()
    }

    /// What the resolver gave to a party, that party received.
    fn check_collected(&self, resolver: &CheckedLog) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (at, run, party, digest) in collected(resolver) {
            let Some(log) = self.nodes.get(party.as_str()) else {
                continue;
            };
            let received = log.entries.iter().any(|entry| match &entry.event {
                Event::ResultsReceived {
                    run: of,
                    digest: by,
                    ..
                } => (*of, by) == (run, digest),
                _ => false,
            });
            if !received {
                let text = format!(
                    "it gave results of run {run} to {party} that {party} did not receive whole: another fetched them, or fetching was cut"
                );
                findings.push(
                    Finding::new(Severity::Unproved, &resolver.name, text)
                        .at(at)
                        .shown_by(party.as_str()),
                );
            }
        }
        findings
    }
}

fn accepted(role: &CheckedLog) -> impl Iterator<Item = (u64, &PartyName, &Digest)> {
    role.entries.iter().filter_map(|entry| match &entry.event {
        Event::BatchAccepted {
            party,
            manifest_digest,
            ..
        } => Some((entry.sequence, party, manifest_digest)),
        _ => None,
    })
}

fn collected(resolver: &CheckedLog) -> impl Iterator<Item = (u64, RunNumber, &PartyName, &Digest)> {
    resolver
        .entries
        .iter()
        .filter_map(|entry| match &entry.event {
            Event::ResultsCollected {
                run, party, digest, ..
            } => Some((entry.sequence, *run, party, digest)),
            _ => None,
        })
}

/// A run was sealed with exactly the batches accepted for it before.
fn check_sealed(role: &CheckedLog) -> Vec<Finding> {
    let mut findings = Vec::new();
    for entry in &role.entries {
        let Event::RunSealed {
            run,
            manifest_digests,
        } = &entry.event
        else {
            continue;
        };
        let before = role
            .entries
            .iter()
            .take_while(|other| other.sequence < entry.sequence);
        let mut accepted: Vec<&Digest> = before
            .filter_map(|other| match &other.event {
                Event::BatchAccepted {
                    run: of,
                    manifest_digest,
                    ..
                } if of == run => Some(manifest_digest),
                _ => None,
            })
            .collect();
        let mut sealed: Vec<&Digest> = manifest_digests.iter().collect();
        accepted.sort();
        sealed.sort();
        findings.push(match accepted == sealed {
            true => Finding::new(Severity::Right, &role.name, format!("run {run} was sealed with the {} batches accepted for it", sealed.len())),
            false => Finding::new(Severity::Wrong, &role.name, format!("run {run} was sealed with {} batches, {} were accepted for it, or other ones", sealed.len(), accepted.len())),
        }.at(entry.sequence));
    }
    findings
}

/// Results were given only after their run was linked.
fn check_order(resolver: &CheckedLog) -> Vec<Finding> {
    let early = |(at, run, party, _): (u64, RunNumber, &PartyName, &Digest)| {
        let is_resolved = |entry: &Entry| match &entry.event {
            Event::RunResolved { run: of, .. } => *of == run,
            _ => false,
        };
        let mut before = resolver
            .entries
            .iter()
            .take_while(|entry| entry.sequence < at);
        let text = format!("it gave results of run {run} to {party} before that run was linked");
        (!before.any(is_resolved))
            .then(|| Finding::new(Severity::Wrong, &resolver.name, text).at(at))
    };
    collected(resolver).filter_map(early).collect()
}
