//! The coordinator as one value: both roles opened from a state directory, and served until a
//! shutdown. Nothing here is specific to the command line; a federation in one process uses it too.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use model::{Clock, Epoch, RunNumber};
use secret::key_file::{KeyFileError, Purpose};
use service::files::LockError;
use service::{DirLock, Shutdown, TaskError, Tasks};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use wire::pki::PrivateKeyPem;
use wire::{Board, Gate, Intake, Results, Role, RoleIdentity, Services};

use crate::context::RoleError;
use crate::directory::{Listen, Settings, SettingsError, StateDir};
use crate::ending::EndError;
use crate::gate::LoggedGate;
use crate::lifecycle::StageError;
use crate::matcher::Matcher;
use crate::project::Project;
use crate::resolver::{BoardDesk, Resolver, ResolverKeys};
use crate::worker::{Stages, Worker};

/// Why a coordinator did not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Settings or schema are wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Another program works in the directory.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A role cannot use its store or log.
    #[error(transparent)]
    Role(#[from] RoleError),
    /// What is left of a destroyed run cannot be removed.
    #[error(transparent)]
    End(#[from] EndError),
    /// A key of the resolver cannot be used.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// A certificate or its key cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Why serving ended.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct ServeError(#[from] TaskError);

/// Both roles' listeners, bound.
#[derive(Debug)]
pub struct Listeners {
    matcher: TcpListener,
    resolver: TcpListener,
}

impl Listeners {
    /// Binds both; port 0 has the system choose.
    ///
    /// # Errors
    /// The system's, with the address.
    pub async fn bind(listen: &Listen) -> io::Result<Self> {
        Ok(Self {
            matcher: bind(listen.matcher).await?,
            resolver: bind(listen.resolver).await?,
        })
    }

    /// Where they listen.
    ///
    /// # Errors
    /// The system's.
    pub fn addresses(&self) -> io::Result<Listen> {
        Ok(Listen {
            matcher: self.matcher.local_addr()?,
            resolver: self.resolver.local_addr()?,
        })
    }
}

async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))
}

/// What the roles' workers wait for.
#[derive(Default)]
struct Wakes {
    matcher: Arc<Notify>,
    resolver: Arc<Notify>,
}

/// What takes the roles' batches.
struct Desks {
    matcher: Arc<dyn Intake>,
    resolver: Arc<dyn Intake>,
}

/// Matcher and resolver of one project.
pub struct Coordinator {
    directory: StateDir,
    settings: Settings,
    matcher: Arc<Matcher>,
    resolver: Arc<Resolver>,
    desks: Desks,
    board: Arc<dyn Board>,
    wakes: Wakes,
    identities: [RoleIdentity; 2],
    lock: DirLock,
}

impl Coordinator {
    /// Opens the state directory that [`crate::init()`] made. One program has it at a time.
    ///
    /// # Errors
    /// [`OpenError`] says which file is wrong.
    pub fn open(directory: StateDir, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let (settings, project) = directory.load()?;
        let directory = directory.unlocked()?;
        let lock = DirLock::acquire(directory.path())?;
        let project = Arc::new(project);
        let at = directory.role(Role::Matcher);
        let matcher = Arc::new(Matcher::open(&at, project.clone(), clock.clone())?);
        let resolver = Arc::new(open_resolver(&directory, project, matcher.clone(), clock)?);
        matcher.finish_ending()?;
        resolver.finish_ending()?;
        let wakes = Wakes::default();
        let identity = |role| identity(&directory, role);
        Ok(Self {
            identities: [identity(Role::Matcher)?, identity(Role::Resolver)?],
            desks: Desks {
                matcher: matcher.intake(wakes.matcher.clone()),
                resolver: resolver.intake(wakes.resolver.clone()),
            },
            board: Arc::new(BoardDesk::new(resolver.clone(), wakes.resolver.clone())),
            settings,
            matcher,
            resolver,
            wakes,
            directory,
            lock,
        })
    }

    /// The state directory.
    pub fn directory(&self) -> &StateDir {
        &self.directory
    }

