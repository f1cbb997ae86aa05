//! What either role works with: the project, its store, its log and its directory.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use audit::{Event, LogError};
use link::{Memory, Scratch};
use model::{BatchKind, Clock, Digest, RunNumber, Signature, SignedAgreement};
use secret::key_file::KeyFileError;
use secret::signing;
use service::{AgreementStore, Said};
use wire::Role;

use crate::directory::RoleDir;
use crate::gate::Record;
use crate::journal::Journal;
use crate::lifecycle::{Lifecycle, Runs, StageError};
use crate::log_key;
use crate::project::Project;
use crate::showing::Shown;
use crate::store::{BatchStore, SqliteStore, StoreError, StoredBatch};
use crate::sync::lock;

/// Why a role did not start.
#[derive(Debug, thiserror::Error)]
pub enum RoleError {
    /// The store cannot be used.
    #[error("the store of the {role} cannot be used")]
    Store {
        /// Whose.
        role: Role,
        /// Why.
        source: StoreError,
    },
    /// The key of the log cannot be used.
    #[error("the {role} cannot sign its log")]
    Key {
        /// Whose.
        role: Role,
        /// Why.
        source: KeyFileError,
    },
    /// The log cannot be used.
    #[error("the log of the {role} cannot be used")]
    Log {
        /// Whose.
        role: Role,
        /// Why.
        source: LogError,
    },
}

/// What one role works with.
pub(crate) struct RoleContext<L> {
    pub(crate) role: Role,
    pub(crate) project: Arc<Project>,
    pub(crate) batches: Arc<dyn BatchStore>,
    pub(crate) runs: Runs<L>,
    pub(crate) journal: Journal,
    pub(crate) shown: Shown,
    agreements: AgreementStore,
    /// The agreement as it stands in the log since the program began.
    heeded: Mutex<Option<SignedAgreement>>,
    pub(crate) clock: Arc<dyn Clock>,
    outputs: PathBuf,
    batch_files: PathBuf,
    memory: Memory,
}

impl<L: Lifecycle + 'static> Record for RoleContext<L> {
    fn record(&self, event: Event) -> bool {
        let recorded = self.journal.record_once(event);
        if let Err(error) = &recorded {
            tracing::error!(role = %self.role, %error, "a certificate cannot be logged");
        }
        recorded.is_ok()
    }
}

