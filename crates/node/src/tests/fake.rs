//! A coordinator in memory: takes batches as the wire's rules say, and gives every record a
//! pseudonym that follows from its handle.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use audit::{
    Actor, Checkpoint, Event, KeyKind, KeyName, Log, MemoryStore, NoteSigner, VerifierKey,
};
use model::lifecycle::Phase;
use model::{BatchManifest, Digest, PartyName, Pseudonym, RecordHandle, RefusalCode, RunNumber};
use secret::{Key32, SigningKey, StreamReader};
use tokio::net::TcpListener;
use wire::pki::{Authority, Validity};
use wire::{
    Admission, Board, Count, Description, Everyone, Fault, Found, Intake, LogHead, Logs, Posting,
    Receipt, Results, ResultsHeader, ResultsRow, Review, ReviewHeader, ReviewPair, Role,
    RoleIdentity, RowsDigester, RunStatus, Services, Topic, UploadState, admit_chunk,
    review_digest, serve,
};

use super::fixture::{At, Setting, now, resolver};
use crate::{Project, handle_map};

struct Batch {
    manifest: BatchManifest,
    bytes: Vec<u8>,
    receipt: Option<Receipt>,
}

/// One role of the coordinator.
pub(super) struct Fake {
    role: Role,
    project: Project,
    batches: Mutex<BTreeMap<Digest, Batch>>,
    pub(super) log: Mutex<Log<MemoryStore>>,
    /// Another log of the same key, shown to whoever has not seen the first.
    pub(super) elsewhere: Mutex<Option<Log<MemoryStore>>>,
    /// What other members say they were shown.
    pub(super) others: Mutex<Vec<(PartyName, Checkpoint)>>,
    /// Whether the run is released.
    pub(super) released: AtomicBool,
    /// Chunks that were made durable.
    pub(super) chunks: AtomicU64,
    /// Whether the next chunk after the first fails.
    pub(super) fails: AtomicBool,
    /// The agreement it works under.
    agreement: Digest,
    /// The pairs for review.
    pub(super) pairs: Mutex<Vec<ReviewPair>>,
}

