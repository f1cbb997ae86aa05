//! A witness: keeps the last head of each log it was shown, and cosigns only heads that extend it. It
//! keeps a head before it says so (c2sp.org/tlog-witness asks for the same order).
//!
//! ```text
//! witness.key        what it cosigns with
//! heads/ORIGIN       the last checkpoint of a log, cosigned; `/` in the origin is written `+`
//! ```

use std::path::{Path, PathBuf};

use audit::note::MAX_NOTE_BYTES;
use audit::verify::{self, ProofError};
use audit::{Checkpoint, CheckpointError, KeyKind, KeyName, NoteSigner, VerifierKey};
use secret::key_file::{self, KeyFileError, Purpose};
use secret::{Entropy, Key32, SigningKey};
use service::DirLock;
use service::files::LockError;

use crate::bundle::{BundleError, io_error, read_text};
use crate::fetch::write;
use crate::verify::CheckedLog;

/// Why a witness does not cosign.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// A file of its own cannot be read or written.
    #[error(transparent)]
    File(#[from] BundleError),
    /// Its key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// What it kept or was shown is not signed by the log.
    #[error("{log}: {source}")]
    Checkpoint {
        /// The log.
        log: KeyName,
        /// What is wrong.
        source: CheckpointError,
    },
    /// Another program witnesses with the same directory.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Nobody told the witness the log's key another way than by the bundle.
    #[error("{0} is new to this witness and its key came with the bundle: give it with --keys")]
    UnknownKey(KeyName),
    /// The log does not extend what the witness saw.
    #[error("{log} does not extend the {size} entries that this witness saw of it: {source}")]
    NotAnExtension {
        /// The log.
        log: KeyName,
        /// Entries seen.
        size: u64,
        /// Why it does not.
        source: ProofError,
    },
}

impl WitnessError {
    /// Whether it shows that a log is not one history, as opposed to something failing.
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::NotAnExtension { .. } | Self::Checkpoint { .. } | Self::UnknownKey(_)
        )
    }
}

/// A witness with its key and what it saw.
pub struct Witness {
    directory: PathBuf,
    signer: NoteSigner,
    /// Two programs could each cosign what does not extend what the other did.
    _lock: DirLock,
}

impl Witness {
    /// Makes a witness's directory and key.
    ///
    /// # Errors
    /// [`WitnessError::Key`] when there is a key already.
    pub fn init(directory: &Path, entropy: &mut dyn Entropy) -> Result<(), WitnessError> {
        let made = service::files::create_dir_private(directory);
        made.map_err(io_error("make", directory))?;
        // Before the first head: a directory of heads that a power cut lost would begin anew.
        let heads = directory.join("heads");
        service::files::create_dir_private(&heads).map_err(io_error("make", &heads))?;
        service::files::sync_dir(directory).map_err(io_error("sync", directory))?;
        let key = Key32::generate(entropy);
        Ok(key_file::write(
            &directory.join("witness.key"),
            Purpose::Signing,
            &key,
        )?)
    }

    /// Opens the witness in `directory`, which cosigns as `name`.
    ///
    /// # Errors
    /// A key that cannot be read.
    pub fn open(directory: &Path, name: KeyName) -> Result<Self, WitnessError> {
        let lock = DirLock::acquire(directory)?;
        let seed = key_file::read(&directory.join("witness.key"), Purpose::Signing)?;
        let signing = SigningKey::from_seed(&seed);
        let key = VerifierKey {
            name,
            kind: KeyKind::Witness,
            public: signing.public(),
        };
        Ok(Self {
            directory: directory.to_owned(),
            signer: NoteSigner::new(key, move |message| signing.sign(message)),
            _lock: lock,
        })
    }

    /// The key by which others check its cosignatures.
    pub fn key(&self) -> &VerifierKey {
        self.signer.key()
    }

    /// Cosigns the head of `log`, whose signature and entries were checked, at `unix_seconds`, if it
    /// extends what the witness saw. The head is kept first.
    ///
    /// # Errors
    /// [`WitnessError::NotAnExtension`] when it does not; what was kept stays.
    pub fn cosign(&self, log: &CheckedLog, unix_seconds: u64) -> Result<Checkpoint, WitnessError> {
        let origin = &log.key.name;
        let about = |source: CheckpointError| WitnessError::Checkpoint {
            log: origin.clone(),
            source,
        };
        let head = log.checkpoint.signed_by(&log.key).map_err(about)?;
        let kept = self.kept(origin)?;
        if kept.is_none() && !log.is_known {
            return Err(WitnessError::UnknownKey(origin.clone()));
        }
        if let Some(kept) = kept {
            let old = kept.signed_by(&log.key).map_err(about)?;
            let path = log.consistency(old.size).unwrap_or_default();
            let extends = verify::consistency(&old, &head, &path);
            extends.map_err(|source| WitnessError::NotAnExtension {
                log: origin.clone(),
                size: old.size,
                source,
            })?;
        }
        let mut cosigned = log.checkpoint.without_cosignatures();
        let signed = cosigned.cosign(&self.signer, unix_seconds);
        signed.map_err(|error| about(error.into()))?;
        write(&self.path(origin), cosigned.to_string().as_bytes())?;
        Ok(cosigned)
    }

    fn kept(&self, origin: &KeyName) -> Result<Option<Checkpoint>, WitnessError> {
        let path = self.path(origin);
        if !path.try_exists().map_err(io_error("look for", &path))? {
            return Ok(None);
        }
        let text = read_text(&path, MAX_NOTE_BYTES as u64)?;
        let kept = text.parse().map_err(|source| WitnessError::Checkpoint {
            log: origin.clone(),
            source,
        })?;
        Ok(Some(kept))
    }

    fn path(&self, origin: &KeyName) -> PathBuf {
        // A name has no `+` of its own.
        self.directory
            .join("heads")
            .join(origin.as_str().replace('/', "+"))
    }
}
