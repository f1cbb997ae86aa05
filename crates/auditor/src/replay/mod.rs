//! Replay: the linkage done again from the batches the coordinator keeps, and every digest compared
//! with the one in the logs. That the coordinator linked honestly is then not a matter of trust.
//!
//! Linking has no clock and no randomness, so the same batches give the same bytes. What is needed is
//! the coordinator's state directory, or a copy, for as long as the agreement lets it be kept: it has
//! encodings and sealed handle maps, no identifiers.

mod handle_map;
mod inputs;

use std::io;
use std::path::Path;

use audit::{Entry, Event};
use link::{Comparer, RecordSet, RowBatch, Scratch};
use model::{Digest, Layout, LinkageSchema, PartyIndex, RunNumber, Silent};
use secret::RecipientSecret;

use crate::finding::{Finding, Severity};
use crate::verify::CheckedLog;
use handle_map::HandleMap;
use inputs::{Batch, Inputs};

pub use inputs::ReplayError;

/// Bytes held in memory of what may grow with the registries; the rest is on disk meanwhile.
const MEMORY: usize = 512 << 20;

/// Does every run again that both logs tell of, from the state directory `coordinator`.
///
/// # Errors
/// [`ReplayError`] when it cannot be done; what differs is a finding.
pub fn replay(logs: &[CheckedLog], coordinator: &Path) -> Result<Vec<Finding>, ReplayError> {
    let of = |name: &str| logs.iter().find(|log| log.name == name);
    let (Some(matcher), Some(resolver)) = (of("matcher"), of("resolver")) else {
        return Err(ReplayError::NoLogs);
    };
    let inputs = Inputs::open(coordinator)?;
    let mut findings = vec![check_schema(&inputs, matcher)];
    let runs = matcher.entries.iter().filter_map(sealed_run);
    for (run, manifests) in runs {
        let mut replay = Replay {
            inputs: &inputs,
            matcher,
            resolver,
            run,
            findings: Vec::new(),
        };
        replay.run(manifests)?;
        findings.append(&mut replay.findings);
    }
    Ok(findings)
}

fn sealed_run(entry: &Entry) -> Option<(RunNumber, &[Digest])> {
    match &entry.event {
        Event::RunSealed {
            run,
            manifest_digests,
        } => Some((*run, manifest_digests)),
        _ => None,
    }
}

fn check_schema(inputs: &Inputs, matcher: &CheckedLog) -> Finding {
    let opened = matcher.entries.iter().find_map(|entry| match &entry.event {
        Event::ProjectOpened { schema_digest, .. } => Some((entry.sequence, *schema_digest)),
        _ => None,
    });
    let finding = |severity, text: &str| Finding::new(severity, "matcher", text).shown_by("replay");
    match opened {
        None => finding(
            Severity::Wrong,
            "its log does not say under which schema it links",
        ),
        Some((entry, agreed)) if agreed == inputs.schema.digest() => finding(
            Severity::Right,
            "its schema is the one the project was opened with",
        )
        .at(entry),
        Some((entry, _)) => finding(
            Severity::Wrong,
            "its schema is not the one the project was opened with",
        )
        .at(entry),
    }
}

/// One run being done again.
struct Replay<'a> {
    inputs: &'a Inputs,
    matcher: &'a CheckedLog,
    resolver: &'a CheckedLog,
    run: RunNumber,
    findings: Vec<Finding>,
}

