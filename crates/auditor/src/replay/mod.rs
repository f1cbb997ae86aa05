//! Replay: the linkage done again from the batches the coordinator keeps, and every digest compared
//! with the one in the logs. That the coordinator linked honestly is then not a matter of trust.
//!
//! Linking has no clock and no randomness, so the same batches give the same bytes. What is needed is
//! the coordinator's state directory, or a copy, for as long as the agreement lets it be kept: it has
//! encodings and sealed handle maps, no identifiers.

mod handle_map;
mod inputs;
mod results;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::Path;

use audit::{Entry, Event};
use link::{Comparer, Memory, RecordSet, RowBatch, Scratch};
use model::digest::Digester;
use model::{
    BatchKind, BatchManifest, Digest, Layout, LinkageSchema, PartyIndex, PartyName, Progress,
    RunNumber, Silent,
};
use secret::{RecipientSecret, Unlock};

use crate::finding::{Finding, Severity};
use crate::verify::CheckedLog;
use handle_map::HandleMap;
use inputs::{Batch, Inputs};
use results::{Outcome, Resolved};

pub use inputs::ReplayError;

/// What runs are done again with.
pub struct Means<'a> {
    /// Opens the resolver's key files where they are sealed.
    pub unlock: Unlock,
    /// Memory for what may grow with the registries; the rest is in temporary files meanwhile.
    pub memory: Memory,
    /// Hears how far the work is.
    pub progress: &'a dyn Progress,
}

impl Default for Means<'_> {
    fn default() -> Self {
        Self {
            unlock: Unlock::default(),
            memory: MEMORY,
            progress: &Silent,
        }
    }
}

/// The memory that a replay takes when nothing is said.
pub const MEMORY: Memory = Memory::mebibytes(512);

/// Does every run again that both logs tell of, from the coordinator's state directory, or from those of both roles'
/// operators where each has one.
///
/// # Errors
/// [`ReplayError`] when it cannot be done; what differs is a finding.
pub fn replay(
    logs: &[CheckedLog],
    coordinator: &[impl AsRef<Path>],
    means: Means<'_>,
) -> Result<Vec<Finding>, ReplayError> {
    let Means {
        unlock,
        memory,
        progress,
    } = means;
    let of = |name: &str| logs.iter().find(|log| log.name == name);
    let (Some(matcher), Some(resolver)) = (of("matcher"), of("resolver")) else {
        return Err(ReplayError::NoLogs);
    };
    let inputs = Inputs::open(coordinator, unlock)?;
    let mut findings = vec![
        check_schema(&inputs, matcher),
        check_schema(&inputs, resolver),
    ];
    let told = matcher
        .entries
        .iter()
        .chain(&resolver.entries)
        .filter_map(run_of);
    for run in told.collect::<BTreeSet<_>>() {
        let mut replay = Replay {
            inputs: &inputs,
            matcher,
            resolver,
            run,
            memory,
            progress,
            findings: Vec::new(),
        };
        // What keeps one run from being done again keeps no other.
        if let Err(error) = replay.run() {
            let text = format!("run {run} cannot be done again: {error}");
            replay.tell(Severity::Unproved, resolver, None, text);
        }
        findings.append(&mut replay.findings);
    }
    Ok(findings)
}

