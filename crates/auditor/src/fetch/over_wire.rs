//! Reading a role's log from the role itself.

use std::collections::BTreeSet;
use std::path::Path;

use audit::entry::MAX_ENTRY_BYTES;
use audit::tiles::{Row, hash_rows, tiles};
use audit::tree::{HashTree, leaf_hash};
use audit::{Entry, Event};
use wire::{NodeClient, Role, Topic};

use super::{FetchError, write};
use crate::bundle::{Bundle, BundleError};
use crate::papers::{COORDINATOR, PAPERS};

/// The most entries of a log that are fetched over the wire.
pub const MAX_ENTRIES: u64 = 2_000_000;

/// The most bytes of a log's entries that are fetched over the wire.
pub const MAX_BYTES: usize = 1 << 30;

/// Reads a role's log over the wire, and what it says that other members were shown of it. What the role
/// signs and proves is checked as it comes; the entries are checked by who verifies the bundle.
///
/// # Errors
/// [`FetchError`] says what cannot be read or written, or that the log is not one history.
pub async fn role(bundle: &Bundle, client: &NodeClient, role: Role) -> Result<(), FetchError> {
    bundle.check_new(role.as_str())?;
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
    if role == Role::Resolver {
        papers(bundle, client, &entries).await?;
    }
    let to = bundle.path().join("logs").join(role.as_str());
    write_tiles(&to, &entries)?;
    write(&to.join("key"), format!("{}\n", shown.key).as_bytes())?;
    write(
        &to.join("checkpoint"),
        shown.checkpoint.to_string().as_bytes(),
    )?;
    for seen in &shown.seen {
        let told = bundle.path().join("told").join(role.as_str());
        write(
            &told.join(seen.party.as_str()),
            seen.checkpoint.to_string().as_bytes(),
        )?;
    }
    Ok(())
}

/// Reads the approvals of the runs that the resolver's log tells of.
async fn papers(
    bundle: &Bundle,
    client: &NodeClient,
    entries: &[Vec<u8>],
) -> Result<(), FetchError> {
    let read = entries
        .iter()
        .filter_map(|entry| Entry::from_bytes(entry).ok());
    let runs = read.filter_map(|entry| match entry.event {
        Event::RunApproved { run, .. } | Event::RunReleased { run, .. } => Some(run),
        _ => None,
    });
    let all = bundle.path().join(PAPERS).join(COORDINATOR);
    for run in runs.collect::<BTreeSet<_>>() {
        let topic = Topic::Approval(run);
        for posting in client.read(topic).await? {
            let to = all.join(topic.to_string()).join(posting.party.as_str());
            write(&to.with_added_extension("toml"), &posting.document)?;
            let signature = posting.signature.to_text();
            write(&to.with_added_extension("sig"), signature.as_bytes())?;
        }
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
