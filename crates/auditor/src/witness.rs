//! A witness: keeps the last head of each log it was shown, and cosigns only heads that extend it. It
//! keeps a head before it says so (c2sp.org/tlog-witness asks for the same order).
//!
//! ```text
//! witness.key        what it cosigns with
//! heads/ORIGIN       the last checkpoint of a log, cosigned; `/` in the origin is written `+`
//! ```

use std::path::{Path, PathBuf};

use audit::verify::{self, ProofError};
use audit::{Checkpoint, CheckpointError, KeyKind, KeyName, NoteSigner, VerifierKey};
use secret::key_file::{self, KeyFileError, Purpose};
use secret::{Entropy, Key32, SigningKey};
use wire::limits::MAX_CHECKPOINT_BYTES;

use crate::bundle::{BundleError, read_text};
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
        matches!(self, Self::NotAnExtension { .. } | Self::Checkpoint { .. })
    }
}

/// A witness with its key and what it saw.
pub struct Witness {
    directory: PathBuf,
    signer: NoteSigner,
}

impl Witness {
    /// Makes a witness's directory and key.
    ///
    /// # Errors
    /// [`WitnessError::Key`] when there is a key already.
    pub fn init(directory: &Path, entropy: &mut dyn Entropy) -> Result<(), WitnessError> {
        let made = service::files::create_dir_private(directory);
        made.map_err(crate::bundle::io_error("make", directory))?;
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
        if let Some(kept) = self.kept(origin)? {
            let old = kept.signed_by(&log.key).map_err(about)?;
            let path = log.consistency(old.size).unwrap_or_default();
            let extends = verify::consistency(&old, &head, &path);
            extends.map_err(|source| WitnessError::NotAnExtension {
                log: origin.clone(),
                size: old.size,
                source,
            })?;
        }
        let mut cosigned = log.checkpoint.clone();
        let signed = cosigned.cosign(&self.signer, unix_seconds);
        signed.map_err(|error| about(error.into()))?;
        write(&self.path(origin), cosigned.to_string().as_bytes())?;
        Ok(cosigned)
    }

    fn kept(&self, origin: &KeyName) -> Result<Option<Checkpoint>, WitnessError> {
        let path = self.path(origin);
        if !path.exists() {
            return Ok(None);
        }
        let text = read_text(&path, MAX_CHECKPOINT_BYTES as u64)?;
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
