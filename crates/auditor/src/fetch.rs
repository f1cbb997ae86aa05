//! Fetching: copies of logs and of what nodes keep, from data directories, into a bundle.
//!
//! A data directory is somebody else's: its files may be links, of any size, and lie about whose they
//! are. Where a copy goes follows from names this module has parsed and from nothing else.

mod over_wire;

use std::path::{Path, PathBuf};

use audit::entry::MAX_ENTRY_BYTES;
use audit::note::MAX_NOTE_BYTES;
use audit::tiles::{Row, TILE_WIDTH, Tile, TileError, hash_rows, tiles};
use audit::{Actor, KeyKind, KeyName, TileDir, VerifierKey};
use model::agreement::MAX_AGREEMENT_BYTES;
use model::{PartyName, ProjectName};
use wire::{ClientError, HistoryError, Role, Topic};

pub use over_wire::{MAX_BYTES, MAX_ENTRIES, role};

use crate::bundle::{Bundle, BundleError, MAX_RECEIPT_BYTES, io_error, names, read_regular};
use crate::evaluations::KEY_SERVER;
use crate::papers::{AGREEMENT, COORDINATOR, PAPERS};

/// The most bytes of a log's file.
const MAX_TILE_BYTES: u64 = TILE_WIDTH * (2 + MAX_ENTRY_BYTES as u64);

/// Why something was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The bundle cannot be written, or the directory not be read.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A log cannot be read.
    #[error(transparent)]
    Log(#[from] TileError),
    /// The role cannot be asked.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// What the role shows is not one history.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// A log over [`MAX_ENTRIES`] or [`MAX_BYTES`].
    #[error(
        "the log has {0} entries, at most {MAX_ENTRIES} of {MAX_BYTES} bytes are fetched: copy its directory"
    )]
    TooLong(u64),
    /// An entry over [`MAX_ENTRY_BYTES`].
    #[error(
        "an entry of the log has {0} bytes, the most is {MAX_ENTRY_BYTES}: tell the coordinator's operator"
    )]
    LongEntry(usize),
    /// There is no log.
    #[error("{} has no log that was ever signed", .0.display())]
    NoLog(PathBuf),
    /// The node's log does not say whose it is.
    #[error("{} is not the log of a node", .0.display())]
    NotANode(PathBuf),
}

/// Copies the logs of the roles that a coordinator's state directory has, and what it keeps of what
/// members said they were shown.
///
/// # Errors
/// [`FetchError`] says what cannot be read or written.
pub fn coordinator(bundle: &Bundle, directory: &Path) -> Result<(), FetchError> {
    let place = |role: &str| directory.join(role).join("log");
    let roles = [Role::Matcher, Role::Resolver].map(Role::as_str);
    let here: Vec<&str> = roles
        .into_iter()
        .filter(|role| place(role).exists())
        .collect();
    if here.is_empty() {
        return Err(FetchError::NoLog(directory.to_owned()));
    }
    for role in &here {
        let from = place(role);
        log(bundle, role, &from)?;
        let shown = from.join("shown");
        for name in names(&shown)? {
            // Beside what fits is kept what does not, as `PARTY.SIZE`.
            let party = name.split('.').next().unwrap_or_default();
            if party.parse::<PartyName>().is_ok() {
                let to = bundle.path().join("told").join(role).join(&name);
                copy(&shown.join(&name), &to, MAX_NOTE_BYTES as u64)?;
            }
        }
    }
    // The operator of the resolver alone, or of both, keeps them as the coordinator.
    let keeper = match here.contains(&Role::Resolver.as_str()) {
        true => COORDINATOR,
        false => Role::Matcher.as_str(),
    };
    agreements(bundle, keeper, &directory.join("agreements"))?;
    let board = directory.join("resolver/board");
    for topic in names(&board)? {
        if topic
            .parse::<Topic>()
            .is_ok_and(|topic| matches!(topic, Topic::Approval(_)))
        {
            papers(bundle, COORDINATOR, &topic, &board.join(&topic))?;
        }
    }
    Ok(())
}

/// Copies the agreements of somebody's directory, and what was said of them.
fn agreements(bundle: &Bundle, keeper: &str, directory: &Path) -> Result<(), FetchError> {
    for number in names(directory)? {
        if number.parse::<u32>().is_ok() {
            let to = format!("{AGREEMENT}{number}");
            papers(bundle, keeper, &to, &directory.join(&number))?;
        }
    }
    Ok(())
}

/// Copies documents and signatures from one directory.
fn papers(bundle: &Bundle, keeper: &str, to: &str, from: &Path) -> Result<(), FetchError> {
    let to = bundle.path().join(PAPERS).join(keeper).join(to);
    for name in names(from)? {
        if name.ends_with(".toml") || name.ends_with(".sig") {
            copy(
                &from.join(&name),
                &to.join(&name),
                MAX_AGREEMENT_BYTES as u64,
            )?;
        }
    }
    Ok(())
}

