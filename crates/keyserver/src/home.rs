//! The key server's directory.
//!
//! ```text
//! key-server.toml        settings
//! identity/              TLS key, request and certificate, the project's authority
//! keys/epoch-N.key       seed of the key of an epoch; gone once it is destroyed
//! keys/log.key           what the log is signed with
//! admitted/              whose certificates count: one file each, named by the fingerprint
//! agreements/            linkage agreements, by number
//! log/                   see `audit::signed_log`
//! ```

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use audit::{Actor, KeyKind, KeyName, NoteSigner, VerifierKey};
use model::{Epoch, PartyName, ProjectName};
use secret::key_file::Purpose;
use secret::{SigningKey, Unlock, signing};
use serde::{Deserialize, Serialize};
use service::{AgreementStore, ConfigFile, DirLock};

use crate::error::KeyServerError;

/// The settings in `key-server.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The linkage project.
    pub project: ProjectName,
    /// The member that runs the key server, as the agreement names it.
    pub name: PartyName,
    /// Where it listens.
    pub listen: SocketAddr,
    /// The file with the passphrase under which all keys are sealed, relative to where the program runs;
    /// without, they are kept in clear, for this user alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase_file: Option<PathBuf>,
}

/// A key server's directory, with what opens its keys.
#[derive(Debug, Clone)]
pub struct Home {
    root: PathBuf,
    unlock: Unlock,
}

impl Home {
    /// The directory at `root`, whose keys `unlock` opens.
    pub(crate) fn new(root: &Path, unlock: Unlock) -> Self {
        Self {
            root: root.to_owned(),
            unlock,
        }
    }

    /// Opens the directory at `root` and reads its settings.
    ///
    /// # Errors
    /// [`KeyServerError`] when there is no key server, or its settings or passphrase are wrong.
    pub fn open(root: &Path) -> Result<(Self, Settings), KeyServerError> {
        let settings = root.join("key-server.toml");
        if !settings.exists() {
            return Err(KeyServerError::NotAKeyServer(root.to_owned()));
        }
        let settings = ConfigFile::<Settings>::load(&settings)?.settings;
        let unlock = Unlock::from_file(settings.passphrase_file.as_deref())?;
        Ok((Self::new(root, unlock), settings))
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The request for the key server's certificate, for the coordinator's operator.
    pub fn certificate_request(&self) -> PathBuf {
        self.root.join("identity/request.csr")
    }

    /// The directory of the log.
    pub fn log(&self) -> PathBuf {
        self.root.join("log")
    }

    pub(crate) fn settings(&self) -> PathBuf {
        self.root.join("key-server.toml")
    }

    pub(crate) fn tls_key(&self) -> PathBuf {
        self.root.join("identity/server.key")
    }

    pub(crate) fn certificate(&self) -> PathBuf {
        self.root.join("identity/server.pem")
    }

    pub(crate) fn authority(&self) -> PathBuf {
        self.root.join("identity/ca.pem")
    }

    pub(crate) fn epoch_key(&self, epoch: Epoch) -> PathBuf {
        self.root.join(format!("keys/epoch-{epoch}.key"))
    }

    pub(crate) fn log_key(&self) -> PathBuf {
        self.root.join("keys/log.key")
    }

    pub(crate) fn admitted(&self) -> PathBuf {
        self.root.join("admitted")
    }

    pub(crate) fn unlock(&self) -> &Unlock {
        &self.unlock
    }

    /// Takes the directory for this program alone.
    pub(crate) fn lock(&self) -> Result<DirLock, KeyServerError> {
        Ok(DirLock::acquire(&self.root)?)
    }

    pub(crate) fn agreements(&self) -> AgreementStore {
        AgreementStore::new(self.root.join("agreements"), signing::verify)
    }

    /// What signs the log.
    pub(crate) fn signer(&self, project: &ProjectName) -> Result<Arc<NoteSigner>, KeyServerError> {
        let seed = self.unlock.read(&self.log_key(), Purpose::Signing)?;
        let signing = SigningKey::from_seed(&seed);
        let key = VerifierKey {
            name: KeyName::of_log(project, &Actor::KeyServer),
            kind: KeyKind::Log,
            public: signing.public(),
        };
        Ok(Arc::new(NoteSigner::new(key, move |message| {
            signing.sign(message)
        })))
    }
}
