//! The service as one value: opened from a directory, served until a shutdown.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use model::Clock;
use service::files::{LockError, create_dir_private};
use service::{DirLock, Shutdown, TaskError, Tasks};
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};

use super::files::Files;
use super::id::ProjectId;
use super::work::Worker;
use super::{Catalogue, CatalogueError, Linker, Randomness, http};

/// What the service takes, at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of an upload.
    pub upload_bytes: u64,
    /// Requests a second from one address, on average.
    pub requests_per_second: u32,
    /// Requests from one address at once.
    pub burst: u32,
    /// Projects at one time.
    pub projects: u32,
    /// Runs of a project.
    pub runs: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            upload_bytes: 10 << 30,
            requests_per_second: 500,
            burst: 2500,
            projects: 10_000,
            runs: 1000,
        }
    }
}

/// What the service works with.
#[derive(Clone)]
pub struct Parts {
    /// Projects and runs.
    pub catalogue: Arc<dyn Catalogue>,
    /// Pairs.
    pub linker: Arc<dyn Linker>,
    /// Tokens and permutations.
    pub randomness: Arc<dyn Randomness>,
    /// Times.
    pub clock: Arc<dyn Clock>,
}

/// Why the service did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another program works in the directory.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The directory cannot be used.
    #[error("cannot use the directory of uploads and results")]
    Directory(#[from] io::Error),
    /// The catalogue cannot be read.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
}

/// Uploads that are read at once: each may hold a sorted piece in memory.
const UPLOADS_AT_ONCE: usize = 4;
/// Bodies of other requests that are held at once.
const BODIES_AT_ONCE: usize = 32;

/// What requests and the worker share.
pub(crate) struct Shared {
    pub(crate) parts: Parts,
    pub(crate) limits: Limits,
    pub(crate) files: Files,
    /// Whether requests that passed a proxy are taken, as from other machines.
    pub(crate) behind_proxy: bool,
    /// Update tokens with an upload under way.
    pub(crate) busy: Mutex<HashSet<(ProjectId, usize)>>,
    /// Turns of uploads whose bodies are there.
    pub(crate) uploads: Arc<Semaphore>,
    /// Turns of other bodies.
    pub(crate) bodies: Semaphore,
    /// Comparisons a second, as last measured; 1 when unknown.
    pub(crate) rate: AtomicU64,
    /// Told when a run may have to be computed.
    pub(crate) wake: Notify,
}

impl Shared {
    /// Now, in milliseconds since 1970.
    pub(crate) fn now(&self) -> u64 {
        self.parts.clock.unix_millis()
    }

    /// The catalogue.
    pub(crate) fn catalogue(&self) -> &dyn Catalogue {
        self.parts.catalogue.as_ref()
    }

    /// Takes a party's update token for an upload, unless one is under way with it.
    pub(crate) fn reserve(self: &Arc<Self>, party: (ProjectId, usize)) -> Option<Reserved> {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let is_free = busy.insert(party);
        // Made only where the token was free: dropping it lets the token go.
        is_free.then(|| Reserved {
            shared: self.clone(),
            party,
        })
    }
}

/// An update token whose upload is under way; let go when dropped.
pub(crate) struct Reserved {
    shared: Arc<Shared>,
    party: (ProjectId, usize),
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let mut busy = self
            .shared
            .busy
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        busy.remove(&self.party);
    }
}

/// The service.
pub struct Anonlink {
    shared: Arc<Shared>,
    lock: DirLock,
}

impl Anonlink {
    /// Opens the service in a directory, made if it is not there. One program has it at a time.
    ///
    /// # Errors
    /// [`OpenError`] says what cannot be used.
    pub fn open(
        directory: PathBuf,
        limits: Limits,
        behind_proxy: bool,
        parts: Parts,
    ) -> Result<Self, OpenError> {
        create_dir_private(&directory)?;
        let lock = DirLock::acquire(&directory)?;
        let files = Files::open(&directory)?;
        let projects = parts.catalogue.list()?;
        files.sweep(projects.iter().map(|listed| listed.id))?;
        for project in projects {
            files.sweep_runs(&project.id, &parts.catalogue.runs(&project.id)?)?;
        }
        let shared = Shared {
            parts,
            limits,
            files,
            behind_proxy,
            busy: Mutex::default(),
            uploads: Arc::new(Semaphore::new(UPLOADS_AT_ONCE)),
            bodies: Semaphore::new(BODIES_AT_ONCE),
            rate: AtomicU64::new(1),
            wake: Notify::new(),
        };
        Ok(Self {
            shared: Arc::new(shared),
            lock,
        })
    }

    /// Serves the API and computes runs, until the shutdown.
    ///
    /// # Errors
    /// [`TaskError`] names the part that failed.
    pub async fn serve(self, listener: TcpListener, shutdown: Shutdown) -> Result<(), TaskError> {
        let mut tasks = Tasks::new(shutdown.clone());
        let listening = http::serve(self.shared.clone(), listener, shutdown.requested());
        tasks.spawn("the anonlink listener", listening);
        let worker = Worker::new(self.shared, shutdown);
        tasks.spawn("the anonlink worker", worker.run());
        let served = tasks.run().await;
        drop(self.lock);
        served
    }
}
