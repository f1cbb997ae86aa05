//! The bundle: a directory with copies of everything a verifier needs, and nothing secret.
//!
//! ```text
//! logs/NAME/             checkpoint, key and tiles of a log: matcher, resolver, key-server, node-PARTY
//! seen/PARTY/NAME        the checkpoint of log NAME that PARTY's node was last shown
//! told/NAME/PARTY        the one that NAME says PARTY's node was shown
//! pinned/PARTY/NAME      the key by which PARTY's node knows log NAME
//! receipts/PARTY/*.json  the receipts that PARTY's node keeps
//! cosigned/*/NAME        a checkpoint of log NAME with the cosignatures of witnesses
//! papers/KEEPER/agreement-N/      the agreement, its signatures, and what officers said of it
//! papers/KEEPER/approval-run-N/   approvals, each with the officer's signature
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use audit::note::MAX_NOTE_BYTES;
use audit::{Actor, Checkpoint, TileDir, VerifierKey};
use wire::Receipt;

use crate::evaluations::KEY_SERVER;

/// The most files one directory of a bundle may have.
const MAX_FILES: usize = 10_000;

/// The most bytes of a receipt.
pub(crate) const MAX_RECEIPT_BYTES: u64 = 256 << 10;

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
    /// A log is fetched once: what a bundle has of it is evidence that a newer copy would replace.
    #[error("the bundle has the log of {0} already: fetch into a new one")]
    Fetched(String),
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

/// Something that a party's node keeps about a log, or that is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept<T> {
    /// The directory it is in: for what nodes keep, whose node.
    pub party: String,
    /// Its file's name.
    pub name: String,
    /// What it is, or why it cannot be read as that.
    pub what: Result<T, String>,
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
    /// A directory that cannot be read, or has a name that no log has.
    pub fn logs(&self) -> Result<BTreeMap<String, TileDir>, BundleError> {
        let logs = self.0.join("logs");
        let mut found = BTreeMap::new();
        for name in names(&logs)? {
            let path = logs.join(&name);
            if !Self::is_log_name(&name) {
                let why = "logs are called matcher, resolver and node-PARTY".to_owned();
                return Err(BundleError::Malformed { path, why });
            }
            found.insert(name, TileDir::new(&path));
        }
        Ok(found)
    }

    /// Whether a log may be called so.
    pub(crate) fn is_log_name(name: &str) -> bool {
        keeper_of(name).is_some()
    }

    /// Refuses to fetch a log that is there already.
    pub(crate) fn check_new(&self, name: &str) -> Result<(), BundleError> {
        match self.0.join("logs").join(name).symlink_metadata() {
            Ok(_) => Err(BundleError::Fetched(name.to_owned())),
            Err(_) => Ok(()),
        }
    }

    /// The checkpoints that nodes were last shown, by party and log.
    ///
    /// # Errors
    /// A directory that cannot be read.
    pub fn seen(&self) -> Result<Vec<Kept<Checkpoint>>, BundleError> {
        self.kept("seen", MAX_NOTE_BYTES as u64, checkpoint)
    }

    /// The checkpoints that a role says nodes were shown, by role and party.
    ///
    /// # Errors
    /// A directory that cannot be read.
    pub fn told(&self) -> Result<Vec<Kept<Checkpoint>>, BundleError> {
        self.kept("told", MAX_NOTE_BYTES as u64, checkpoint)
    }

    /// The checkpoints that witnesses cosigned, by log.
    ///
    /// # Errors
    /// A directory that cannot be read.
    pub fn cosigned(&self) -> Result<Vec<Kept<Checkpoint>>, BundleError> {
        self.kept("cosigned", MAX_NOTE_BYTES as u64, checkpoint)
    }

    /// The keys by which nodes know logs, by party and log.
    ///
    /// # Errors
    /// A directory that cannot be read.
    pub fn pinned(&self) -> Result<Vec<Kept<VerifierKey>>, BundleError> {
        self.kept("pinned", MAX_NOTE_BYTES as u64, |text| {
            let key = text.trim_end().parse();
            key.map_err(|error: audit::note::NoteError| error.to_string())
        })
    }

    /// The receipts that nodes keep.
    ///
    /// # Errors
    /// A directory that cannot be read.
    pub fn receipts(&self) -> Result<Vec<Kept<Receipt>>, BundleError> {
        self.kept("receipts", MAX_RECEIPT_BYTES, |text| {
            serde_json::from_str(text).map_err(|error| error.to_string())
        })
    }

    /// Everything in `directory`, by the directories in it and file. One that cannot be read does not
    /// hide the others.
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
            check_name(&of_party, &party)?;
            for name in names(&of_party)? {
                let path = of_party.join(&name);
                check_name(&path, &name)?;
                let text = read_text(&path, limit).map_err(|error| error.to_string());
                let what = text.and_then(|text| parse(&text));
                let party = party.clone();
                kept.push(Kept { party, name, what });
            }
        }
        Ok(kept)
    }
}

