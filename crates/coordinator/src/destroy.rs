//! The end of runs by the operator: batches and everything made of them are removed in the roles that are
//! here, another operator's matcher is told, and with the project the resolver's keys are overwritten.
//! Afterwards anybody can look whether anything is left.
//!
//! What backups of this machine still hold is useless without keys that are elsewhere: handle maps
//! need the resolver's key, which is destroyed here, and encodings mean something only under the
//! linkage key of their epoch, which the custodians destroy.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use audit::Event;
use model::lifecycle::Phase;
use model::{Clock, RunNumber};
use secret::key_file::{self, KeyFileError};
use serde::Serialize;
use service::DirLock;
use service::files::LockError;
use wire::{Handover as _, Role};

use crate::context::{RoleContext, RoleError};
use crate::directory::{Settings, SettingsError, StateDir};
use crate::ending::{EndError, file_error, was_cancelled, way_out};
use crate::handover::HandoverError;
use crate::lifecycle::{Lifecycle, Runs};
use crate::matcher::MatcherState;
use crate::matcher::handover::{is_under_way, way};
use crate::opening::remote_matcher;
use crate::project::Project;
use crate::remote::RemoteMatcher;
use crate::resolver::ResolverState;
use crate::roles::Roles;
use crate::store::{BatchStore as _, RunStore as _, SqliteStore, StoreError};
use crate::worker::chain;

/// How often a matcher that is at work is asked to end a run.
const ASKS: u32 = 20;
/// How long apart.
const PAUSE: Duration = Duration::from_millis(500);

/// Why a run was not destroyed, or cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum DestroyError {
    /// Settings or schema are wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The program runs.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A role cannot use its store or log.
    #[error(transparent)]
    Role(#[from] RoleError),
    /// A run did not end.
    #[error(transparent)]
    End(#[from] EndError),
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key cannot be destroyed.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// There is no such run.
    #[error("there is no run {0}; the open one is {1}")]
    NoRun(RunNumber, RunNumber),
}

/// What is to be destroyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destroy {
    /// One run.
    Run(RunNumber),
    /// The open run.
    Open,
    /// Every run.
    All,
    /// Every run, and the resolver's keys for good: no run of the project can be made afterwards.
    Project,
}

impl Destroy {
    fn runs(self, open: RunNumber) -> Result<Vec<RunNumber>, DestroyError> {
        match self {
            Self::Open => Ok(vec![open]),
            Self::Run(run) if run.0 == 0 || run > open => Err(DestroyError::NoRun(run, open)),
            Self::Run(run) => Ok(vec![run]),
            Self::All | Self::Project => Ok((1..=open.0).map(RunNumber).collect()),
        }
    }
}

/// What was destroyed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destroyed {
    /// The runs.
    pub runs: Vec<RunNumber>,
    /// Why the matcher of another operator could not be told, if it could not: it keeps its part.
    pub untold: Option<String>,
}

/// Destroys runs in the roles that are here, and has a matcher of another operator do so too. Repeating it
/// changes nothing. The program must not run.
///
/// # Errors
/// [`DestroyError`] says what is left to do; then it has to be repeated.
pub fn destroy(
    directory: &StateDir,
    what: Destroy,
    clock: Arc<dyn Clock>,
) -> Result<Destroyed, DestroyError> {
    let (settings, project) = directory.load()?;
    let directory = directory.clone().unlocked()?;
    let _lock = DirLock::acquire(directory.path())?;
    let runs = what.runs(project.run)?;
    let ending = Ending {
        project: Arc::new(project),
        directory,
        settings,
        clock,
    };
    let untold = match ending.settings.role {
        Roles::Matcher => ending.end_matcher(&runs).map(|()| None)?,
        Roles::Both | Roles::Resolver => ending.end_resolver(&runs, what)?,
    };
    Ok(Destroyed { runs, untold })
}

/// What runs are ended with.
struct Ending {
    directory: StateDir,
    settings: Settings,
    project: Arc<Project>,
    clock: Arc<dyn Clock>,
}

impl Ending {
    fn open<L: Lifecycle>(&self, role: Role) -> Result<RoleContext<L>, RoleError> {
        let at = self.directory.role(role);
        RoleContext::open(role, &at, self.project.clone(), self.clock.clone())
    }

    fn end_matcher(&self, runs: &[RunNumber]) -> Result<(), DestroyError> {
        let matcher = self.open::<MatcherState>(Role::Matcher)?;
        for run in runs {
            if let Some(state) = known(&matcher, *run)? {
                matcher.end(*run, way(is_under_way(state)))?;
            }
        }
        Ok(())
    }

    /// Ends runs as the resolver's state says; returns why another operator's matcher was not told.
    fn end_resolver(
        &self,
        runs: &[RunNumber],
        what: Destroy,
    ) -> Result<Option<String>, DestroyError> {
        let resolver = self.open::<ResolverState>(Role::Resolver)?;
        let matcher = match self.settings.role.has(Role::Matcher) {
            true => Some(self.open::<MatcherState>(Role::Matcher)?),
            false => None,
        };
        for run in runs {
            let Some(state) = known(&resolver, *run)? else {
                continue;
            };
            let way = way_out(&self.project, state).map_err(EndError::from)?;
            // The matcher's side first: by the resolver's state is seen whether all is done.
            if let Some(matcher) = &matcher {
                matcher.end(*run, &way)?;
            }
            resolver.end(*run, &way)?;
        }
        if what == Destroy::Project {
            self.destroy_keys(&resolver)?;
        }
        Ok(match matcher {
            Some(_) => None,
            None => self
                .tell_matcher(&resolver, runs)
                .err()
                .map(|error| chain(&*error)),
        })
    }

