//! The resolver: opens handle maps, joins comparisons to records, forms clusters, and serves each
//! party its pseudonyms. It never sees an encoding or a block token.

mod answers;
mod board;
pub mod clusters;
mod counts;
mod event_marks;
pub mod handle_map;
mod link_stage;
mod pseudonym;
mod release;
mod results;
mod retire;
mod review;
mod state;
mod verdicts;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use audit::Event;
use model::lifecycle::{self, Command, NotNow, RunLife};
use model::{Clock, Digest, PartyName, RunNumber, approval};
use secret::key_file::{KeyFileError, Purpose};
use secret::{Key32, RecipientSecret};
use service::Shutdown;
use tokio::sync::Notify;
use wire::{Handover, Intake, MatcherOutcome, Role};

pub(crate) use board::BoardDesk;
pub(crate) use counts::FILE as NOISE_FILE;
pub use event_marks::NotMarks;
pub use state::{ResolverState, ResolverStep, ReviewTotals, Totals};
pub use verdicts::VerdictsError;

use self::board::BoardFiles;
use crate::context::{RoleContext, RoleError};
use crate::directory::RoleDir;
use crate::ending::EndError;
use crate::gate::Record;
use crate::handover::HandoverError;
use crate::intake::Desk;
use crate::lifecycle::StageError;
use crate::project::Project;
use crate::worker::Stages;

/// The resolver's keys.
pub struct ResolverKeys {
    secret: RecipientSecret,
    pseudonym: Key32,
}

impl ResolverKeys {
    /// Reads both key files of the resolver's directory.
    ///
    /// # Errors
    /// [`KeyFileError`] names the file.
    pub fn read(directory: &RoleDir) -> Result<Self, KeyFileError> {
        let unlock = directory.unlock();
        let handle_map = unlock.read(&directory.handle_map_key(), Purpose::HandleMap)?;
        Ok(Self {
            secret: RecipientSecret::from_key(&handle_map),
            pseudonym: unlock.read(&directory.pseudonym_key(), Purpose::Pseudonym)?,
        })
    }
}

/// The resolver of one project.
pub struct Resolver {
    context: Arc<RoleContext<ResolverState>>,
    keys: ResolverKeys,
    handover: Arc<dyn Handover>,
    board: BoardFiles,
    /// Whose encodings the matcher had when it last said so.
    delivered: Mutex<Vec<PartyName>>,
    /// Runs that the matcher knows have ended.
    told: Mutex<HashSet<RunNumber>>,
}

