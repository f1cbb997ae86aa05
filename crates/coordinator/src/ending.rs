//! How a run ends in one role: logged, then so marked, then removed. What a crash cuts off is finished
//! when the role is opened again; a run that is marked takes and gives nothing any more.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use audit::{Event, LogError};
use model::RunNumber;
use model::lifecycle::Phase;
use model::lifecycle::{self, Command, NotNow, RunLife};
use service::files::sync_dir;

use crate::context::RoleContext;
use crate::lifecycle::Lifecycle;
use crate::project::Project;
use crate::store::StoreError;

/// Why a run did not end.
#[derive(Debug, thiserror::Error)]
pub enum EndError {
    /// The run's life does not allow it.
    #[error(transparent)]
    NotNow(#[from] NotNow),
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A file cannot be removed.
    #[error("cannot remove or look at {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The error of removing or looking at `path`.
pub(crate) fn file_error(path: &Path) -> impl FnOnce(io::Error) -> EndError {
    let path = path.to_owned();
    move |source| EndError::File { path, source }
}

/// What has to happen to a run in this state until it is destroyed, held to the one function that
/// says what may follow what.
pub(crate) fn way_out(project: &Project, state: Phase) -> Result<Vec<Command>, NotNow> {
    let parties = project.parties();
    let mut so_far = vec![Command::Sign, Command::Open];
    let is_over = match state {
        Phase::Released => {
            so_far.extend([Command::Seal, Command::Link, Command::Finish]);
            so_far.extend(parties.iter().cloned().map(Command::Approve));
            so_far.push(Command::Release);
            true
        }
        Phase::Failed => {
            so_far.push(Command::Fail);
            true
        }
        _ => false,
    };
    let way = match is_over {
        true => vec![Command::Destroy],
        false => vec![Command::Cancel, Command::Destroy],
    };
    let all = so_far.iter().chain(&way);
    let life = RunLife::new(parties);
    all.map(Ok)
        .try_fold(life, |life, command: Result<&Command, NotNow>| {
            lifecycle::apply(&life, command?)
        })?;
    Ok(way)
}

/// Whether people gave `run` up before it was over, as the role's log has it.
pub(crate) fn was_cancelled<L: Lifecycle>(
    role: &RoleContext<L>,
    run: RunNumber,
) -> Result<bool, LogError> {
    let is_it = |event: &Event| matches!(event, Event::RunCancelled { run: of } if *of == run);
    Ok(role.journal.time_of(is_it)?.is_some())
}

impl<L: Lifecycle> RoleContext<L> {
    /// Ends a run by this way. Repeating it changes nothing.
    pub(crate) fn end(&self, run: RunNumber, way: &[Command]) -> Result<(), EndError> {
        if self.runs.state(run)?.run_state() != Phase::Destroyed {
            for command in way {
                self.journal.record_once(match command {
                    Command::Cancel => Event::RunCancelled { run },
                    _ => Event::RunDestroyed { run },
                })?;
            }
            self.runs.save(run, &L::destroyed())?;
        }
        self.remove(run)
    }

    /// Removes what is left of runs that were marked as destroyed before a crash.
    pub(crate) fn finish_ending(&self) -> Result<(), EndError> {
        for run in (1..=self.project.run.0).map(RunNumber) {
            let state = self.runs.find(run)?;
            if state.is_some_and(|state| state.run_state() == Phase::Destroyed) {
                self.remove(run)?;
            }
        }
        Ok(())
    }

    fn remove(&self, run: RunNumber) -> Result<(), EndError> {
        for batch in self.batches.list(run)? {
            self.batches.forget(&batch.manifest.digest())?;
        }
        let outputs = self.outputs(run);
        if outputs.exists() {
            fs::remove_dir_all(&outputs).map_err(file_error(&outputs))?;
        }
        for changed in [self.all_outputs(), self.all_batches()] {
            if changed.exists() {
                sync_dir(changed).map_err(file_error(changed))?;
            }
        }
        Ok(())
    }
}
