//! A log of a million entries: appending in batches, each durable, published and signed; proving; and
//! verifying the whole as `symbolon-audit verify` does. Fails when a figure falls short of its goal.

#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use audit::{Actor, Event, KeyKind, NoteSigner, SignedLog, VerifierKey, verify};
use auditor::{Bundle, Severity};
use model::{BatchKind, Digest, RunNumber};
use secret::{Key32, SigningKey};
use service::Stopwatch;

const ENTRIES: u64 = 1_000_000;
/// Entries appended at once.
const BATCH: u64 = 8192;
const PROOFS: u64 = 1000;

/// What has to be reached.
const APPENDS_A_SECOND: f64 = 20_000.0;
const PROOF: Duration = Duration::from_millis(5);
const VERIFY: Duration = Duration::from_secs(30);

fn signer() -> NoteSigner {
    let signing = SigningKey::from_seed(&Key32::from_bytes(&mut [7; 32]));
    let key = VerifierKey {
        name: "symbolon/bench/matcher".parse().unwrap(),
        kind: KeyKind::Log,
        public: signing.public(),
    };
    NoteSigner::new(key, move |message| signing.sign(message))
}

fn event(number: u64) -> Event {
    Event::BatchAccepted {
        run: RunNumber(1 + (number / 8) as u32),
        party: "crvs".parse().unwrap(),
        kind: BatchKind::Encodings,
        manifest_digest: Digest::of(&number.to_le_bytes()),
        rows: number,
        bytes: number * 100,
    }
}

fn append(log: &mut SignedLog) -> f64 {
    let watch = Stopwatch::start();
    for start in (0..ENTRIES).step_by(BATCH as usize) {
        let end = ENTRIES.min(start + BATCH);
        let events = (start..end).map(|number| (event(number), Actor::Matcher));
        log.append_all(events, 1_800_000_000_000 + start).unwrap();
    }
    ENTRIES as f64 / watch.elapsed().as_secs_f64()
}

/// The slowest of many proofs, of both kinds.
fn prove(log: &SignedLog) -> Duration {
    let mut slowest = Duration::ZERO;
    for number in 0..PROOFS {
        let index = number * 999_983 % ENTRIES;
        let watch = Stopwatch::start();
        let receipt = log.log().receipt(index).unwrap();
        let path = log.log().consistency(index + 1).unwrap();
        slowest = slowest.max(watch.elapsed());
        let bytes = log.log().entry_bytes(index).unwrap().unwrap();
        verify::receipt(&bytes, &receipt).unwrap();
        let old = log.log().head_at(index + 1).unwrap();
        verify::consistency(&old, &log.log().head(), &path).unwrap();
    }
    slowest
}

fn check(bundle: &Bundle) -> Duration {
    let watch = Stopwatch::start();
    let (verdict, logs) = auditor::verify::verify(bundle, &[signer().key().clone()]).unwrap();
    let took = watch.elapsed();
    // The other role's log is not there, and is missed by name; of this one nothing may be.
    assert_ne!(verdict.worst(), Severity::Wrong, "{verdict}");
    assert!(
        verdict
            .to_string()
            .contains("1000000 entries are those it signed"),
        "{verdict}"
    );
    assert_eq!(logs[0].entries.len() as u64, ENTRIES);
    took
}

fn main() {
    let directory = tempfile::tempdir().unwrap();
    let bundle = Bundle::create(directory.path()).unwrap();
    let path = directory.path().join("logs/matcher");
    let mut log = SignedLog::open(&path, Arc::new(signer())).unwrap();
    let appends = append(&mut log);
    println!(
        "append    {appends:.0} entries a second, {BATCH} at once, each time durable and signed"
    );
    let proof = prove(&log);
    println!("prove     {proof:?} for the slowest of {PROOFS} inclusion and consistency proofs");
    drop(log);
    let watch = Stopwatch::start();
    drop(SignedLog::open(&path, Arc::new(signer())).unwrap());
    println!("open      {:?}", watch.elapsed());
    let verified = check(&bundle);
    println!("verify    {verified:?} for all of it");
    assert!(appends >= APPENDS_A_SECOND, "appending is too slow");
    assert!(proof <= PROOF, "proving is too slow");
    assert!(verified <= VERIFY, "verifying is too slow");
}
