//! Where the open run stands, read from the state directory whether or not the program runs.

use std::sync::Arc;

use model::lifecycle::Phase;
use model::{BatchKind, Digest, Epoch, PartyName, ProjectName, RunNumber};
use serde::Serialize;
use wire::Role;

use crate::directory::{SettingsError, StateDir};
use crate::lifecycle::{Lifecycle, Runs};
use crate::matcher::MatcherState;
use crate::project::Project;
use crate::remote::MatcherReport;
use crate::resolver::ResolverState;
use crate::store::{BatchStore as _, SqliteStore, StoreError, StoredBatch};

/// Why there is no status.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// Settings or schema are wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// How the matcher was found cannot be read.
    #[error("cannot read how the matcher was last found")]
    Report(#[source] std::io::Error),
    /// A role's store cannot be read.
    #[error("cannot read the store of the {role}")]
    Store {
        /// Whose.
        role: Role,
        /// Why.
        source: StoreError,
    },
}

/// Where the open run stands.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// The project.
    pub project: ProjectName,
    /// The epoch whose keys encode.
    pub epoch: Epoch,
    /// The open run.
    pub run: RunNumber,
    /// Digest of the linkage schema.
    pub schema_digest: Digest,
    /// The matcher's side, where it is here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matcher: Option<RoleStatus<MatcherState>>,
    /// The resolver's side, where it is here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolver: Option<RoleStatus<ResolverState>>,
    /// How the resolver last found the matcher, where another operator runs that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_matcher: Option<MatcherReport>,
}

/// One role's side of a run.
#[derive(Debug, Clone, Serialize)]
pub struct RoleStatus<S> {
    /// Where the run stands, as members see it.
    pub state: Phase,
    /// What the role keeps about it.
    pub detail: S,
    /// What has come, by party in the schema's order.
    pub batches: Vec<PartyBatch>,
}

/// What has come from one party.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartyBatch {
    /// The party.
    pub party: PartyName,
    /// Encodings or handle map.
    pub kind: BatchKind,
    /// Whether it is all there and accepted.
    pub accepted: bool,
    /// How far the upload is; nothing before it begins.
    pub chunks: Option<Chunks>,
    /// Records that went in, as the party says.
    pub records: Option<u64>,
    /// Rows in the batch.
    pub rows: Option<u64>,
    /// Bytes in the batch.
    pub bytes: Option<u64>,
}

/// How far an upload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Chunks {
    /// Chunks that are durable.
    pub durable: u64,
    /// Chunks in all.
    pub all: u64,
}

/// Reads where the open run stands.
///
/// # Errors
/// [`StatusError`] when the directory is none or cannot be read.
pub fn status(directory: &StateDir) -> Result<Status, StatusError> {
    let (settings, project) = directory.load()?;
    let roles = settings.role;
    let matcher = roles
        .has(Role::Matcher)
        .then(|| role_status(directory, Role::Matcher, &project));
    let resolver = roles
        .has(Role::Resolver)
        .then(|| role_status(directory, Role::Resolver, &project));
    let report = directory.role(Role::Resolver).matcher_report();
    Ok(Status {
        matcher: matcher.transpose()?,
        resolver: resolver.transpose()?,
        other_matcher: MatcherReport::read(&report).map_err(StatusError::Report)?,
        schema_digest: project.schema.digest(),
        project: settings.project,
        epoch: settings.epoch,
        run: settings.run,
    })
}

fn role_status<S: Lifecycle>(
    directory: &StateDir,
    role: Role,
    project: &Project,
) -> Result<RoleStatus<S>, StatusError> {
    read(directory, role, project).map_err(|source| StatusError::Store { role, source })
}

fn read<S: Lifecycle>(
    directory: &StateDir,
    role: Role,
    project: &Project,
) -> Result<RoleStatus<S>, StoreError> {
    let store = Arc::new(SqliteStore::open_read_only(&directory.role(role))?);
    let batches = store.list(project.run)?;
    let of = |party: PartyName| {
        let own = |batch: &&StoredBatch| {
            (&batch.manifest.party, batch.manifest.kind) == (&party, role.batch_kind())
        };
        let batch = batches.iter().find(own);
        party_batch(party.clone(), role.batch_kind(), batch)
    };
    let detail: S = Runs::new(store).state(project.run)?;
    Ok(RoleStatus {
        state: detail.run_state(),
        detail,
        batches: project.parties().into_iter().map(of).collect(),
    })
}

fn party_batch(party: PartyName, kind: BatchKind, batch: Option<&StoredBatch>) -> PartyBatch {
    let manifest = batch.map(|batch| &batch.manifest);
    PartyBatch {
        party,
        kind,
        accepted: batch.is_some_and(StoredBatch::is_accepted),
        chunks: batch.map(|batch| Chunks {
            durable: batch.next_chunk,
            all: batch.manifest.chunks(),
        }),
        records: manifest.map(|manifest| manifest.records),
        rows: manifest.map(|manifest| manifest.rows),
        bytes: manifest.map(|manifest| manifest.bytes),
    }
}
