//! A small project of two parties, and batches made by hand for it.

use std::path::Path;
use std::sync::Arc;

use audit::{Actor, Checkpoint, Event, Log, MemoryStore, NoteSigner};
use model::agreement::{Act, Draft, DraftMember, Statement};
use model::approval::Approval;
use model::layout::{ROW_HEADER, write_header};
use model::signature::{PublicKey, Signature};
use model::{
    BatchManifest, BlockToken, Clock, Digest, Epoch, KeyCheck, LinkageSchema, PartyName,
    PassHandle, PassIndex, RecordHandle, RunNumber,
};
use secret::{Key32, RecipientKey, SeededEntropy, SigningKey, StreamWriter};
use wire::{Intake, Posting, Receipt, Role, RunStatus};

use crate::directory::StateDir;
use crate::log_key;
use crate::project::Project;
use crate::resolver::handle_map;

pub(crate) const SCHEMA: &str = r#"
format = 1
name = "s"
revision = 1
profile = "standard"
latest_year = 2025
release = { count_floor = 5 }
field = [
  { name = "given", kind = "given-name" },
  { name = "surname", kind = "surname" },
  { name = "born", kind = "date" },
]
pass = [
  { name = "born", block = ["born"] },
  { name = "named", block = ["surname.code", "born.near-year"] },
]
[[party]]
name = "a"
title = "A"
duplicates = false
record_id = "id"
map = { given = { columns = ["g"] }, surname = { columns = ["s"] }, born = { columns = ["b"], formats = ["YYYY-MM-DD"] } }
[[party]]
name = "b"
title = "B"
duplicates = false
record_id = "id"
map = { given = { columns = ["g"] }, surname = { columns = ["s"] }, born = { columns = ["b"], formats = ["YYYY-MM-DD"] } }
"#;

/// A clock that stands still.
pub(crate) struct Still;

impl Clock for Still {
    fn unix_millis(&self) -> u64 {
        1_700_000_000_000
    }
}

pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(Still)
}

pub(crate) fn project() -> Project {
    let schema = LinkageSchema::parse(SCHEMA).unwrap();
    Project::new("p".parse().unwrap(), Epoch(1), RunNumber(1), schema)
}

/// The agreement of the small project, from 2020 to 2099, and the keys of its two officers.
pub(crate) struct Agreed {
    pub(crate) text: String,
}

impl Agreed {
    pub(crate) fn new() -> Self {
        Self::under(SCHEMA)
    }

    pub(crate) fn under(schema: &str) -> Self {
        let schema = LinkageSchema::parse(schema).unwrap();
        let custodian = |party: &model::schema::Party| DraftMember {
            party: party.name.clone(),
            dpo: format!("DPO of {}", party.title),
            dpo_key: PublicKey::new(Self::key(&party.name).public()).fingerprint(),
        };
        let draft = Draft {
            project: "p".parse().unwrap(),
            purpose: "To find out".to_owned(),
            legal_basis: "Act 1, section 2".to_owned(),
            starts: "2020-01-01".parse().unwrap(),
            expires: "2099-12-31".parse().unwrap(),
            runs: 9,
            retention_days: 30,
            noise: None,
            disclosure: None,
            decoys: None,
            risk: None,
            key_server: None,
            custodians: schema.parties.iter().map(custodian).collect(),
            coordinator: "The linkage unit".to_owned(),
        };
        let text = draft.to_text(&schema).unwrap();
        Self { text }
    }

    /// The amendment that follows it.
    pub(crate) fn amended(&self) -> Self {
        let lines = self.text.lines();
        let lines = lines.filter(|line| !line.starts_with("replaces = "));
        let next = |line: &str| match line.strip_prefix("number = ") {
            Some(number) => {
                let number = number.parse::<u32>().unwrap() + 1;
                format!("number = {number}\nreplaces = \"{}\"\n", self.digest())
            }
            None => format!("{line}\n"),
        };
        Self {
            text: lines.map(next).collect(),
        }
    }

    /// With these outputs for `party`.
    pub(crate) fn with_outputs(&self, party: &str, outputs: &str) -> Self {
        let place = self.text.find(&format!("name = \"{party}\"")).unwrap();
        let (head, tail) = self.text.split_at(place);
        let given = "outputs = [\"own-pseudonyms\", \"counts\"]";
        let text = [head, &tail.replacen(given, outputs, 1)].concat();
        assert_ne!(text, self.text);
        Self { text }
    }

    fn key(party: &PartyName) -> SigningKey {
        let seed = u64::from(party.as_str().as_bytes()[0]);
        SigningKey::from_seed(&Key32::generate(&mut SeededEntropy::new(seed)))
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest::of(self.text.as_bytes())
    }

