//! The resolver's long stage: comparisons and handle maps become clusters in one file.

use std::io;
use std::path::Path;

use audit::Event;
use link::Resolution;
use link::resolve::RecordSet;
use model::{Digest, PartyIndex, PartyName};
use serde::Serialize;
use wire::{Comparisons, EventMark};

use super::handle_map::HandleMap;
use super::review::{self, ReviewIds};
use super::state::{ReviewTotals, Totals};
use super::verdicts::Halves;
use super::{Resolver, ResolverStep, clusters, handle_map};
use crate::digesting::Digesting;
use crate::handover::Taking;
use crate::lifecycle::StageError;
use crate::outputs::{self, OutputFile};
use crate::progress::Logged;
use crate::store::StoredBatch;

/// What is told of a linking, in `summary.json`.
#[derive(Serialize)]
struct Summary<'a> {
    #[serde(flatten)]
    totals: &'a Totals,
    records_by_party: &'a [u64],
    comparisons_digest: Digest,
    fit_rounds: usize,
    fit_converged: bool,
    expected_matches: f64,
}

impl Resolver {
    /// Links the run. Starting over gives the same bytes.
    pub(super) fn link(
        &self,
        manifests: &[Digest],
        comparisons: &Comparisons,
    ) -> Result<ResolverStep, StageError> {
        self.context.agreed(self.context.project.run)?;
        let batches = self.context.sealed(manifests)?;
        let (sets, halves) = self.record_sets(&batches)?;
        check_handles(&batches, &sets, &comparisons.handles)?;
        let comparisons_digest = comparisons.digest;
        let project = &self.context.project;
        let taking = Taking::begin(self.handover.clone(), project.run, comparisons)?;
        let mut bytes = Digesting::new(Box::new(taking));
        let directory = self.context.outputs(project.run);
        outputs::prepare(&directory)?;
        let progress = Logged::new(self.context.role);
        let linked = link::resolve(
            &project.schema,
            &project.layout,
            &sets,
            &halves.decisions(),
            &mut bytes,
            &self.context.scratch(&directory),
            &progress,
        );
        let read = bytes.finish()?;
        if read != comparisons_digest {
            return Err(damaged());
        }
        self.context.journal.record_once(Event::ComparisonsTaken {
            run: project.run,
            comparisons_digest,
        })?;
        let resolution = linked.map_err(stage_error)?;
        let totals = self.write(&resolution, &halves, comparisons_digest)?;
        self.context.journal.record_once(Event::RunResolved {
            run: project.run,
            clusters_digest: totals.clusters_digest,
        })?;
        Ok(ResolverStep::Link { totals })
    }

    /// The handle maps of all parties, and their verdicts on pairs of earlier runs.
    fn record_sets(&self, batches: &[StoredBatch]) -> Result<(Vec<RecordSet>, Halves), StageError> {
        let parties = self.context.project.schema.party_indices();
        let (mut sets, mut halves) = (Vec::with_capacity(batches.len()), Halves::default());
        for (party, batch) in parties.zip(batches) {
            let map = self.handle_map(batch)?;
            halves.add(party, &map.verdicts);
            sets.push(RecordSet::of(party, map.pairs).with_lone(map.lone));
        }
        Ok((sets, halves))
    }

    fn open_map(&self, batch: &StoredBatch) -> Result<HandleMap, StageError> {
        let manifest = &batch.manifest;
        let sealed = self.context.batches.read(&manifest.digest())?;
        let map = handle_map::open(manifest, sealed, &self.keys.secret);
        map.map_err(|error| unusable(batch, &error))
    }

    fn handle_map(&self, batch: &StoredBatch) -> Result<HandleMap, StageError> {
        let manifest = &batch.manifest;
        let map = self.open_map(batch)?;
        if !map.verdicts.is_empty() && !self.context.project.schema.review.is_on() {
            let party = &manifest.party;
            let text =
                format!("the handle map of {party} has verdicts, and the schema has no review");
            return Err(StageError::Input(text));
        }
        self.check_marks(&map, &manifest.party)?;
        Ok(map)
    }

    /// Events are marked by a registry that the schema says marks them, and only where somebody is given
    /// notice of them: what nobody may know, the resolver does not hold either.
    fn check_marks(&self, map: &HandleMap, party: &PartyName) -> Result<(), StageError> {
        if map.marks.is_empty() {
            return Ok(());
        }
        let agreement = self.context.agreement()?;
        let schema = &self.context.project.schema;
        let source = schema.party_index(party).map(|index| schema.party(index));
        let is_agreed = |mark: &EventMark| {
            agreement.terms().gives_notice_of(mark.event)
                && source.is_some_and(|party| party.marks(mark.event))
        };
        match map.marks.iter().find(|mark| !is_agreed(mark)) {
            None => Ok(()),
            Some(mark) => Err(StageError::Input(format!(
                "the handle map of {party} marks each {}, which schema and agreement do not ask for",
                mark.event
            ))),
        }
    }

