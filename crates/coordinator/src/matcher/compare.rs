//! The matcher's one long stage: all pairs of rows that share a block, compared into one file.

use std::io::{self, Read as _};

use audit::Event;
use link::matcher::MatchReport;
use link::{MatchError, PartyRows};
use model::Digest;
use serde::Serialize;
use service::Shutdown;

use super::{Matcher, MatcherStep};
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

/// Why the comparisons were not taken.
#[derive(Debug, thiserror::Error)]
enum SinkError {
    #[error("the program was asked to stop")]
    Stopped,
    #[error(transparent)]
    File(#[from] io::Error),
}

impl Matcher {
    /// Compares the rows of the sealed batches. Starting over gives the same bytes.
    pub(super) fn compare(
        &self,
        manifests: &[Digest],
        shutdown: &Shutdown,
    ) -> Result<MatcherStep, StageError> {
        let batches = self.context.sealed(manifests)?;
        let rows: Vec<Vec<u8>> = batches
            .iter()
            .map(|batch| self.rows(batch))
            .collect::<Result<_, _>>()?;
        let run = self.context.project.run;
        outputs::prepare(&self.context.outputs(run))?;
        let inputs: Vec<PartyRows<'_>> = self
            .context
            .project
            .schema
            .party_indices()
            .zip(&rows)
            .map(|(party, bytes)| PartyRows::new(party, bytes))
            .collect();
        let (report, comparisons) = self.compare_rows(&inputs, shutdown)?;
        self.write_report(&report, comparisons)?;
        let pairs = report.pairs;
        self.context.journal.record_once(Event::RunMatched {
            run,
            pairs,
            comparisons_digest: comparisons,
        })?;
        let layout = &self.context.project.layout;
        let handles = inputs.iter().map(|input| input.handles_digest(layout));
        Ok(MatcherStep::Match {
            comparisons,
            pairs,
            handles: handles.collect(),
        })
    }

    fn rows(&self, batch: &StoredBatch) -> Result<Vec<u8>, StageError> {
        let mut rows = Vec::new();
        // A machine without the memory fails this run's stage, not the program.
        rows.try_reserve_exact(batch.manifest.bytes as usize)
            .map_err(io::Error::other)?;
        let digest = batch.manifest.digest();
        let mut bytes = self.context.batches.read(&digest)?;
        bytes.read_to_end(&mut rows)?;
        if Digest::of(&rows) != batch.manifest.payload_digest {
            let party = &batch.manifest.party;
            return Err(StageError::Input(format!(
                "the stored encodings of {party} were damaged after they were accepted"
            )));
        }
        Ok(rows)
    }

    fn compare_rows(
        &self,
        inputs: &[PartyRows<'_>],
        shutdown: &Shutdown,
    ) -> Result<(MatchReport, Digest), StageError> {
        let project = &self.context.project;
        let mut file = OutputFile::create(&self.comparisons(project.run))?;
        let sink = |bytes: &[u8]| {
            if shutdown.is_requested() {
                return Err(SinkError::Stopped);
            }
            Ok(file.write(bytes)?)
        };
        let progress = Logged::new(self.context.role);
        let compared = link::compare(&project.schema, &project.layout, inputs, &progress, sink);
        let report = compared.map_err(stage_error)?;
        Ok((report, file.finish()?))
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

fn stage_error(error: MatchError<SinkError>) -> StageError {
    match error {
        MatchError::Sink(SinkError::Stopped) => StageError::Stopped,
        MatchError::Sink(SinkError::File(error)) => StageError::File(error),
        input => StageError::input(input),
    }
}