    /// Writes it into the new directory `offer`, signed by all.
    pub(crate) fn offer(&self, offer: &Path) {
        std::fs::create_dir(offer).unwrap();
        std::fs::write(offer.join("agreement.toml"), &self.text).unwrap();
        for party in ["a", "b"] {
            self.sign(offer, party, "agreement.toml", party);
        }
    }

    fn sign(&self, offer: &Path, party: &str, document: &str, name: &str) {
        let key = Self::key(&party.parse().unwrap());
        let document = std::fs::read(offer.join(document)).unwrap();
        let signature = Signature::make(&document, key.public(), |bytes| key.sign(bytes));
        let path = offer.join(format!("{name}.sig"));
        std::fs::write(path, signature.to_text()).unwrap();
    }

    /// Adds what the officer of `party` says, as its statement `number`.
    pub(crate) fn state(&self, offer: &Path, party: &str, number: u32, act: Act) {
        let name = party.parse().unwrap();
        let date = "2023-11-14".parse().unwrap();
        let said = Statement::new(self.digest(), name, number, act, "doubt", date);
        let stem = said.file_stem();
        let path = offer.join(format!("{stem}.toml"));
        std::fs::write(path, toml::to_string(&said).unwrap()).unwrap();
        self.sign(offer, party, &format!("{stem}.toml"), &stem);
    }

    /// What the officer of `party` signs to approve what is told of a run.
    pub(crate) fn approval(&self, party: &str, told: &RunStatus) -> Posting {
        let approval = Approval::new(
            "p".parse().unwrap(),
            told.run,
            party.parse().unwrap(),
            self.digest(),
            told.outcome.unwrap(),
        );
        Self::posting(party, toml::to_string(&approval).unwrap().into_bytes())
    }

    /// A document signed by the officer of `party`.
    pub(crate) fn posting(party: &str, document: Vec<u8>) -> Posting {
        let party = party.parse().unwrap();
        let key = Self::key(&party);
        let signature = Signature::make(&document, key.public(), |bytes| key.sign(bytes));
        Posting {
            party,
            document,
            signature,
        }
    }

    /// Puts it where a coordinator at `root` looks for it.
    pub(crate) fn install(&self, root: &Path) {
        std::fs::create_dir(root.join("agreements")).unwrap();
        self.offer(&root.join("agreements/1"));
    }
}

/// The manifest of `payload` from `party`, in chunks of 100 bytes.
pub(crate) fn manifest(role: Role, party: &str, payload: &[u8]) -> BatchManifest {
    let project = project();
    let rows = match role {
        Role::Matcher => payload.len() / project.layout.row_bytes,
        Role::Resolver => payload.len().saturating_sub(64) / 32,
    };
    BatchManifest {
        project: project.name,
        run: project.run,
        epoch: project.epoch,
        party: party.parse().unwrap(),
        kind: role.batch_kind(),
        schema_digest: project.schema.digest(),
        agreement: Agreed::new().digest(),
        key_check: KeyCheck::new([7; 16]),
        records: rows as u64,
        set_aside: 0,
        rows: rows as u64,
        bytes: payload.len() as u64,
        chunk_bytes: 100,
        payload_digest: Digest::of(payload),
    }
}

/// The receipt of a batch that was the first thing in a log.
pub(crate) fn receipt(manifest: &BatchManifest) -> Receipt {
    let mut log = Log::open(MemoryStore::new()).unwrap();
    let event = Event::BatchAccepted {
        run: manifest.run,
        party: manifest.party.clone(),
        kind: manifest.kind,
        manifest_digest: manifest.digest(),
        rows: manifest.rows,
        bytes: manifest.bytes,
    };
    let entry = log.append(event, Actor::Matcher, 1).unwrap();
    let proof = log.receipt(entry.sequence).unwrap();
    Receipt {
        manifest_digest: manifest.digest(),
        entry,
        checkpoint: Checkpoint::sign(proof.head, &signer(Role::Matcher)).unwrap(),
        proof,
    }
}

/// A key for the log of `role`.
pub(crate) fn signer(role: Role) -> NoteSigner {
    let dir = tempfile::tempdir().unwrap();
    let directory = StateDir::new(dir.path()).role(role);
    std::fs::create_dir(directory.path()).unwrap();
    log_key::make(&directory, &mut SeededEntropy::new(5)).unwrap();
    log_key::read(&directory, role, &project().name).unwrap()
}

/// Opens, sends what is missing, and accepts.
pub(crate) fn upload(intake: &dyn Intake, manifest: &BatchManifest, payload: &[u8]) -> Receipt {
    let digest = manifest.digest();
    let state = intake.open_batch(&manifest.party, manifest).unwrap();
    let chunks = payload.chunks(manifest.chunk_bytes as usize).enumerate();
    for (index, chunk) in chunks.skip(state.next_chunk as usize) {
        intake
            .put_chunk(&manifest.party, &digest, index as u64, chunk)
            .unwrap();
    }
    intake.accept_batch(&manifest.party, &digest).unwrap()
}