    /// The event marks of all parties, once more from their handle maps.
    pub(super) fn marks(
        &self,
        manifests: &[Digest],
    ) -> Result<Vec<(PartyIndex, Vec<EventMark>)>, StageError> {
        let batches = self.context.sealed(manifests)?;
        let parties = self.context.project.schema.party_indices();
        let marks = |(party, batch)| Ok((party, self.open_map(batch)?.marks));
        parties.zip(&batches).map(marks).collect()
    }

    fn write(
        &self,
        resolution: &Resolution,
        halves: &Halves,
        compared: Digest,
    ) -> Result<Totals, StageError> {
        let directory = self.context.outputs(self.context.project.run);
        let rows = clusters::rows(&resolution.records, &resolution.cluster_of);
        let mut file = OutputFile::create(&directory.join("clusters.bin"))?;
        file.write(&clusters::encode(rows))?;
        let totals = Totals {
            records: resolution.records.list.len() as u64,
            pairs: resolution.scored.len() as u64,
            links: resolution.links.len() as u64,
            clusters: count_clusters(&resolution.cluster_of),
            clusters_digest: file.finish()?,
            review: self.write_review(&directory, resolution, halves)?,
        };
        let fit = &resolution.fit;
        let summary = Summary {
            totals: &totals,
            records_by_party: &resolution.records.by_party,
            comparisons_digest: compared,
            fit_rounds: fit.rounds,
            fit_converged: fit.converged,
            expected_matches: fit.expected_matches,
        };
        outputs::write_json(&directory.join("summary.json"), &summary)?;
        Ok(totals)
    }

    /// Keeps the pairs for review, where the schema has any, and tells what earlier ones did.
    fn write_review(
        &self,
        directory: &Path,
        resolution: &Resolution,
        halves: &Halves,
    ) -> Result<ReviewTotals, StageError> {
        let project = &self.context.project;
        if !project.schema.review.is_on() {
            return Ok(ReviewTotals::default());
        }
        let ids = ReviewIds::new(&self.keys.pseudonym, project);
        let pairs = review::choose(resolution, &ids, halves);
        let told = &resolution.decisions;
        Ok(ReviewTotals {
            pairs: pairs.len() as u64,
            digest: Some(review::keep(directory, &pairs)?),
            followed: told.followed,
            unknown: told.unknown,
            contradicted: told.contradicted,
            shift_millibits: told.shift_millibits,
        })
    }
}

/// A cluster is counted at its first record.
fn count_clusters(cluster_of: &[u32]) -> u64 {
    let is_first = |(place, first): &(usize, &u32)| **first as usize == *place;
    cluster_of.iter().enumerate().filter(is_first).count() as u64
}

/// Numbers of rows mean the same on both sides only when both have the same handles in one order.
fn check_handles(
    batches: &[StoredBatch],
    sets: &[RecordSet],
    compared: &[Digest],
) -> Result<(), StageError> {
    let own: Vec<Digest> = sets.iter().map(RecordSet::handles_digest).collect();
    if own == compared {
        return Ok(());
    }
    let differs = own
        .iter()
        .zip(compared)
        .position(|(own, other)| own != other);
    let party = differs.map_or(String::new(), |place| {
        format!(" of {}", batches[place].manifest.party)
    });
    Err(StageError::Input(format!(
        "the rows{party} and its handle map are not of the same prepare; have both prepared again for a new run"
    )))
}

fn damaged() -> StageError {
    let text = "the comparisons are not those the matcher made; restore its state directory";
    StageError::Input(text.to_owned())
}

fn stage_error(error: link::ResolveError) -> StageError {
    match error {
        link::ResolveError::Disk(error) => StageError::File(error),
        input => StageError::input(input),
    }
}

/// A medium that fails is tried again; a handle map that is wrong fails the run.
fn unusable(batch: &StoredBatch, error: &handle_map::HandleMapError) -> StageError {
    use secret::sealed_stream::StreamError;
    let party = &batch.manifest.party;
    if let handle_map::HandleMapError::Sealed(StreamError::Io(error)) = error {
        return StageError::File(io::Error::new(error.kind(), error.to_string()));
    }
    let cause =
        std::error::Error::source(error).map_or(String::new(), |cause| format!(": {cause}"));
    StageError::Input(format!(
        "the handle map of {party} cannot be used: {error}{cause}; have it prepared again for a new run"
    ))
}
