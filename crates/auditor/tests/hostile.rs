//! A bundle is what others handed over: whatever is in its files, verifying ends with an error or a
//! verdict, and never finds an altered bundle right.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use audit::{Actor, Checkpoint, Event, KeyKind, NoteSigner, SignedLog, VerifierKey};
use auditor::fetch::FetchError;
use auditor::{Bundle, BundleError, Severity, Verdict, fetch, reconcile, verify};
use model::{BatchKind, BatchManifest, Digest, Epoch, KeyCheck, RunNumber};
use proptest::prelude::*;
use secret::{Key32, SigningKey};
use tempfile::TempDir;
use wire::Receipt;

/// The keeper of a log: its name in the bundle, in its key, and as the one who acts.
struct Keeper {
    log: &'static str,
    name: &'static str,
    actor: &'static str,
    seed: u8,
}

const MATCHER: Keeper = Keeper {
    log: "matcher",
    name: "symbolon/p/matcher",
    actor: "matcher",
    seed: 7,
};
const RESOLVER: Keeper = Keeper {
    log: "resolver",
    name: "symbolon/p/resolver",
    actor: "resolver",
    seed: 8,
};
const NODE: Keeper = Keeper {
    log: "node-crvs",
    name: "symbolon/p/node/crvs",
    actor: "node:crvs",
    seed: 9,
};

impl Keeper {
    fn signer(&self, kind: KeyKind) -> NoteSigner {
        let signing = SigningKey::from_seed(&Key32::from_bytes(&mut [self.seed; 32]));
        let key = VerifierKey {
            name: self.name.parse().unwrap(),
            kind,
            public: signing.public(),
        };
        NoteSigner::new(key, move |message| signing.sign(message))
    }

    fn key(&self) -> VerifierKey {
        self.signer(KeyKind::Log).key().clone()
    }

