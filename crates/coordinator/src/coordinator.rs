//! The coordinator as one value: the roles of a state directory opened, and served until a shutdown.
//! Nothing here is specific to the command line; a federation in one process uses it too.

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
use wire::{
    Board, Gate, Handover, Intake, NodeIdentity, Results, Role, RoleIdentity, Services, Target,
};

use crate::context::RoleError;
use crate::directory::{Listen, Settings, SettingsError, StateDir};
use crate::ending::EndError;
use crate::gate::LoggedGate;
use crate::lifecycle::StageError;
use crate::matcher::Matcher;
use crate::project::Project;
use crate::remote::RemoteMatcher;
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
    /// The role has no certificate yet.
    #[error(
        "the {0} has no certificate; send {0}/request.csr to whoever has the project's authority, and install \
         what comes back with `symbolon-coordinator install`"
    )]
    NoCertificate(Role),
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

/// The listeners of the roles that are here, bound.
#[derive(Debug)]
pub struct Listeners {
    matcher: Option<TcpListener>,
    resolver: Option<TcpListener>,
}

impl Listeners {
    /// Binds those that `listen` has; port 0 has the system choose.
    ///
    /// # Errors
    /// The system's, with the address.
    pub async fn bind(listen: &Listen) -> io::Result<Self> {
        Ok(Self {
            matcher: bind_one(listen.matcher).await?,
            resolver: bind_one(listen.resolver).await?,
        })
    }

    /// Where they listen.
    ///
    /// # Errors
    /// The system's.
    pub fn addresses(&self) -> io::Result<Listen> {
        let address = |listener: &Option<TcpListener>| {
            let address = listener.as_ref().map(TcpListener::local_addr);
            address.transpose()
        };
        Ok(Listen {
            matcher: address(&self.matcher)?,
            resolver: address(&self.resolver)?,
        })
    }
}

async fn bind_one(address: Option<SocketAddr>) -> io::Result<Option<TcpListener>> {
    match address {
        Some(address) => bind(address).await.map(Some),
        None => Ok(None),
    }
}

async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))
}

/// The matcher with what it is served by.
struct MatcherHere {
    role: Arc<Matcher>,
    desk: Arc<dyn Intake>,
    wake: Arc<Notify>,
    identity: RoleIdentity,
}

/// The resolver with what it is served by.
struct ResolverHere {
    role: Arc<Resolver>,
    desk: Arc<dyn Intake>,
    board: Arc<dyn Board>,
    wake: Arc<Notify>,
    identity: RoleIdentity,
    /// The matcher, where another operator runs it.
    remote: Option<Arc<RemoteMatcher>>,
}

