//! A coordinator's role in memory, and the values tests send it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use audit::{Actor, Checkpoint, Event, KeyKind, Log, MemoryStore, NoteSigner, VerifierKey};
use model::lifecycle::Phase;
use model::{
    BatchKind, BatchManifest, Digest, Epoch, KeyCheck, PartyName, Pseudonym, RecordHandle,
    RefusalCode, ReviewId, RunNumber,
};
use secret::{Key32, SigningKey};

use crate::handover::{Comparisons, MatcherOutcome, MatcherRun};
use crate::history::LogHead;
use crate::messages::*;
use crate::receipt::Receipt;
use crate::review::{
    Review, ReviewExplanation, ReviewHeader, ReviewPair, ReviewStep, review_digest,
};
use crate::server::{Admission, Fault, Handover, Intake, Logs, Results, admit_chunk};

/// The manifest of a batch with this payload.
pub(crate) fn manifest(party: &str, payload: &[u8], chunk_bytes: u32) -> BatchManifest {
    BatchManifest {
        project: "census".parse().unwrap(),
        run: RunNumber(1),
        epoch: Epoch(1),
        party: party.parse().unwrap(),
        kind: BatchKind::Encodings,
        schema_digest: Digest::of(b"schema"),
        key_check: KeyCheck::new([7; 16]),
        records: 1,
        set_aside: 0,
        rows: 1,
        bytes: payload.len() as u64,
        chunk_bytes,
        payload_digest: Digest::of(payload),
        agreement: Digest::of(b"agreement"),
    }
}

/// The receipt of a batch accepted as the second thing that ever happened.
pub(crate) fn receipt(manifest: &BatchManifest) -> Receipt {
    receipt_of(manifest, |_| ())
}

/// As [`receipt`], with another acceptance than that of the batch.
pub(crate) fn receipt_of(manifest: &BatchManifest, change: impl FnOnce(&mut Event)) -> Receipt {
    let mut log = Log::open(MemoryStore::default()).unwrap();
    accept(&mut log, &self::manifest("id", b"before", 4), |_| ());
    accept(&mut log, manifest, change)
}

fn accept(
    log: &mut Log<MemoryStore>,
    manifest: &BatchManifest,
    change: impl FnOnce(&mut Event),
) -> Receipt {
    let mut event = Event::BatchAccepted {
        run: manifest.run,
        party: manifest.party.clone(),
        kind: manifest.kind,
        manifest_digest: manifest.digest(),
        rows: manifest.rows,
        bytes: manifest.bytes,
    };
    change(&mut event);
    let entry = log.append(event, Actor::Coordinator, 1).unwrap();
    let proof = log.receipt(entry.sequence).unwrap();
    Receipt {
        manifest_digest: manifest.digest(),
        entry,
        checkpoint: Checkpoint::sign(proof.head, &signer()).unwrap(),
        proof,
    }
}

/// The key of the fake roles' logs.
pub(crate) fn signer() -> NoteSigner {
    let signing = SigningKey::from_seed(&Key32::from_bytes(&mut [7; 32]));
    let key = VerifierKey {
        name: "symbolon/p/fake".parse().unwrap(),
        kind: KeyKind::Log,
        public: signing.public(),
    };
    NoteSigner::new(key, move |message| signing.sign(message))
}

/// A role in memory.
pub(super) struct Fake {
    role: Role,
    state: Mutex<State>,
}

pub(super) struct State {
    log: Log<MemoryStore>,
    batches: BTreeMap<PartyName, Batch>,
    /// Chunks stored, of all parties.
    pub(super) stored: u64,
    /// Batches accepted, without repetitions.
    pub(super) accepted: u64,
    /// Makes the next call of `put_chunk` fail.
    pub(super) disk_full: bool,
    /// Results, the same for every party.
    pub(super) rows: Vec<ResultsRow>,
    /// Digest told in the results header, when it should not be the rows' own.
    pub(super) told_digest: Option<Digest>,
    /// Pairs for review, the same for every party.
    pub(super) pairs: Vec<ReviewPair>,
    /// What the resolver may take.
    pub(super) comparisons: Vec<u8>,
    /// Runs the resolver had ended.
    pub(super) ended: Vec<(RunNumber, bool)>,
}

struct Batch {
    manifest: BatchManifest,
    bytes: Vec<u8>,
    next_chunk: u64,
    receipt: Option<Receipt>,
}

