//! The matcher's one long stage: all pairs of rows that share a block, compared into one file.

use std::io;

use audit::Event;
use link::matcher::{MatchReport, Sink};
use link::{Comparer, MatchError, RowBatch};
use model::{Digest, PartyIndex};
use serde::Serialize;
use service::Shutdown;

use super::{Matcher, MatcherStep};
use crate::digesting::Digesting;
use crate::lifecycle::StageError;
use crate::outputs::{self, OutputFile};
use crate::progress::Logged;
use crate::store::StoredBatch;

/// What is told of a comparing, in `report.json`.
#[derive(Serialize)]
struct Report<'a> {
    rows: u64,
    pairs: u64,
    pairs_by_pass: &'a [u64],
    calibration_pairs: u64,
    skipped_blocks_by_pass: &'a [u64],
    comparisons_digest: Digest,
}

/// Writes comparisons to a file until the program is asked to stop.
struct ToFile<'a> {
    file: OutputFile,
    shutdown: &'a Shutdown,
}

impl Sink for ToFile<'_> {
    fn take(&mut self, comparisons: &[u8]) -> io::Result<()> {
        self.file.write(comparisons)
    }

    fn is_stopped(&self) -> bool {
        self.shutdown.is_requested()
    }
}

impl Matcher {
    /// Compares the rows of the sealed batches. Starting over gives the same bytes.
    pub(super) fn compare(
        &self,
        manifests: &[Digest],
        shutdown: &Shutdown,
    ) -> Result<MatcherStep, StageError> {
        self.context.agreed(self.context.project.run)?;
        let batches = self.context.sealed(manifests)?;
        let project = &self.context.project;
        let run = project.run;
        let directory = self.context.outputs(run);
        outputs::prepare(&directory)?;
        let scratch = self.context.scratch(&directory);
        let mut comparer = Comparer::new(&project.schema, &project.layout, &scratch);
        let parties = project.schema.party_indices().zip(&batches);
        let handles: Vec<Digest> = parties
            .map(|(party, batch)| self.add(&mut comparer, party, batch))
            .collect::<Result<_, _>>()?;
        let mut sink = ToFile {
            file: OutputFile::create(&self.comparisons(run))?,
            shutdown,
        };
        let progress = Logged::new(self.context.role);
        let compared = comparer.run(&mut io::empty(), &progress, &mut sink);
        let report = compared.map_err(stage_error)?.all;
        let comparisons = sink.file.finish()?;
        self.write_report(&report, comparisons)?;
        let pairs = report.pairs;
        self.context.journal.record_once(Event::RunMatched {
            run,
            comparisons_digest: comparisons,
        })?;
        Ok(MatcherStep::Match {
            comparisons,
            pairs,
            handles,
        })
    }

    /// Gives the rows of a batch to `comparer`; returns the digest of their handles.
    fn add(
        &self,
        comparer: &mut Comparer<'_>,
        party: PartyIndex,
        batch: &StoredBatch,
    ) -> Result<Digest, StageError> {
        let digest = batch.manifest.digest();
        let mut rows = Digesting::new(self.context.batches.read(&digest)?);
        let added = comparer.add(&RowBatch::new(party), &mut rows);
        let read = rows.finish()?;
        if read != batch.manifest.payload_digest {
            let party = &batch.manifest.party;
            return Err(StageError::Input(format!(
                "the stored encodings of {party} were damaged after they were accepted"
            )));
        }
        added.map_err(stage_error)
    }

    fn write_report(&self, report: &MatchReport, comparisons: Digest) -> io::Result<()> {
        let path = self.context.outputs(self.context.project.run);
        let report = Report {
            rows: report.rows,
            pairs: report.pairs,
            pairs_by_pass: &report.pairs_by_pass,
            calibration_pairs: report.calibration_pairs,
            skipped_blocks_by_pass: &report.skipped_by_pass,
            comparisons_digest: comparisons,
        };
        outputs::write_json(&path.join("report.json"), &report)
    }
}

fn stage_error(error: MatchError) -> StageError {
    match error {
        MatchError::Stopped => StageError::Stopped,
        MatchError::Disk(error) => StageError::File(error),
        input => StageError::input(input),
    }
}
