//! The end of runs by themselves, when the agreement says so: the resolver, which knows when a run was
//! released, ends it on both sides.

use audit::Event;
use model::RunNumber;
use model::lifecycle::Phase;

use super::{Resolver, ResolverState};
use crate::ending::way_out;
use crate::lifecycle::{Lifecycle as _, StageError};
use crate::retention::{Due, due};

impl Resolver {
    /// Ends every run that has to go. Without an agreement nothing says when that is.
    pub(super) fn retire(&self) -> Result<(), StageError> {
        for run in (1..=self.context.project.run.0).map(RunNumber) {
            let Some(state) = self.context.runs.find(run)? else {
                continue;
            };
            if let Some(why) = self.due(run, &state)? {
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

    /// The matcher's side first: by the resolver's state is seen whether all is done.
    fn end(&self, run: RunNumber, state: &ResolverState, why: Due) -> Result<(), StageError> {
        let way = way_out(&self.context.project, state.run_state())?;
        if self.handover.end(run, &way)? {
            self.context.end(run, &way)?;
            tracing::warn!(%run, %why, "batches and results were destroyed");
        }
        Ok(())
    }
}
