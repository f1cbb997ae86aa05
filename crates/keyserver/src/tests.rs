//! What the key server counts, logs, refuses and forgets.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use audit::Event;
use model::agreement::{Draft, DraftMember, EpochEvaluationKey, KeyServerRules};
use model::evaluation::batch_digest;
use model::signature::PublicKey;
use model::{
    Clock, Digest, Element, Epoch, EvaluationKey, LinkageSchema, PartyName, RefusalCode, Signature,
};
use oprf::{Blinding, ServerKey};
use secret::{Key32, SeededEntropy, SigningKey};
use tempfile::TempDir;
use wire::{Evaluations as _, Fault, Gate as _, Logs as _};

use crate::gate::LoggedGate;
use crate::{Admitted, KeyServer, KeyServerError, Setup, init};

const SCHEMA: &str = r#"
format = 1
name = "s"
revision = 1
profile = "standard"
latest_year = 2025
field = [{ name = "number", kind = "identifier" }]
pass = [{ name = "number", block = ["number"] }]
[[party]]
name = "a"
title = "Births"
duplicates = false
record_id = "id"
map = { number = { columns = ["n"] } }
[[party]]
name = "b"
title = "Households"
duplicates = false
record_id = "id"
map = { number = { columns = ["n"] } }
"#;
const EPOCH: Epoch = Epoch(1);
const QUOTA: u64 = 5;

/// A clock that is set by hand.
#[derive(Clone)]
struct At(Arc<AtomicU64>);

impl At {
    fn day(&self, day: &str) {
        let day: model::Day = day.parse().unwrap();
        self.0
            .store(day.start_millis() + 43_200_000, Ordering::SeqCst);
    }
}

