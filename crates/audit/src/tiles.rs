//! A log as files anyone can read (c2sp.org/tlog-tiles): checkpoint, tiles of hashes and bundles of
//! entries, 256 of each in a file.
//!
//! ```text
//! checkpoint                 the signed head
//! key                        the log's public key, which the specification leaves to others
//! tile/0/x001/x234/067       leaf hashes 256 · 1234067 and on
//! tile/0/x001/x234/068.p/5   the first 5 of the next, as long as there are no more
//! tile/1/…                   roots over 256 leaves each; tile/2 over 65,536; and so on
//! tile/entries/…             the entries, each behind its length in two bytes, big-endian
//! ```

use std::path::{Path, PathBuf};

use model::Digest;

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::entry::MAX_ENTRY_BYTES;
use crate::files::{io_error, make_directory, read_whole, write_whole};
use crate::note::{MAX_NOTE_BYTES, NoteError, VerifierKey};
use crate::store::StoreError;
use crate::tree::HashTree;

/// How many hashes a full tile, and how many entries a full bundle, has.
pub const TILE_WIDTH: u64 = 256;

/// By how many levels of the tree a level of tiles is above the one below.
const TILE_HEIGHT: u32 = 8;

/// Levels of tiles in the largest tree.
const TILE_LEVELS: u32 = 8;

const HASH_BYTES: usize = 32;

const MAX_BUNDLE_BYTES: usize = TILE_WIDTH as usize * (2 + MAX_ENTRY_BYTES);

/// Why a log's files cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TileError {
    /// The operating system said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file of the log is not there.
    #[error("{} is missing: fetch the log again", .0.display())]
    Missing(PathBuf),
    /// A file that has another form or length than its name says.
    #[error("{} is not what its name says: fetch the log again", .0.display())]
    Malformed(PathBuf),
    /// Not a checkpoint.
    #[error("{}: {source}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: CheckpointError,
    },
    /// Not a key.
    #[error("{}: {source}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: NoteError,
    },
}

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Row {
    /// Hashes over `256^level` leaves each.
    Hashes(u32),
    /// Entries.
    Entries,
}

/// One file of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tile {
    /// What it holds.
    pub row: Row,
    /// Its place in the row.
    pub index: u64,
    /// How many hashes or entries it has, 1 to [`TILE_WIDTH`].
    pub width: u64,
}

impl Tile {
    /// Where it is, below the log's directory.
    pub fn path(&self) -> String {
        let row = match self.row {
            Row::Hashes(level) => level.to_string(),
            Row::Entries => "entries".to_owned(),
        };
        let mut place = format!("{:03}", self.index % 1000);
        let mut rest = self.index / 1000;
        while rest > 0 {
            place = format!("x{:03}/{place}", rest % 1000);
            rest /= 1000;
        }
        match self.width {
            TILE_WIDTH => format!("tile/{row}/{place}"),
            width => format!("tile/{row}/{place}.p/{width}"),
        }
    }

    /// The number of the first hash or entry in it.
    pub fn start(&self) -> u64 {
        self.index * TILE_WIDTH
    }

    fn full(self) -> Self {
        let width = TILE_WIDTH;
        Self { width, ..self }
    }
}

/// The tiles in `row` of a log of `size` entries that one of `old_size` did not have as they are.
pub fn tiles(row: Row, old_size: u64, size: u64) -> impl Iterator<Item = Tile> {
    let level = match row {
        Row::Hashes(level) => level,
        Row::Entries => 0,
    };
    let [old, new] = [old_size, size].map(|size| size >> (TILE_HEIGHT * level));
    let first = match old < new {
        true => old / TILE_WIDTH,
        false => new.div_ceil(TILE_WIDTH),
    };
    (first..new.div_ceil(TILE_WIDTH)).map(move |index| Tile {
        row,
        index,
        width: TILE_WIDTH.min(new - index * TILE_WIDTH),
    })
}

/// All rows of hashes there may be.
pub fn hash_rows() -> impl Iterator<Item = Row> {
    (0..TILE_LEVELS).map(Row::Hashes)
}

/// A log's directory of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TileDir(PathBuf);

impl TileDir {
    /// The log at `path`.
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The file of the checkpoint.
    pub fn checkpoint_file(&self) -> PathBuf {
        self.0.join("checkpoint")
    }

    /// The file of the log's public key.
    pub fn key_file(&self) -> PathBuf {
        self.0.join("key")
    }

    /// The checkpoint, if there is one. Its signatures are not checked.
    ///
    /// # Errors
    /// A file that cannot be read or is no checkpoint.
    pub fn checkpoint(&self) -> Result<Option<Checkpoint>, TileError> {
        let path = self.checkpoint_file();
        let text = read_text(&path, MAX_NOTE_BYTES)?;
        let read = text.map(|text| text.parse()).transpose();
        read.map_err(|source| TileError::Checkpoint { path, source })
    }

