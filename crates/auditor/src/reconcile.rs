//! Reconciling: what one party's log says it gave, another's must say it took, and the other way
//! round. Uploads are held to acceptances, sealed inputs to acceptances, collected results to results
//! received, a party's preparations to its uploads, releases to approvals (`releases.rs`), and comparisons taken to
//! those handed over (`handovers.rs`).

use std::collections::{BTreeMap, BTreeSet};

use audit::{Entry, Event};
use model::{BatchKind, Digest, PartyName, RunNumber};

use crate::evaluations;
use crate::finding::{Finding, Severity};
use crate::handovers;
use crate::releases;
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
        findings.extend(check_once(log));
        findings.extend(releases::check_certificates(log, &books));
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
        let matcher = books.roles.get("matcher").copied();
        findings.extend(handovers::check(resolver, matcher));
        findings.extend(releases::check(resolver, &books));
    }
    findings.extend(releases::check_agreements(logs));
    findings.extend(releases::check_keys(logs));
    findings.extend(evaluations::reconcile(logs));
    findings
}

/// The logs by who keeps them.
pub(crate) struct Books<'a> {
    roles: BTreeMap<&'a str, &'a CheckedLog>,
    /// By party.
    pub(crate) nodes: BTreeMap<String, &'a CheckedLog>,
}

