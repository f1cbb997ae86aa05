//! The end of a run: its batches and everything made of them are removed in both roles, and with the
//! project the resolver's keys are overwritten. Afterwards anybody can look whether anything is left.
//!
//! What backups of this machine still hold is useless without keys that are elsewhere: handle maps
//! need the resolver's key, which is destroyed here, and encodings mean something only under the
//! linkage key of their epoch, which the custodians destroy.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use audit::{Event, LogError};
use model::lifecycle::{self, Command, NotNow, RunLife};
use model::{Clock, RunNumber};
use secret::key_file::{self, KeyFileError};
use serde::Serialize;
use service::DirLock;
use service::files::{LockError, sync_dir};
use wire::{Role, RunState};

use crate::context::{RoleContext, RoleError};
use crate::directory::{SettingsError, StateDir};
use crate::lifecycle::{Lifecycle, Runs};
use crate::matcher::MatcherState;
use crate::project::Project;
use crate::resolver::ResolverState;
use crate::store::{BatchStore as _, SqliteStore, StoreError};

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
    /// The run's life does not allow it.
    #[error(transparent)]
    NotNow(#[from] NotNow),
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A key cannot be destroyed.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// A file cannot be removed.
    #[error("cannot remove or look at {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn file_error(path: &Path) -> impl FnOnce(io::Error) -> DestroyError {
    let path = path.to_owned();
    move |source| DestroyError::File { path, source }
}

/// Destroys the open run in both roles, and with `keys` the resolver's keys for good: no run of the
/// project can be made afterwards. Repeating it changes nothing. The coordinator must not run.
///
/// # Errors
/// [`DestroyError`] says what is left to do; then it has to be repeated.
pub fn destroy(
    directory: &StateDir,
    keys: bool,
    clock: Arc<dyn Clock>,
) -> Result<RunNumber, DestroyError> {
    let project = Arc::new(directory.load()?.1);
    let _lock = DirLock::acquire(directory.path())?;
    let run = project.run;
    let at = directory.role(Role::Resolver);
    let resolver = RoleContext::open(Role::Resolver, &at, project.clone(), clock.clone())?;
    end::<ResolverState>(&resolver, &at.batches())?;
    let matcher_at = directory.role(Role::Matcher);
    let matcher = RoleContext::open(Role::Matcher, &matcher_at, project, clock)?;
    end::<MatcherState>(&matcher, &matcher_at.batches())?;
    if keys {
        resolver.journal.record_once(Event::ResolverKeysDestroyed)?;
        for key in [at.handle_map_key(), at.pseudonym_key()] {
            key_file::destroy(&key)?;
        }
    }
    Ok(run)
}

/// Ends the open run in one role: logged first, then removed, then so marked.
fn end<L: Lifecycle>(context: &RoleContext<L>, batches: &Path) -> Result<(), DestroyError> {
    let run = context.project.run;
    let state = context.state()?.run_state();
    if state == RunState::Destroyed {
        return Ok(());
    }
    for command in way_out(&context.project, state)? {
        context.journal.record_once(match command {
            Command::Cancel => Event::RunCancelled { run },
            _ => Event::RunDestroyed { run },
        })?;
    }
    for batch in context.batches.list(run)? {
        context.batches.forget(&batch.manifest.digest())?;
    }
    let outputs = context.outputs(run);
    if outputs.exists() {
        fs::remove_dir_all(&outputs).map_err(file_error(&outputs))?;
    }
    for changed in [context.all_outputs(), batches] {
        if changed.exists() {
            sync_dir(changed).map_err(file_error(changed))?;
        }
    }
    Ok(context.runs.save(run, &L::destroyed())?)
}

/// What has to happen to a run in this state until it is destroyed, held to the one function that
/// says what may follow what.
fn way_out(project: &Project, state: RunState) -> Result<Vec<Command>, NotNow> {
    let parties = project.parties();
    let mut so_far = vec![Command::Sign, Command::Open];
    let is_over = match state {
        RunState::Released => {
            so_far.extend([Command::Seal, Command::Link, Command::Finish]);
            so_far.extend(parties.iter().cloned().map(Command::Approve));
            so_far.push(Command::Release);
            true
        }
        RunState::Failed => {
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

/// What of a run is left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remains {
    /// The run.
    pub run: RunNumber,
    /// What can still be read, each with its place; nothing when the run is destroyed.
    pub readable: Vec<String>,
    /// The resolver's keys that are still there. Without them handle maps in backups stay closed.
    pub keys: Vec<PathBuf>,
}

/// Looks for anything of the open run that is left. Works beside a running coordinator.
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
    let (at, run) = (directory.role(role), project.run);
    let store = Arc::new(SqliteStore::open_read_only(&at)?);
    let mut found = Vec::new();
    for batch in store.list(run)? {
        let (party, kind) = (&batch.manifest.party, batch.manifest.kind.as_str());
        found.push(format!("{role}: the {kind} of {party}"));
    }
    let state = Runs::<L>::new(store.clone()).state(run)?.run_state();
    if state != RunState::Destroyed {
        found.push(format!("{role}: run {run} is {state}"));
    }
    let outputs = at.runs().join(run.to_string());
    if outputs.exists() {
        found.push(format!("{role}: {}", outputs.display()));
    }
    // Other runs may keep theirs; what belongs to none was left by a crash.
    let known: usize = (1..run.0)
        .map(|run| store.list(RunNumber(run)).map(|all| all.len()))
        .sum::<Result<usize, _>>()?;
    let files = files_in(&at.batches())?;
    if files > known {
        found.push(format!(
            "{role}: {files} batches in {}",
            at.batches().display()
        ));
    }
    Ok(found)
}

fn files_in(directory: &Path) -> Result<usize, DestroyError> {
    if !directory.exists() {
        return Ok(0);
    }
    let entries = fs::read_dir(directory).map_err(file_error(directory))?;
    let is_manifest = |entry: &fs::DirEntry| {
        let path = entry.path();
        path.extension()
            .is_some_and(|extension| extension == "manifest")
    };
    // A manifest stands beside its batch.
    Ok(entries
        .flatten()
        .filter(|entry| !is_manifest(entry))
        .count())
}