fn checkpoint(text: &str) -> Result<Checkpoint, String> {
    text.parse()
        .map_err(|error: audit::CheckpointError| error.to_string())
}

/// Names stand in verdicts and pages: they are plain, as those that `fetch` gives.
pub(crate) fn check_name(path: &Path, name: &str) -> Result<(), BundleError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    match name.bytes().all(is_plain) {
        true => Ok(()),
        false => Err(BundleError::Malformed {
            path: path.to_owned(),
            why: "names have letters, digits, `-`, `_` and `.`".to_owned(),
        }),
    }
}

/// Who keeps the log of this name.
pub(crate) fn keeper_of(name: &str) -> Option<Actor> {
    match name {
        "matcher" => Some(Actor::Matcher),
        "resolver" => Some(Actor::Resolver),
        KEY_SERVER => Some(Actor::KeyServer),
        other => other.strip_prefix("node-")?.parse().ok().map(Actor::Node),
    }
}

/// The names in a directory, in order; none if it is not there.
pub(crate) fn names(directory: &Path) -> Result<Vec<String>, BundleError> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(io_error("read", directory))?,
    };
    let found: Vec<_> = entries.take(MAX_FILES + 1).collect();
    if found.len() > MAX_FILES {
        return Err(BundleError::Malformed {
            path: directory.to_owned(),
            why: format!("it has more than {MAX_FILES} files"),
        });
    }
    let mut names = Vec::new();
    for entry in found {
        let name = entry.map_err(io_error("read", directory))?.file_name();
        let foreign = |name: std::ffi::OsString| BundleError::Malformed {
            path: directory.join(name),
            why: "its name is not text".to_owned(),
        };
        names.push(name.into_string().map_err(foreign)?);
    }
    // What a program was writing when it was cut off.
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    Ok(names)
}

/// A text of at most `limit` bytes.
pub(crate) fn read_text(path: &Path, limit: u64) -> Result<String, BundleError> {
    String::from_utf8(read_regular(path, limit)?).map_err(|_| BundleError::Malformed {
        path: path.to_owned(),
        why: "it is not text".to_owned(),
    })
}

/// The bytes of a plain file of at most `limit` bytes: not of what a link leads to, and not of a pipe
/// that never ends.
pub(crate) fn read_regular(path: &Path, limit: u64) -> Result<Vec<u8>, BundleError> {
    let malformed = |why: String| BundleError::Malformed {
        path: path.to_owned(),
        why,
    };
    let named = fs::symlink_metadata(path).map_err(io_error("read", path))?;
    if !named.is_file() {
        return Err(malformed("it is not a plain file".to_owned()));
    }
    let file = fs::File::open(path).map_err(io_error("read", path))?;
    let opened = file.metadata().map_err(io_error("read", path))?;
    if (named.dev(), named.ino()) != (opened.dev(), opened.ino()) {
        return Err(malformed("it was exchanged while it was read".to_owned()));
    }
    let mut bytes = Vec::new();
    let read = file.take(limit + 1).read_to_end(&mut bytes);
    read.map_err(io_error("read", path))?;
    match bytes.len() as u64 > limit {
        true => Err(malformed(format!("it is longer than {limit} bytes"))),
        false => Ok(bytes),
    }
}