impl<L: Lifecycle> RoleContext<L> {
    /// Opens store and log in the role's directory.
    pub(crate) fn open(
        role: Role,
        directory: &RoleDir,
        project: Arc<Project>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, RoleError> {
        let store = SqliteStore::open(directory)
            .map(Arc::new)
            .map_err(|source| RoleError::Store { role, source })?;
        let signer = log_key::read(directory, role, &project.name)
            .map_err(|source| RoleError::Key { role, source })?;
        let journal = Journal::open(directory.log(), role, signer, clock.clone())
            .map_err(|source| RoleError::Log { role, source })?;
        Ok(Self {
            role,
            project,
            batches: store.clone(),
            runs: Runs::new(store),
            journal,
            shown: Shown::new(directory.log().join("shown")),
            agreements: AgreementStore::new(directory.agreements(), signing::verify),
            heeded: Mutex::new(None),
            clock,
            outputs: directory.runs(),
            batch_files: directory.batches(),
            memory: directory.memory(),
        })
    }

    /// The agreement installed, whether or not it is in force. Read anew each time: what is said of
    /// it counts from that moment on, and stands in the log before it does.
    pub(crate) fn agreement(&self) -> Result<SignedAgreement, StageError> {
        let agreement = self.agreements.current()?;
        agreement.check_schema(&self.project.schema)?;
        self.heed(&agreement)?;
        Ok(agreement)
    }

    /// What holds of the statements about the agreement.
    pub(crate) fn said(&self) -> Result<Vec<Said>, StageError> {
        Ok(self.agreements.said()?)
    }

    /// Takes up what an officer says of the agreement. It stands in the log before it counts: whatever
    /// asks for the agreement heeds it first.
    pub(crate) fn hear(&self, document: &[u8], signature: &Signature) -> Result<bool, StageError> {
        let is_news = self.agreements.hear(document, signature)?;
        self.agreement()?;
        Ok(is_news)
    }

    /// Logs an agreement that is new, and what was said of it.
    fn heed(&self, agreement: &SignedAgreement) -> Result<(), StageError> {
        let mut heeded = lock(&self.heeded);
        if heeded.as_ref() == Some(agreement) {
            return Ok(());
        }
        self.journal.record_once(Event::AgreementAdopted {
            agreement: agreement.digest(),
            number: agreement.terms().number,
        })?;
        for said in agreement.statements() {
            self.journal.record_once(Event::AgreementStated {
                agreement: said.agreement,
                party: said.party.clone(),
                number: said.number,
                act: said.act,
            })?;
        }
        *heeded = Some(agreement.clone());
        Ok(())
    }

    /// The agreement, if `run` may be worked on now.
    pub(crate) fn agreed(&self, run: RunNumber) -> Result<SignedAgreement, StageError> {
        let agreement = self.agreement()?;
        agreement.check_run(&self.project.name, run, self.clock.unix_millis())?;
        Ok(agreement)
    }

    /// Where the runs' directories are.
    pub(crate) fn all_outputs(&self) -> &Path {
        &self.outputs
    }

    /// Where the batches are.
    pub(crate) fn all_batches(&self) -> &Path {
        &self.batch_files
    }

    /// Where the role writes what it makes of `run`.
    pub(crate) fn outputs(&self, run: RunNumber) -> PathBuf {
        self.outputs.join(run.to_string())
    }

    /// Where a stage that writes to `directory` sets aside what outgrows its memory.
    pub(crate) fn scratch(&self, directory: &Path) -> Scratch {
        Scratch::in_directory(directory, self.memory.bytes())
    }

    /// Where the open run stands.
    pub(crate) fn state(&self) -> Result<L, StoreError> {
        self.runs.state(self.project.run)
    }

    /// The accepted batches of the open run in the schema's order, once every party's is there.
    pub(crate) fn complete(&self) -> Result<Option<Vec<StoredBatch>>, StoreError> {
        self.complete_of(self.role.batch_kind())
    }

    /// As [`Self::complete`], of the batches of one kind.
    pub(crate) fn complete_of(
        &self,
        kind: BatchKind,
    ) -> Result<Option<Vec<StoredBatch>>, StoreError> {
        let mut accepted = self.batches.list(self.project.run)?;
        accepted.retain(|batch| batch.is_accepted() && batch.manifest.kind == kind);
        let place = |batch: &StoredBatch| self.project.schema.party_index(&batch.manifest.party);
        accepted.sort_by_key(place);
        let whole = accepted.len() == self.project.schema.parties.len();
        Ok(whole.then_some(accepted))
    }

    /// The batches a sealed run holds.
    pub(crate) fn sealed(&self, manifests: &[Digest]) -> Result<Vec<StoredBatch>, StoreError> {
        let find = |digest: &Digest| {
            let found = self.batches.find(digest)?;
            found.ok_or(StoreError::UnknownBatch(*digest))
        };
        manifests.iter().map(find).collect()
    }

    /// Logs that the run's input is final, and returns the digests of its manifests.
    pub(crate) fn log_sealed(&self, batches: &[StoredBatch]) -> Result<Vec<Digest>, StageError> {
        let digests = batches.iter().map(|batch| batch.manifest.digest());
        let manifest_digests: Vec<Digest> = digests.collect();
        let agreed = self.agreed(self.project.run)?.digest();
        // Accepted before an amendment: what is linked is linked under one agreement.
        if let Some(other) = batches
            .iter()
            .find(|batch| batch.manifest.agreement != agreed)
        {
            let party = &other.manifest.party;
            return Err(StageError::Input(format!(
                "the batch of {party} was prepared under an agreement that was amended since"
            )));
        }
        self.journal.record_once(Event::RunSealed {
            run: self.project.run,
            manifest_digests: manifest_digests.clone(),
        })?;
        Ok(manifest_digests)
    }
}
