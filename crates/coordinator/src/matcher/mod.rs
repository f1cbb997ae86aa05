//! The matcher: takes encodings, compares rows that share a block, and hands the comparisons over.
//! It never sees which rows belong to one record. Where the agreement has it so, it takes block tokens
//! first, and says which encodings can meet any.

mod compare;
pub(crate) mod handover;
pub(crate) mod membership;
mod state;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use audit::Event;
use model::{Clock, RunNumber};
use service::Shutdown;
use tokio::sync::Notify;
use wire::{Board, Intake, Role};

pub use state::{MatcherState, MatcherStep};

use crate::context::{RoleContext, RoleError};
use crate::directory::RoleDir;
use crate::ending::EndError;
use crate::gate::Record;
use crate::intake::Desk;
use crate::lifecycle::StageError;
use crate::project::Project;
use crate::statements::StatementsDesk;
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

    /// What hears officers; `wake` is told of all that is new.
    pub fn board(&self, wake: Arc<Notify>) -> Arc<dyn Board> {
        Arc::new(StatementsDesk::new(self.context.clone(), wake))
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
        self.retire()?;
        let state = self.context.state()?;
        let step = match &state {
            MatcherState::Open => match self.answer_tokens() {
                Ok(true) => return Ok(true),
                Ok(false) => self.seal(),
                Err(error) => Err(error),
            },
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
