//! Prepared batches: their manifests, and the receipts that come to stand beside them.

use std::fs;
use std::path::PathBuf;

use model::{BatchKind, BatchManifest, RunNumber};
use wire::Receipt;

use crate::error::NodeError;
use crate::files::{io_error, read_json, sync_parent, write_json};
use crate::home::Home;
use crate::report::PrepareReport;

/// The batches a run needs, in the order they are uploaded.
const NEEDED: [BatchKind; 2] = [BatchKind::Encodings, BatchKind::HandleMap];
/// All batches there may be.
const KINDS: [BatchKind; 3] = [
    BatchKind::BlockTokens,
    BatchKind::Encodings,
    BatchKind::HandleMap,
];

/// The file with what was told when it was prepared.
pub(crate) const REPORT: &str = "report.json";

/// Why there is no batch to work with.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// Nothing is prepared.
    #[error("nothing is prepared; run `symbolon-node prepare` first")]
    Empty,
    /// Part of a prepared run is gone.
    #[error("run {run} has no {} manifest; prepare it again with --again", kind.as_str())]
    NoManifest {
        /// The run.
        run: RunNumber,
        /// Of which batch.
        kind: BatchKind,
    },
}

/// The prepared batches of one run.
#[derive(Debug, Clone)]
pub(crate) struct Outbox {
    home: Home,
    pub(crate) run: RunNumber,
}

impl Outbox {
    /// The batches of `run`, prepared or not.
    pub(crate) fn of(home: &Home, run: RunNumber) -> Self {
        Self {
            home: home.clone(),
            run,
        }
    }

    /// The batches of the latest run that is prepared.
    pub(crate) fn latest(home: &Home) -> Result<Option<Self>, NodeError> {
        let path = home.outbox();
        let entries = fs::read_dir(&path).map_err(io_error("look into", &path))?;
        let names = entries.flatten().map(|entry| entry.file_name());
        let run = |name: std::ffi::OsString| name.to_str()?.strip_prefix("run-")?.parse().ok();
        let latest = names.filter_map(run).max();
        Ok(latest.map(|run| Self::of(home, RunNumber(run))))
    }

    /// Whether the run is prepared. Its directory appears when all of it is there.
    pub(crate) fn is_prepared(&self) -> bool {
        self.dir().exists()
    }

    /// Whether the coordinator has accepted any batch, as far as this node knows.
    pub(crate) fn is_accepted(&self) -> bool {
        KINDS
            .into_iter()
            .any(|kind| self.receipt_path(kind).exists())
    }

    /// Whether the coordinator has accepted both batches that it links.
    pub(crate) fn is_uploaded(&self) -> bool {
        NEEDED
            .into_iter()
            .all(|kind| self.receipt_path(kind).exists())
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.home.outbox_of(self.run)
    }

    /// Where the run is prepared before it gets its name.
    pub(crate) fn draft_dir(&self) -> PathBuf {
        self.home.outbox().join(format!(".run-{}.new", self.run))
    }

    /// Where an earlier preparation is while it is replaced.
    pub(crate) fn retired_dir(&self) -> PathBuf {
        self.home.outbox().join(format!(".run-{}.old", self.run))
    }

    /// Whether block tokens go before the encodings.
    pub(crate) fn has_tokens(&self) -> bool {
        self.dir()
            .join(manifest_name(BatchKind::BlockTokens))
            .exists()
    }

    /// The manifest of what is sent first, which tells all that is prepared.
    pub(crate) fn first_manifest(&self) -> Result<BatchManifest, NodeError> {
        match self.has_tokens() {
            true => self.manifest(BatchKind::BlockTokens),
            false => self.manifest(BatchKind::Encodings),
        }
    }

    /// What was told when it was prepared.
    pub(crate) fn prepare_report(&self) -> Result<Option<PrepareReport>, NodeError> {
        Ok(read_json(&self.dir().join(REPORT))?)
    }

    /// The batch's manifest.
    pub(crate) fn manifest(&self, kind: BatchKind) -> Result<BatchManifest, NodeError> {
        let run = self.run;
        let manifest = read_json(&self.dir().join(manifest_name(kind)))?;
        Ok(manifest.ok_or(OutboxError::NoManifest { run, kind })?)
    }

    /// The receipt for the batch, if it was uploaded.
    pub(crate) fn receipt(&self, kind: BatchKind) -> Result<Option<Receipt>, NodeError> {
        Ok(read_json(&self.receipt_path(kind))?)
    }

    pub(crate) fn keep_receipt(&self, kind: BatchKind, receipt: &Receipt) -> Result<(), NodeError> {
        Ok(write_json(&self.receipt_path(kind), receipt)?)
    }

    fn receipt_path(&self, kind: BatchKind) -> PathBuf {
        self.dir().join(format!("{}.receipt.json", kind.as_str()))
    }

    /// Moves an earlier preparation aside. Until [`Outbox::publish`] the run is not prepared.
    pub(crate) fn retire(&self) -> Result<(), NodeError> {
        if self.is_prepared() {
            let retired = self.retired_dir();
            fs::rename(self.dir(), &retired).map_err(io_error("move aside", &self.dir()))?;
            sync_parent(&retired)?;
        }
        Ok(())
    }

    /// Gives the draft its name and takes away what it replaces.
    pub(crate) fn publish(&self) -> Result<(), NodeError> {
        let dir = self.dir();
        fs::rename(self.draft_dir(), &dir).map_err(io_error("put in place", &dir))?;
        sync_parent(&dir)?;
        self.clear()
    }

    /// Takes away drafts and retired preparations.
    pub(crate) fn clear(&self) -> Result<(), NodeError> {
        for leftover in [self.draft_dir(), self.retired_dir()] {
            if leftover.exists() {
                fs::remove_dir_all(&leftover).map_err(io_error("remove", &leftover))?;
            }
        }
        Ok(())
    }
}

/// The file name of a batch's manifest.
pub(crate) fn manifest_name(kind: BatchKind) -> String {
    format!("{}.json", kind.as_str())
}