/// The log that takes batches of this kind.
pub(crate) fn taker(kind: BatchKind) -> &'static str {
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

    /// Each upload that the party's log tells of was accepted, as the same batch for the same run.
    fn check_uploads(&self, party: &str, log: &CheckedLog) -> Vec<Finding> {
        let uploads = log.entries.iter().filter_map(|entry| match &entry.event {
            Event::BatchUploaded {
                run,
                kind,
                manifest_digest,
                ..
            } => Some((entry.sequence, *run, *kind, manifest_digest)),
            _ => None,
        });
        let check = |(at, run, kind, digest): (u64, RunNumber, BatchKind, &Digest)| {
            let name = taker(kind);
            let Some(role) = self.roles.get(name) else {
                let text = format!(
                    "its upload cannot be reconciled: the log of the {name} is not in the bundle"
                );
                return Finding::new(Severity::Unproved, &log.name, text).at(at);
            };
            let is_it = |accepted: &Accepted<'_>| {
                accepted.party.as_str() == party
                    && (accepted.run, accepted.kind, accepted.manifest) == (run, kind, digest)
            };
            if accepted(role).any(|accepted| is_it(&accepted)) {
                let text = format!("what it uploaded, the {name} accepted");
                return Finding::new(Severity::Right, &log.name, text).at(at);
            }
            let text = format!(
                "the {name}'s log does not have the acceptance of what it uploaded for run {run}"
            );
            Finding::new(Severity::Wrong, name, text).shown_by(party)
        };
        uploads.map(check).collect()
    }

    /// Each acceptance is of a batch that the party it names prepared: for that run, of that kind and
    /// size.
    fn check_acceptances(&self, role: &CheckedLog) -> Vec<Finding> {
        let mut findings = Vec::new();
        for accepted in accepted(role) {
            let party = accepted.party;
            let Some(log) = self.nodes.get(party.as_str()) else {
                continue;
            };
            if !log.entries.iter().any(|entry| accepted.is_of(&entry.event)) {
                let text = format!(
                    "it accepted a batch in the name of {party} that {party} never prepared so"
                );
                findings.push(
                    Finding::new(Severity::Wrong, &role.name, text)
                        .at(accepted.at)
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

/// An acceptance as a role's log has it.
struct Accepted<'a> {
    at: u64,
    run: RunNumber,
    party: &'a PartyName,
    kind: BatchKind,
    manifest: &'a Digest,
    rows: u64,
    bytes: u64,
}

impl Accepted<'_> {
    /// Whether an event tells that just this was prepared.
    fn is_of(&self, prepared: &Event) -> bool {
        match prepared {
            Event::BatchPrepared {
                run,
                kind,
                manifest_digest,
                rows,
                bytes,
                ..
            } => {
                (*run, *kind, manifest_digest) == (self.run, self.kind, self.manifest)
                    && (*rows, *bytes) == (self.rows, self.bytes)
            }
            _ => false,
        }
    }
}

fn accepted(role: &CheckedLog) -> impl Iterator<Item = Accepted<'_>> {
    role.entries.iter().filter_map(|entry| match &entry.event {
        Event::BatchAccepted {
            run,
            party,
            kind,
            manifest_digest,
            rows,
            bytes,
        } => Some(Accepted {
            at: entry.sequence,
            run: *run,
            party,
            kind: *kind,
            manifest: manifest_digest,
            rows: *rows,
            bytes: *bytes,
        }),
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

/// A run was sealed with exactly the batches accepted for it before, one of every party.
fn check_sealed(role: &CheckedLog) -> Vec<Finding> {
    let mut findings = Vec::new();
    for entry in &role.entries {
        if let Event::RunSealed {
            run,
            manifest_digests,
        } = &entry.event
        {
            findings.push(check_input(role, entry.sequence, *run, manifest_digests));
        }
    }
    findings
}

fn check_input(role: &CheckedLog, at: u64, run: RunNumber, sealed: &[Digest]) -> Finding {
    let finding = |severity, text: String| Finding::new(severity, &role.name, text).at(at);
    let before: Vec<Accepted<'_>> = accepted(role)
        .filter(|accepted| accepted.at < at && accepted.run == run)
        // What is linked are the batches that follow.
        .filter(|accepted| accepted.kind != BatchKind::BlockTokens)
        .collect();
    let mut accepted: Vec<&Digest> = before.iter().map(|accepted| accepted.manifest).collect();
    let mut sealed: Vec<&Digest> = sealed.iter().collect();
    accepted.sort();
    sealed.sort();
    if accepted != sealed {
        return finding(
            Severity::Wrong,
            format!(
                "run {run} was sealed with {} batches, {} were accepted for it, or other ones",
                sealed.len(),
                accepted.len()
            ),
        );
    }
    let has = |party: &&PartyName| before.iter().any(|accepted| accepted.party == *party);
    let missing: Vec<&str> = parties(role)
        .filter(|party| !has(party))
        .map(PartyName::as_str)
        .collect();
    match missing.is_empty() {
        true => finding(
            Severity::Right,
            format!(
                "run {run} was sealed with the {} batches accepted for it",
                sealed.len()
            ),
        ),
        false => finding(
            Severity::Wrong,
            format!(
                "run {run} was sealed without the batch of {}",
                missing.join(", ")
            ),
        ),
    }
}

/// The parties of the project that a role took up.
pub(crate) fn parties(role: &CheckedLog) -> impl Iterator<Item = &PartyName> {
    let opened = role.entries.iter().find_map(|entry| match &entry.event {
        Event::ProjectOpened { parties, .. } => Some(parties),
        _ => None,
    });
    opened.into_iter().flatten()
}

/// A step of a run is taken once: a second telling of it could be the one that counted.
fn check_once(role: &CheckedLog) -> Vec<Finding> {
    let mut seen: BTreeSet<(&str, RunNumber)> = BTreeSet::new();
    let mut findings = Vec::new();
    for entry in &role.entries {
        let (step, run) = match &entry.event {
            Event::RunSealed { run, .. } => ("sealed", *run),
            Event::RunMatched { run, .. } => ("compared", *run),
            Event::RunResolved { run, .. } => ("linked", *run),
            Event::RunReleased { run, .. } => ("released", *run),
            _ => continue,
        };
        if !seen.insert((step, run)) {
            let text = format!("it says a second time, and otherwise, that run {run} was {step}");
            findings.push(Finding::new(Severity::Wrong, &role.name, text).at(entry.sequence));
        }
    }
    findings
}

/// Results were given only after their run was released.
fn check_order(resolver: &CheckedLog) -> Vec<Finding> {
    let early = |(at, run, party, _): (u64, RunNumber, &PartyName, &Digest)| {
        let is_released = |entry: &Entry| match &entry.event {
            Event::RunReleased { run: of, .. } => *of == run,
            _ => false,
        };
        let mut before = resolver
            .entries
            .iter()
            .take_while(|entry| entry.sequence < at);
        let text = format!("it gave results of run {run} to {party} before that run was released");
        (!before.any(is_released))
            .then(|| Finding::new(Severity::Wrong, &resolver.name, text).at(at))
    };
    collected(resolver).filter_map(early).collect()
}