    /// The log's public key as the directory has it, if it has one. Whether it is the log's is for
    /// the reader to find out.
    ///
    /// # Errors
    /// A file that cannot be read or is no key.
    pub fn key(&self) -> Result<Option<VerifierKey>, TileError> {
        let path = self.key_file();
        let text = read_text(&path, MAX_NOTE_BYTES)?;
        let read = text.map(|text| text.trim_end().parse()).transpose();
        read.map_err(|source| TileError::Key { path, source })
    }

    /// The hashes of a tile.
    ///
    /// # Errors
    /// A tile that is not there or has another length.
    pub fn hashes(&self, tile: &Tile) -> Result<Vec<Digest>, TileError> {
        let bytes = self.read(tile, TILE_WIDTH as usize * HASH_BYTES)?;
        let (hashes, rest) = bytes.as_chunks::<HASH_BYTES>();
        match rest.is_empty() && hashes.len() as u64 >= tile.width {
            true => Ok(hashes[..tile.width as usize]
                .iter()
                .map(|hash| Digest::new(*hash))
                .collect()),
            false => Err(TileError::Malformed(self.0.join(tile.path()))),
        }
    }

    /// The entries of a bundle, in their byte form.
    ///
    /// # Errors
    /// A bundle that is not there or is not that many entries.
    pub fn entries(&self, tile: &Tile) -> Result<Vec<Vec<u8>>, TileError> {
        let bytes = self.read(tile, MAX_BUNDLE_BYTES)?;
        let entries = bundle_entries(&bytes, tile.width);
        entries.ok_or_else(|| TileError::Malformed(self.0.join(tile.path())))
    }

    /// A partial tile may have given way to the full one.
    fn read(&self, tile: &Tile, limit: usize) -> Result<Vec<u8>, TileError> {
        let path = self.0.join(tile.path());
        if let Some(bytes) = read_whole(&path, limit)? {
            return Ok(bytes);
        }
        let full = read_whole(&self.0.join(tile.full().path()), limit)?;
        full.ok_or(TileError::Missing(path))
    }

    /// Writes all tiles that a log of `old_size` entries did not have. `entry` gives entries' bytes.
    pub(crate) fn write_tiles<E: From<StoreError>>(
        &self,
        tree: &HashTree,
        old_size: u64,
        mut entry: impl FnMut(u64) -> Result<Vec<u8>, E>,
    ) -> Result<(), E> {
        for tile in tiles(Row::Entries, old_size, tree.size()) {
            let mut bundle = Vec::new();
            for index in tile.start()..tile.start() + tile.width {
                let bytes = entry(index)?;
                // An entry's limit is what two bytes can say.
                bundle.extend_from_slice(&(bytes.len() as u16).to_be_bytes());
                bundle.extend_from_slice(&bytes);
            }
            self.write(&tile, &bundle)?;
        }
        for level in 0..TILE_LEVELS {
            for tile in tiles(Row::Hashes(level), old_size, tree.size()) {
                let hashes = tile.start()..tile.start() + tile.width;
                let hashes = hashes.filter_map(|at| tree.subtree(level * TILE_HEIGHT, at));
                let bytes: Vec<u8> = hashes.flat_map(|hash| *hash.as_bytes()).collect();
                self.write(&tile, &bytes)?;
            }
        }
        Ok(())
    }

    fn write(&self, tile: &Tile, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.0.join(tile.path());
        if let Some(parent) = path.parent() {
            make_directory(parent)?;
        }
        write_whole(&path, bytes)?;
        let partial = path.with_added_extension("p");
        match tile.width == TILE_WIDTH && partial.exists() {
            true => std::fs::remove_dir_all(&partial)
                .map_err(|source| io_error("remove", &partial, source)),
            false => Ok(()),
        }
    }

    /// Whether there is a file for every tile of a log of `size` entries.
    pub(crate) fn has_all(&self, size: u64) -> bool {
        let mut tiles = hash_rows()
            .chain([Row::Entries])
            .flat_map(|row| tiles(row, 0, size));
        tiles.all(|tile| self.0.join(tile.path()).exists())
    }

    /// Writes the checkpoint, which makes tiles written before count.
    pub(crate) fn write_checkpoint(&self, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        write_whole(&self.checkpoint_file(), checkpoint.to_string().as_bytes())
    }

    /// Writes the log's public key.
    pub(crate) fn write_key(&self, key: &VerifierKey) -> Result<(), StoreError> {
        write_whole(&self.key_file(), format!("{key}\n").as_bytes())
    }
}

fn read_text(path: &Path, limit: usize) -> Result<Option<String>, TileError> {
    let bytes = read_whole(path, limit)?;
    let text = bytes.map(String::from_utf8).transpose();
    text.map_err(|_| TileError::Malformed(path.to_owned()))
}

