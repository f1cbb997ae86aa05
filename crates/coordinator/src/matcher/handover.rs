//! What the matcher hands to the resolver, which asks for it: in this program, or with its certificate
//! over the network.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::{Mutex, MutexGuard, TryLockError};

use audit::Event;
use model::lifecycle::{Command, Phase};
use model::{Digest, PartyName, RefusalCode, RunNumber};
use wire::{Comparisons, Fault, Handover, MatcherOutcome, MatcherRun};

use super::{Matcher, MatcherState};
use crate::intake::failed;
use crate::lifecycle::{Lifecycle as _, StageError};
use crate::retention::due;

impl Handover for Matcher {
    fn standing(&self, run: RunNumber) -> Result<MatcherRun, Fault> {
        let project = &self.context.project;
        Ok(MatcherRun {
            project: project.name.clone(),
            epoch: project.epoch,
            open: project.run,
            schema_digest: project.schema.digest(),
            delivered: self.delivered(run)?,
            outcome: self.outcome(run)?,
        })
    }

    fn comparisons(
        &self,
        run: RunNumber,
        digest: &Digest,
        from: u64,
        limit: usize,
    ) -> Result<Vec<u8>, Fault> {
        let MatcherOutcome::Ready(comparisons) = self.outcome(run)? else {
            let detail = format!("run {run} has no comparisons");
            return Err(Fault::refused(RefusalCode::WrongState, detail));
        };
        if comparisons.digest != *digest {
            let detail = format!("the comparisons of run {run} are other ones");
            return Err(Fault::refused(RefusalCode::DigestDiffers, detail));
        }
        let left = comparisons.bytes.saturating_sub(from);
        if left == 0 {
            let detail = format!("there are {} bytes of comparisons", comparisons.bytes);
            return Err(Fault::refused(RefusalCode::BadMessage, detail));
        }
        self.context.agreed(run)?;
        let event = Event::ComparisonsHandedOver {
            run,
            comparisons_digest: comparisons.digest,
        };
        self.context.journal.record_once(event).map_err(failed)?;
        let mut bytes = vec![0; left.min(limit as u64) as usize];
        File::open(self.comparisons(run))?.read_exact_at(&mut bytes, from)?;
        Ok(bytes)
    }

    fn end(&self, run: RunNumber, is_cancelled: bool) -> Result<bool, Fault> {
        if run.0 == 0 || run > self.context.project.run {
            let detail = format!("there is no run {run}");
            return Err(Fault::refused(RefusalCode::WrongRun, detail));
        }
        let Some(_idle) = idle(&self.working) else {
            return Ok(false);
        };
        self.context.end(run, way(is_cancelled)).map_err(failed)?;
        Ok(true)
    }
}

impl Matcher {
    /// Whose encodings were accepted for `run`.
    fn delivered(&self, run: RunNumber) -> Result<Vec<PartyName>, Fault> {
        let batches = self.context.batches.list(run).map_err(failed)?;
        let kind = self.context.role.batch_kind();
        let accepted = batches
            .into_iter()
            .filter(|batch| batch.is_accepted() && batch.manifest.kind == kind);
        Ok(accepted.map(|batch| batch.manifest.party).collect())
    }

    fn outcome(&self, run: RunNumber) -> Result<MatcherOutcome, Fault> {
        Ok(match self.context.runs.state(run).map_err(failed)? {
            MatcherState::Open | MatcherState::Sealed { .. } => MatcherOutcome::Pending,
            MatcherState::Failed { reason } => MatcherOutcome::Failed(reason),
            MatcherState::Destroyed => MatcherOutcome::Failed("the run was destroyed".to_owned()),
            MatcherState::Matched {
                comparisons,
                pairs,
                handles,
                ..
            } => MatcherOutcome::Ready(Comparisons {
                pairs,
                bytes: self.comparisons(run).metadata()?.len(),
                digest: comparisons,
                handles,
            }),
        })
    }

    /// Ends every run that has to go, as far as the matcher can know: when the agreement is over or
    /// revoked. That a run was kept as long as the agreement allows it hears from the resolver.
    pub(super) fn retire(&self) -> Result<(), StageError> {
        let Ok(agreement) = self.context.agreement() else {
            return Ok(());
        };
        let Some(why) = due(&agreement, None, self.context.clock.unix_millis()) else {
            return Ok(());
        };
        for run in (1..=self.context.project.run.0).map(RunNumber) {
            let state = self.context.runs.find(run)?;
            let is_left = |state: &MatcherState| !matches!(state, MatcherState::Destroyed);
            if let Some(state) = state.filter(is_left) {
                self.context
                    .end(run, way(is_under_way(state.run_state())))?;
                tracing::warn!(role = "matcher", %run, %why, "what was kept of it was destroyed");
            }
        }
        Ok(())
    }
}

/// Whether a run is given up when it ends now, as far as the matcher knows.
pub(crate) fn is_under_way(state: Phase) -> bool {
    matches!(state, Phase::Open | Phase::Sealed)
}

/// What happens to a run when it ends.
pub(crate) fn way(is_cancelled: bool) -> &'static [Command] {
    match is_cancelled {
        true => &[Command::Cancel, Command::Destroy],
        false => &[Command::Destroy],
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