impl Replay<'_> {
    fn run(&mut self, manifests: &[Digest]) -> Result<(), ReplayError> {
        let mut sealed = self.resolver.entries.iter().filter_map(sealed_run);
        let maps = sealed.rfind(|(run, _)| *run == self.run);
        let maps = maps.map_or(&[][..], |(_, manifests)| manifests);
        let encodings = self.batches(self.matcher, manifests)?;
        let maps = self.batches(self.resolver, maps)?;
        let (Some(encodings), Some(maps)) = (encodings, maps) else {
            let text = format!("run {} cannot be done again from these batches", self.run);
            self.tell(Severity::Unproved, self.matcher, None, text);
            return Ok(());
        };
        let scratch = tempfile::tempdir().map_err(ReplayError::Disk)?;
        let scratch = Scratch::in_directory(scratch.path(), MEMORY);
        let comparisons = self.compare(&encodings, &scratch)?;
        self.check_stored(self.matcher, "comparisons.bin", |event| match event {
            Event::RunMatched {
                run,
                comparisons_digest,
                ..
            } => Some((*run, *comparisons_digest)),
            _ => None,
        });
        if let Some(clusters) = self.resolve(&maps, &comparisons, &scratch)? {
            self.check_resolved(&clusters);
        }
        self.check_stored(self.resolver, "clusters.bin", |event| match event {
            Event::RunResolved {
                run,
                clusters_digest,
                ..
            } => Some((*run, *clusters_digest)),
            _ => None,
        });
        self.check_release();
        Ok(())
    }

    fn tell(&mut self, severity: Severity, log: &CheckedLog, entry: Option<u64>, text: String) {
        let mut finding = Finding::new(severity, &log.name, text).shown_by("replay");
        finding.entry = entry;
        self.findings.push(finding);
    }

    /// The batches with these manifests, whole; none once one is not, which is then told.
    fn batches(
        &mut self,
        log: &CheckedLog,
        manifests: &[Digest],
    ) -> Result<Option<Vec<Batch>>, ReplayError> {
        let mut batches = Vec::new();
        for digest in manifests {
            let accepted = log.entries.iter().find(|entry| match &entry.event {
                Event::BatchAccepted {
                    manifest_digest, ..
                } => manifest_digest == digest,
                _ => false,
            });
            let at = accepted.map(|entry| entry.sequence);
            match self.inputs.batch(&log.name, digest)? {
                Ok(batch) => {
                    let text = format!(
                        "the stored batch of {} is the one that was accepted",
                        batch.manifest.party
                    );
                    self.tell(Severity::Right, log, at, text);
                    batches.push(batch);
                }
                Err((severity, text)) => self.tell(severity, log, at, text),
            }
            if at.is_none() {
                let text = format!(
                    "run {} was sealed with a batch that was never accepted",
                    self.run
                );
                self.tell(Severity::Wrong, log, None, text);
            }
        }
        Ok((batches.len() == manifests.len() && !batches.is_empty()).then_some(batches))
    }

    /// The matcher's part. Returns the comparisons.
    fn compare(&mut self, batches: &[Batch], scratch: &Scratch) -> Result<Vec<u8>, ReplayError> {
        let (schema, layout) = (&self.inputs.schema, &self.inputs.layout);
        let mut comparer = Comparer::new(schema, layout, scratch);
        for batch in batches {
            let party = party(schema, batch)?;
            let mut rows = batch.read()?;
            comparer
                .add(&RowBatch::new(party), &mut rows)
                .map_err(ReplayError::matching)?;
        }
        let mut comparisons = Vec::new();
        let mut sink = |bytes: &[u8]| -> io::Result<()> {
            comparisons.extend_from_slice(bytes);
            Ok(())
        };
        let report = comparer
            .run(&mut io::empty(), &Silent, &mut sink)
            .map_err(ReplayError::matching)?;
        let found = (report.all.pairs, Digest::of(&comparisons));
        self.check_matched(found);
        Ok(comparisons)
    }

    fn check_matched(&mut self, found: (u64, Digest)) {
        let matched = self
            .matcher
            .entries
            .iter()
            .find_map(|entry| match &entry.event {
                Event::RunMatched {
                    run,
                    pairs,
                    comparisons_digest,
                } if *run == self.run => Some((entry.sequence, (*pairs, *comparisons_digest))),
                _ => None,
            });
        let run = self.run;
        let (severity, at, text) = match matched {
            None => (
                Severity::Unproved,
                None,
                format!("run {run} was not matched"),
            ),
            Some((at, told)) if told == found => {
                let text = format!("comparing run {run} again gives the same {} pairs", found.0);
                (Severity::Right, Some(at), text)
            }
            Some((at, _)) => {
                let text = format!(
                    "comparing run {run} again gives other comparisons than the matcher says it made"
                );
                (Severity::Wrong, Some(at), text)
            }
        };
        self.tell(severity, self.matcher, at, text);
    }

    /// The resolver's part. Returns links, clusters and their file.
    fn resolve(
        &mut self,
        batches: &[Batch],
        comparisons: &[u8],
        scratch: &Scratch,
    ) -> Result<Option<Resolved>, ReplayError> {
        let (schema, layout): (&LinkageSchema, &Layout) =
            (&self.inputs.schema, &self.inputs.layout);
        let secret: RecipientSecret = self.inputs.handle_map_key()?;
        let mut maps: Vec<(PartyIndex, HandleMap)> = Vec::new();
        for batch in batches {
            match handle_map::open(&batch.manifest, batch.read()?, &secret) {
                Ok(map) => maps.push((party(schema, batch)?, map)),
                Err(error) => {
                    let text = format!("the handle map of {}: {error}", batch.manifest.party);
                    self.tell(Severity::Wrong, self.resolver, None, text);
                    return Ok(None);
                }
            }
        }
        let decisions = handle_map::decisions(maps.iter().map(|(party, map)| (*party, map)));
        let sets = maps
            .into_iter()
            .map(|(party, map)| RecordSet::of(party, map.pairs).with_lone(map.lone));
        let sets: Vec<RecordSet> = sets.collect();
        let resolution = link::resolve(
            schema,
            layout,
            &sets,
            &decisions,
            &mut &*comparisons,
            scratch,
            &Silent,
        );
        Ok(Some(Resolved::of(
            &resolution.map_err(ReplayError::resolving)?,
        )))
    }

    fn check_resolved(&mut self, found: &Resolved) {
        let resolved = self
            .resolver
            .entries
            .iter()
            .find_map(|entry| match &entry.event {
                Event::RunResolved {
                    run,
                    links,
                    clusters,
                    clusters_digest,
                } if *run == self.run => {
                    let told = Resolved {
                        links: *links,
                        clusters: *clusters,
                        digest: *clusters_digest,
                    };
                    Some((entry.sequence, told))
                }
                _ => None,
            });
        let run = self.run;
        let (severity, at, text) = match resolved {
            None => (
                Severity::Unproved,
                None,
                format!("run {run} was not resolved"),
            ),
            Some((at, told)) if told == *found => {
                let text = format!(
                    "linking run {run} again gives the same {} links and {} clusters",
                    found.links, found.clusters
                );
                (Severity::Right, Some(at), text)
            }
            Some((at, told)) => {
                let text = format!(
                    "linking run {run} again gives {} links and {} clusters; the resolver says it made {} and {}, or other ones",
                    found.links, found.clusters, told.links, told.clusters
                );
                (Severity::Wrong, Some(at), text)
            }
        };
        self.tell(severity, self.resolver, at, text);
    }

    /// Compares a stage's stored file with what the log says of it.
    fn check_stored(
        &mut self,
        log: &CheckedLog,
        file: &str,
        told: impl Fn(&Event) -> Option<(RunNumber, Digest)>,
    ) {
        let told = log.entries.iter().find_map(|entry| {
            let (run, digest) = told(&entry.event)?;
            (run == self.run).then_some((entry.sequence, digest))
        });
        let Some((at, digest)) = told else { return };
        let (severity, text) = match self.inputs.output(&log.name, self.run, file) {
            None => (
                Severity::Unproved,
                format!("{file} of run {} is not there any more", self.run),
            ),
            Some(found) if found == digest => (
                Severity::Right,
                format!("{file} of run {} is as it was made", self.run),
            ),
            Some(_) => (
                Severity::Wrong,
                format!("{file} of run {} was altered after it was made", self.run),
            ),
        };
        self.tell(severity, log, Some(at), text);
    }

    /// Compares each party's released rows with what the log says it fetched.
    fn check_release(&mut self) {
        let log = self.resolver;
        let run = self.run;
        let collected = log.entries.iter().filter_map(|entry| match &entry.event {
            Event::ResultsCollected {
                run: of,
                party,
                digest,
                ..
            } if *of == run => Some((entry.sequence, party.clone(), *digest)),
            _ => None,
        });
        for (at, party, digest) in collected.collect::<Vec<_>>() {
            let (severity, text) =
                match self
                    .inputs
                    .output(&log.name, run, &format!("release/{party}.rows"))
                {
                    None => (
                        Severity::Unproved,
                        format!("the results of {party} are not there any more"),
                    ),
                    Some(found) if found == digest => (
                        Severity::Right,
                        format!("the results of {party} are those it fetched"),
                    ),
                    Some(_) => (
                        Severity::Wrong,
                        format!("the results of {party} were altered after it fetched them"),
                    ),
                };
            self.tell(severity, log, Some(at), text);
        }
    }
}

/// What linking a run comes to.
#[derive(PartialEq, Eq)]
struct Resolved {
    links: u64,
    clusters: u64,
    digest: Digest,
}

impl Resolved {
    fn of(resolution: &link::Resolution) -> Self {
        let mut file = b"symbolon clusters 1\n".to_vec();
        let records = resolution.records.list.iter().zip(&resolution.cluster_of);
        let mut clusters = 0;
        for (place, ((party, record), first)) in records.enumerate() {
            file.push(party.0);
            file.extend_from_slice(record.as_bytes());
            file.extend_from_slice(&first.to_le_bytes());
            clusters += u64::from(*first as usize == place);
        }
        Self {
            links: resolution.links.len() as u64,
            clusters,
            digest: Digest::of(&file),
        }
    }
}

fn party(schema: &LinkageSchema, batch: &Batch) -> Result<PartyIndex, ReplayError> {
    let party = &batch.manifest.party;
    schema
        .party_index(party)
        .ok_or_else(|| ReplayError::UnknownParty(party.clone()))
}
