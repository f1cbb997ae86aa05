//! The end of runs by themselves, when the agreement says so: the resolver, which knows when a run was
//! released, ends it on both sides. A matcher that cannot be reached then is told as soon as it can.

use audit::Event;
use model::RunNumber;
use model::lifecycle::{Command, Phase};

use super::{Resolver, ResolverState};
use crate::ending::{was_cancelled, way_out};
use crate::lifecycle::{Lifecycle as _, StageError};
use crate::retention::{Due, due};
use crate::sync::lock;

impl Resolver {
    /// Ends every run that has to go. Without an agreement nothing says when that is.
    pub(super) fn retire(&self) -> Result<(), StageError> {
        for run in (1..=self.context.project.run.0).map(RunNumber) {
            let Some(state) = self.context.runs.find(run)? else {
                continue;
            };
            if state.run_state() == Phase::Destroyed {
                self.tell_end(run)?;
            } else if let Some(why) = self.due(run, &state)? {
                self.end(run, &state, why)?;
            }
        }
        Ok(())
    }

    /// Why the run, which stands at `state`, has to go now.
    pub(super) fn due(
        &self,
        run: RunNumber,
        state: &ResolverState,
    ) -> Result<Option<Due>, StageError> {
        if state.run_state() == Phase::Destroyed {
            return Ok(None);
        }
        let Ok(agreement) = self.context.agreement() else {
            return Ok(None);
        };
        let is_release =
            |event: &Event| matches!(event, Event::RunReleased { run: of, .. } if *of == run);
        let released = self.context.journal.time_of(is_release)?;
        Ok(due(&agreement, released, self.context.clock.unix_millis()))
    }

    /// The matcher's side first; nothing is kept here any longer because it cannot be reached, or says that it
    /// is at work: then it is told again.
    fn end(&self, run: RunNumber, state: &ResolverState, why: Due) -> Result<(), StageError> {
        let way = way_out(&self.context.project, state.run_state())?;
        let is_told = match self.handover.end(run, way.contains(&Command::Cancel)) {
            Ok(is_done) => is_done,
            Err(fault) => {
                tracing::error!(%run, error = %fault, "the matcher could not be told that a run has ended");
                false
            }
        };
        self.context.end(run, &way)?;
        if is_told {
            lock(&self.told).insert(run);
        }
        tracing::warn!(%run, %why, "batches and results were destroyed");
        Ok(())
    }

    /// Tells the matcher of a run that has ended here, once in the life of the program. It may have heard so
    /// before: then nothing changes.
    fn tell_end(&self, run: RunNumber) -> Result<(), StageError> {
        if lock(&self.told).contains(&run) {
            return Ok(());
        }
        let is_cancelled = was_cancelled(&self.context, run)?;
        let is_told = match self.handover.end(run, is_cancelled) {
            Ok(is_done) => is_done,
            Err(fault) => {
                tracing::warn!(%run, error = %fault, "the matcher cannot be told yet that a run has ended");
                false
            }
        };
        if is_told {
            lock(&self.told).insert(run);
        }
        Ok(())
    }
}
