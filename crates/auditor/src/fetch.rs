//! Fetching: copies of logs and of what nodes keep, from data directories, into a bundle.

use std::fs;
use std::path::Path;

use audit::TileDir;
use audit::tiles::{Row, TileError, hash_rows, tiles};

use crate::bundle::{Bundle, BundleError, io_error, names};

/// Why something was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The bundle cannot be written, or the directory not be read.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A log cannot be read.
    #[error(transparent)]
    Log(#[from] TileError),
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
