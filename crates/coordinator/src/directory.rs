//! The state directory: what lies where, and the settings file in it. Where each role has an operator of its
//! own, each has a state directory, with what belongs to that role; the resolver's has the authority.
//!
//! ```text
//! coordinator.toml     project, epoch, open run, role, listen addresses, schema file
//! schema.toml          the linkage schema
//! agreements/          the linkage agreements, by number
//! authority/           ca.pem ca.key; with the matcher alone no key
//! peers/               the log key of a matcher that another operator runs
//! revoked/             fingerprints of certificates that count no more
//! matcher/             cert.pem key.pem log.key matcher.db batches/ runs/ log/; by itself request.csr too
//! resolver/            the same, and handle-map.key pseudonym.key board/; by itself matcher.json too
//! ```

use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use link::Memory;
use model::schema::{MAX_SCHEMA_BYTES, SchemaError};
use model::{Epoch, LinkageSchema, ProjectName, RunNumber};
use secret::Unlock;
use secret::passphrase::PassphraseError;
use serde::{Deserialize, Serialize};
use service::{ConfigError, ConfigFile};
use wire::Role;

use crate::gate::RevokedCertificates;
use crate::project::Project;
use crate::roles::Roles;

/// What a stage holds in memory where nobody says.
const USUAL_MEMORY: Memory = Memory::mebibytes(1024);

/// What stands in `coordinator.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The project.
    pub project: ProjectName,
    /// The epoch whose keys encode.
    pub epoch: Epoch,
    /// The open run. A higher number opens the next one when the program starts again.
    pub run: RunNumber,
    /// Which roles are here.
    #[serde(default, skip_serializing_if = "Roles::is_both")]
    pub role: Roles,
    /// Host and port of the matcher, where only the resolver is here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matcher: Option<String>,
    /// The linkage schema, seen from this file.
    pub schema: PathBuf,
    /// The file with the passphrase under which all keys are sealed here, as a service manager hands it to the
    /// program, relative to where that runs; without, they are in clear, for this user alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase_file: Option<PathBuf>,
    /// Where the roles listen.
    pub listen: Listen,
}

impl Settings {
    /// Whether they have what the roles here need.
    fn check(&self) -> Result<(), SettingsError> {
        let listens = |role| self.listen.of(role).is_some();
        if let Some(role) = self.role.all().iter().find(|role| !listens(**role)) {
            return Err(SettingsError::NoAddress(*role));
        }
        match self.role == Roles::Resolver && self.matcher.is_none() {
            true => Err(SettingsError::NoMatcher),
            false => Ok(()),
        }
    }
}

/// Where the roles that are here listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// For encodings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matcher: Option<SocketAddr>,
    /// For handle maps and results.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolver: Option<SocketAddr>,
}

impl Listen {
    /// Where `role` listens, if it is here.
    pub fn of(&self, role: Role) -> Option<SocketAddr> {
        match role {
            Role::Matcher => self.matcher,
            Role::Resolver => self.resolver,
        }
    }
}

/// Why the project's settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// `coordinator.toml` is missing or wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A role has no address to listen at.
    #[error("the settings have no `listen.{0}`, and the {0} is here")]
    NoAddress(Role),
    /// The resolver does not know where the matcher is.
    #[error("the settings have no `matcher`: host and port of the matcher, which is not here")]
    NoMatcher,
    /// The schema file cannot be read.
    #[error("cannot read the linkage schema {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The passphrase of the key files cannot be read.
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    /// The schema is wrong.
    #[error("the linkage schema {} cannot be used", path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: SchemaError,
    },
}

/// A state directory.
#[derive(Debug, Clone)]
pub struct StateDir {
    path: PathBuf,
    unlock: Unlock,
    memory: Memory,
}