/// Matcher and resolver of one project, or one of the two.
pub struct Coordinator {
    directory: StateDir,
    settings: Settings,
    matcher: Option<MatcherHere>,
    resolver: Option<ResolverHere>,
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
        let opening = Opening {
            directory: &directory,
            settings: &settings,
            project: Arc::new(project),
            clock,
        };
        let roles = settings.role;
        let matcher = roles
            .has(Role::Matcher)
            .then(|| opening.matcher())
            .transpose()?;
        let resolver = roles
            .has(Role::Resolver)
            .then(|| opening.resolver(matcher.as_ref()))
            .transpose()?;
        Ok(Self {
            settings,
            matcher,
            resolver,
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

    /// What takes a role's batches, for calls without a connection; none of a role that is not here.
    pub fn intake(&self, role: Role) -> Option<Arc<dyn Intake>> {
        match role {
            Role::Matcher => self.matcher.as_ref().map(|here| here.desk.clone()),
            Role::Resolver => self.resolver.as_ref().map(|here| here.desk.clone()),
        }
    }

    /// What serves results, for calls without a connection, where the resolver is here.
    pub fn results(&self) -> Option<Arc<dyn Results>> {
        let resolver = self.resolver.as_ref()?.role.clone();
        Some(resolver)
    }

    /// What relays documents, for calls without a connection, where the resolver is here.
    pub fn board(&self) -> Option<Arc<dyn Board>> {
        Some(self.resolver.as_ref()?.board.clone())
    }

    #[cfg(test)]
    pub(crate) fn matcher(&self) -> &Matcher {
        &self.matcher.as_ref().unwrap().role
    }

    #[cfg(test)]
    pub(crate) fn resolver(&self) -> &Resolver {
        &self.resolver.as_ref().unwrap().role
    }

    /// Takes the run as many steps further as it can go now. [`Coordinator::serve`] does so by
    /// itself.
    ///
    /// # Errors
    /// [`StageError`] when a step should be tried again.
    pub fn advance(&self, shutdown: &Shutdown) -> Result<(), StageError> {
        let matcher = self
            .matcher
            .iter()
            .map(|here| -> &dyn Stages { &*here.role });
        let resolver = self
            .resolver
            .iter()
            .map(|here| -> &dyn Stages { &*here.role });
        let roles: Vec<&dyn Stages> = matcher.chain(resolver).collect();
        loop {
            let mut has_moved = false;
            for role in &roles {
                has_moved |= role.advance(shutdown)?;
            }
            if !has_moved {
                return Ok(());
            }
        }
    }

    /// Serves the roles that are here and takes the run from stage to stage, until the shutdown.
    ///
    /// # Errors
    /// [`ServeError`] names the part that failed.
    pub async fn serve(self, listeners: Listeners, shutdown: Shutdown) -> Result<(), ServeError> {
        let mut tasks = Tasks::new(shutdown.clone());
        let revoked = self.directory.revoked();
        let next = self.resolver.as_ref().map(|here| here.wake.clone());
        let hands_over = self.resolver.is_none();
        if let Some((here, listener)) = self.matcher.zip(listeners.matcher) {
            let gate = LoggedGate::new(revoked.clone(), here.role.record());
            here.serve(
                listener,
                Arc::new(gate),
                hands_over,
                next,
                &mut tasks,
                &shutdown,
            );
        }
        if let Some((here, listener)) = self.resolver.zip(listeners.resolver) {
            let gate = LoggedGate::new(revoked, here.role.record());
            here.serve(listener, Arc::new(gate), &mut tasks, &shutdown);
        }
        let served = tasks.run().await;
        drop(self.lock);
        Ok(served?)
    }
}

impl MatcherHere {
    /// Has the matcher listened and worked. It hands comparisons over the network if `hands_over`, and tells
    /// `next` of every step otherwise.
    fn serve(
        self,
        listener: TcpListener,
        gate: Arc<dyn Gate>,
        hands_over: bool,
        next: Option<Arc<Notify>>,
        tasks: &mut Tasks,
        shutdown: &Shutdown,
    ) {
        let handover: Arc<dyn Handover> = self.role.clone();
        let services = Services {
            intake: self.desk,
            results: None,
            board: Some(self.role.board(self.wake.clone())),
            handover: hands_over.then_some(handover),
            gate,
        };
        let (identity, stop) = (self.identity, shutdown.requested());
        tasks.spawn("the matcher's listener", async move {
            wire::serve(listener, &identity, services, stop).await
        });
        let worker = Worker {
            role: self.role,
            wake: self.wake,
            next,
            shutdown: shutdown.clone(),
        };
        tasks.spawn("the matcher's worker", worker.run());
    }
}

impl ResolverHere {
    fn serve(
        self,
        listener: TcpListener,
        gate: Arc<dyn Gate>,
        tasks: &mut Tasks,
        shutdown: &Shutdown,
    ) {
        let results: Arc<dyn Results> = self.role.clone();
        let services = Services {
            intake: self.desk,
            results: Some(results),
            board: Some(self.board),
            handover: None,
            gate,
        };
        let (identity, stop) = (self.identity, shutdown.requested());
        tasks.spawn("the resolver's listener", async move {
            wire::serve(listener, &identity, services, stop).await
        });
        if let Some(remote) = self.remote {
            let watch = remote.watch(self.wake.clone(), shutdown.clone());
            tasks.spawn("the look at the matcher", watch);
        }
        let worker = Worker {
            role: self.role,
            wake: self.wake,
            next: None,
            shutdown: shutdown.clone(),
        };
        tasks.spawn("the resolver's worker", worker.run());
    }
}

/// What the roles are opened with.
struct Opening<'a> {
    directory: &'a StateDir,
    settings: &'a Settings,
    project: Arc<Project>,
    clock: Arc<dyn Clock>,
}

impl Opening<'_> {
    fn matcher(&self) -> Result<MatcherHere, OpenError> {
        let at = self.directory.role(Role::Matcher);
        let role = Matcher::open(&at, self.project.clone(), self.clock.clone())?;
        let (role, wake) = (Arc::new(role), Arc::<Notify>::default());
        role.finish_ending()?;
        Ok(MatcherHere {
            identity: identity(self.directory, Role::Matcher)?,
            desk: role.intake(wake.clone()),
            role,
            wake,
        })
    }