impl Fake {
    pub(super) fn new(role: Role) -> Self {
        let state = State {
            log: Log::open(MemoryStore::default()).unwrap(),
            batches: BTreeMap::new(),
            stored: 0,
            accepted: 0,
            disk_full: false,
            rows: Vec::new(),
            told_digest: None,
            pairs: Vec::new(),
            comparisons: Vec::new(),
            ended: Vec::new(),
        };
        Self {
            role,
            state: Mutex::new(state),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl State {
    fn batch(&mut self, party: &PartyName, digest: &Digest) -> Result<&mut Batch, Fault> {
        self.batches
            .get_mut(party)
            .filter(|batch| batch.manifest.digest() == *digest)
            .ok_or_else(|| Fault::refused(RefusalCode::WrongState, "no such batch is open"))
    }
}

impl Logs for Fake {
    fn log_head(&self, _: &PartyName, seen: Option<&Checkpoint>) -> Result<LogHead, Fault> {
        let log = &self.state().log;
        let checkpoint = Checkpoint::sign(log.head(), &signer()).unwrap();
        Ok(LogHead::of(
            log,
            signer().key(),
            &checkpoint,
            seen,
            Vec::new(),
        ))
    }

    fn log_entries(&self, _: &PartyName, from: u64, _: usize) -> Result<Vec<Vec<u8>>, Fault> {
        let log = &self.state().log;
        // Two at a time, so that callers have to come again.
        let entry = |index| log.entry_bytes(index).unwrap();
        Ok((from..from + 2).filter_map(entry).collect())
    }
}

impl Intake for Fake {
    fn describe(&self, _: &PartyName) -> Result<Description, Fault> {
        Ok(Description {
            project: "census".parse().unwrap(),
            epoch: Epoch(1),
            run: RunNumber(1),
            state: Phase::Open,
            schema_digest: Digest::of(b"schema"),
            role: self.role,
            resolver_key: (self.role == Role::Resolver).then_some([9; 32]),
            parties: vec!["crvs".parse().unwrap(), "id".parse().unwrap()],
            agreement: None,
        })
    }

    fn open_batch(
        &self,
        party: &PartyName,
        manifest: &BatchManifest,
    ) -> Result<UploadState, Fault> {
        let mut state = self.state();
        let new = || Batch {
            manifest: manifest.clone(),
            bytes: Vec::new(),
            next_chunk: 0,
            receipt: None,
        };
        let batch = state.batches.entry(party.clone()).or_insert_with(new);
        if batch.manifest != *manifest {
            if batch.receipt.is_some() {
                return Err(Fault::refused(
                    RefusalCode::AlreadyAccepted,
                    "another batch",
                ));
            }
            *batch = new();
        }
        Ok(UploadState {
            next_chunk: batch.next_chunk,
            accepted: batch.receipt.is_some(),
        })
    }

    fn put_chunk(
        &self,
        party: &PartyName,
        manifest_digest: &Digest,
        index: u64,
        bytes: &[u8],
    ) -> Result<(), Fault> {
        let mut state = self.state();
        if std::mem::take(&mut state.disk_full) {
            return Err(Fault::failed("/srv/matcher/state: no space left"));
        }
        let batch = state.batch(party, manifest_digest)?;
        match admit_chunk(&batch.manifest, batch.next_chunk, index, bytes.len())? {
            Admission::AlreadyStored => return Ok(()),
            Admission::Store => batch.bytes.extend_from_slice(bytes),
        }
        batch.next_chunk += 1;
        state.stored += 1;
        Ok(())
    }

    fn accept_batch(&self, party: &PartyName, manifest_digest: &Digest) -> Result<Receipt, Fault> {
        let mut state = self.state();
        let batch = state.batch(party, manifest_digest)?;
        if let Some(receipt) = &batch.receipt {
            return Ok(receipt.clone());
        }
        if Digest::of(&batch.bytes) != batch.manifest.payload_digest {
            batch.next_chunk = 0;
            batch.bytes.clear();
            return Err(Fault::refused(RefusalCode::DigestDiffers, "the batch"));
        }
        let manifest = batch.manifest.clone();
        let receipt = accept(&mut state.log, &manifest, |_| ());
        state.batch(party, manifest_digest)?.receipt = Some(receipt.clone());
        state.accepted += 1;
        Ok(receipt)
    }
}

impl Results for Fake {
    fn run_status(&self, party: &PartyName) -> Result<RunStatus, Fault> {
        Ok(RunStatus {
            run: RunNumber(1),
            state: Phase::Released,
            detail: "results can be collected".to_owned(),
            parties: vec![PartyProgress {
                party: party.clone(),
                encodings: true,
                handle_map: true,
                approved: false,
            }],
            outcome: None,
        })
    }

    fn results_header(&self, _: &PartyName, run: RunNumber) -> Result<ResultsHeader, Fault> {
        if run != RunNumber(1) {
            return Err(Fault::refused(
                RefusalCode::WrongRun,
                "there is no such run",
            ));
        }
        let state = self.state();
        let mut digester = RowsDigester::new();
        state.rows.iter().for_each(|row| digester.add(row));
        Ok(ResultsHeader {
            run,
            rows: state.rows.len() as u64,
            rows_digest: state.told_digest.unwrap_or(digester.finish()),
            records: 5,
            clusters: Count::FewerThan(10),
            found: Vec::new(),
            rights: model::agreement::Rights {
                pseudonyms: true,
                ..model::agreement::Rights::default()
            },
        })
    }

    fn results_rows(
        &self,
        _: &PartyName,
        _: RunNumber,
        from_row: u64,
        limit: usize,
    ) -> Result<Vec<ResultsRow>, Fault> {
        let state = self.state();
        let rows = state.rows.iter().skip(from_row as usize).take(limit);
        Ok(rows.copied().collect())
    }

    fn review(&self, _: &PartyName, run: RunNumber) -> Result<Review, Fault> {
        let state = self.state();
        let pairs = state.pairs.clone();
        let digest = review_digest(&pairs);
        Ok(Review {
            header: ReviewHeader {
                run,
                pairs: pairs.len() as u32,
                pairs_digest: state.told_digest.unwrap_or(digest),
                followed: Count::Exact(0),
                contradicted: Count::Exact(0),
            },
            pairs,
        })
    }
}

impl Handover for Fake {
    fn standing(&self, _: RunNumber) -> Result<MatcherRun, Fault> {
        Ok(matcher_run(&self.state().comparisons))
    }

    fn comparisons(
        &self,
        _: RunNumber,
        digest: &Digest,
        from: u64,
        limit: usize,
    ) -> Result<Vec<u8>, Fault> {
        let bytes = &self.state().comparisons;
        if *digest != Digest::of(bytes) {
            return Err(Fault::refused(RefusalCode::DigestDiffers, "other ones"));
        }
        match bytes.get(from as usize..) {
            None | Some([]) => Err(Fault::refused(RefusalCode::BadMessage, "past the end")),
            Some(left) => Ok(left[..left.len().min(limit)].to_vec()),
        }
    }

    fn end(&self, run: RunNumber, is_cancelled: bool) -> Result<bool, Fault> {
        self.state().ended.push((run, is_cancelled));
        Ok(true)
    }
}

/// A run with these comparisons, one byte each.
pub(crate) fn matcher_run(comparisons: &[u8]) -> MatcherRun {
    MatcherRun {
        project: "census".parse().unwrap(),
        epoch: Epoch(1),
        open: RunNumber(1),
        schema_digest: Digest::of(b"schema"),
        delivered: vec!["crvs".parse().unwrap()],
        outcome: MatcherOutcome::Ready(Comparisons {
            pairs: comparisons.len() as u64,
            bytes: comparisons.len() as u64,
            digest: Digest::of(comparisons),
            handles: vec![Digest::of(b"crvs"), Digest::of(b"id")],
        }),
    }
}

/// A pair for review that differs from those of other numbers.
pub(crate) fn review_pair(number: u32) -> ReviewPair {
    let step = |variable: &str, weight_millibits| ReviewStep {
        variable: variable.to_owned(),
        level: "same".to_owned(),
        weight_millibits,
    };
    ReviewPair {
        id: ReviewId::new(wide(number, 3)),
        record: RecordHandle::new(wide(number, 4)),
        also: None,
        other: "id".parse().unwrap(),
        explanation: ReviewExplanation {
            prior_millibits: -9_000,
            steps: vec![step("names", 7_000), step("born", 4_000)],
            alternatives_millibits: -1_500,
            odds_millibits: 500,
        },
    }
}

fn wide(number: u32, tag: u8) -> [u8; 16] {
    let mut bytes = [tag; 16];
    bytes[..4].copy_from_slice(&number.to_le_bytes());
    bytes
}

/// Distinct rows.
pub(super) fn rows(count: u32) -> Vec<ResultsRow> {
    let row = |number| ResultsRow {
        record: RecordHandle::new(wide(number, 1)),
        pseudonym: Some(Pseudonym::new(wide(number, 2))),
        known_at: 0,
        events: 0,
    };
    (0..count).map(row).collect()
}