/// The run that an entry tells a step of.
fn run_of(entry: &Entry) -> Option<RunNumber> {
    match &entry.event {
        Event::RunSealed { run, .. }
        | Event::RunMatched { run, .. }
        | Event::RunResolved { run, .. }
        | Event::RunReleased { run, .. } => Some(*run),
        _ => None,
    }
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

fn check_schema(inputs: &Inputs, log: &CheckedLog) -> Finding {
    let opened = log.entries.iter().find_map(|entry| match &entry.event {
        Event::ProjectOpened { schema_digest, .. } => Some((entry.sequence, *schema_digest)),
        _ => None,
    });
    let finding = |severity, text: &str| Finding::new(severity, &log.name, text).shown_by("replay");
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
    memory: Memory,
    progress: &'a dyn Progress,
    findings: Vec<Finding>,
}

impl Replay<'_> {
    fn run(&mut self) -> Result<(), ReplayError> {
        let sealed = |log: &CheckedLog| {
            let mut sealed = log.entries.iter().filter_map(sealed_run);
            let found = sealed.rfind(|(run, _)| *run == self.run);
            found.map_or_else(Vec::new, |(_, manifests)| manifests.to_vec())
        };
        let (encodings, maps) = (sealed(self.matcher), sealed(self.resolver));
        let encodings = self.batches(self.matcher, BatchKind::Encodings, &encodings)?;
        let maps = self.batches(self.resolver, BatchKind::HandleMap, &maps)?;
        let (Some(encodings), Some(maps)) = (encodings, maps) else {
            let text = format!("run {} cannot be done again from these batches", self.run);
            self.tell(Severity::Unproved, self.matcher, None, text);
            return Ok(());
        };
        let directory = tempfile::tempdir().map_err(ReplayError::Disk)?;
        let scratch = Scratch::in_directory(directory.path(), self.memory.bytes());
        let comparisons = directory.path().join("comparisons");
        self.compare(&encodings, &scratch, &comparisons)?;
        self.check_stored(self.matcher, "comparisons.bin", |event| match event {
            Event::RunMatched {
                run,
                comparisons_digest,
            } => Some((*run, *comparisons_digest)),
            _ => None,
        });
        if let Some(outcome) = self.resolve(&maps, &comparisons, &scratch)? {
            self.check_resolved(&Resolved::of(&outcome.resolution));
            self.check_release(&outcome);
        }
        self.check_stored(self.resolver, "clusters.bin", |event| match event {
            Event::RunResolved {
                run,
                clusters_digest,
            } => Some((*run, *clusters_digest)),
            _ => None,
        });
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
        kind: BatchKind,
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
                    self.check_manifest(log, at, kind, &batch.manifest);
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
        let parties: BTreeSet<&PartyName> =
            batches.iter().map(|batch| &batch.manifest.party).collect();
        let of_all = self
            .inputs
            .schema
            .parties
            .iter()
            .all(|party| parties.contains(&party.name));
        if batches.len() == manifests.len() && !(of_all && parties.len() == batches.len()) {
            let text = format!(
                "run {} was sealed with other batches than one of each party",
                self.run
            );
            self.tell(Severity::Wrong, log, None, text);
        }
        Ok((batches.len() == manifests.len() && of_all).then_some(batches))
    }

    /// A batch is for this run, of the role's kind, and was prepared under this schema and under an
    /// agreement that the role took up. Its manifest is what its party logged, and is nobody else's word.
    fn check_manifest(
        &mut self,
        log: &CheckedLog,
        at: Option<u64>,
        kind: BatchKind,
        manifest: &BatchManifest,
    ) {
        let (party, run) = (&manifest.party, self.run);
        let adopted = |entry: &Entry| match &entry.event {
            Event::AgreementAdopted { agreement, .. } => *agreement == manifest.agreement,
            _ => false,
        };
        let wrong = if manifest.run != run || manifest.kind != kind {
            Some("is for another run or of another kind")
        } else if manifest.schema_digest != self.inputs.schema.digest() {
            Some("was prepared under another schema than the coordinator links by")
        } else if !log.entries.iter().any(adopted) {
            Some("was prepared under an agreement that the coordinator never took up")
        } else {
            None
        };
        match wrong {
            Some(text) => self.tell(
                Severity::Wrong,
                log,
                at,
                format!("the batch of {party} in run {run} {text}"),
            ),
            None => {
                let text = format!("the stored batch of {party} is the one that was accepted");
                self.tell(Severity::Right, log, at, text);
            }
        }
    }

    /// The matcher's part. Writes the comparisons to the file `to`.
    fn compare(
        &mut self,
        batches: &[Batch],
        scratch: &Scratch,
        to: &Path,
    ) -> Result<(), ReplayError> {
        let (schema, layout) = (&self.inputs.schema, &self.inputs.layout);
        let mut comparer = Comparer::new(schema, layout, scratch);
        for batch in batches {
            let party = party(schema, batch)?;
            let mut rows = batch.read()?;
            comparer
                .add(&RowBatch::new(party), &mut rows)
                .map_err(ReplayError::matching)?;
        }
        let mut file = BufWriter::new(File::create_new(to).map_err(ReplayError::Disk)?);
        let mut digester = Digester::new();
        let mut sink = |bytes: &[u8]| -> io::Result<()> {
            digester.update(bytes);
            file.write_all(bytes)
        };
        let report = comparer
            .run(&mut io::empty(), self.progress, &mut sink)
            .map_err(ReplayError::matching)?;
        file.flush().map_err(ReplayError::Disk)?;
        self.check_matched(report.all.pairs, digester.finish());
        Ok(())
    }

    fn check_matched(&mut self, pairs: u64, digest: Digest) {
        let matched = self
            .matcher
            .entries
            .iter()
            .find_map(|entry| match &entry.event {
                Event::RunMatched {
                    run,
                    comparisons_digest,
                } if *run == self.run => Some((entry.sequence, *comparisons_digest)),
                _ => None,
            });
        let run = self.run;
        let (severity, at, text) = match matched {
            None => (
                Severity::Unproved,
                None,
                format!("run {run} was not matched"),
            ),
            Some((at, told)) if told == digest => {
                let text = format!("comparing run {run} again gives the same {pairs} pairs");
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

    /// The resolver's part, from the comparisons in a file; none where a handle map is not one.
    fn resolve(
        &mut self,
        batches: &[Batch],
        comparisons: &Path,
        scratch: &Scratch,
    ) -> Result<Option<Outcome>, ReplayError> {
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
        let marks = maps.iter_mut();
        let marks = marks.map(|(party, map)| (*party, std::mem::take(&mut map.marks)));
        let marks = marks.collect();
        let sets = maps
            .into_iter()
            .map(|(party, map)| RecordSet::of(party, map.pairs).with_lone(map.lone));
        let sets: Vec<RecordSet> = sets.collect();
        let comparisons = File::open(comparisons).map_err(ReplayError::Disk)?;
        let resolution = link::resolve(
            schema,
            layout,
            &sets,
            &decisions,
            &mut BufReader::new(comparisons),
            scratch,
            self.progress,
        );
        let resolution = resolution.map_err(ReplayError::resolving)?;
        Ok(Some(Outcome::new(resolution, marks)))
    }

    fn check_resolved(&mut self, found: &Resolved) {
        let resolved = self
            .resolver
            .entries
            .iter()
            .find_map(|entry| match &entry.event {
                Event::RunResolved {
                    run,
                    clusters_digest,
                } if *run == self.run => Some((entry.sequence, *clusters_digest)),
                _ => None,
            });
        let run = self.run;
        let (severity, at, text) = match resolved {
            None => (
                Severity::Unproved,
                None,
                format!("run {run} was not resolved"),
            ),
            Some((at, told)) if told == found.digest => {
                let text = format!(
                    "linking run {run} again gives the same {} links and {} clusters",
                    found.links, found.clusters
                );
                (Severity::Right, Some(at), text)
            }
            Some((at, _)) => {
                let text = format!(
                    "linking run {run} again gives other clusters than the resolver says it formed"
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

    /// Each party's results are those it fetched, and follow from the clusters.
    fn check_release(&mut self, outcome: &Outcome) {
        let (log, run) = (self.resolver, self.run);
        let released = log.entries.iter().find_map(|entry| match &entry.event {
            Event::RunReleased { run: of, agreement } if *of == run => Some(*agreement),
            _ => None,
        });
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
            let file = format!("release/{party}.rows");
            let (severity, text) = match self.inputs.output(&log.name, run, &file) {
                None => (
                    Severity::Unproved,
                    format!("the results of {party} are not there any more"),
                ),
                Some(found) if found != digest => (
                    Severity::Wrong,
                    format!("the results of {party} were altered after it fetched them"),
                ),
                Some(_) => match self.results(&party, released, outcome) {
                    Ok(()) => (
                        Severity::Right,
                        format!(
                            "the results of {party} are those it fetched, and follow from the clusters"
                        ),
                    ),
                    Err(why) => (
                        Severity::Wrong,
                        format!(
                            "the results that {party} fetched are not those of the clusters: {why}"
                        ),
                    ),
                },
            };
            self.tell(severity, log, Some(at), text);
        }
    }

    fn results(
        &self,
        party: &PartyName,
        released: Option<Digest>,
        outcome: &Outcome,
    ) -> Result<(), String> {
        let agreement = released.ok_or("the run was never released")?;
        self.inputs.results(self.run, party, agreement, outcome)
    }
}

fn party(schema: &LinkageSchema, batch: &Batch) -> Result<PartyIndex, ReplayError> {
    let party = &batch.manifest.party;
    schema
        .party_index(party)
        .ok_or_else(|| ReplayError::UnknownParty(party.clone()))
}