    /// The settings it was opened with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The epoch and the open run.
    pub fn run(&self) -> (Epoch, RunNumber) {
        (self.settings.epoch, self.settings.run)
    }

    /// What takes a role's batches, for calls without a connection.
    pub fn intake(&self, role: Role) -> Arc<dyn Intake> {
        match role {
            Role::Matcher => self.desks.matcher.clone(),
            Role::Resolver => self.desks.resolver.clone(),
        }
    }

    /// What serves results, for calls without a connection.
    pub fn results(&self) -> Arc<dyn Results> {
        self.resolver.clone()
    }

    /// What relays documents, for calls without a connection.
    pub fn board(&self) -> Arc<dyn Board> {
        self.board.clone()
    }

    #[cfg(test)]
    pub(crate) fn matcher(&self) -> &Matcher {
        &self.matcher
    }

    #[cfg(test)]
    pub(crate) fn resolver(&self) -> &Resolver {
        &self.resolver
    }

    /// Takes the run as many steps further as it can go now. [`Coordinator::serve`] does so by
    /// itself.
    ///
    /// # Errors
    /// [`StageError`] when a step should be tried again.
    pub fn advance(&self, shutdown: &Shutdown) -> Result<(), StageError> {
        while self.matcher.advance(shutdown)? || self.resolver.advance(shutdown)? {}
        Ok(())
    }

    /// Serves both roles and takes the run from stage to stage, until the shutdown.
    ///
    /// # Errors
    /// [`ServeError`] names the part that failed.
    pub async fn serve(self, listeners: Listeners, shutdown: Shutdown) -> Result<(), ServeError> {
        let (matcher_desk, resolver_desk) =
            (self.intake(Role::Matcher), self.intake(Role::Resolver));
        let results = self.results();
        let board = self.board();
        let gate =
            |log| -> Arc<dyn Gate> { Arc::new(LoggedGate::new(self.directory.revoked(), log)) };
        let gates = [gate(self.matcher.record()), gate(self.resolver.record())];
        let [matcher_gate, resolver_gate] = gates;
        let [matcher, resolver] = self.identities;
        let mut tasks = Tasks::new(shutdown.clone());
        let stop = shutdown.requested();
        let services = Services {
            intake: matcher_desk,
            results: None,
            board: None,
            gate: matcher_gate,
        };
        tasks.spawn("the matcher's listener", async move {
            wire::serve(listeners.matcher, &matcher, services, stop).await
        });
        let stop = shutdown.requested();
        let services = Services {
            intake: resolver_desk,
            results: Some(results),
            board: Some(board),
            gate: resolver_gate,
        };
        tasks.spawn("the resolver's listener", async move {
            wire::serve(listeners.resolver, &resolver, services, stop).await
        });
        let worker = Worker {
            role: self.matcher,
            wake: self.wakes.matcher,
            next: Some(self.wakes.resolver.clone()),
            shutdown: shutdown.clone(),
        };
        tasks.spawn("the matcher's worker", worker.run());
        let worker = Worker {
            role: self.resolver,
            wake: self.wakes.resolver,
            next: None,
            shutdown,
        };
        tasks.spawn("the resolver's worker", worker.run());
        let served = tasks.run().await;
        drop(self.lock);
        Ok(served?)
    }
}

fn open_resolver(
    directory: &StateDir,
    project: Arc<Project>,
    matcher: Arc<Matcher>,
    clock: Arc<dyn Clock>,
) -> Result<Resolver, OpenError> {
    let at = directory.role(Role::Resolver);
    let keys = ResolverKeys::read(&at)?;
    Ok(Resolver::open(&at, keys, project, matcher, clock)?)
}

fn identity(directory: &StateDir, role: Role) -> Result<RoleIdentity, OpenError> {
    let at = directory.role(role);
    Ok(RoleIdentity {
        authority_pem: read(directory.authority_certificate())?,
        certificate_pem: read(at.certificate())?,
        key: PrivateKeyPem::of_text(at.unlock().read_text(&at.key(), Purpose::Tls)?),
    })
}

fn read(path: PathBuf) -> Result<String, OpenError> {
    std::fs::read_to_string(&path).map_err(|source| OpenError::Unreadable { path, source })
}