impl Fake {
    /// Starts the role on a port of its own; gives itself and the port's address.
    pub(super) async fn start(
        role: Role,
        project: &Project,
        setting: &Setting,
    ) -> (Arc<Self>, String) {
        let fake = Arc::new(Self {
            role,
            project: project.clone(),
            batches: Mutex::default(),
            log: Mutex::new(Log::open(MemoryStore::default()).unwrap()),
            elsewhere: Mutex::new(None),
            others: Mutex::default(),
            released: AtomicBool::new(false),
            chunks: AtomicU64::new(0),
            fails: AtomicBool::new(false),
            agreement: setting.dpos.digest(),
            pairs: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let identity = identity(role, &setting.authority);
        let intake: Arc<dyn Intake> = fake.clone();
        let results: Arc<dyn Results> = fake.clone();
        let results = (role == Role::Resolver).then_some(results);
        let services = Services {
            intake,
            results,
            board: (role == Role::Resolver).then(|| Arc::new(Silence) as Arc<dyn Board>),
            handover: None,
            gate: Arc::new(Everyone),
        };
        tokio::spawn(async move {
            let forever = std::future::pending::<()>();
            serve(listener, &identity, services, forever).await.unwrap();
        });
        (fake, address)
    }

    /// The record handles of the accepted handle map, opened as the resolver does.
    fn records(&self) -> Vec<RecordHandle> {
        let batches = self.batches.lock().unwrap();
        let mut records = BTreeSet::new();
        for batch in batches.values().filter(|batch| batch.receipt.is_some()) {
            let context = handle_map::context(&self.project, &batch.manifest.party);
            let resolver = resolver();
            let stream =
                StreamReader::to_recipient(&batch.bytes[..], &resolver, context.as_bytes());
            let mut stream = stream.unwrap();
            while let Some(chunk) = stream.next_chunk().unwrap() {
                let entries = chunk.chunks_exact(handle_map::ENTRY_BYTES);
                let record = |entry: &[u8]| RecordHandle::new(entry[16..].try_into().unwrap());
                records.extend(entries.map(record));
            }
        }
        records.into_iter().collect()
    }

    fn rows(&self) -> Vec<ResultsRow> {
        let row = |record: RecordHandle| ResultsRow {
            record,
            pseudonym: Some(Pseudonym::new(record.as_bytes().map(|byte| !byte))),
            known_at: 0,
            events: 0,
        };
        self.records().into_iter().map(row).collect()
    }

    fn state(&self) -> Phase {
        match self.released.load(Ordering::SeqCst) {
            true => Phase::Released,
            false => Phase::Open,
        }
    }

    /// The key of the role's log.
    pub(super) fn signer(&self) -> NoteSigner {
        let signing = SigningKey::from_seed(&Key32::from_bytes(&mut [7; 32]));
        let keeper = self.role.as_str().parse().unwrap();
        let key = VerifierKey {
            name: KeyName::of_log(&self.project.project, &keeper),
            kind: KeyKind::Log,
            public: signing.public(),
        };
        NoteSigner::new(key, move |message| signing.sign(message))
    }

    fn accept(&self, batch: &Batch, digest: &Digest) -> Receipt {
        let BatchManifest {
            run,
            kind,
            rows,
            bytes,
            ..
        } = batch.manifest;
        let event = Event::BatchAccepted {
            run,
            party: batch.manifest.party.clone(),
            kind,
            manifest_digest: *digest,
            rows,
            bytes,
        };
        let mut log = self.log.lock().unwrap();
        let entry = log.append(event, Actor::Coordinator, now() * 1000).unwrap();
        let proof = log.receipt(entry.sequence).unwrap();
        Receipt {
            manifest_digest: *digest,
            entry,
            checkpoint: Checkpoint::sign(proof.head, &self.signer()).unwrap(),
            proof,
        }
    }
}

fn identity(role: Role, authority: &Authority) -> RoleIdentity {
    let issued = authority
        .issue_role(role, Validity::days(&At(now()), 30))
        .unwrap();
    RoleIdentity {
        certificate_pem: issued.certificate_pem,
        key: issued.key,
        authority_pem: authority.certificate_pem().to_owned(),
    }
}

impl Logs for Fake {
    fn log_head(&self, _: &PartyName, seen: Option<&Checkpoint>) -> Result<LogHead, Fault> {
        let (log, elsewhere) = (self.log.lock().unwrap(), self.elsewhere.lock().unwrap());
        let is_of = |seen: &Checkpoint| log.head_at(seen.head().size) == Some(seen.head());
        let log = match &*elsewhere {
            Some(other) if !seen.is_some_and(is_of) => other,
            _ => &log,
        };
        let signer = self.signer();
        let checkpoint = Checkpoint::sign(log.head(), &signer).unwrap();
        let others = self.others.lock().unwrap().clone();
        Ok(LogHead::of(log, signer.key(), &checkpoint, seen, others))
    }

    fn log_entries(&self, _: &PartyName, from: u64, _: usize) -> Result<Vec<Vec<u8>>, Fault> {
        let log = self.log.lock().unwrap();
        Ok(log.entry_bytes(from).unwrap().into_iter().collect())
    }
}

impl Intake for Fake {
    fn describe(&self, party: &PartyName) -> Result<Description, Fault> {
        let key = (self.role == Role::Resolver).then_some(self.project.resolver_key.0);
        Ok(Description {
            project: self.project.project.clone(),
            epoch: self.project.epoch,
            run: self.project.run,
            state: self.state(),
            schema_digest: self.project.schema_digest,
            role: self.role,
            resolver_key: key,
            parties: vec![party.clone()],
            agreement: Some(self.agreement),
        })
    }

    fn open_batch(&self, _: &PartyName, manifest: &BatchManifest) -> Result<UploadState, Fault> {
        let mut batches = self.batches.lock().unwrap();
        let batch = batches.entry(manifest.digest()).or_insert_with(|| Batch {
            manifest: manifest.clone(),
            bytes: Vec::new(),
            receipt: None,
        });
        Ok(UploadState {
            next_chunk: batch.bytes.len() as u64 / u64::from(manifest.chunk_bytes),
            accepted: batch.receipt.is_some(),
        })
    }

    fn put_chunk(
        &self,
        _: &PartyName,
        digest: &Digest,
        index: u64,
        bytes: &[u8],
    ) -> Result<(), Fault> {
        if index > 0 && self.fails.swap(false, Ordering::SeqCst) {
            return Err(Fault::failed("the disk is full"));
        }
        let mut batches = self.batches.lock().unwrap();
        let batch = batches
            .get_mut(digest)
            .ok_or_else(|| Fault::failed("not open"))?;
        let next = batch.bytes.len() as u64 / u64::from(batch.manifest.chunk_bytes);
        if admit_chunk(&batch.manifest, next, index, bytes.len())? == Admission::Store {
            batch.bytes.extend_from_slice(bytes);
            self.chunks.fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    }

    fn accept_batch(&self, _: &PartyName, digest: &Digest) -> Result<Receipt, Fault> {
        let mut batches = self.batches.lock().unwrap();
        let batch = batches
            .get_mut(digest)
            .ok_or_else(|| Fault::failed("not open"))?;
        if Digest::of(&batch.bytes) != batch.manifest.payload_digest {
            return Err(Fault::refused(RefusalCode::DigestDiffers, "the batch"));
        }
        if batch.receipt.is_none() {
            batch.receipt = Some(self.accept(batch, digest));
        }
        batch
            .receipt
            .clone()
            .ok_or_else(|| Fault::failed("no receipt"))
    }
}

/// A board that nobody puts anything on.
struct Silence;

impl Board for Silence {
    fn post(&self, _: Topic, _: &Posting) -> Result<(), Fault> {
        Ok(())
    }

    fn read(&self, _: &PartyName, _: Topic) -> Result<Vec<Posting>, Fault> {
        Ok(Vec::new())
    }
}

impl Results for Fake {
    fn run_status(&self, _: &PartyName) -> Result<RunStatus, Fault> {
        Ok(RunStatus {
            run: self.project.run,
            state: self.state(),
            detail: "waiting for sr".into(),
            parties: Vec::new(),
            outcome: None,
        })
    }

    fn results_header(&self, _: &PartyName, run: RunNumber) -> Result<ResultsHeader, Fault> {
        if !self.released.load(Ordering::SeqCst) {
            return Err(Fault::refused(RefusalCode::WrongState, "the run"));
        }
        let rows = self.rows();
        let mut digester = RowsDigester::new();
        rows.iter().for_each(|row| digester.add(row));
        Ok(ResultsHeader {
            run,
            rows: rows.len() as u64,
            rows_digest: digester.finish(),
            records: rows.len() as u64,
            clusters: Count::floored(rows.len() as u64, 10),
            found: vec![Found {
                party: "sr".parse().unwrap(),
                records: Count::FewerThan(10),
            }],
            rights: model::agreement::Rights {
                pseudonyms: true,
                counts: true,
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
        Ok(self
            .rows()
            .into_iter()
            .skip(from_row as usize)
            .take(limit)
            .collect())
    }

    fn review(&self, _: &PartyName, run: RunNumber) -> Result<Review, Fault> {
        let pairs = self.pairs.lock().unwrap().clone();
        Ok(Review {
            header: ReviewHeader {
                run,
                pairs: pairs.len() as u32,
                pairs_digest: review_digest(&pairs),
                followed: Count::FewerThan(10),
                contradicted: Count::FewerThan(10),
            },
            pairs,
        })
    }
}
