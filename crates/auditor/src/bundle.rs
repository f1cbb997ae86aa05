//! The bundle: a directory with copies of everything a verifier needs, and nothing secret.
//!
//! ```text
//! logs/NAME/             checkpoint, key and tiles of a log: matcher, resolver, node-PARTY
//! seen/PARTY/NAME        the checkpoint of log NAME that PARTY's node was last shown
//! pinned/PARTY/NAME      the key by which PARTY's node knows log NAME
//! receipts/PARTY/*.json  the receipts that PARTY's node keeps
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use audit::{Checkpoint, TileDir, VerifierKey};
use wire::Receipt;
use wire::limits::MAX_CHECKPOINT_BYTES;

/// The most files one directory of a bundle may have.
const MAX_FILES: usize = 10_000;

/// The most bytes of a receipt.
const MAX_RECEIPT_BYTES: u64 = 256 << 10;

/// Why a bundle cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// It is not there.
    #[error("{} is not a bundle: make one with `symbolon-audit fetch`", .0.display())]
    NotABundle(PathBuf),
    /// The operating system said no.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What it answered.
        source: io::Error,
    },
    /// A file over its limit or of another form.
    #[error("{} is not what its place says: {why}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// The error of doing `action` to `path`.
pub(crate) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BundleError {
    let path = path.to_owned();
    move |source| BundleError::Io {
        action,
        path,
        source,
    }
}

/// Something that a party's node keeps about a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept<T> {
    /// Whose node keeps it.
    pub party: String,
    /// The log it is about, or the file's name.
    pub name: String,
    /// What it is.
    pub what: T,
}

/// A directory of copies.
#[derive(Debug, Clone)]
pub struct Bundle(PathBuf);

impl Bundle {
    /// The bundle at `path`.
    ///
    /// # Errors
    /// [`BundleError::NotABundle`] when there are no logs.
    pub fn open(path: &Path) -> Result<Self, BundleError> {
        match path.join("logs").is_dir() {
            true => Ok(Self(path.to_owned())),
            false => Err(BundleError::NotABundle(path.to_owned())),
        }
    }

    /// Makes an empty bundle at `path`, which may be there already.
    ///
    /// # Errors
    /// A directory that cannot be made.
    pub fn create(path: &Path) -> Result<Self, BundleError> {
        let logs = path.join("logs");
        service::files::create_dir_private(&logs).map_err(io_error("make", &logs))?;
        Ok(Self(path.to_owned()))
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The logs in it, by name.
    ///
    /// # Errors
    /// A directory that cannot be read.
    pub fn logs(&self) -> Result<BTreeMap<String, TileDir>, BundleError> {
        let logs = self.0.join("logs");
        let log = |name: String| (name.clone(), TileDir::new(&logs.join(name)));
        Ok(names(&logs)?.into_iter().map(log).collect())
    }

    /// The checkpoints that nodes were last shown.
    ///
    /// # Errors
    /// A file that cannot be read or is no checkpoint.
    pub fn seen(&self) -> Result<Vec<Kept<Checkpoint>>, BundleError> {
        let limit = MAX_CHECKPOINT_BYTES as u64;
        self.kept("seen", limit, |text| {
            text.parse()
                .map_err(|error: audit::CheckpointError| error.to_string())
        })
    }

    /// The keys by which nodes know logs.
    ///
    /// # Errors
    /// A file that cannot be read or is no key.
    pub fn pinned(&self) -> Result<Vec<Kept<VerifierKey>>, BundleError> {
        let limit = MAX_CHECKPOINT_BYTES as u64;
        self.kept("pinned", limit, |text| {
            let key = text.trim_end().parse();
            key.map_err(|error: audit::note::NoteError| error.to_string())
        })
    }

    /// The receipts that nodes keep.
    ///
    /// # Errors
    /// A file that cannot be read or is no receipt.
    pub fn receipts(&self) -> Result<Vec<Kept<Receipt>>, BundleError> {
        self.kept("receipts", MAX_RECEIPT_BYTES, |text| {
            serde_json::from_str(text).map_err(|error| error.to_string())
        })
    }

    /// Everything in `directory`, by party and file.
    fn kept<T>(
        &self,
        directory: &str,
        limit: u64,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<Kept<T>>, BundleError> {
        let root = self.0.join(directory);
        let mut kept = Vec::new();
        for party in names(&root)? {
            let of_party = root.join(&party);
            for name in names(&of_party)? {
                let path = of_party.join(&name);
                let what = parse(&read_text(&path, limit)?)
                    .map_err(|why| BundleError::Malformed { path, why })?;
                let party = party.clone();
                kept.push(Kept { party, name, what });
            }
        }
        Ok(kept)
    }
}

/// The names in a directory, in order; none if it is not there.
pub(crate) fn names(directory: &Path) -> Result<Vec<String>, BundleError> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(io_error("read", directory))?,
    };
    let mut names = Vec::new();
    for entry in entries.take(MAX_FILES + 1) {
        let name = entry.map_err(io_error("read", directory))?.file_name();
        // Names we write are plain; others are not ours.
        names.extend(
            name.into_string()
                .ok()
                .filter(|name| !name.starts_with('.')),
        );
    }
    if names.len() > MAX_FILES {
        return Err(BundleError::Malformed {
            path: directory.to_owned(),
            why: format!("it has more than {MAX_FILES} files"),
        });
    }
    names.sort();
    Ok(names)
}

/// A text of at most `limit` bytes.
pub(crate) fn read_text(path: &Path, limit: u64) -> Result<String, BundleError> {
    let file = fs::File::open(path).map_err(io_error("read", path))?;
    let mut text = String::new();
    file.take(limit + 1)
        .read_to_string(&mut text)
        .map_err(io_error("read", path))?;
    match text.len() as u64 > limit {
        true => Err(BundleError::Malformed {
            path: path.to_owned(),
            why: format!("it is longer than {limit} bytes"),
        }),
        false => Ok(text),
    }
}
