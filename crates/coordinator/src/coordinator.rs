//! The coordinator as one value: the roles of a state directory opened, and served until a shutdown.
//! Nothing here is specific to the command line; a federation in one process uses it too.

use std::sync::Arc;

use model::{Clock, Epoch, RunNumber};
use service::{DirLock, Shutdown, TaskError, Tasks};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use wire::{Board, Gate, Handover, Intake, Results, Role, RoleIdentity, Services};

use crate::directory::{Settings, StateDir};
use crate::gate::LoggedGate;
use crate::lifecycle::StageError;
use crate::listeners::Listeners;
use crate::matcher::Matcher;
use crate::opening::{OpenError, Opening};
use crate::remote::RemoteMatcher;
use crate::resolver::Resolver;
use crate::worker::{Stages, Worker};

/// Why serving ended.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct ServeError(#[from] TaskError);

/// The matcher with what it is served by.
pub(crate) struct MatcherHere {
    pub(crate) role: Arc<Matcher>,
    pub(crate) desk: Arc<dyn Intake>,
    pub(crate) wake: Arc<Notify>,
    pub(crate) identity: RoleIdentity,
}

/// The resolver with what it is served by.
pub(crate) struct ResolverHere {
    pub(crate) role: Arc<Resolver>,
    pub(crate) desk: Arc<dyn Intake>,
    pub(crate) board: Arc<dyn Board>,
    pub(crate) wake: Arc<Notify>,
    pub(crate) identity: RoleIdentity,
    /// The matcher, where another operator runs it.
    pub(crate) remote: Option<Arc<RemoteMatcher>>,
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