/// The first `width` entries of a bundle that has at least as many, and nothing but entries.
fn bundle_entries(mut bytes: &[u8], width: u64) -> Option<Vec<Vec<u8>>> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk()?;
        let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        entries.push(entry.to_vec());
        bytes = rest;
    }
    if !(width..=TILE_WIDTH).contains(&(entries.len() as u64)) {
        return None;
    }
    entries.truncate(width as usize);
    Some(entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::leaf_hash;
    use proptest::prelude::*;

    fn entry(index: u64) -> Vec<u8> {
        vec![index as u8; index as usize % 300]
    }

    fn tree(size: u64) -> HashTree {
        let mut tree = HashTree::default();
        (0..size).for_each(|index| tree.push(leaf_hash(&entry(index))));
        tree
    }

    fn write(directory: &TileDir, old_size: u64, size: u64) {
        let entry = |index| Ok::<_, StoreError>(entry(index));
        directory.write_tiles(&tree(size), old_size, entry).unwrap();
    }

    #[test]
    fn paths_are_those_of_the_specification() {
        let of = |row, index, width| Tile { row, index, width }.path();
        assert_eq!(of(Row::Hashes(0), 1_234_067, 256), "tile/0/x001/x234/067");
        assert_eq!(of(Row::Hashes(3), 0, 17), "tile/3/000.p/17");
        assert_eq!(of(Row::Entries, 1000, 255), "tile/entries/x001/000.p/255");
    }

    /// The example of the specification: 70,000 entries.
    #[test]
    fn a_tree_has_the_tiles_of_the_specification() {
        let of = |level| tiles(Row::Hashes(level), 0, 70_000).collect::<Vec<_>>();
        let widths = |level| of(level).last().map(|tile| tile.width);
        assert_eq!((of(0).len(), widths(0)), (274, Some(112)));
        assert_eq!((of(1).len(), widths(1)), (2, Some(17)));
        assert_eq!((of(2).len(), widths(2)), (1, Some(1)));
        assert!(of(3).is_empty());
        let one_full: Vec<_> = tiles(Row::Hashes(1), 0, 256).collect();
        assert_eq!(
            one_full.iter().map(Tile::path).collect::<Vec<_>>(),
            ["tile/1/000.p/1"]
        );
    }

    #[test]
    fn a_directory_reads_back_as_written_however_it_grew() {
        let directory = tempfile::tempdir().unwrap();
        let log = TileDir::new(directory.path());
        let mut old = 0;
        for size in [1, 3, 255, 256, 300, 700] {
            write(&log, old, size);
            old = size;
            let read = tiles(Row::Entries, 0, size).flat_map(|tile| log.entries(&tile).unwrap());
            assert_eq!(
                read.collect::<Vec<_>>(),
                (0..size).map(entry).collect::<Vec<_>>()
            );
            for level in 0..2 {
                let hashes = tiles(Row::Hashes(level), 0, size);
                let hashes: Vec<_> = hashes.flat_map(|tile| log.hashes(&tile).unwrap()).collect();
                let tree = tree(size);
                let from_tree = (0..).map_while(|at| tree.subtree(level * 8, at).copied());
                assert_eq!(hashes, from_tree.collect::<Vec<_>>());
            }
        }
        // What stood in partial tiles stands in the full one.
        let partial = Tile {
            row: Row::Entries,
            index: 0,
            width: 3,
        };
        assert!(!directory.path().join(partial.path()).exists());
        assert_eq!(log.entries(&partial).unwrap().len(), 3);
    }

    #[test]
    fn files_of_other_lengths_and_missing_ones_are_named() {
        let directory = tempfile::tempdir().unwrap();
        let log = TileDir::new(directory.path());
        write(&log, 0, 5);
        for row in [Row::Entries, Row::Hashes(0)] {
            let tile = Tile {
                row,
                index: 0,
                width: 5,
            };
            let path = directory.path().join(tile.path());
            let whole = std::fs::read(&path).unwrap();
            let read = || match row {
                Row::Entries => log.entries(&tile).map(drop),
                Row::Hashes(_) => log.hashes(&tile).map(drop),
            };
            for bytes in [&whole[..whole.len() - 1], &[&whole[..], &[0]].concat()] {
                std::fs::write(&path, bytes).unwrap();
                assert!(matches!(read(), Err(TileError::Malformed(named)) if named == path));
            }
            std::fs::remove_file(&path).unwrap();
            assert!(matches!(read(), Err(TileError::Missing(named)) if named == path));
        }
    }

    proptest! {
        #[test]
        fn growing_writes_each_tile_once(sizes in prop::collection::btree_set(0u64..200_000, 1..6), level in 0u32..3) {
            let last = *sizes.last().unwrap();
            let mut old = 0;
            let mut grown = Vec::new();
            for size in sizes {
                grown.extend(tiles(Row::Hashes(level), old, size));
                old = size;
            }
            for tile in tiles(Row::Hashes(level), 0, last) {
                prop_assert_eq!(grown.iter().filter(|other| **other == tile).count(), 1);
            }
        }

        #[test]
        fn arbitrary_bundles_are_read_or_refused(bytes: Vec<u8>, width in 1u64..=256) {
            if let Some(entries) = bundle_entries(&bytes, width) {
                prop_assert_eq!(entries.len() as u64, width);
            }
        }
    }
}