impl Resolver {
    /// Opens the resolver in its directory.
    ///
    /// # Errors
    /// [`RoleError`] when its store or log cannot be used.
    pub fn open(
        directory: &RoleDir,
        keys: ResolverKeys,
        project: Arc<Project>,
        handover: Arc<dyn Handover>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, RoleError> {
        let context = RoleContext::open(Role::Resolver, directory, project, clock)?;
        Ok(Self {
            context: Arc::new(context),
            keys,
            handover,
            board: BoardFiles::new(directory.board()),
            delivered: Mutex::default(),
            told: Mutex::default(),
        })
    }

    #[cfg(test)]
    pub(crate) fn mark_destroyed(&self) {
        use crate::lifecycle::Lifecycle as _;
        let run = self.context.project.run;
        let destroyed = ResolverState::destroyed();
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
        let recipient = self.keys.secret.public().0;
        Arc::new(Desk::new(self.context.clone(), Some(recipient), wake))
    }

    fn next_step(&self, state: &ResolverState) -> Result<Option<ResolverStep>, StageError> {
        match state {
            ResolverState::Open => match self.outcome() {
                Ok(MatcherOutcome::Failed(reason)) => Err(StageError::Input(reason)),
                // Handle maps can be complete while the matcher is away.
                _ => self.seal(),
            },
            ResolverState::Sealed { manifests } => match self.outcome()? {
                MatcherOutcome::Failed(reason) => Err(StageError::Input(reason)),
                MatcherOutcome::Pending => Ok(None),
                MatcherOutcome::Ready(comparisons) => self.link(manifests, &comparisons).map(Some),
            },
            ResolverState::Linked { manifests, totals } => match self.may_release(state)? {
                true => self.release(manifests, totals).map(Some),
                false => Ok(None),
            },
            ResolverState::Released { .. }
            | ResolverState::Failed { .. }
            | ResolverState::Destroyed => Ok(None),
        }
    }

    /// The run's life so far, by its state and the approvals on the board.
    fn life(&self, state: &ResolverState) -> Result<RunLife, StageError> {
        let agreement = self.context.agreement()?;
        let custodians = agreement.terms().custodians();
        let mut life = RunLife::new(custodians.map(|member| member.name.clone()));
        let approvals = self.approvals(self.context.project.run, state, &agreement)?;
        for command in state.commands(approvals) {
            life = lifecycle::apply(&life, &command)?;
        }
        Ok(life)
    }

    /// Whether every custodian has approved.
    fn may_release(&self, state: &ResolverState) -> Result<bool, StageError> {
        match lifecycle::apply(&self.life(state)?, &Command::Release) {
            Ok(_) => Ok(true),
            Err(NotNow::NotApproved(_)) => Ok(false),
            Err(other) => Err(other.into()),
        }
    }

    /// Holds a step to the run's life, and logs it where nothing else has.
    fn follow(&self, state: &ResolverState, step: &ResolverStep) -> Result<(), StageError> {
        let run = self.context.project.run;
        let event = match step {
            ResolverStep::Seal { .. } | ResolverStep::Link { .. } => None,
            ResolverStep::Release => Some(Event::RunReleased {
                run,
                agreement: self.context.agreement()?.digest(),
            }),
            // Also a run whose agreement cannot be read any more may fail.
            ResolverStep::Fail { .. } => {
                self.context.journal.record_once(Event::RunFailed { run })?;
                return Ok(());
            }
        };
        let mut life = self.life(state)?;
        for command in step.commands() {
            life = lifecycle::apply(&life, &command)?;
        }
        if let Some(event) = event {
            self.context.journal.record_once(event)?;
        }
        Ok(())
    }

    /// What custodians approve, once the run is linked.
    fn outcome_of(&self, run: RunNumber, state: &ResolverState) -> Option<Digest> {
        let (manifests, totals) = match state {
            ResolverState::Linked { manifests, totals }
            | ResolverState::Released { manifests, totals } => (manifests, totals),
            _ => return None,
        };
        let project = &self.context.project;
        let clusters = &totals.clusters_digest;
        Some(approval::outcome(&project.name, run, manifests, clusters))
    }

    /// What became of the matcher's part.
    fn outcome(&self) -> Result<MatcherOutcome, HandoverError> {
        Ok(self.handover.standing(self.context.project.run)?.outcome)
    }

    fn seal(&self) -> Result<Option<ResolverStep>, StageError> {
        let Some(batches) = self.context.complete()? else {
            return Ok(None);
        };
        let manifests = self.context.log_sealed(&batches)?;
        Ok(Some(ResolverStep::Seal { manifests }))
    }
}

impl Stages for Resolver {
    fn advance(&self, shutdown: &Shutdown) -> Result<bool, StageError> {
        if shutdown.is_requested() {
            return Ok(false);
        }
        self.retire()?;
        let state = self.context.state()?;
        let step = match self.next_step(&state) {
            Err(StageError::Input(reason)) => Some(ResolverStep::Fail { reason }),
            other => other?,
        };
        let Some(step) = step else { return Ok(false) };
        self.follow(&state, &step)?;
        let state = state.apply(step)?;
        self.context.runs.save(self.context.project.run, &state)?;
        state.tell();
        Ok(true)
    }
}
