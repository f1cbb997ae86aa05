//! The end of runs by the operator: batches and everything made of them are removed in both roles, and
//! with the project the resolver's keys are overwritten. Afterwards anybody can look whether anything is
//! left.
//!
//! What backups of this machine still hold is useless without keys that are elsewhere: handle maps
//! need the resolver's key, which is destroyed here, and encodings mean something only under the
//! linkage key of their epoch, which the custodians destroy.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use audit::Event;
use model::lifecycle::Phase;
use model::{Clock, RunNumber};
use secret::key_file::{self, KeyFileError};
use serde::Serialize;
use service::DirLock;
use service::files::LockError;
use wire::Role;

use crate::context::{RoleContext, RoleError};
use crate::directory::{SettingsError, StateDir};
use crate::ending::{EndError, file_error, way_out};
use crate::lifecycle::{Lifecycle, Runs};
use crate::matcher::MatcherState;
use crate::project::Project;
use crate::resolver::ResolverState;
use crate::store::{BatchStore as _, RunStore as _, SqliteStore, StoreError};

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

/// Destroys runs in both roles. Repeating it changes nothing. The coordinator must not run.
///
/// # Errors
/// [`DestroyError`] says what is left to do; then it has to be repeated.
pub fn destroy(
    directory: &StateDir,
    what: Destroy,
    clock: Arc<dyn Clock>,
) -> Result<Vec<RunNumber>, DestroyError> {
    let project = Arc::new(directory.load()?.1);
    let directory = &directory.clone().unlocked()?;
    let _lock = DirLock::acquire(directory.path())?;
    let runs = what.runs(project.run)?;
    let at = directory.role(Role::Resolver);
    let open = project.run;
    let resolver: RoleContext<ResolverState> =
        RoleContext::open(Role::Resolver, &at, project.clone(), clock.clone())?;
    let matcher: RoleContext<MatcherState> = RoleContext::open(
        Role::Matcher,
        &directory.role(Role::Matcher),
        project,
        clock,
    )?;
    for run in &runs {
        let Some(state) = known(&resolver, *run, open)? else {
            continue;
        };
        let way = way_out(&resolver.project, state).map_err(EndError::from)?;
        // The matcher's side first: by the resolver's state is seen whether all is done.
        matcher.end(*run, &way)?;
        resolver.end(*run, &way)?;
    }
    if what == Destroy::Project {
        let logged = resolver.journal.record_once(Event::ResolverKeysDestroyed);
        logged.map_err(EndError::from)?;
        for key in [at.handle_map_key(), at.pseudonym_key()] {
            key_file::destroy(&key)?;
        }
        let board = at.board();
        if board.exists() {
            fs::remove_dir_all(&board).map_err(file_error(&board))?;
        }
    }
    Ok(runs)
}

/// The state of a run that there is: the open one, or one that anything happened to.
fn known(
    resolver: &RoleContext<ResolverState>,
    run: RunNumber,
    open: RunNumber,
) -> Result<Option<Phase>, DestroyError> {
    let state = resolver.runs.find(run)?;
    let is_there = state.is_some() || run == open || !resolver.batches.list(run)?.is_empty();
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
    let project = directory.load()?.1;
    let mut readable = remains::<ResolverState>(directory, Role::Resolver, &project)?;
    readable.extend(remains::<MatcherState>(directory, Role::Matcher, &project)?);
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