    /// Makes its log under `root` and puts a copy into the bundle.
    fn log(&self, root: &Path, events: Vec<Event>) -> SignedLog {
        let path = root.join(self.log).join("log");
        let mut log = SignedLog::open(&path, Arc::new(self.signer(KeyKind::Log))).unwrap();
        let actor: Actor = self.actor.parse().unwrap();
        let events = events.into_iter().map(|event| (event, actor.clone()));
        log.append_all(events, 5).unwrap();
        copy(&path, &root.join("bundle/logs").join(self.log));
        log
    }
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

/// A bundle of a project with one party that uploaded one batch, and what its node keeps.
fn bundle() -> (TempDir, Bundle) {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let bundle = Bundle::create(&root.join("bundle")).unwrap();
    let manifest = manifest();
    let (run, kind, manifest_digest) = (manifest.run, manifest.kind, manifest.digest());
    let (rows, bytes, records) = (manifest.rows, manifest.bytes, manifest.records);
    let opened = Event::ProjectOpened {
        project: manifest.project.clone(),
        schema_digest: manifest.schema_digest,
        parties: vec![manifest.party.clone()],
    };
    let agreement = manifest.agreement;
    let adopted = Event::AgreementAdopted {
        agreement,
        number: 1,
    };
    let party = manifest.party.clone();
    let accepted = Event::BatchAccepted {
        run,
        party,
        kind,
        manifest_digest,
        rows,
        bytes,
    };
    let matcher = MATCHER.log(root, vec![opened.clone(), adopted.clone(), accepted]);
    RESOLVER.log(root, vec![opened]);
    let receipt = Receipt {
        manifest_digest,
        entry: matcher.log().entry(2).unwrap().unwrap(),
        proof: matcher.log().receipt(2).unwrap(),
        checkpoint: matcher.checkpoint().clone(),
    };
    let receipt_head = receipt.proof.head;
    let prepared = Event::BatchPrepared {
        run,
        kind,
        manifest_digest,
        records,
        rows,
        bytes,
    };
    let uploaded = Event::BatchUploaded {
        run,
        kind,
        manifest_digest,
        receipt_head,
    };
    NODE.log(root, vec![adopted, prepared, uploaded]);
    let mut seen: Checkpoint = matcher.checkpoint().clone();
    seen.cosign(&NODE.signer(KeyKind::Witness), 5).unwrap();
    for (place, text) in [
        ("seen/crvs/matcher", seen.to_string()),
        ("pinned/crvs/matcher", MATCHER.key().to_string()),
        (
            "receipts/crvs/run-1.json",
            serde_json::to_string(&receipt).unwrap(),
        ),
    ] {
        let to = bundle.path().join(place);
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

/// The worst of all findings, or nothing where the bundle cannot be read.
fn check(bundle: &Bundle) -> Option<Severity> {
    let keys = [MATCHER, RESOLVER, NODE].map(|keeper| keeper.key());
    let (verdict, logs) = verify::verify(bundle, &keys).ok()?;
    let more = reconcile::reconcile(&logs);
    Some(Verdict::of([verdict.findings(), &more].concat()).worst())
}

#[test]
fn the_bundle_itself_is_right() {
    let (_directory, bundle) = bundle();
    assert_eq!(check(&bundle), Some(Severity::Right));
    assert_eq!(files(&bundle).len(), 3 * 4 + 3);
}

/// Nothing passes by being absent. Keys of the bundle are not needed where they are given.
#[test]
fn no_file_may_be_missing() {
    for file in 0..3 * 4 + 3 {
        let (_directory, bundle) = bundle();
        let path = files(&bundle).remove(file);
        fs::remove_file(&path).unwrap();
        let is_key = path.ends_with("key") || path.ends_with("pinned/crvs/matcher");
        let is_right = check(&bundle) == Some(Severity::Right);
        // The head of this upload is proved by its receipt too.
        let is_proved = is_key || path.ends_with("seen/crvs/matcher");
        assert_eq!(is_right, is_proved, "{}", path.display());
    }
    let (_directory, bundle) = bundle();
    for log in ["matcher", "resolver", "node-crvs"] {
        fs::remove_dir_all(bundle.path().join("logs").join(log)).unwrap();
    }
    assert_ne!(check(&bundle), Some(Severity::Right));
}

/// A log under another's name, or of another project, is no evidence about anybody.
#[test]
fn a_log_under_a_wrong_name_is_wrong() {
    let (_directory, bundle) = bundle();
    let logs = bundle.path().join("logs");
    fs::rename(logs.join("resolver"), logs.join("other")).unwrap();
    assert_eq!(check(&bundle), None);
    fs::remove_dir_all(logs.join("other")).unwrap();
    copy(&logs.join("matcher"), &logs.join("resolver"));
    assert_eq!(check(&bundle), Some(Severity::Wrong));
}

/// A copy of a node's directory that would write elsewhere, or read what it should not.
#[test]
fn a_hostile_directory_writes_and_reads_nothing_elsewhere() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let elsewhere = root.join("elsewhere");
    let outside = Keeper {
        name: Box::leak(format!("symbolon/p/node/{}", elsewhere.display()).into_boxed_str()),
        ..NODE
    };
    let bundle = Bundle::create(&root.join("bundle")).unwrap();
    drop(outside.log(root, Vec::new()));
    fs::remove_dir_all(bundle.path().join("logs/node-crvs")).unwrap();
    let node = root.join("node-crvs");
    fs::create_dir_all(node.join("heads/matcher")).unwrap();
    fs::write(node.join("heads/matcher/checkpoint"), "anything").unwrap();
    assert!(matches!(
        fetch::node(&bundle, &node),
        Err(FetchError::NotANode(_))
    ));
    assert!(!elsewhere.exists());
    // A link to a secret, in the place of a receipt.
    fs::remove_dir_all(node.join("log")).unwrap();
    drop(NODE.log(root, Vec::new()));
    fs::remove_dir_all(bundle.path().join("logs/node-crvs")).unwrap();
    fs::write(root.join("secret"), "secret").unwrap();
    fs::create_dir_all(node.join("outbox/run-1")).unwrap();
    let link = node.join("outbox/run-1/encodings.receipt.json");
    std::os::unix::fs::symlink(root.join("secret"), link).unwrap();
    assert!(matches!(
        fetch::node(&bundle, &node),
        Err(FetchError::Bundle(_))
    ));
    assert!(!bundle.path().join("receipts").exists());
}

#[test]
fn a_log_is_fetched_once() {
    let (directory, bundle) = bundle();
    let again = fetch::node(&bundle, &directory.path().join("node-crvs"));
    assert!(matches!(
        again,
        Err(FetchError::Bundle(BundleError::Fetched(_)))
    ));
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
        prop_assume!(!path.ends_with("key"));
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
