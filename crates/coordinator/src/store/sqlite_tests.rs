//! The store with SQLite and files: the common suite, and what only crashes can show.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::directory::StateDir;
use crate::store::suite::{self, Place};
use crate::tests::fixture;
use wire::Role;

struct InTemp(TempDir);

impl InTemp {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("matcher")).unwrap();
        Self(dir)
    }

    fn role(&self) -> RoleDir {
        StateDir::new(self.0.path()).role(Role::Matcher)
    }

    fn file(&self, manifest: &BatchManifest, extension: &str) -> PathBuf {
        let name = format!("{}.{extension}", manifest.digest());
        self.role().batches().join(name)
    }
}

impl Place for InTemp {
    type Store = SqliteStore;

    fn open(&self) -> SqliteStore {
        SqliteStore::open(&self.role()).unwrap()
    }
}

/// A batch of three chunks, of which two have come.
fn two_of_three(place: &InTemp) -> BatchManifest {
    let manifest = BatchManifest {
        chunk_bytes: 4,
        ..fixture::manifest(Role::Matcher, "a", b"first chunks")
    };
    let store = place.open();
    store.open(&manifest).unwrap();
    for chunk in [b"firs", b"t ch"] {
        store.append(&manifest.digest(), chunk).unwrap();
    }
    manifest
}

fn next_chunk(store: &SqliteStore, manifest: &BatchManifest) -> u64 {
    store.find(&manifest.digest()).unwrap().unwrap().next_chunk
}

#[test]
fn passes_the_suite() {
    suite::run(InTemp::new);
}

/// A crash while a chunk is written, or after it and before it is counted.
#[test]
fn bytes_that_are_not_counted_are_cut() {
    for torn in [&b"un"[..], b"unks", b"unks and more"] {
        let place = InTemp::new();
        let manifest = two_of_three(&place);
        let part = place.file(&manifest, "part");
        let file = OpenOptions::new().write(true).open(&part).unwrap();
        file.write_all_at(torn, 8).unwrap();
        let store = place.open();
        assert_eq!(next_chunk(&store, &manifest), 2);
        assert_eq!(std::fs::metadata(&part).unwrap().len(), 8);
        store.append(&manifest.digest(), b"unks").unwrap();
        assert_eq!(std::fs::read(&part).unwrap(), b"first chunks");
    }
}

/// A medium that lost what it said was durable.
#[test]
fn chunks_that_are_not_whole_are_not_counted() {
    for (length, whole) in [(7, 1), (4, 1), (3, 0), (0, 0)] {
        let place = InTemp::new();
        let manifest = two_of_three(&place);
        let part = place.file(&manifest, "part");
        let file = OpenOptions::new().write(true).open(&part).unwrap();
        file.set_len(length).unwrap();
        assert_eq!(next_chunk(&place.open(), &manifest), whole);
        assert_eq!(std::fs::metadata(&part).unwrap().len(), 4 * whole);
    }
}

#[test]
fn a_crash_between_rename_and_receipt_is_taken_up() {
    let place = InTemp::new();
    let manifest = two_of_three(&place);
    place.open().append(&manifest.digest(), b"unks").unwrap();
    std::fs::rename(
        place.file(&manifest, "part"),
        place.file(&manifest, "batch"),
    )
    .unwrap();
    let store = place.open();
    assert_eq!(next_chunk(&store, &manifest), 3);
    store.accept(&fixture::receipt(&manifest)).unwrap();
    let mut bytes = Vec::new();
    let mut stored = place.open().read(&manifest.digest()).unwrap();
    stored.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, b"first chunks");
}

#[test]
fn files_of_forgotten_batches_are_swept() {
    let place = InTemp::new();
    let manifest = two_of_three(&place);
    let stray = place.role().batches().join("0a.part");
    std::fs::write(&stray, b"stray").unwrap();
    drop(place.open());
    assert!(!stray.exists());
    assert!(place.file(&manifest, "part").exists());
}

#[test]
fn a_store_is_read_while_it_is_written() {
    let place = InTemp::new();
    let manifest = two_of_three(&place);
    let store = place.open();
    let reader = SqliteStore::open_read_only(&place.role()).unwrap();
    store.append(&manifest.digest(), b"unks").unwrap();
    assert_eq!(next_chunk(&reader, &manifest), 3);
    assert!(reader.save_run(RunNumber(1), "open").is_err());
}

#[test]
fn a_store_of_another_version_is_refused() {
    let place = InTemp::new();
    drop(place.open());
    let database = Connection::open(place.role().database()).unwrap();
    database.pragma_update(None, "user_version", 9).unwrap();
    drop(database);
    assert!(matches!(
        SqliteStore::open(&place.role()),
        Err(StoreError::Version { found: 9, .. })
    ));
}
