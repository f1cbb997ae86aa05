//! Taking batches: the table of refusals, and uploads cut off between any two calls.

use audit::{FileStore, Log};
use model::{Epoch, KeyCheck, RunNumber};
use secret::SeededEntropy;
use tempfile::TempDir;
use wire::Role;

use super::*;
use crate::directory::StateDir;
use crate::log_key;
use crate::matcher::MatcherState;
use crate::tests::fixture::{self, Registry, upload};

const A: Registry = Registry {
    party: "a",
    persons: 0..3,
};
const B: Registry = Registry {
    party: "b",
    persons: 1..4,
};

struct World(TempDir);

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let directory = StateDir::new(dir.path()).role(Role::Matcher);
        std::fs::create_dir(directory.path()).unwrap();
        log_key::make(&directory, &mut SeededEntropy::new(1)).unwrap();
        fixture::Agreed::new().install(dir.path());
        Self(dir)
    }

    /// The matcher's desk, as after a restart.
    fn desk(&self) -> Desk<MatcherState> {
        let directory = StateDir::new(self.0.path()).role(Role::Matcher);
        let project = Arc::new(fixture::project());
        let context = RoleContext::open(Role::Matcher, &directory, project, fixture::clock());
        Desk::new(Arc::new(context.unwrap()), None, Arc::new(Notify::new()))
    }

    /// The events of a log that no desk has open, but for the agreement it took up first.
    fn events(&self) -> Vec<Event> {
        let path = self.0.path().join("matcher/log/entries");
        let log = Log::open(FileStore::open(&path).unwrap()).unwrap();
        let event = |index| log.entry(index).unwrap().unwrap().event;
        let is_agreement = |event: &Event| matches!(event, Event::AgreementAdopted { .. });
        let events = (0..log.size()).map(event);
        events.filter(|event| !is_agreement(event)).collect()
    }
}

