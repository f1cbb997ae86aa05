//! Fetching: copies of logs and of what nodes keep, from data directories, into a bundle.

use std::fs;
use std::path::Path;

use audit::TileDir;
use audit::event::MAX_ENTRY_BYTES;
use audit::tiles::{Row, TileError, hash_rows, tiles};
use audit::tree::{HashTree, leaf_hash};
use wire::{ClientError, HistoryError, NodeClient, Role};

use crate::bundle::{Bundle, BundleError, io_error, names};

/// The most entries of a log that are fetched over the wire.
pub const MAX_ENTRIES: u64 = 2_000_000;

/// The most bytes of a log's entries that are fetched over the wire.
pub const MAX_BYTES: usize = 1 << 30;

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
    NoLog(std::path::PathBuf),
    /// The node's log does not say whose it is.
    #[error("{} is not the log of a node", .0.display())]
    NotANode(std::path::PathBuf),
}

/// Copies the logs of both roles from a coordinator's state directory.
///
/// # Errors
/// [`FetchError`] says what cannot be read or written.
pub fn coordinator(bundle: &Bundle, directory: &Path) -> Result<(), FetchError> {
    for role in ["matcher", "resolver"] {
        log(bundle, role, &directory.join(role).join("log"))?;
    }
    Ok(())
}

/// Reads a role's log over the wire, and what other members say they were shown of it. What the role
/// signs and proves is checked as it comes; the entries are checked by who verifies the bundle.
///
/// # Errors
/// [`FetchError`] says what cannot be read or written, or that the log is not one history.
pub async fn role(bundle: &Bundle, client: &NodeClient, role: Role) -> Result<(), FetchError> {
    let shown = client.log_head(None).await?;
    let head = shown.check(&shown.key, None)?;
    if head.size > MAX_ENTRIES {
        return Err(FetchError::TooLong(head.size));
    }
    let mut entries = Vec::new();
    let mut bytes = 0;
    let take = |entry: Vec<u8>| {
        bytes += entry.len();
        // What is over the limit is counted and not kept.
        if bytes <= MAX_BYTES {
            entries.push(entry);
        }
    };
    client.log_entries(head.size, take).await?;
    if bytes > MAX_BYTES {
        return Err(FetchError::TooLong(head.size));
    }
    if let Some(long) = entries.iter().find(|entry| entry.len() > MAX_ENTRY_BYTES) {
        return Err(FetchError::LongEntry(long.len()));
    }
    let to = bundle.path().join("logs").join(role.as_str());
    write_tiles(&to, &entries)?;
    write(
        &to.join("key"),
        format!(
            "{}
",
            shown.key
        )
        .as_bytes(),
    )?;
    write(
        &to.join("checkpoint"),
        shown.checkpoint.to_string().as_bytes(),
    )?;
    for seen in &shown.seen {
        let of_party = bundle.path().join("seen").join(seen.party.as_str());
        write(
            &of_party.join(role.as_str()),
            seen.checkpoint.to_string().as_bytes(),
        )?;
    }
    Ok(())
}

/// Writes entries as bundles, and the tree that follows from them as tiles.
fn write_tiles(to: &Path, entries: &[Vec<u8>]) -> Result<(), BundleError> {
    let mut tree = HashTree::default();
    entries.iter().for_each(|entry| tree.push(leaf_hash(entry)));
    for tile in tiles(Row::Entries, 0, tree.size()) {
        let first = tile.start() as usize;
        let entries = entries[first..first + tile.width as usize].iter();
        // An entry that was read from the wire is held to what two bytes can say.
        let framed = entries.flat_map(|entry| {
            let length = (entry.len() as u16).to_be_bytes();
            length.into_iter().chain(entry.iter().copied())
        });
        write(&to.join(tile.path()), &framed.collect::<Vec<u8>>())?;
    }
    for (row, level) in hash_rows().zip(0..) {
        for tile in tiles(row, 0, tree.size()) {
            let places = tile.start()..tile.start() + tile.width;
            let hashes = places.filter_map(|place| tree.subtree(8 * level, place));
            let bytes: Vec<u8> = hashes.flat_map(|hash| *hash.as_bytes()).collect();
            write(&to.join(tile.path()), &bytes)?;
        }
    }
    Ok(())
}

/// Copies a node's log, the checkpoints and keys of other logs that it keeps, and its receipts.
///
/// # Errors
/// [`FetchError`] says what cannot be read or written.
pub fn node(bundle: &Bundle, directory: &Path) -> Result<(), FetchError> {
    let from = directory.join("log");
    let key = TileDir::new(&from).key()?;
    let key = key.ok_or_else(|| FetchError::NoLog(from.clone()))?;
    let Some((_, party)) = key.name.as_str().split_once("/node/") else {
        return Err(FetchError::NotANode(from));
    };
    log(bundle, &format!("node-{party}"), &from)?;
    for role in names(&directory.join("heads"))? {
        let kept = directory.join("heads").join(&role);
        copy(
            &kept.join("checkpoint"),
            &bundle.path().join("seen").join(party).join(&role),
        )?;
        copy(
            &kept.join("key"),
            &bundle.path().join("pinned").join(party).join(&role),
        )?;
    }
    receipts(bundle, party, &directory.join("outbox"))
}

fn receipts(bundle: &Bundle, party: &str, outbox: &Path) -> Result<(), FetchError> {
    for run in names(outbox)? {
        for name in names(&outbox.join(&run))? {
            if name.ends_with(".receipt.json") {
                let to = bundle.path().join("receipts").join(party);
                copy(
                    &outbox.join(&run).join(&name),
                    &to.join(format!("{run}.{name}")),
                )?;
            }
        }
    }
    Ok(())
}

/// Copies the log in `from` as far as its checkpoint goes. The checkpoint is read first: what is
/// appended meanwhile does not count.
pub(crate) fn log(bundle: &Bundle, name: &str, from: &Path) -> Result<(), FetchError> {
    let files = TileDir::new(from);
    let checkpoint = files.checkpoint()?;
    let checkpoint = checkpoint.ok_or_else(|| FetchError::NoLog(from.to_owned()))?;
    let to = bundle.path().join("logs").join(name);
    let size = checkpoint.head().size;
    let rows = hash_rows().chain([Row::Entries]);
    for tile in rows.flat_map(|row| tiles(row, 0, size)) {
        // A partial tile may have given way to the full one, whose start it is.
        let full = audit::tiles::Tile {
            width: audit::tiles::TILE_WIDTH,
            ..tile
        };
        let there = [tile, full]
            .into_iter()
            .find(|tile| from.join(tile.path()).exists());
        let path = there.unwrap_or(tile).path();
        copy(&from.join(&path), &to.join(&path))?;
    }
    copy(&files.key_file(), &to.join("key"))?;
    write(&to.join("checkpoint"), checkpoint.to_string().as_bytes())?;
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<(), BundleError> {
    let bytes = fs::read(from).map_err(io_error("read", from))?;
    write(to, &bytes)
}

pub(crate) fn write(to: &Path, bytes: &[u8]) -> Result<(), BundleError> {
    if let Some(parent) = to.parent() {
        service::files::create_dir_private(parent).map_err(io_error("make", parent))?;
    }
    service::files::write_atomic(to, bytes).map_err(io_error("write", to))
}
