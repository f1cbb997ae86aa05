//! Why the key server did not do something.

use std::io;
use std::path::{Path, PathBuf};

use audit::LogError;
use model::{Epoch, EvaluationKey};
use oprf::OprfError;
use secret::key_file::KeyFileError;
use secret::passphrase::PassphraseError;
use service::files::LockError;
use service::{AgreementFault, ConfigError};
use wire::ServeError;
use wire::identity::IdentityError;
use wire::pki::PkiError;

/// Why the key server did not do something.
#[derive(Debug, thiserror::Error)]
pub enum KeyServerError {
    /// There is something already.
    #[error("{} exists already; a key server is never overwritten, choose another directory", .0.display())]
    Taken(PathBuf),
    /// There is no key server there.
    #[error("{} is not a key server's directory; make one with `symbolon-key-server init`", .0.display())]
    NotAKeyServer(PathBuf),
    /// Another program has the directory.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// `key-server.toml` is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The settings cannot be written.
    #[error("the settings cannot be written: {0}")]
    Settings(#[from] toml::ser::Error),
    /// The passphrase's file cannot be used.
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    /// A key file cannot be used.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// A certificate or its request cannot be made or used.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// A certificate cannot be read.
    #[error(transparent)]
    Certificate(#[from] IdentityError),
    /// The certificate is another's.
    #[error(
        "the certificate is not that of a key server; send identity/request.csr to the \
         coordinator's operator"
    )]
    NotOurs,
    /// None is installed.
    #[error(
        "this key server has no certificate; send identity/request.csr to the coordinator's operator and \
         run `symbolon-key-server enrol` with what comes back"
    )]
    NotEnrolled,
    /// The agreement cannot be used.
    #[error(transparent)]
    Agreement(#[from] AgreementFault),
    /// The log cannot be used.
    #[error("the log: {0}")]
    Log(#[from] LogError),
    /// The log failed before, and is not written any more until the program starts again.
    #[error("the log failed before; start the program again")]
    LogClosed,
    /// There is a key.
    #[error("the key of epoch {epoch} is made already; its public key is {public_key}")]
    Made {
        /// The epoch.
        epoch: Epoch,
        /// Its public key.
        public_key: EvaluationKey,
    },
    /// There was a key.
    #[error(
        "the key of epoch {0} was destroyed; none is made for it again: the coordinator's operator opens the next epoch"
    )]
    Destroyed(Epoch),
    /// There never was one.
    #[error(
        "there is no key of epoch {0}; make it with `symbolon-key-server key make --epoch {0}`"
    )]
    NoKey(Epoch),
    /// The key cannot be worked out from its seed.
    #[error("the key of an epoch: {0}")]
    Oprf(#[from] OprfError),
    /// The listener broke.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// A file cannot be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the operating system answered.
        source: io::Error,
    },
}

impl KeyServerError {
    /// Whether a rule said no, in contrast to a failure.
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Taken(_)
                | Self::NotAKeyServer(_)
                | Self::NotOurs
                | Self::NotEnrolled
                | Self::Agreement(AgreementFault::Refused(_))
                | Self::Made { .. }
                | Self::Destroyed(_)
                | Self::NoKey(_)
        )
    }
}

pub(crate) fn io_error(
    action: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> KeyServerError + use<> {
    let path = path.to_owned();
    move |source| KeyServerError::Io {
        action,
        path,
        source,
    }
}
