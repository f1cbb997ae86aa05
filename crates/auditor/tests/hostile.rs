//! A bundle is what others handed over: whatever is in its files, verifying ends with an error or a
//! verdict, and never finds an altered bundle right.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use audit::{Actor, Checkpoint, Event, KeyKind, NoteSigner, SignedLog, VerifierKey};
use auditor::{Bundle, Severity, fetch, reconcile, verify};
use model::{BatchKind, BatchManifest, Digest, Epoch, KeyCheck, RunNumber};
use proptest::prelude::*;
use secret::{Key32, SigningKey};
use tempfile::TempDir;
use wire::Receipt;

fn signer() -> NoteSigner {
    let signing = SigningKey::from_seed(&Key32::from_bytes(&mut [7; 32]));
    let key = VerifierKey {
        name: "symbolon/p/matcher".parse().unwrap(),
        kind: KeyKind::Log,
        public: signing.public(),
    };
    NoteSigner::new(key, move |message| signing.sign(message))
}

fn manifest() -> BatchManifest {
    BatchManifest {
        project: "p".parse().unwrap(),
        run: RunNumber(1),
        epoch: Epoch(1),
        party: "crvs".parse().unwrap(),
        kind: BatchKind::Encodings,
        schema_digest: Digest::of(b"schema"),
        agreement: Digest::of(b"agreement"),
        key_check: KeyCheck::new([7; 16]),
        records: 1,
        set_aside: 0,
        rows: 1,
        bytes: 10,
        chunk_bytes: 10,
        payload_digest: Digest::of(b"payload"),
    }
}

/// A bundle with one log, and what a node keeps of it.
fn bundle() -> (TempDir, Bundle) {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("coordinator/log");
    let mut log = SignedLog::open(&log, Arc::new(signer())).unwrap();
    let manifest = manifest();
    let event = Event::BatchAccepted {
        run: manifest.run,
        party: manifest.party.clone(),
        kind: manifest.kind,
        manifest_digest: manifest.digest(),
        rows: manifest.rows,
        bytes: manifest.bytes,
    };
    let entry = log.append(event, Actor::Matcher, 5).unwrap();
    let receipt = Receipt {
        manifest_digest: manifest.digest(),
        proof: log.log().receipt(entry.sequence).unwrap(),
        entry,
        checkpoint: log.checkpoint().clone(),
    };
    let seen: Checkpoint = log.checkpoint().clone();
    drop(log);
    let path = directory.path().join("bundle");
    let bundle = Bundle::create(&path).unwrap();
    fs::create_dir_all(path.join("logs")).unwrap();
    copy(
        &directory.path().join("coordinator/log"),
        &path.join("logs/matcher"),
    );
    for (place, text) in [
        ("seen/crvs/matcher", seen.to_string()),
        ("pinned/crvs/matcher", signer().key().to_string()),
        (
            "receipts/crvs/run-1.json",
            serde_json::to_string(&receipt).unwrap(),
        ),
    ] {
        let to = path.join(place);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::write(to, text).unwrap();
    }
    (directory, bundle)
}

/// What a verifier is given of a log: all but its keeper's own file.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to),
            false if entry.file_name() == "entries" => {}
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}

/// Every file of the bundle, in order.
fn files(bundle: &Bundle) -> Vec<PathBuf> {
    let (mut found, mut left) = (Vec::new(), vec![bundle.path().to_owned()]);
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => left.push(path),
                false => found.push(path),
            }
        }
    }
    found.sort();
    found
}

fn check(bundle: &Bundle) -> Option<Severity> {
    let (verdict, logs) = verify::verify(bundle, &[signer().key().clone()]).ok()?;
    reconcile::reconcile(&logs);
    Some(verdict.worst())
}

#[test]
fn the_bundle_itself_is_right_and_a_fetched_copy_too() {
    let (directory, bundle) = bundle();
    assert_eq!(check(&bundle), Some(Severity::Right));
    assert_eq!(files(&bundle).len(), 7);
    let missing = fetch::node(&bundle, directory.path());
    assert!(missing.is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_changed_byte_is_an_error_or_wrong(file: usize, at: usize, bit in 0u32..8) {
        let (_directory, bundle) = bundle();
        let files = files(&bundle);
        let path = &files[file % files.len()];
        let mut bytes = fs::read(path).unwrap();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        fs::write(path, bytes).unwrap();
        // The bundle's own key is not used when the right one is given, and hexadecimal letters read
        // the same in either case.
        prop_assume!(!path.ends_with("logs/matcher/key"));
        prop_assume!(bit != 5 || path.starts_with(bundle.path().join("logs")));
        prop_assert!(check(&bundle) != Some(Severity::Right), "{}", path.display());
    }

    #[test]
    fn arbitrary_files_end_in_an_error_or_a_verdict(file: usize, bytes: Vec<u8>) {
        let (_directory, bundle) = bundle();
        let files = files(&bundle);
        fs::write(&files[file % files.len()], bytes).unwrap();
        check(&bundle);
    }
}
