//! The life of a run in one role: a state kept in the store, and the rules all such states share.
//! The states themselves are each role's own.

use std::marker::PhantomData;
use std::sync::Arc;

use audit::LogError;
use model::Refusal;
use model::RunNumber;
use model::lifecycle::NotNow;
use model::lifecycle::Phase;
use serde::Serialize;
use serde::de::DeserializeOwned;
use service::AgreementFault;
use wire::Fault;

use crate::ending::EndError;
use crate::handover::HandoverError;
use crate::store::{RunStore, StoreError};

/// Where a run stands in one role. The default is a run nothing has happened to.
pub(crate) trait Lifecycle: Serialize + DeserializeOwned + Default + Send + Sync {
    /// The state as members see it.
    fn run_state(&self) -> Phase;

    /// The state of a run of which nothing is left.
    fn destroyed() -> Self;
}

/// A step that the state of the run does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a run that is {state} cannot be {step}")]
pub struct OutOfTurn {
    /// The step.
    pub step: &'static str,
    /// Where the run stands.
    pub state: Phase,
}

/// Why a run did not get further.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// What the members sent cannot be linked. No repetition helps: the run fails.
    #[error("{0}")]
    Input(String),
    /// The program was asked to stop.
    #[error("stopped before the stage was done; it starts again with the program")]
    Stopped,
    /// The linkage agreement does not allow it, or cannot be read.
    #[error(transparent)]
    Agreement(#[from] AgreementFault),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A file failed.
    #[error("cannot write or read the run's files")]
    File(#[from] std::io::Error),
    /// The matcher cannot be asked.
    #[error(transparent)]
    Handover(#[from] HandoverError),
    /// The run's life does not allow it.
    #[error(transparent)]
    NotNow(#[from] NotNow),
    /// What is left of a run cannot be removed.
    #[error(transparent)]
    End(#[from] EndError),
    /// Two things happened to the run at once.
    #[error(transparent)]
    OutOfTurn(#[from] OutOfTurn),
}

impl StageError {
    /// The run fails because of `error` in what the members sent.
    pub(crate) fn input(error: impl std::fmt::Display) -> Self {
        Self::Input(error.to_string())
    }
}

impl From<Refusal> for StageError {
    fn from(refusal: Refusal) -> Self {
        Self::Agreement(refusal.into())
    }
}

impl From<StageError> for Fault {
    fn from(error: StageError) -> Self {
        match error {
            StageError::Agreement(AgreementFault::Refused(refusal)) => refusal.into(),
            other => Self::failed(other),
        }
    }
}

/// The states of a role's runs.
pub(crate) struct Runs<L> {
    store: Arc<dyn RunStore>,
    states: PhantomData<fn() -> L>,
}

impl<L: Lifecycle> Runs<L> {
    pub(crate) fn new(store: Arc<dyn RunStore>) -> Self {
        Self {
            store,
            states: PhantomData,
        }
    }

    /// Where `run` stands, or `None` when nothing has happened to it yet.
    pub(crate) fn find(&self, run: RunNumber) -> Result<Option<L>, StoreError> {
        let text = self.store.load_run(run)?;
        let state = text.map(|text| serde_json::from_str(&text)).transpose();
        state.map_err(damaged)
    }

    /// Where `run` stands.
    pub(crate) fn state(&self, run: RunNumber) -> Result<L, StoreError> {
        Ok(self.find(run)?.unwrap_or_default())
    }

    /// Saves where `run` stands.
    pub(crate) fn save(&self, run: RunNumber, state: &L) -> Result<(), StoreError> {
        let text = serde_json::to_string(state).map_err(damaged)?;
        self.store.save_run(run, &text)
    }
}

fn damaged(source: serde_json::Error) -> StoreError {
    StoreError::Damaged {
        what: "run state",
        source,
    }
}
