//! Making a state directory: keys, certificates, databases and logs, all or nothing. Where each role has an
//! operator of its own, the resolver's has the authority, and the matcher's asks it for a certificate.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use audit::{Event, LogError};
use model::{Clock, Epoch, LinkageSchema, ProjectName, RunNumber};
use secret::key_file::{self, KeyFileError, Purpose};
use secret::{Entropy, Key32};
use service::files::{create_dir_private, sync_dir, write_atomic, write_atomic_private};
use wire::Role;
use wire::pki::{self, Authority, PkiError, Validity};

use crate::context::RoleError;
use crate::directory::{Listen, RoleDir, Settings, SettingsError, StateDir, read_schema};
use crate::journal::Journal;
use crate::log_key;
use crate::roles::Roles;
use crate::store::SqliteStore;

/// How long the authority's certificate holds.
const AUTHORITY_DAYS: u32 = 3650;
/// How long the roles' certificates hold.
const ROLE_DAYS: u32 = 825;

/// What a new project starts with.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Its name.
    pub project: ProjectName,
    /// The linkage schema, copied into the state directory.
    pub schema: PathBuf,
    /// Which roles are here.
    pub roles: Roles,
    /// Host and port of the matcher, where only the resolver is here.
    pub matcher: Option<String>,
    /// Where the roles here will listen.
    pub listen: Listen,
}