impl Clock for At {
    fn unix_millis(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

struct Setting {
    dir: TempDir,
    clock: At,
}

fn name(text: &str) -> PartyName {
    text.parse().unwrap()
}

impl Setting {
    /// A key server with a key of epoch 1, under an agreement signed by all.
    fn new() -> Self {
        let setting = Self {
            dir: tempfile::tempdir().unwrap(),
            clock: At(Arc::default()),
        };
        setting.clock.day("2026-06-01");
        init(
            &setting.root(),
            &setup("office"),
            &mut SeededEntropy::new(1),
        )
        .unwrap();
        let server = setting.open();
        let key = server.make_key(EPOCH, &mut SeededEntropy::new(2)).unwrap();
        let agreement = setting.agreement("office", key);
        server.install_agreement(&agreement).unwrap();
        setting
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("key-server")
    }

    fn open(&self) -> KeyServer {
        self.open_at(&self.root()).unwrap()
    }

    fn open_at(&self, root: &Path) -> Result<KeyServer, KeyServerError> {
        let entropy = Box::new(SeededEntropy::new(3));
        KeyServer::open(root, Arc::new(self.clock.clone()), entropy)
    }

    /// An agreement in which `run_by` runs a key server with this key in epochs 1 and 2.
    fn agreement(&self, run_by: &str, public_key: EvaluationKey) -> PathBuf {
        let officers =
            [4, 5].map(|seed| SigningKey::from_seed(&Key32::from_bytes(&mut [seed; 32])));
        let custodian = |(party, key): (&str, &SigningKey)| DraftMember {
            party: name(party),
            dpo: party.to_owned(),
            dpo_key: PublicKey::new(key.public()).fingerprint(),
        };
        let of_epoch = |(epoch, public_key)| EpochEvaluationKey { epoch, public_key };
        let keys = [(EPOCH, public_key), (Epoch(2), EvaluationKey::new([9; 32]))];
        let draft = Draft {
            project: "p".parse().unwrap(),
            purpose: "a test".to_owned(),
            legal_basis: "none".to_owned(),
            starts: "2026-01-01".parse().unwrap(),
            expires: "2026-12-31".parse().unwrap(),
            runs: 3,
            retention_days: 30,
            noise: None,
            disclosure: None,
            decoys: None,
            risk: None,
            key_server: Some(KeyServerRules {
                run_by: name(run_by),
                fields: vec!["number".parse().unwrap()],
                evaluations: QUOTA,
                key: keys.map(of_epoch).into(),
            }),
            custodians: ["a", "b"]
                .into_iter()
                .zip(&officers)
                .map(custodian)
                .collect(),
            coordinator: "The linkage unit".to_owned(),
        };
        let text = draft
            .to_text(&LinkageSchema::parse(SCHEMA).unwrap())
            .unwrap();
        let directory = self.dir.path().join(format!("agreement-{run_by}"));
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("agreement.toml"), &text).unwrap();
        for (party, officer) in ["a", "b"].into_iter().zip(officers) {
            let signature = Signature::make(text.as_bytes(), officer.public(), |message| {
                officer.sign(message)
            });
            let path = directory.join(format!("{party}.sig"));
            std::fs::write(path, signature.to_text()).unwrap();
        }
        directory
    }
}

fn setup(run_by: &str) -> Setup {
    Setup {
        project: "p".parse().unwrap(),
        name: name(run_by),
        listen: "127.0.0.1:0".parse().unwrap(),
        passphrase_file: None,
    }
}

/// So many inputs, blinded; other ones for another seed.
fn blinded(count: u8, seed: u64) -> Blinding {
    let inputs: Vec<[u8; 1]> = (0..count).map(|number| [number]).collect();
    Blinding::of(&inputs, &mut SeededEntropy::new(seed)).unwrap()
}

#[track_caller]
fn refusal<T>(outcome: Result<T, Fault>) -> (RefusalCode, String) {
    match outcome.err().unwrap() {
        Fault::Refused(refusal) => (refusal.code, refusal.detail),
        Fault::Failed(error) => panic!("{error}"),
    }
}

fn spent(server: &KeyServer) -> u64 {
    server.facts(&name("a"), EPOCH).unwrap().spent
}

#[test]
fn a_node_gets_what_the_key_gives_and_is_charged_for_it() {
    let setting = Setting::new();
    let server = setting.open();
    let blinding = blinded(2, 1);
    let evaluation = server
        .evaluate(&name("a"), EPOCH, blinding.elements())
        .unwrap();
    let facts = server.facts(&name("a"), EPOCH).unwrap();
    assert_eq!((facts.quota, facts.spent), (QUOTA, 2));
    let outputs = blinding.finish(&[[0], [1]], &evaluation, &facts.public_key);
    assert_eq!(outputs.unwrap().len(), 2);
    assert_eq!(server.facts(&name("b"), EPOCH).unwrap().spent, 0);
}

#[test]
fn a_quota_is_of_each_custodian_and_epoch_and_is_never_gone_over() {
    let setting = Setting::new();
    let server = setting.open();
    let a = name("a");
    server
        .evaluate(&a, EPOCH, blinded(3, 1).elements())
        .unwrap();
    let over = refusal(server.evaluate(&a, EPOCH, blinded(3, 2).elements()));
    assert_eq!(over.0, RefusalCode::OverQuota);
    assert!(over.1.contains("has had 3, and may have 5"), "{}", over.1);
    assert_eq!(spent(&server), 3);
    server
        .evaluate(&a, EPOCH, blinded(2, 3).elements())
        .unwrap();
    assert_eq!(spent(&server), QUOTA);
    let b = name("b");
    server
        .evaluate(&b, EPOCH, blinded(5, 4).elements())
        .unwrap();
}

#[test]
fn a_batch_that_comes_again_is_answered_and_not_charged_again() {
    let setting = Setting::new();
    let (a, batch) = (name("a"), blinded(4, 1));
    let first = setting
        .open()
        .evaluate(&a, EPOCH, batch.elements())
        .unwrap();
    // After a restart too.
    let server = setting.open();
    let again = server.evaluate(&a, EPOCH, batch.elements()).unwrap();
    assert_eq!(first.elements, again.elements);
    assert_eq!(spent(&server), 4);
    let other = server.evaluate(&name("b"), EPOCH, batch.elements());
    assert!(other.is_ok());
    assert_eq!(server.facts(&name("b"), EPOCH).unwrap().spent, 4);
}

#[test]
fn what_is_counted_stands_in_the_log_before_it_is_answered() {
    let setting = Setting::new();
    let (a, batch) = (name("a"), blinded(4, 1));
    // As if it was killed right after the entry was durable: nothing was answered.
    let charge = crate::ledger::Charge {
        epoch: EPOCH,
        party: &a,
        batch: batch_digest(batch.elements()),
        elements: 4,
        quota: QUOTA,
    };
    setting.open().ledger.charge(&charge).unwrap();
    let server = setting.open();
    assert_eq!(spent(&server), 4);
    let over = refusal(server.evaluate(&a, EPOCH, blinded(2, 2).elements()));
    assert_eq!(over.0, RefusalCode::OverQuota);
    // The node asks for the same again and gets it.
    server.evaluate(&a, EPOCH, batch.elements()).unwrap();
    assert_eq!(spent(&server), 4);
}

#[test]
fn a_log_that_lost_an_entry_is_not_opened() {
    let setting = Setting::new();
    let a = name("a");
    let server = setting.open();
    server
        .evaluate(&a, EPOCH, blinded(4, 1).elements())
        .unwrap();
    drop(server);
    let entries = setting.root().join("log/entries");
    let before: Vec<_> = files(&entries);
    let last = before
        .iter()
        .max_by_key(|path| path.metadata().unwrap().len());
    let bytes = std::fs::read(last.unwrap()).unwrap();
    std::fs::write(last.unwrap(), &bytes[..bytes.len() - 40]).unwrap();
    assert!(matches!(
        setting.open_at(&setting.root()).err(),
        Some(KeyServerError::Log(_))
    ));
}

fn files(path: &Path) -> Vec<PathBuf> {
    match path.is_dir() {
        true => std::fs::read_dir(path)
            .unwrap()
            .flat_map(|entry| files(&entry.unwrap().path()))
            .collect(),
        false => vec![path.to_owned()],
    }
}

#[test]
fn the_log_says_who_and_how_many_and_never_what() {
    let setting = Setting::new();
    let (a, batch) = (name("a"), blinded(3, 1));
    let server = setting.open();
    server.evaluate(&a, EPOCH, batch.elements()).unwrap();
    let entries = server.log_entries(&a, 0, 1 << 20).unwrap();
    let texts: Vec<String> = entries
        .into_iter()
        .map(|entry| String::from_utf8(entry).unwrap())
        .collect();
    let kinds = [
        "evaluation-key-made",
        "agreement-adopted",
        "elements-evaluated",
    ];
    assert_eq!(texts.len(), kinds.len());
    for (text, kind) in texts.iter().zip(kinds) {
        assert!(text.contains(kind), "{text}");
    }
    assert!(texts[2].contains(r#""party":"a""#) && texts[2].contains(r#""total":3"#));
    for element in batch.elements() {
        let hex = Digest::new(*element.as_bytes()).to_string();
        assert!(!texts[2].contains(&hex));
    }
    let head = server.log_head(&a, None).unwrap();
    assert_eq!(head.checkpoint.head().size, 3);
    assert!(server.log_entries(&name("office"), 0, 100).is_err());
}

#[test]
fn others_epochs_elements_and_days_are_refused() {
    let setting = Setting::new();
    let server = setting.open();
    let (a, batch) = (name("a"), blinded(1, 1));
    let ask = |party: &str, epoch, elements: &[Element]| {
        refusal(server.evaluate(&name(party), Epoch(epoch), elements)).0
    };
    assert_eq!(ask("office", 1, batch.elements()), RefusalCode::NotAMember);
    assert_eq!(ask("a", 3, batch.elements()), RefusalCode::OutsideAgreement);
    // The agreement names a key of epoch 2, and there is none here.
    assert_eq!(ask("a", 2, batch.elements()), RefusalCode::WrongState);
    server
        .make_key(Epoch(2), &mut SeededEntropy::new(7))
        .unwrap();
    assert_eq!(ask("a", 2, batch.elements()), RefusalCode::OutsideAgreement);
    let nothing = [Element::new([0; 32])];
    assert_eq!(ask("a", 1, &nothing), RefusalCode::BadMessage);
    assert_eq!(ask("a", 1, &[]), RefusalCode::BadMessage);
    assert_eq!(spent(&server), 0);
    setting.clock.day("2027-01-01");
    let over = refusal(server.evaluate(&a, EPOCH, batch.elements()));
    assert!(over.1.contains("clause `expires`"), "{}", over.1);
}

#[test]
fn a_key_that_was_destroyed_is_gone_for_good() {
    let setting = Setting::new();
    let server = setting.open();
    let file = setting.root().join("keys/epoch-1.key");
    assert!(file.exists());
    server.destroy_key(EPOCH).unwrap();
    assert!(!file.exists());
    let batch = blinded(1, 1);
    let gone = |server: &KeyServer| {
        refusal(server.evaluate(&name("a"), EPOCH, batch.elements())).0 == RefusalCode::WrongState
    };
    assert!(gone(&server));
    drop(server);
    let server = setting.open();
    assert!(gone(&server));
    let again = server.make_key(EPOCH, &mut SeededEntropy::new(2));
    assert!(matches!(again, Err(KeyServerError::Destroyed(EPOCH))));
    // A batch that had the key in hand when it was destroyed is not charged, whether it comes first or again.
    let a = name("a");
    let late = crate::ledger::Charge {
        epoch: EPOCH,
        party: &a,
        batch: batch_digest(batch.elements()),
        elements: 1,
        quota: QUOTA,
    };
    assert!(server.ledger.charge(&late).is_err());
    assert_eq!(server.ledger.spent(EPOCH, &a).unwrap(), 0);
    // Said twice, it stands once; of an epoch that never was there is nothing to destroy.
    server.destroy_key(EPOCH).unwrap();
    let event = Event::EvaluationKeyDestroyed { epoch: EPOCH };
    assert!(server.ledger.has(&event).unwrap());
    assert!(server.destroy_key(Epoch(9)).is_err());
}

#[test]
fn keys_are_destroyed_when_the_agreement_is_over() {
    let setting = Setting::new();
    let server = setting.open();
    setting.clock.day("2026-12-31");
    assert!(server.retire().unwrap().is_empty());
    setting.clock.day("2027-01-01");
    assert_eq!(server.retire().unwrap(), [EPOCH]);
    assert!(!setting.root().join("keys/epoch-1.key").exists());
    assert!(server.retire().unwrap().is_empty());
}

#[test]
fn keys_are_made_once_and_differ_by_epoch_and_project() {
    let setting = Setting::new();
    let server = setting.open();
    let again = server.make_key(EPOCH, &mut SeededEntropy::new(8));
    let public = server.facts(&name("a"), EPOCH).unwrap().public_key;
    assert!(matches!(again, Err(KeyServerError::Made { public_key, .. }) if public_key == public));
    let seed = Key32::generate(&mut SeededEntropy::new(2));
    let of = |info: &str| ServerKey::derive(&seed, info.as_bytes()).unwrap().public();
    assert_eq!(public, of("symbolon key server v1\np\n1"));
    assert_ne!(public, of("symbolon key server v1\np\n2"));
}

#[test]
fn an_agreement_of_another_key_server_is_not_installed() {
    let setting = Setting::new();
    let server = setting.open();
    let other = setting.agreement("elsewhere", EvaluationKey::new([1; 32]));
    let refused = server.install_agreement(&other).err().unwrap();
    assert!(refused.is_refusal());
    assert!(
        refused
            .to_string()
            .contains("elsewhere runs the key server")
    );
}

/// The coordinator can issue certificates in any custodian's name; none of these counts here.
#[test]
fn only_admitted_certificates_are_heard_and_each_for_its_custodian() {
    let setting = Setting::new();
    let server = setting.open();
    let gate = LoggedGate {
        admitted: Admitted::of(&server.home),
        ledger: server.ledger.clone(),
    };
    let (a, certificate) = (name("a"), Digest::of(b"certificate of a"));
    let refused = gate.admit(&a, &certificate).unwrap_err();
    assert_eq!(refused.code, RefusalCode::NotAMember);
    gate.admitted.admit(&a, &certificate).unwrap();
    gate.admit(&a, &certificate).unwrap();
    assert!(gate.admit(&name("b"), &certificate).is_err());
    assert!(gate.admit_resolver(&certificate).is_err());
    assert!(
        gate.admit(&a, &Digest::of(b"issued by the coordinator"))
            .is_err()
    );
    let party = a.clone();
    let event = Event::CertificateAdmitted { party, certificate };
    assert!(server.ledger.has(&event).unwrap());
    gate.admitted.withdraw(&certificate).unwrap();
    assert!(gate.admit(&a, &certificate).is_err());
}

#[test]
fn a_directory_is_of_one_program_and_made_once() {
    let setting = Setting::new();
    let _server = setting.open();
    let second = setting.open_at(&setting.root()).err();
    assert!(matches!(second, Some(KeyServerError::Lock(_))));
    let again = init(
        &setting.root(),
        &setup("office"),
        &mut SeededEntropy::new(1),
    );
    assert!(matches!(again.err(), Some(KeyServerError::Taken(_))));
    let nowhere = setting.open_at(&setting.dir.path().join("nowhere")).err();
    assert!(matches!(nowhere, Some(KeyServerError::NotAKeyServer(_))));
}