/// Copies the log of a key server, and the agreements it holds.
///
/// # Errors
/// [`FetchError`] says what cannot be read or written.
pub fn key_server(bundle: &Bundle, directory: &Path) -> Result<(), FetchError> {
    log(bundle, KEY_SERVER, &directory.join("log"))?;
    agreements(bundle, KEY_SERVER, &directory.join("agreements"))
}

/// Copies a node's log, the checkpoints and keys of other logs that it keeps, and its receipts.
///
/// # Errors
/// [`FetchError`] says what cannot be read or written.
pub fn node(bundle: &Bundle, directory: &Path) -> Result<(), FetchError> {
    let from = directory.join("log");
    let key = TileDir::new(&from).key()?;
    let key = key.ok_or_else(|| FetchError::NoLog(from.clone()))?;
    let party = party_of(&key).ok_or_else(|| FetchError::NotANode(from.clone()))?;
    let keeper = format!("node-{party}");
    log(bundle, &keeper, &from)?;
    agreements(bundle, &keeper, &directory.join("agreements"))?;
    for role in [Role::Matcher, Role::Resolver].map(Role::as_str) {
        let kept = directory.join("heads").join(role);
        for (name, place) in [("checkpoint", "seen"), ("key", "pinned")] {
            let from = kept.join(name);
            if from.symlink_metadata().is_ok() {
                let to = bundle.path().join(place).join(party.as_str()).join(role);
                copy(&from, &to, MAX_NOTE_BYTES as u64)?;
            }
        }
    }
    receipts(bundle, &party, &directory.join("outbox"))
}

/// Whose node keeps the log with this key, if a node does.
fn party_of(key: &VerifierKey) -> Option<PartyName> {
    let (rest, party) = key.name.as_str().split_once("/node/")?;
    let party: PartyName = party.parse().ok()?;
    let project: ProjectName = rest.strip_prefix("symbolon/")?.parse().ok()?;
    let name = KeyName::of_log(&project, &Actor::Node(party.clone()));
    (key.kind == KeyKind::Log && key.name == name).then_some(party)
}

fn receipts(bundle: &Bundle, party: &PartyName, outbox: &Path) -> Result<(), FetchError> {
    let to = bundle.path().join("receipts").join(party.as_str());
    for run in names(outbox)? {
        for name in names(&outbox.join(&run))? {
            if name.ends_with(".receipt.json") {
                let from = outbox.join(&run).join(&name);
                copy(&from, &to.join(format!("{run}.{name}")), MAX_RECEIPT_BYTES)?;
            }
        }
    }
    Ok(())
}

/// Copies checkpoints that somebody cosigned, as `symbolon-audit witness --out` writes them.
///
/// # Errors
/// [`FetchError`] says what cannot be read or written.
pub fn cosigned(bundle: &Bundle, directory: &Path) -> Result<(), FetchError> {
    let all = bundle.path().join("cosigned");
    let to = all.join(format!("witness-{}", names(&all)?.len() + 1));
    for name in names(directory)? {
        if Bundle::is_log_name(&name) {
            copy(
                &directory.join(&name),
                &to.join(&name),
                MAX_NOTE_BYTES as u64,
            )?;
        }
    }
    Ok(())
}

/// Copies the log in `from` as far as its checkpoint goes. The checkpoint is read first: what is
/// appended meanwhile does not count.
pub(crate) fn log(bundle: &Bundle, name: &str, from: &Path) -> Result<(), FetchError> {
    bundle.check_new(name)?;
    let files = TileDir::new(from);
    let checkpoint = files.checkpoint()?;
    let checkpoint = checkpoint.ok_or_else(|| FetchError::NoLog(from.to_owned()))?;
    let to = bundle.path().join("logs").join(name);
    let size = checkpoint.head().size;
    let rows = hash_rows().chain([Row::Entries]);
    for tile in rows.flat_map(|row| tiles(row, 0, size)) {
        // A partial tile may have given way to the full one, whose start it is.
        let full = Tile {
            width: TILE_WIDTH,
            ..tile
        };
        let there = [tile, full]
            .into_iter()
            .find(|tile| from.join(tile.path()).exists());
        let path = there.unwrap_or(tile).path();
        copy(&from.join(&path), &to.join(&path), MAX_TILE_BYTES)?;
    }
    copy(&files.key_file(), &to.join("key"), MAX_NOTE_BYTES as u64)?;
    write(&to.join("checkpoint"), checkpoint.to_string().as_bytes())?;
    Ok(())
}

fn copy(from: &Path, to: &Path, limit: u64) -> Result<(), BundleError> {
    write(to, &read_regular(from, limit)?)
}

pub(crate) fn write(to: &Path, bytes: &[u8]) -> Result<(), BundleError> {
    if let Some(parent) = to.parent() {
        service::files::create_dir_private(parent).map_err(io_error("make", parent))?;
    }
    service::files::write_atomic(to, bytes).map_err(io_error("write", to))
}