/// Why no state directory was made.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// There is something already.
    #[error("{} exists already; choose another directory, or run the coordinator there", .0.display())]
    Exists(PathBuf),
    /// The path names no directory that could be made.
    #[error("{} names no new directory", .0.display())]
    NoName(PathBuf),
    /// The schema cannot be used.
    #[error(transparent)]
    Schema(#[from] SettingsError),
    /// A certificate could not be made.
    #[error("cannot make the certificates")]
    Pki(#[from] PkiError),
    /// A key could not be written.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// A store or log could not be made.
    #[error(transparent)]
    Role(#[from] RoleError),
    /// The first event could not be logged.
    #[error("cannot start a log")]
    Log(#[from] LogError),
    /// A file could not be written.
    #[error("cannot write the state directory")]
    File(#[from] io::Error),
}

/// Makes the state directory of a new project. After an error there is none.
///
/// # Errors
/// [`InitError::Exists`] rather than changing anything that is there.
pub fn init(
    directory: &StateDir,
    setup: &Setup,
    clock: Arc<dyn Clock>,
    entropy: &mut dyn Entropy,
) -> Result<(), InitError> {
    let path = directory.path();
    if path.symlink_metadata().is_ok() {
        return Err(InitError::Exists(path.to_path_buf()));
    }
    let (schema, text) = read_schema(&setup.schema)?;
    let draft = draft_beside(path)?;
    let made = fill(
        &StateDir::new(&draft),
        setup,
        &schema,
        &text,
        clock,
        entropy,
    )
    .and_then(|()| Ok(std::fs::rename(&draft, path)?))
    .and_then(|()| Ok(parent(path).map_or(Ok(()), sync_dir)?));
    if made.is_err() {
        // Half a directory helps nobody; that it could not be removed matters less than why.
        drop(std::fs::remove_dir_all(&draft));
    }
    made
}

/// An empty directory beside `path`, to be renamed when it is whole.
fn draft_beside(path: &Path) -> Result<PathBuf, InitError> {
    let name = path
        .file_name()
        .ok_or_else(|| InitError::NoName(path.to_path_buf()))?;
    let mut draft = std::ffi::OsString::from(".");
    draft.push(name);
    draft.push(format!(".{}.draft", std::process::id()));
    let draft = path.with_file_name(draft);
    if draft.exists() {
        std::fs::remove_dir_all(&draft)?;
    }
    create_dir_private(&draft)?;
    Ok(draft)
}

fn parent(path: &Path) -> Option<&Path> {
    path.parent()
        .filter(|parent| !parent.as_os_str().is_empty())
}

fn fill(
    at: &StateDir,
    setup: &Setup,
    schema: &LinkageSchema,
    schema_text: &str,
    clock: Arc<dyn Clock>,
    entropy: &mut dyn Entropy,
) -> Result<(), InitError> {
    write_atomic(&at.schema(), schema_text.as_bytes())?;
    write_atomic(&at.settings(), settings(setup)?.as_bytes())?;
    // The matcher's operator could otherwise issue a node's certificate and fetch that node's results.
    let authority = match setup.roles.has(Role::Resolver) {
        true => Some(authority(at, &setup.project, clock.as_ref())?),
        false => None,
    };
    for role in setup.roles.all().iter().copied() {
        let directory = at.role(role);
        create_dir_private(directory.path())?;
        create_dir_private(&directory.runs())?;
        match &authority {
            Some(authority) => certify(authority, role, &directory, clock.as_ref())?,
            None => request_certificate(role, &directory)?,
        }
        SqliteStore::open(&directory).map_err(|source| RoleError::Store { role, source })?;
        log_key::make(&directory, entropy)?;
        start_log(&directory, role, setup, schema, clock.clone())?;
    }
    match setup.roles.has(Role::Resolver) {
        true => resolver_keys(&at.role(Role::Resolver), entropy),
        false => Ok(()),
    }
}

fn settings(setup: &Setup) -> io::Result<String> {
    let settings = Settings {
        project: setup.project.clone(),
        epoch: Epoch(1),
        run: RunNumber(1),
        role: setup.roles,
        matcher: setup.matcher.clone(),
        schema: "schema.toml".into(),
        passphrase_file: None,
        listen: setup.listen,
    };
    toml::to_string(&settings).map_err(io::Error::other)
}

fn authority(
    at: &StateDir,
    project: &ProjectName,
    clock: &dyn Clock,
) -> Result<Authority, InitError> {
    let authority = Authority::create(project, Validity::days(clock, AUTHORITY_DAYS))?;
    create_dir_private(&at.authority())?;
    write_atomic(
        &at.authority_certificate(),
        authority.certificate_pem().as_bytes(),
    )?;
    write_atomic_private(&at.authority_key(), authority.key().expose().as_bytes())?;
    Ok(authority)
}

fn certify(
    authority: &Authority,
    role: Role,
    directory: &RoleDir,
    clock: &dyn Clock,
) -> Result<(), InitError> {
    let issued = authority.issue_role(role, Validity::days(clock, ROLE_DAYS))?;
    write_atomic(&directory.certificate(), issued.certificate_pem.as_bytes())?;
    write_atomic_private(&directory.key(), issued.key.expose().as_bytes())?;
    Ok(())
}

/// Makes the role's private key, and the request that goes to whoever has the authority.
fn request_certificate(role: Role, directory: &RoleDir) -> Result<(), InitError> {
    let request = pki::request_role(role)?;
    let text = request.request_pem.as_bytes();
    write_atomic(&directory.certificate_request(), text)?;
    write_atomic_private(&directory.key(), request.key.expose().as_bytes())?;
    Ok(())
}

fn start_log(
    directory: &RoleDir,
    role: Role,
    setup: &Setup,
    schema: &LinkageSchema,
    clock: Arc<dyn Clock>,
) -> Result<(), InitError> {
    let parties = schema.parties.iter().map(|party| party.name.clone());
    let signer = log_key::read(directory, role, &setup.project)?;
    let journal = Journal::open(directory.log(), role, signer, clock)?;
    journal.record(Event::ProjectOpened {
        project: setup.project.clone(),
        schema_digest: schema.digest(),
        parties: parties.collect(),
    })?;
    Ok(())
}

fn resolver_keys(directory: &RoleDir, entropy: &mut dyn Entropy) -> Result<(), InitError> {
    let handle_map = Key32::generate(entropy);
    key_file::write(&directory.handle_map_key(), Purpose::HandleMap, &handle_map)?;
    let pseudonym = Key32::generate(entropy);
    key_file::write(&directory.pseudonym_key(), Purpose::Pseudonym, &pseudonym)?;
    Ok(())
}