impl StateDir {
    /// The state directory at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            unlock: Unlock::default(),
            memory: USUAL_MEMORY,
        }
    }

    /// The same; what outgrows this memory while a stage runs goes to files in it.
    #[must_use]
    pub fn within(mut self, memory: Memory) -> Self {
        self.memory = memory;
        self
    }

    /// The same, its key files opened by the passphrase that its settings name, if they do.
    ///
    /// # Errors
    /// [`SettingsError`] when the settings or the passphrase cannot be read.
    pub fn unlocked(mut self) -> Result<Self, SettingsError> {
        let settings = ConfigFile::<Settings>::load(&self.settings())?.settings;
        self.unlock = Unlock::from_file(settings.passphrase_file.as_deref())?;
        Ok(self)
    }

    /// What opens its key files.
    pub fn unlock(&self) -> &Unlock {
        &self.unlock
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `coordinator.toml`.
    pub fn settings(&self) -> PathBuf {
        self.path.join("coordinator.toml")
    }

    /// The copy of the linkage schema.
    pub fn schema(&self) -> PathBuf {
        self.path.join("schema.toml")
    }

    /// The linkage agreements, by number.
    pub fn agreements(&self) -> PathBuf {
        self.path.join("agreements")
    }

    /// The nodes' certificates that were revoked.
    pub fn revoked(&self) -> RevokedCertificates {
        RevokedCertificates::new(self.path.join("revoked"))
    }

    /// The project's certificate authority.
    pub fn authority(&self) -> PathBuf {
        self.path.join("authority")
    }

    /// The authority's certificate, which every member needs.
    pub fn authority_certificate(&self) -> PathBuf {
        self.authority().join("ca.pem")
    }

    /// The authority's private key.
    pub fn authority_key(&self) -> PathBuf {
        self.authority().join("ca.key")
    }

    /// The key of the log of a matcher that another operator runs.
    pub fn matcher_log_key(&self) -> PathBuf {
        self.path.join("peers").join("matcher.log-key")
    }

    /// What belongs to one role.
    pub fn role(&self, role: Role) -> RoleDir {
        RoleDir {
            path: self.path.join(role.as_str()),
            role,
            unlock: self.unlock.clone(),
            memory: self.memory,
        }
    }

    /// Reads settings and schema.
    ///
    /// # Errors
    /// [`SettingsError`] names the file, and what is wrong with it.
    pub fn load(&self) -> Result<(Settings, Project), SettingsError> {
        let config = ConfigFile::<Settings>::load(&self.settings())?;
        config.settings.check()?;
        let schema = read_schema(&config.resolve(&config.settings.schema))?.0;
        let settings = config.settings;
        let project = Project::new(
            settings.project.clone(),
            settings.epoch,
            settings.run,
            schema,
        );
        Ok((settings, project))
    }
}

/// One role's part of the state directory.
#[derive(Debug, Clone)]
pub struct RoleDir {
    path: PathBuf,
    role: Role,
    unlock: Unlock,
    memory: Memory,
}

impl RoleDir {
    /// What a stage holds in memory of what may grow with the registries.
    pub fn memory(&self) -> Memory {
        self.memory
    }

    /// What opens its key files.
    pub fn unlock(&self) -> &Unlock {
        &self.unlock
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The linkage agreements, which both roles go by.
    pub fn agreements(&self) -> PathBuf {
        self.path.with_file_name("agreements")
    }

    /// The role's certificate.
    pub fn certificate(&self) -> PathBuf {
        self.path.join("cert.pem")
    }

    /// The certificate's private key.
    pub fn key(&self) -> PathBuf {
        self.path.join("key.pem")
    }

    /// The request for a certificate from another operator's authority.
    pub fn certificate_request(&self) -> PathBuf {
        self.path.join("request.csr")
    }

    /// How the resolver last found the matcher, where another operator runs that.
    pub fn matcher_report(&self) -> PathBuf {
        self.path.join("matcher.json")
    }

    /// What the role knows of batches and runs.
    pub fn database(&self) -> PathBuf {
        self.path.join(format!("{}.db", self.role))
    }

    /// The batches' bytes.
    pub fn batches(&self) -> PathBuf {
        self.path.join("batches")
    }

    /// What the role makes of each run.
    pub fn runs(&self) -> PathBuf {
        self.path.join("runs")
    }

    /// The documents custodians put up.
    pub fn board(&self) -> PathBuf {
        self.path.join("board")
    }

    /// The directory of the role's log: see `audit::signed_log`, and `shown/`, what members were shown
    /// of it.
    pub fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    /// The key the role signs its log with.
    pub fn log_key(&self) -> PathBuf {
        self.path.join("log.key")
    }

    /// The resolver's key for handle maps.
    pub fn handle_map_key(&self) -> PathBuf {
        self.path.join("handle-map.key")
    }

    /// The resolver's key for pseudonyms.
    pub fn pseudonym_key(&self) -> PathBuf {
        self.path.join("pseudonym.key")
    }
}

/// Reads a linkage schema, and gives its text back too.
///
/// # Errors
/// [`SettingsError`] names the file.
pub fn read_schema(path: &Path) -> Result<(LinkageSchema, String), SettingsError> {
    let unreadable = |source| SettingsError::Unreadable {
        path: path.to_path_buf(),
        source,
    };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut text = String::new();
    // One byte over the limit is enough for the schema to be refused as too long.
    let read = file
        .take(MAX_SCHEMA_BYTES as u64 + 1)
        .read_to_string(&mut text);
    read.map_err(unreadable)?;
    let schema = LinkageSchema::parse(&text).map_err(|source| SettingsError::Schema {
        path: path.to_path_buf(),
        source,
    })?;
    Ok((schema, text))
}