    fn resolver(&self, matcher: Option<&MatcherHere>) -> Result<ResolverHere, OpenError> {
        let at = self.directory.role(Role::Resolver);
        let remote = match matcher {
            Some(_) => None,
            None => Some(Arc::new(self.remote()?)),
        };
        let handover: Option<Arc<dyn Handover>> = match (matcher, &remote) {
            (Some(here), _) => Some(here.role.clone()),
            (None, Some(remote)) => Some(remote.clone()),
            (None, None) => None,
        };
        let handover = handover.ok_or(SettingsError::NoMatcher)?;
        let keys = ResolverKeys::read(&at)?;
        let role = Resolver::open(
            &at,
            keys,
            self.project.clone(),
            handover,
            self.clock.clone(),
        )?;
        let (role, wake) = (Arc::new(role), Arc::<Notify>::default());
        role.finish_ending()?;
        Ok(ResolverHere {
            identity: identity(self.directory, Role::Resolver)?,
            desk: role.intake(wake.clone()),
            board: Arc::new(BoardDesk::new(role.clone(), wake.clone())),
            role,
            wake,
            remote,
        })
    }

    fn remote(&self) -> Result<RemoteMatcher, OpenError> {
        remote_matcher(
            self.directory,
            self.settings,
            self.project.clone(),
            self.clock.clone(),
        )
    }
}

/// The matcher that another operator runs.
pub(crate) fn remote_matcher(
    directory: &StateDir,
    settings: &Settings,
    project: Arc<Project>,
    clock: Arc<dyn Clock>,
) -> Result<RemoteMatcher, OpenError> {
    let address = settings.matcher.clone().ok_or(SettingsError::NoMatcher)?;
    let RoleIdentity {
        authority_pem,
        certificate_pem,
        key,
    } = identity(directory, Role::Resolver)?;
    let target = Target {
        address,
        role: Role::Matcher,
    };
    let identity = NodeIdentity {
        authority_pem,
        certificate_pem,
        key,
    };
    let report = directory.role(Role::Resolver).matcher_report();
    Ok(RemoteMatcher::new(target, identity, project, clock, report))
}

fn identity(directory: &StateDir, role: Role) -> Result<RoleIdentity, OpenError> {
    let at = directory.role(role);
    if !at.certificate().exists() {
        return Err(OpenError::NoCertificate(role));
    }
    Ok(RoleIdentity {
        authority_pem: read(directory.authority_certificate())?,
        certificate_pem: read(at.certificate())?,
        key: PrivateKeyPem::of_text(at.unlock().read_text(&at.key(), Purpose::Tls)?),
    })
}

fn read(path: PathBuf) -> Result<String, OpenError> {
    std::fs::read_to_string(&path).map_err(|source| OpenError::Unreadable { path, source })
}
