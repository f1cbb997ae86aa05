//! The matcher: takes encodings, compares rows that share a block, and hands the comparisons over.
//! It never sees which rows belong to one record.

mod compare;
mod state;

use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};

use audit::Event;
use model::lifecycle::Command;
use model::{Clock, PartyName, RunNumber};
use service::Shutdown;
use tokio::sync::Notify;
use wire::{Intake, Role};

pub use state::{MatcherState, MatcherStep};

use crate::context::{RoleContext, RoleError};
use crate::directory::RoleDir;
use crate::ending::EndError;
use crate::gate::Record;
use crate::handover::{Comparisons, Handover, HandoverError, Outcome};
use crate::intake::Desk;
use crate::lifecycle::StageError;
use crate::project::Project;
use crate::store::StoredBatch;
use crate::sync::lock;
use crate::worker::Stages;

/// The matcher of one project.
pub struct Matcher {
    context: Arc<RoleContext<MatcherState>>,
    /// Held while a step is taken, and while a run is ended.
    working: Mutex<()>,
}

impl Matcher {
    /// Opens the matcher in its directory.
    ///
    /// # Errors
    /// [`RoleError`] when its store or log cannot be used.
    pub fn open(
        directory: &RoleDir,
        project: Arc<Project>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, RoleError> {
        let context = RoleContext::open(Role::Matcher, directory, project, clock)?;
        Ok(Self {
            context: Arc::new(context),
            working: Mutex::new(()),
        })
    }

    #[cfg(test)]
    pub(crate) fn mark_destroyed(&self) {
        use crate::lifecycle::Lifecycle as _;
        let run = self.context.project.run;
        let destroyed = MatcherState::destroyed();
        self.context.runs.save(run, &destroyed).unwrap();
    }

    /// Removes what is left of runs that were destroyed before a crash.
    pub(crate) fn finish_ending(&self) -> Result<(), EndError> {
        self.context.finish_ending()
    }

    /// Where its gate writes what it saw.
    pub(crate) fn record(&self) -> Arc<dyn Record> {
        self.context.clone()
    }

    /// What takes its batches; `wake` is told of every accepted one.
    pub fn intake(&self, wake: Arc<Notify>) -> Arc<dyn Intake> {
        Arc::new(Desk::new(self.context.clone(), None, wake))
    }

    fn seal(&self) -> Result<Option<MatcherStep>, StageError> {
        let Some(batches) = self.context.complete()? else {
            return Ok(None);
        };
        let manifests = self.context.log_sealed(&batches)?;
        Ok(Some(MatcherStep::Seal { manifests }))
    }

    fn comparisons(&self, run: RunNumber) -> PathBuf {
        self.context.outputs(run).join("comparisons.bin")
    }
}

impl Stages for Matcher {
    fn advance(&self, shutdown: &Shutdown) -> Result<bool, StageError> {
        let _working = lock(&self.working);
        let state = self.context.state()?;
        let step = match &state {
            MatcherState::Open => self.seal(),
            MatcherState::Sealed { manifests } => self.compare(manifests, shutdown).map(Some),
            MatcherState::Matched { .. }
            | MatcherState::Failed { .. }
            | MatcherState::Destroyed => Ok(None),
        };
        let run = self.context.project.run;
        let step = match step {
            Err(StageError::Input(reason)) => {
                self.context.journal.record_once(Event::RunFailed { run })?;
                Some(MatcherStep::Fail { reason })
            }
            other => other?,
        };
        let Some(step) = step else { return Ok(false) };
        let state = state.apply(step)?;
        self.context.runs.save(run, &state)?;
        state.tell();
        Ok(true)
    }
}

impl Handover for Matcher {
    fn delivered(&self, run: RunNumber) -> Result<Vec<PartyName>, HandoverError> {
        let batches = self.context.batches.list(run).map_err(no_answer)?;
        let accepted = batches.into_iter().filter(StoredBatch::is_accepted);
        Ok(accepted.map(|batch| batch.manifest.party).collect())
    }

    fn outcome(&self, run: RunNumber) -> Result<Outcome, HandoverError> {
        Ok(match self.context.runs.state(run).map_err(no_answer)? {
            MatcherState::Open | MatcherState::Sealed { .. } => Outcome::Pending,
            MatcherState::Failed { reason } => Outcome::Failed(reason),
            MatcherState::Destroyed => Outcome::Failed("the run was destroyed".to_owned()),
            MatcherState::Matched {
                comparisons,
                pairs,
                handles,
                ..
            } => Outcome::Ready(Comparisons {
                pairs,
                handles,
                digest: comparisons,
                bytes: Box::new(File::open(self.comparisons(run)).map_err(no_answer)?),
            }),
        })
    }

    fn end(&self, run: RunNumber, way: &[Command]) -> Result<bool, HandoverError> {
        let Some(_idle) = idle(&self.working) else {
            return Ok(false);
        };
        self.context.end(run, way).map_err(no_answer)?;
        Ok(true)
    }
}

/// Whether nobody is at work, to be held while a run is ended.
fn idle(working: &Mutex<()>) -> Option<MutexGuard<'_, ()>> {
    match working.try_lock() {
        Ok(idle) => Some(idle),
        Err(TryLockError::Poisoned(idle)) => Some(idle.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

fn no_answer(error: impl std::error::Error + Send + Sync + 'static) -> HandoverError {
    HandoverError(Box::new(error))
}
