//! Making a node's directory: all of it or nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::schema::MAX_SCHEMA_BYTES;
use model::{Clock, Digest, PartyName, ProjectName};
use secret::key_file::{self, Purpose};
use secret::{Entropy, Key32};
use service::files::create_dir_private;
use wire::pki::{self, PkiError};

use crate::error::NodeError;
use crate::files::{io_error, read_text, sync_parent, write};
use crate::home::Home;
use crate::log_key;
use crate::open::{Node, NodeConfig, party_in, read_schema};

/// The name of the schema's copy in the node's directory.
const SCHEMA_NAME: &str = "schema.toml";

/// Why a node was not made.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// There is something already.
    #[error(
        "{} exists and is not empty; a node is never overwritten, choose another directory",
        .0.display()
    )]
    Taken(PathBuf),
    /// The path names no directory.
    #[error("{} names no directory", .0.display())]
    NoName(PathBuf),
    /// Not host and port.
    #[error("`{0}` is no address; write it as host:port, for example linkage.example:7401")]
    Address(String),
    /// The settings cannot be written.
    #[error("the settings cannot be written: {0}")]
    Settings(#[from] toml::ser::Error),
    /// The certificate request cannot be made.
    #[error(transparent)]
    Request(#[from] PkiError),
}

impl InitError {
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Taken(_) | Self::NoName(_) | Self::Address(_))
    }
}

/// What a new node has to be told.
#[derive(Debug, Clone)]
pub struct InitOptions {
    /// The custodian's name in the linkage schema.
    pub party: PartyName,
    /// The linkage project.
    pub project: ProjectName,
    /// The linkage schema, which is copied.
    pub schema: PathBuf,
    /// Fingerprint of the signing key of the custodian's data protection officer.
    pub dpo: Digest,
    /// Host and port of the coordinator's matcher.
    pub matcher: String,
    /// Host and port of the coordinator's resolver.
    pub resolver: String,
    /// Host and port of the key server, where the agreement is to have one.
    pub key_server: Option<String>,
}

impl Node {
    /// Makes a node's directory at `dir`: settings, a copy of the schema, the node's secret, and a
    /// TLS key with the request for its certificate. The TLS key comes from the operating system
    /// whatever `entropy` is.
    ///
    /// # Errors
    /// [`NodeError`]; nothing is left at `dir` then.
    pub fn init(
        dir: &Path,
        options: &InitOptions,
        entropy: &mut dyn Entropy,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, NodeError> {
        check_addresses(options)?;
        check_free(dir)?;
        party_in(&read_schema(&options.schema)?, &options.party)?;
        let draft = draft_of(dir)?;
        if draft.exists() {
            // Left by a program that was killed; nothing in it was ever used.
            fs::remove_dir_all(&draft).map_err(io_error("remove", &draft))?;
        }
        fill(&Home::new(&draft), options, entropy)?;
        fs::rename(&draft, dir).map_err(io_error("make", dir))?;
        sync_parent(dir)?;
        Self::open(dir, clock)
    }
}

fn check_addresses(options: &InitOptions) -> Result<(), InitError> {
    let is_address = |text: &str| {
        let parts = text.rsplit_once(':');
        parts.is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
    };
    match [&options.matcher, &options.resolver]
        .into_iter()
        .chain(&options.key_server)
        .find(|address| !is_address(address))
    {
        Some(bad) => Err(InitError::Address(bad.clone())),
        None => Ok(()),
    }
}

fn check_free(dir: &Path) -> Result<(), NodeError> {
    match fs::read_dir(dir).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(InitError::Taken(dir.to_owned()).into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(io_error("look into", dir)(error).into()),
    }
}

/// Where the directory is made before it gets its name.
fn draft_of(dir: &Path) -> Result<PathBuf, InitError> {
    let name = dir
        .file_name()
        .ok_or_else(|| InitError::NoName(dir.to_owned()))?;
    Ok(dir.with_file_name(format!(".{}.new", name.to_string_lossy())))
}

fn fill(home: &Home, options: &InitOptions, entropy: &mut dyn Entropy) -> Result<(), NodeError> {
    for part in ["identity", "keys", "outbox", "vault", "results"] {
        private_dir(&home.root().join(part))?;
    }
    private_dir(home.root())?;
    let schema = read_text(&options.schema, MAX_SCHEMA_BYTES as u64)?;
    write(&home.root().join(SCHEMA_NAME), schema.as_bytes())?;
    let secret = Key32::generate(entropy);
    home.unlock()
        .write(&home.node_secret(), Purpose::Vault, &secret)?;
    log_key::make(home, entropy)?;
    home.make_log(&options.project, &options.party)?;
    write_request(home, &options.party)?;
    let config = NodeConfig {
        party: options.party.clone(),
        project: options.project.clone(),
        schema: SCHEMA_NAME.into(),
        dpo: options.dpo,
        passphrase_file: None,
        matcher: options.matcher.clone(),
        resolver: options.resolver.clone(),
        key_server: options.key_server.clone(),
    };
    let text = toml::to_string(&config).map_err(InitError::from)?;
    Ok(write(&home.config(), text.as_bytes())?)
}

fn private_dir(path: &Path) -> Result<(), NodeError> {
    Ok(create_dir_private(path).map_err(io_error("make", path))?)
}

impl Node {
    /// Makes a new TLS key and the request for its certificate, as when the old one is at its end or
    /// was stolen. The node cannot dial until it is enrolled again.
    ///
    /// # Errors
    /// [`NodeError`] when a file cannot be written.
    pub fn renew(&self) -> Result<PathBuf, NodeError> {
        let _lock = self.home.lock()?;
        let certificate = self.home.certificate();
        if certificate.exists() {
            fs::remove_file(&certificate).map_err(io_error("remove", &certificate))?;
            sync_parent(&certificate)?;
        }
        write_request(&self.home, &self.config.party)?;
        Ok(self.home.certificate_request())
    }
}

fn write_request(home: &Home, party: &PartyName) -> Result<(), NodeError> {
    let request = pki::request(party).map_err(InitError::from)?;
    let path = home.tls_key();
    key_file::destroy(&path)?;
    home.unlock()
        .write_text(&path, Purpose::Tls, request.key.expose())?;
    Ok(write(
        &home.certificate_request(),
        request.request_pem.as_bytes(),
    )?)
}
