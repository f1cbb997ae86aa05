//! What every store has to do, as one list of cases run against each of them.

use model::{BatchManifest, Digest, RunNumber};
use wire::Role;

use super::{BatchStore, RunStore, StoreError};
use crate::tests::fixture;

/// A place where a store is made and opened again, as after a restart.
pub(crate) trait Place {
    type Store: BatchStore + RunStore;

    fn open(&self) -> Self::Store;
}

/// Runs every case, each in a place of its own.
pub(crate) fn run<P: Place>(new: impl Fn() -> P) {
    chunks_stay_over_restarts(&new());
    the_same_manifest_goes_on(&new());
    another_manifest_replaces_a_partial_upload(&new());
    parties_and_runs_are_kept_apart(&new());
    acceptance_stays_and_guards_the_batch(&new());
    a_discarded_batch_starts_afresh(&new());
    an_empty_batch_is_whole_from_the_start(&new());
    unknown_batches_are_errors(&new());
    run_states_stay(&new());
}

fn manifest(party: &str, payload: &[u8]) -> BatchManifest {
    BatchManifest {
        chunk_bytes: 4,
        ..fixture::manifest(Role::Matcher, party, payload)
    }
}

fn all(store: &impl BatchStore, digest: &Digest) -> Vec<u8> {
    let mut bytes = Vec::new();
    store.read(digest).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

fn next(store: &impl BatchStore, digest: &Digest) -> u64 {
    store.find(digest).unwrap().unwrap().next_chunk
}

fn chunks_stay_over_restarts(place: &impl Place) {
    let manifest = manifest("a", b"first chunks");
    let digest = manifest.digest();
    assert_eq!(place.open().open(&manifest).unwrap().next_chunk, 0);
    for (index, chunk) in [b"firs", b"t ch", b"unks"].into_iter().enumerate() {
        let store = place.open();
        assert_eq!(next(&store, &digest), index as u64);
        store.append(&digest, chunk).unwrap();
        assert_eq!(all(&store, &digest).len(), 4 * (index + 1));
    }
    assert_eq!(all(&place.open(), &digest), b"first chunks");
}

fn the_same_manifest_goes_on(place: &impl Place) {
    let manifest = manifest("a", b"first chunks");
    let store = place.open();
    store.open(&manifest).unwrap();
    store.append(&manifest.digest(), b"firs").unwrap();
    assert_eq!(store.open(&manifest).unwrap().next_chunk, 1);
    assert_eq!(store.list(RunNumber(1)).unwrap().len(), 1);
}

fn another_manifest_replaces_a_partial_upload(place: &impl Place) {
    let (old, new) = (manifest("a", b"first chunks"), manifest("a", b"other"));
    let store = place.open();
    store.open(&old).unwrap();
    store.append(&old.digest(), b"firs").unwrap();
    assert_eq!(store.open(&new).unwrap().next_chunk, 0);
    assert!(store.find(&old.digest()).unwrap().is_none());
    assert_eq!(store.list(RunNumber(1)).unwrap()[0].manifest, new);
}

fn parties_and_runs_are_kept_apart(place: &impl Place) {
    let (b, a) = (manifest("b", b"payload"), manifest("a", b"payload"));
    let later = BatchManifest {
        run: RunNumber(2),
        ..a.clone()
    };
    let store = place.open();
    for manifest in [&b, &later, &a] {
        store.open(manifest).unwrap();
    }
    store.append(&a.digest(), b"payl").unwrap();
    let listed: Vec<BatchManifest> = store
        .list(RunNumber(1))
        .unwrap()
        .into_iter()
        .map(|batch| batch.manifest)
        .collect();
    assert_eq!(listed, [b.clone(), a]);
    assert_eq!(
        (next(&store, &b.digest()), next(&store, &later.digest())),
        (0, 0)
    );
}

fn acceptance_stays_and_guards_the_batch(place: &impl Place) {
    let manifest = manifest("a", b"payl");
    let (digest, receipt) = (manifest.digest(), fixture::receipt(&manifest));
    let store = place.open();
    store.open(&manifest).unwrap();
    store.append(&digest, b"payl").unwrap();
    store.accept(&receipt).unwrap();
    store.accept(&receipt).unwrap();
    assert!(store.discard(&digest).is_err());
    assert!(store.open(&self::manifest("a", b"other")).is_err());
    drop(store);
    let store = place.open();
    let stored = store.find(&digest).unwrap().unwrap();
    assert_eq!(stored.receipt, Some(receipt));
    assert_eq!(all(&store, &digest), b"payl");
}

fn a_discarded_batch_starts_afresh(place: &impl Place) {
    let manifest = manifest("a", b"payload");
    let store = place.open();
    store.open(&manifest).unwrap();
    store.append(&manifest.digest(), b"payl").unwrap();
    store.discard(&manifest.digest()).unwrap();
    assert!(store.list(RunNumber(1)).unwrap().is_empty());
    assert_eq!(store.open(&manifest).unwrap().next_chunk, 0);
    assert!(all(&store, &manifest.digest()).is_empty());
}

fn an_empty_batch_is_whole_from_the_start(place: &impl Place) {
    let manifest = manifest("a", b"");
    let store = place.open();
    let opened = store.open(&manifest).unwrap();
    assert_eq!(opened.next_chunk, manifest.chunks());
    assert!(all(&store, &manifest.digest()).is_empty());
    store.accept(&fixture::receipt(&manifest)).unwrap();
}

fn unknown_batches_are_errors(place: &impl Place) {
    let store = place.open();
    let digest = Digest::of(b"nothing");
    assert!(store.find(&digest).unwrap().is_none());
    let appended = store.append(&digest, b"payl");
    assert!(matches!(appended, Err(StoreError::UnknownBatch(_))));
    assert!(matches!(
        store.read(&digest).err(),
        Some(StoreError::UnknownBatch(_))
    ));
}

fn run_states_stay(place: &impl Place) {
    let store = place.open();
    assert_eq!(store.load_run(RunNumber(1)).unwrap(), None);
    for state in ["open", "sealed"] {
        store.save_run(RunNumber(1), state).unwrap();
    }
    drop(store);
    let store = place.open();
    assert_eq!(
        store.load_run(RunNumber(1)).unwrap().as_deref(),
        Some("sealed")
    );
    assert_eq!(store.load_run(RunNumber(2)).unwrap(), None);
}