fn code<T: std::fmt::Debug>(outcome: Result<T, Fault>) -> RefusalCode {
    match outcome {
        Err(Fault::Refused(refusal)) => refusal.code,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn each_rule_refuses_with_its_code() {
    type Change = fn(&mut BatchManifest);
    let cases: [(Change, RefusalCode); 12] = [
        (|m| m.party = "b".parse().unwrap(), RefusalCode::WrongParty),
        (|m| m.project = "q".parse().unwrap(), RefusalCode::WrongRun),
        (|m| m.run = RunNumber(2), RefusalCode::WrongRun),
        (|m| m.epoch = Epoch(2), RefusalCode::WrongRun),
        (
            |m| m.schema_digest = Digest::of(b"other"),
            RefusalCode::SchemaDiffers,
        ),
        (|m| m.bytes = u64::MAX, RefusalCode::TooLarge),
        (|m| m.chunk_bytes = 0, RefusalCode::TooLarge),
        (
            |m| m.kind = model::BatchKind::HandleMap,
            RefusalCode::BadManifest,
        ),
        (|m| m.rows += 1, RefusalCode::BadManifest),
        (|m| m.bytes += 1, RefusalCode::BadManifest),
        (|m| m.rows = 2_000_000_001, RefusalCode::TooLarge),
        (
            |m| m.key_check = KeyCheck::new([8; 16]),
            RefusalCode::KeyDiffers,
        ),
    ];
    let world = World::new();
    let desk = world.desk();
    let other = B.encodings();
    upload(&desk, &other.0, &other.1);
    let (good, _) = A.encodings();
    for (change, expected) in cases {
        let mut manifest = good.clone();
        change(&mut manifest);
        assert_eq!(code(desk.open_batch(&good.party, &manifest)), expected);
    }
    desk.open_batch(&good.party, &good).unwrap();
    drop(desk);
    // The clock stands still: what is refused again within a minute by one rule is logged once.
    let mut codes: Vec<RefusalCode> = Vec::new();
    for (_, code) in cases {
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    let refusal = |code| Event::BatchRefused {
        party: good.party.clone(),
        code,
    };
    let refusals: Vec<Event> = codes.into_iter().map(refusal).collect();
    assert_eq!(world.events()[1..], refusals);
}

#[test]
fn strangers_are_refused_everything() {
    let world = World::new();
    let desk = world.desk();
    let stranger: PartyName = "c".parse().unwrap();
    let mut manifest = A.encodings().0;
    manifest.party = stranger.clone();
    let digest = manifest.digest();
    let codes = [
        code(desk.describe(&stranger)),
        code(desk.open_batch(&stranger, &manifest)),
        code(desk.put_chunk(&stranger, &digest, 0, b"")),
        code(desk.accept_batch(&stranger, &digest)),
    ];
    assert_eq!(codes, [RefusalCode::NotAMember; 4]);
}

#[test]
fn one_batch_a_party_and_the_same_receipt_for_it() {
    let world = World::new();
    let desk = world.desk();
    let (manifest, rows) = A.encodings();
    let receipt = upload(&desk, &manifest, &rows);
    receipt.check(&manifest).unwrap();
    assert_eq!(upload(&desk, &manifest, &rows), receipt);
    let other = BatchManifest {
        records: 99,
        ..manifest.clone()
    };
    let refused = desk.open_batch(&manifest.party, &other);
    assert_eq!(code(refused), RefusalCode::AlreadyAccepted);
    drop(desk);
    let again = world.desk();
    let digest = manifest.digest();
    let state = again.open_batch(&manifest.party, &manifest).unwrap();
    assert!(state.accepted);
    assert_eq!(
        again.accept_batch(&manifest.party, &digest).unwrap(),
        receipt
    );
    drop(again);
    assert_eq!(world.events().len(), 2);
}

#[test]
fn the_first_accepted_batch_fixes_the_key_and_partial_ones_can_be_corrected() {
    let world = World::new();
    let desk = world.desk();
    let ((first, rows), (other, _)) = (A.encodings(), B.encodings());
    for (manifest, byte) in [(&first, 8), (&other, 9)] {
        let wrong = BatchManifest {
            key_check: KeyCheck::new([byte; 16]),
            ..manifest.clone()
        };
        desk.open_batch(&wrong.party, &wrong).unwrap();
    }
    upload(&desk, &first, &rows);
    let wrong = desk.context.batches.list(RunNumber(1)).unwrap();
    let wrong = wrong.iter().find(|batch| !batch.is_accepted()).unwrap();
    let refused = desk.take(wrong, &wrong.manifest.digest());
    assert_eq!(code(refused), RefusalCode::KeyDiffers);
    desk.open_batch(&other.party, &other).unwrap();
}

#[test]
fn an_upload_survives_a_restart_between_any_two_calls() {
    let world = World::new();
    let (manifest, rows) = A.encodings();
    let manifest = BatchManifest {
        chunk_bytes: 100,
        ..manifest
    };
    let (party, digest) = (&manifest.party, manifest.digest());
    for (index, chunk) in rows.chunks(100).enumerate() {
        let opened = world.desk().open_batch(party, &manifest).unwrap();
        assert_eq!((opened.next_chunk, opened.accepted), (index as u64, false));
        let desk = world.desk();
        desk.put_chunk(party, &digest, index as u64, chunk).unwrap();
        desk.put_chunk(party, &digest, index as u64, chunk).unwrap();
    }
    let receipt = world.desk().accept_batch(party, &digest).unwrap();
    assert_eq!(world.desk().accept_batch(party, &digest).unwrap(), receipt);
}

/// A crash after the event and before the receipt was stored.
#[test]
fn an_event_without_its_effect_is_not_repeated() {
    let world = World::new();
    let (manifest, rows) = A.encodings();
    let (party, digest) = (&manifest.party, manifest.digest());
    let desk = world.desk();
    desk.open_batch(party, &manifest).unwrap();
    for (index, chunk) in rows.chunks(4096).enumerate() {
        desk.put_chunk(party, &digest, index as u64, chunk).unwrap();
    }
    let stored = desk.own(party, &digest).unwrap();
    desk.context
        .journal
        .record_once(super::accepted(&stored, &digest))
        .unwrap();
    drop(desk);
    let receipt = world.desk().accept_batch(party, &digest).unwrap();
    receipt.check(&manifest).unwrap();
    assert_eq!(world.events().len(), 1);
}

#[test]
fn other_bytes_than_promised_are_thrown_away() {
    let world = World::new();
    let desk = world.desk();
    let (manifest, rows) = A.encodings();
    let mut other = rows.clone();
    other[50] ^= 1;
    let (party, digest) = (&manifest.party, manifest.digest());
    desk.open_batch(party, &manifest).unwrap();
    for (index, chunk) in other.chunks(4096).enumerate() {
        desk.put_chunk(party, &digest, index as u64, chunk).unwrap();
    }
    let refused = desk.accept_batch(party, &digest);
    assert_eq!(code(refused), RefusalCode::DigestDiffers);
    assert_eq!(desk.open_batch(party, &manifest).unwrap().next_chunk, 0);
    upload(&desk, &manifest, &rows);
}

#[test]
fn chunks_and_acceptance_out_of_turn_are_refused() {
    let world = World::new();
    let desk = world.desk();
    let (manifest, rows) = A.encodings();
    let (party, digest) = (&manifest.party, manifest.digest());
    let first = &rows[..rows.len().min(4096)];
    let unopened = desk.put_chunk(party, &digest, 0, first);
    assert_eq!(code(unopened), RefusalCode::WrongState);
    desk.open_batch(party, &manifest).unwrap();
    let foreign = desk.put_chunk(&B.encodings().0.party, &digest, 0, first);
    assert_eq!(code(foreign), RefusalCode::WrongState);
    let short = desk.put_chunk(party, &digest, 0, &first[1..]);
    assert_eq!(code(short), RefusalCode::BadMessage);
    let early = desk.accept_batch(party, &digest);
    assert_eq!(code(early), RefusalCode::WrongState);
}

#[test]
fn a_run_that_is_over_takes_nothing() {
    let world = World::new();
    let desk = world.desk();
    let reason = "why".to_owned();
    let over = MatcherState::Failed { reason };
    desk.context.runs.save(RunNumber(1), &over).unwrap();
    let (manifest, _) = A.encodings();
    let refused = desk.open_batch(&manifest.party, &manifest);
    assert_eq!(code(refused), RefusalCode::WrongState);
    let told = desk.describe(&manifest.party).unwrap();
    assert_eq!((told.state, told.resolver_key), (Phase::Failed, None));
}