/// Persons whose records are in the registry of a party, by number.
#[derive(Clone)]
pub(crate) struct Registry {
    pub(crate) party: &'static str,
    pub(crate) persons: std::ops::Range<u64>,
}

impl Registry {
    /// One row a person and pass: the first pass has a block for each person, the second one for
    /// every ten. Signatures are those of the person, with nothing in common between two.
    pub(crate) fn rows(&self) -> Vec<u8> {
        let layout = project().layout;
        let mut rows = Vec::new();
        for person in self.persons.clone() {
            for (pass, block) in [(0, person), (1, person / 10)] {
                let mut row = vec![0; layout.row_bytes];
                let token = BlockToken::new(bytes16("token", &[pass.into(), block]));
                let handle = self.pass_handle(pass, person);
                write_header(&mut row, PassIndex(pass), handle, token, u64::MAX);
                let signatures = stream(person, layout.row_bytes - ROW_HEADER);
                row[ROW_HEADER..].copy_from_slice(&signatures);
                rows.push((handle, row));
            }
        }
        in_order(rows)
    }

    pub(crate) fn record(&self, person: u64) -> RecordHandle {
        RecordHandle::new(bytes16(self.party, &[99, person]))
    }

    /// The person whose row has this handle.
    pub(crate) fn person(&self, handle: PassHandle) -> u64 {
        let has = |person: &u64| {
            [0, 1]
                .map(|pass| self.pass_handle(pass, *person))
                .contains(&handle)
        };
        self.persons.clone().find(has).unwrap()
    }

    fn pass_handle(&self, pass: u8, person: u64) -> PassHandle {
        PassHandle::new(bytes16(self.party, &[pass.into(), person]))
    }

    /// The entries of the handle map.
    pub(crate) fn entries(&self) -> Vec<u8> {
        let rows = self.persons.clone();
        let rows = rows.flat_map(|person| [0, 1].map(|pass| (pass, person)));
        let entry = |(pass, person)| {
            let handle = self.pass_handle(pass, person);
            let record = self.record(person);
            let entry = [*handle.as_bytes(), *record.as_bytes()].concat();
            (handle, entry)
        };
        in_order(rows.map(entry).collect())
    }

    /// The sealed handle map and its manifest.
    pub(crate) fn handle_map(&self, recipient: [u8; 32]) -> (BatchManifest, Vec<u8>) {
        let entries = self.entries();
        let mut manifest = manifest(Role::Resolver, self.party, &[]);
        let sealed = seal(&manifest, recipient, &[&entries]);
        manifest.rows = entries.len() as u64 / 32;
        manifest.bytes = sealed.len() as u64;
        manifest.chunk_bytes = 1000;
        manifest.payload_digest = Digest::of(&sealed);
        (manifest, sealed)
    }

    pub(crate) fn encodings(&self) -> (BatchManifest, Vec<u8>) {
        let rows = self.rows();
        let mut manifest = manifest(Role::Matcher, self.party, &rows);
        manifest.chunk_bytes = 4096;
        (manifest, rows)
    }
}

/// Rows or entries in order of their handles.
fn in_order(mut rows: Vec<(PassHandle, Vec<u8>)>) -> Vec<u8> {
    rows.sort();
    rows.into_iter().flat_map(|(_, row)| row).collect()
}

/// Seals the chunks of a handle map.
pub(crate) fn seal(manifest: &BatchManifest, recipient: [u8; 32], chunks: &[&[u8]]) -> Vec<u8> {
    let entropy = &mut SeededEntropy::new(11);
    let context = handle_map::context(manifest);
    let recipient = RecipientKey(recipient);
    let mut writer =
        StreamWriter::to_recipient(Vec::new(), &recipient, context.as_bytes(), entropy).unwrap();
    for chunk in chunks {
        writer.write_chunk(chunk).unwrap();
    }
    writer.finish().unwrap()
}

/// 16 bytes that depend on a word and numbers.
fn bytes16(word: &str, numbers: &[u64]) -> [u8; 16] {
    let digest = Digest::of(format!("{word} {numbers:?}").as_bytes());
    digest.as_bytes()[..16].try_into().unwrap()
}

/// Bytes that depend on a seed.
pub(crate) fn stream(seed: u64, length: usize) -> Vec<u8> {
    let block = |n| *Digest::of(format!("{seed} {n}").as_bytes()).as_bytes();
    (0_u64..).flat_map(block).take(length).collect()
}
