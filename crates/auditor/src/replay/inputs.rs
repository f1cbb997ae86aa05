//! The coordinator's state directory as replay reads it; two of them, where each role has its own.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use model::agreement::MAX_AGREEMENT_BYTES;
use model::digest::Digester;
use model::schema::{MAX_SCHEMA_BYTES, SchemaError};
use model::{Agreement, BatchManifest, Digest, Layout, LinkageSchema, PartyName, RunNumber};
use secret::key_file::{KeyFileError, Purpose};
use secret::{RecipientSecret, Unlock};

use crate::bundle::{BundleError, read_text};
use crate::finding::Severity;

/// The most bytes of a manifest.
const MAX_MANIFEST_BYTES: u64 = 16 << 10;

/// The most agreements that are looked through.
const MAX_AGREEMENTS: usize = 1000;

/// Why a run cannot be done again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The logs of both roles are needed.
    #[error(
        "the bundle does not have the logs of matcher and resolver: fetch them with --coordinator"
    )]
    NoLogs,
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] BundleError),
    /// The schema cannot be used.
    #[error("the coordinator's schema: {0}")]
    Schema(#[from] SchemaError),
    /// The resolver's key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// A batch of a party that the schema does not have.
    #[error("there is a batch of {0}, which the schema does not have")]
    UnknownParty(PartyName),
    /// The batches cannot be compared.
    #[error("comparing again: {0}")]
    Matching(String),
    /// The comparisons cannot be resolved.
    #[error("linking again: {0}")]
    Resolving(String),
    /// There is no room to work in.
    #[error("no directory to work in: {0}")]
    Disk(#[source] io::Error),
}

impl ReplayError {
    pub(super) fn matching(error: impl std::error::Error) -> Self {
        Self::Matching(error.to_string())
    }

    pub(super) fn resolving(error: impl std::error::Error) -> Self {
        Self::Resolving(error.to_string())
    }
}

/// State directories, and what all runs need of them.
pub(super) struct Inputs {
    directories: Vec<PathBuf>,
    unlock: Unlock,
    pub(super) schema: LinkageSchema,
    pub(super) layout: Layout,
}

/// A stored batch whose bytes are those its manifest names.
pub(super) struct Batch {
    pub(super) manifest: BatchManifest,
    path: PathBuf,
}

impl Inputs {
    pub(super) fn open<P: AsRef<Path>>(
        directories: &[P],
        unlock: Unlock,
    ) -> Result<Self, ReplayError> {
        let directories: Vec<PathBuf> = directories
            .iter()
            .map(|directory| directory.as_ref().to_owned())
            .collect();
        let first = directories.first().ok_or(ReplayError::NoLogs)?;
        let text = read_text(&first.join("schema.toml"), MAX_SCHEMA_BYTES as u64)?;
        let schema = LinkageSchema::parse(&text)?;
        Ok(Self {
            directories,
            unlock,
            layout: Layout::of(&schema),
            schema,
        })
    }

    /// What belongs to a role: in the first directory that has anything of it.
    fn role(&self, role: &str) -> PathBuf {
        let mut places = self
            .directories
            .iter()
            .map(|directory| directory.join(role));
        let there = places.find(|place| place.exists());
        // Where none has any, what is looked for is missing there.
        there.unwrap_or_else(|| PathBuf::from(role))
    }

    /// The resolver's key, to which handle maps are sealed.
    pub(super) fn handle_map_key(&self) -> Result<RecipientSecret, KeyFileError> {
        let path = self.role("resolver").join("handle-map.key");
        let key = self.unlock.read(&path, Purpose::HandleMap)?;
        Ok(RecipientSecret::from_key(&key))
    }

    /// The batch that `digest` names, or in what it is not what was accepted.
    pub(super) fn batch(
        &self,
        role: &str,
        digest: &Digest,
    ) -> Result<Result<Batch, (Severity, String)>, ReplayError> {
        let at = self.role(role).join("batches");
        let (path, about) = (
            at.join(format!("{digest}.batch")),
            at.join(format!("{digest}.manifest")),
        );
        if !path.exists() || !about.exists() {
            let text = format!("the batch {digest} is not there any more");
            return Ok(Err((Severity::Unproved, text)));
        }
        let manifest = read_text(&about, MAX_MANIFEST_BYTES)?;
        let manifest = serde_json::from_str::<BatchManifest>(&manifest).ok();
        let Some(manifest) = manifest.filter(|manifest| manifest.digest() == *digest) else {
            let text = format!("the manifest of the batch {digest} was altered");
            return Ok(Err((Severity::Wrong, text)));
        };
        if digest_of(&path) != Some(manifest.payload_digest) {
            let text = format!(
                "the stored batch of {} is not what {} uploaded: it was altered after it was accepted",
                manifest.party, manifest.party
            );
            return Ok(Err((Severity::Wrong, text)));
        }
        Ok(Ok(Batch { manifest, path }))
    }

    /// The rows that `party` was given, if they are there.
    pub(super) fn release(&self, run: RunNumber, party: &PartyName) -> Option<Vec<u8>> {
        let runs = self.role("resolver").join("runs").join(run.to_string());
        std::fs::read(runs.join(format!("release/{party}.rows"))).ok()
    }

    /// The agreement of this digest, as the coordinator keeps it.
    ///
    /// # Errors
    /// Why it cannot be used, for people.
    pub(super) fn agreement(&self, digest: Digest) -> Result<Agreement, String> {
        // Both operators have the same.
        let first = self.directories.first();
        let at = first.map_or_else(PathBuf::new, |directory| directory.join("agreements"));
        let numbers =
            std::fs::read_dir(&at).map_err(|error| format!("{}: {error}", at.display()))?;
        for number in numbers.flatten().take(MAX_AGREEMENTS) {
            let path = number.path().join("agreement.toml");
            let Ok(text) = read_text(&path, MAX_AGREEMENT_BYTES as u64) else {
                continue;
            };
            if Digest::of(text.as_bytes()) == digest {
                return Agreement::parse(text.as_bytes()).map_err(|error| error.to_string());
            }
        }
        Err(format!("the agreement {digest} is not there any more"))
    }

    /// The digest of a file that a role made of `run`, if it is there.
    pub(super) fn output(&self, role: &str, run: RunNumber, file: &str) -> Option<Digest> {
        let runs = self.role(role).join("runs");
        digest_of(&runs.join(run.to_string()).join(file))
    }
}

impl Batch {
    pub(super) fn read(&self) -> Result<impl Read + Send + 'static, ReplayError> {
        let file = File::open(&self.path).map_err(crate::bundle::io_error("read", &self.path))?;
        Ok(BufReader::new(file))
    }
}

/// The digest of a file that can be read.
fn digest_of(path: &Path) -> Option<Digest> {
    let mut file = File::open(path).ok()?;
    let mut digester = Digester::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).ok()? {
            0 => return Some(digester.finish()),
            read => digester.update(&buffer[..read]),
        }
    }
}
