//! The anonlink service, as a part of the coordinator: `gateway` speaks the API, the exact search of
//! `link` finds pairs, and SQLite keeps projects and runs. It shares nothing with the roles matcher
//! and resolver; it has a directory and a lock of its own.
//!
//! ```text
//! anonlink/   anonlink.db log lock projects/ incoming/
//! ```

mod catalogue;
mod linker;
mod permission;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use gateway::anonlink::{Anonlink, CatalogueError, Limits, OpenError, Parts, Randomness};
use model::Clock;
use secret::{Entropy as _, SystemEntropy};
use service::files::create_dir_private;

use catalogue::SqliteCatalogue;
use linker::ExactLinker;
pub use permission::{Permission, PermissionError};

/// The directory of the service within the coordinator's state directory.
pub const DIRECTORY: &str = "anonlink";

/// How the service is run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What it takes, at most.
    pub limits: Limits,
    /// Who allowed whole-record encodings of real people; nobody for made-up data.
    pub permission: Option<Permission>,
}

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
pub enum AnonlinkError {
    /// The service's directory or catalogue cannot be used.
    #[error("cannot open the anonlink service")]
    Open(#[from] OpenError),
    /// The catalogue cannot be opened.
    #[error("cannot open the anonlink service")]
    Catalogue(#[from] CatalogueError),
    /// The permission cannot be kept.
    #[error(transparent)]
    Permission(#[from] PermissionError),
    /// The directory cannot be made.
    #[error("cannot make the directory of the anonlink service")]
    Directory(#[from] std::io::Error),
}

/// Opens the service in `state`, the coordinator's state directory.
///
/// # Errors
/// [`AnonlinkError`] says what cannot be used.
pub fn open(
    state: &Path,
    options: &Options,
    clock: Arc<dyn Clock>,
) -> Result<Anonlink, AnonlinkError> {
    let directory = state.join(DIRECTORY);
    create_dir_private(&directory)?;
    let catalogue = SqliteCatalogue::open(&directory.join("anonlink.db"))?;
    let parts = Parts {
        catalogue: Arc::new(catalogue),
        linker: Arc::new(ExactLinker),
        randomness: Arc::new(SystemRandomness(Mutex::new(SystemEntropy::new()))),
        clock: clock.clone(),
    };
    let for_real_data = options.permission.is_some();
    let service = Anonlink::open(directory.clone(), options.limits, for_real_data, parts)?;
    // Behind the lock, so that the log has one writer.
    permission::record(
        &directory.join("log"),
        options.permission.as_ref(),
        clock.as_ref(),
    )?;
    Ok(service)
}

/// The operating system's generator, shared by threads.
struct SystemRandomness(Mutex<SystemEntropy>);

impl Randomness for SystemRandomness {
    fn fill(&self, out: &mut [u8]) {
        let mut entropy = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entropy.fill(out);
    }
}