    fn destroy_keys(&self, resolver: &RoleContext<ResolverState>) -> Result<(), DestroyError> {
        let at = self.directory.role(Role::Resolver);
        let logged = resolver.journal.record_once(Event::ResolverKeysDestroyed);
        logged.map_err(EndError::from)?;
        for key in [at.handle_map_key(), at.pseudonym_key()] {
            key_file::destroy(&key)?;
        }
        let board = at.board();
        if board.exists() {
            fs::remove_dir_all(&board).map_err(file_error(&board))?;
        }
        Ok(())
    }

    fn tell_matcher(
        &self,
        resolver: &RoleContext<ResolverState>,
        runs: &[RunNumber],
    ) -> Result<(), Box<dyn Error>> {
        let project = self.project.clone();
        let clock = self.clock.clone();
        let remote = remote_matcher(&self.directory, &self.settings, project, clock)?;
        let runtime = tokio::runtime::Runtime::new()?;
        let _entered = runtime.enter();
        for run in runs {
            if known(resolver, *run)?.is_some() {
                let is_cancelled = was_cancelled(resolver, *run)?;
                end_remote(&remote, *run, is_cancelled)?;
            }
        }
        Ok(())
    }
}

/// Ends a run with another operator's matcher, which may be at work for a moment.
fn end_remote(
    remote: &RemoteMatcher,
    run: RunNumber,
    is_cancelled: bool,
) -> Result<(), Box<dyn Error>> {
    for _ in 0..ASKS {
        let ended = remote.end(run, is_cancelled);
        if ended.map_err(HandoverError::from)? {
            return Ok(());
        }
        std::thread::sleep(PAUSE);
    }
    Err("it is at work on a run; try again later".into())
}

/// The state of a run that there is: the open one, or one that anything happened to.
fn known<L: Lifecycle>(
    role: &RoleContext<L>,
    run: RunNumber,
) -> Result<Option<Phase>, DestroyError> {
    let state = role.runs.find(run)?;
    let is_open = run == role.project.run;
    let is_there = state.is_some() || is_open || !role.batches.list(run)?.is_empty();
    Ok(is_there.then(|| state.unwrap_or_default().run_state()))
}

/// What of a project's runs is left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remains {
    /// The open run; this one and all before were looked for.
    pub run: RunNumber,
    /// What can still be read, each with its place; nothing when all runs are destroyed.
    pub readable: Vec<String>,
    /// The resolver's keys that are still there. Without them handle maps in backups stay closed.
    pub keys: Vec<PathBuf>,
}

/// Looks for anything of any run that is left. Works beside a running coordinator.
///
/// # Errors
/// [`DestroyError`] when something cannot be looked at.
pub fn verify_destroyed(directory: &StateDir) -> Result<Remains, DestroyError> {
    let (settings, project) = directory.load()?;
    let mut readable = Vec::new();
    for role in settings.role.all() {
        readable.extend(match role {
            Role::Matcher => remains::<MatcherState>(directory, *role, &project)?,
            Role::Resolver => remains::<ResolverState>(directory, *role, &project)?,
        });
    }
    let at = directory.role(Role::Resolver);
    let keys = [at.handle_map_key(), at.pseudonym_key()];
    Ok(Remains {
        run: project.run,
        readable,
        keys: keys.into_iter().filter(|key| key.exists()).collect(),
    })
}

fn remains<L: Lifecycle>(
    directory: &StateDir,
    role: Role,
    project: &Project,
) -> Result<Vec<String>, DestroyError> {
    let at = directory.role(role);
    let store = Arc::new(SqliteStore::open_read_only(&at)?);
    let mut found = Vec::new();
    for run in (1..=project.run.0).map(RunNumber) {
        for batch in store.list(run)? {
            let (party, kind) = (&batch.manifest.party, batch.manifest.kind.as_str());
            found.push(format!("{role}: the {kind} of {party} for run {run}"));
        }
        let is_there = run == project.run || store.load_run(run)?.is_some();
        let state = Runs::<L>::new(store.clone()).state(run)?.run_state();
        if is_there && state != Phase::Destroyed {
            found.push(format!("{role}: run {run} is {state}"));
        }
    }
    // Whatever lies there is of some run, also where the database does not know of it.
    for place in [at.runs(), at.batches()] {
        let names = names_in(&place)?.into_iter();
        found.extend(names.map(|name| format!("{role}: {}", place.join(name).display())));
    }
    Ok(found)
}

/// The names in a directory, but for what was spent on noise, which has to outlive runs.
fn names_in(directory: &Path) -> Result<BTreeSet<String>, DestroyError> {
    if !directory.exists() {
        return Ok(BTreeSet::new());
    }
    let entries = fs::read_dir(directory).map_err(file_error(directory))?;
    let names = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned());
    Ok(names
        .filter(|name| name != crate::resolver::NOISE_FILE)
        .collect())
}
