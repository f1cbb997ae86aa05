//! Whatever reads bytes from outside says yes or no to any bytes, and never panics: arbitrary bytes,
//! and valid ones with a few changed, cut or doubled.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use audit::{Actor, Entry, EntryStore as _, Event, FileStore, Log};
use coordinator::resolver::{clusters, handle_map};
use link::{ComparisonLayout, PartyRows, RecordSet, Scratch};
use model::layout::{ROW_HEADER, write_header};
use model::{
    BatchKind, BatchManifest, BlockToken, Digest, Epoch, KeyCheck, Layout, LinkageSchema,
    PartyIndex, PassHandle, PassIndex, RecordHandle, RunNumber, Silent, SystemClock,
};
use proptest::prelude::*;
use proptest::sample::Index;
use records::ColumnPlan;
use secret::key_file::{self, Purpose};
use secret::{Key32, RecipientSecret, SeededEntropy, StreamReader, StreamWriter};
use wire::identity::CertificateFacts;
use wire::pki::{Authority, Validity, request};

use crate::setting::{SCHEMA, registry};

/// Not many: each is small, and there are many tests.
fn few() -> ProptestConfig {
    ProptestConfig {
        cases: 192,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// One change to valid bytes.
#[derive(Debug, Clone)]
enum Change {
    Set(Index, u8),
    Flip(Index, u8),
    Cut(Index),
    Double(Index, Index),
    Remove(Index, Index),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (at(), 0..8_u8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        at().prop_map(Change::Cut),
        (at(), at()).prop_map(|(from, to)| Change::Double(from, to)),
        (at(), at()).prop_map(|(from, to)| Change::Remove(from, to)),
    ]
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let place = |at: &Index| at.index(bytes.len());
        let range = |from: &Index, to: &Index| {
            let (from, to) = (place(from), place(to));
            from.min(to)..from.max(to)
        };
        match self {
            Self::Set(at, byte) => {
                let at = place(at);
                bytes[at] = *byte;
            }
            Self::Flip(at, bit) => {
                let at = place(at);
                bytes[at] ^= 1 << bit;
            }
            Self::Cut(at) => bytes.truncate(place(at)),
            Self::Double(from, to) => {
                let range = range(from, to);
                let again = bytes[range.clone()].to_vec();
                bytes.splice(range.start..range.start, again);
            }
            Self::Remove(from, to) => drop(bytes.drain(range(from, to))),
        }
    }
}

/// Arbitrary bytes, or `valid` with a few changes.
pub(crate) fn near(valid: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let changed = prop::collection::vec(change(), 1..4).prop_map(move |changes| {
        let mut bytes = valid.clone();
        changes.iter().for_each(|change| change.apply(&mut bytes));
        bytes
    });
    prop_oneof![1 => prop::collection::vec(any::<u8>(), 0..512), 4 => changed]
}

fn schema() -> LinkageSchema {
    LinkageSchema::parse(SCHEMA).unwrap()
}

pub(crate) fn manifest() -> BatchManifest {
    BatchManifest {
        project: "census".parse().unwrap(),
        run: RunNumber(1),
        epoch: Epoch(1),
        party: "crvs".parse().unwrap(),
        kind: BatchKind::HandleMap,
        schema_digest: schema().digest(),
        agreement: Digest::of(b"agreement"),
        key_check: KeyCheck::new([7; 16]),
        records: 3,
        set_aside: 0,
        rows: 3,
        bytes: 1000,
        chunk_bytes: 100,
        payload_digest: Digest::of(b"payload"),
    }
}

/// A few rows of a party; those of all parties share their blocks.
pub(crate) fn rows(layout: &Layout, party: u8) -> Vec<u8> {
    let mut rows = Vec::new();
    for pass in 0..2_u8 {
        for record in 0..4_u8 {
            let mut row = vec![record.wrapping_mul(37); layout.row_bytes];
            let handle = PassHandle::new([party * 64 + pass * 16 + record; 16]);
            let token = BlockToken::new([pass * 16 + record / 2; 16]);
            write_header(
                &mut row[..ROW_HEADER],
                PassIndex(pass),
                handle,
                token,
                u64::MAX,
            );
            rows.extend(row);
        }
    }
    rows
}

fn handles(party: u8) -> RecordSet {
    let pair = |record: u8, pass: u8| {
        let pass = PassHandle::new([party * 64 + pass * 16 + record; 16]);
        (pass, RecordHandle::new([party * 64 + record + 1; 16]))
    };
    let pairs = (0..2).flat_map(|pass| (0..4).map(move |record| pair(record, pass)));
    RecordSet::of(PartyIndex(party), pairs)
}

/// What the matcher makes of two parties' rows.
fn compare(inputs: [&[u8]; 2]) -> Option<Vec<u8>> {
    let schema = schema();
    let layout = Layout::of(&schema);
    let inputs = [0, 1].map(|party| PartyRows {
        party: PartyIndex(party),
        bytes: inputs[usize::from(party)],
    });
    let compared = link::compare(&schema, &layout, &inputs, &Silent);
    compared.ok().map(|(comparisons, _)| comparisons)
}

pub(crate) fn comparisons() -> Vec<u8> {
    let layout = Layout::of(&schema());
    compare([&rows(&layout, 0), &rows(&layout, 1)]).unwrap()
}

pub(crate) fn zipped(text: &str) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(text.as_bytes()).unwrap();
    out.finish().unwrap()
}

fn sealed(context: &[u8], recipient: &RecipientSecret) -> Vec<u8> {
    let entropy = &mut SeededEntropy::new(2);
    let mut writer =
        StreamWriter::to_recipient(Vec::new(), &recipient.public(), context, entropy).unwrap();
    writer.write_chunk(&[5; 96]).unwrap();
    writer.finish().unwrap()
}

fn sealed_under(key: &Key32) -> Vec<u8> {
    let entropy = &mut SeededEntropy::new(3);
    let mut writer = StreamWriter::under_key(Vec::new(), key, b"context", entropy).unwrap();
    for chunk in [&[1; 40][..], &[], &[2; 1000]] {
        writer.write_chunk(chunk).unwrap();
    }
    writer.finish().unwrap()
}

fn event(rows: u64) -> Event {
    Event::ResultsReceived {
        run: RunNumber(1),
        rows,
        digest: Digest::of(b"rows"),
    }
}

pub(crate) fn entry() -> Vec<u8> {
    let entry = Entry {
        sequence: 0,
        unix_millis: 1,
        actor: Actor::Matcher,
        event: event(1),
    };
    entry.to_bytes().unwrap()
}

pub(crate) fn log_file() -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut log = Log::open(FileStore::open(&path).unwrap()).unwrap();
    for rows in 0..5 {
        log.append(event(rows), Actor::Resolver, rows).unwrap();
    }
    fs::read(&path).unwrap()
}

pub(crate) fn key_text() -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    key_file::write(
        &path,
        Purpose::Linkage,
        &Key32::generate(&mut SeededEntropy::new(1)),
    )
    .unwrap();
    fs::read(&path).unwrap()
}

pub(crate) fn authority() -> Authority {
    let validity = Validity::days(&SystemClock, 30);
    Authority::create(&"census".parse().unwrap(), validity).unwrap()
}

/// Reads a registry to its end or to what is wrong with it.
fn read_registry(bytes: &[u8]) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("registry.csv");
    fs::write(&path, bytes).unwrap();
    let plan = ColumnPlan::of(&schema(), PartyIndex(0));
    if let Ok(mut file) = sources::CsvFile::open(&path, &plan) {
        while file.next_chunk(16).is_ok_and(|chunk| !chunk.is_empty()) {}
    }
}

fn read_log(path: &Path) -> u64 {
    let Ok(store) = FileStore::open(path) else {
        return 0;
    };
    (0..=store.len()).for_each(|index| drop(store.read(index)));
    let Ok(log) = Log::open(store) else { return 0 };
    (0..=log.size()).for_each(|index| drop(log.entry(index)));
    log.size()
}

proptest! {
    #![proptest_config(few())]

    #[test]
    fn schemas(bytes in near(SCHEMA.into())) {
        if let Ok(schema) = LinkageSchema::parse(&String::from_utf8_lossy(&bytes)) {
            let layout = Layout::of(&schema);
            prop_assert!(layout.row_bytes >= ROW_HEADER);
        }
    }

    #[test]
    fn registries(bytes in near(registry(20).into())) {
        read_registry(&bytes);
    }

    #[test]
    fn zipped_registries(bytes in near(zipped(&registry(20)))) {
        read_registry(&bytes);
    }

    #[test]
    fn streams_under_a_key(bytes in near(sealed_under(&Key32::generate(&mut SeededEntropy::new(1))))) {
        let key = Key32::generate(&mut SeededEntropy::new(1));
        if let Ok(mut reader) = StreamReader::under_key(&bytes[..], &key, b"context") {
            while let Ok(Some(_)) = reader.next_chunk() {}
        }
    }

    #[test]
    fn handle_maps(bytes in {
        let recipient = RecipientSecret::generate(&mut SeededEntropy::new(1));
        near(sealed(handle_map::context(&manifest()).as_bytes(), &recipient))
    }) {
        let recipient = RecipientSecret::generate(&mut SeededEntropy::new(1));
        if let Ok(map) = handle_map::open(&manifest(), &bytes[..], &recipient) {
            prop_assert_eq!(map.pairs.len(), 3);
        }
    }

    #[test]
    fn key_files(bytes in near(key_text())) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        drop(key_file::read(&path, Purpose::Linkage));
    }

    #[test]
    fn log_entries(bytes in near(entry())) {
        if let Ok(entry) = Entry::from_bytes(&bytes) {
            prop_assert_eq!(entry.to_bytes().unwrap(), bytes);
        }
    }

    #[test]
    fn log_files(bytes in near(log_file())) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        fs::write(&path, &bytes).unwrap();
        // What can be read once can be read again, after whatever was torn is cut.
        let first = read_log(&path);
        prop_assert_eq!(read_log(&path), first);
    }

    #[test]
    fn encodings(bytes in near(rows(&Layout::of(&schema()), 0))) {
        let other = rows(&Layout::of(&schema()), 1);
        if let Some(compared) = compare([&bytes, &other]) {
            let row = ComparisonLayout::of(&Layout::of(&schema())).row_bytes();
            prop_assert_eq!(compared.len() % row, 0);
        }
    }

    #[test]
    fn comparisons_to_resolve(bytes in near(comparisons())) {
        let schema = schema();
        let sets = [handles(0), handles(1)];
        let layout = Layout::of(&schema);
        if let Ok(resolved) = link::resolve(
            &schema,
            &layout,
            &sets,
            &[],
            &mut &bytes[..],
            &Scratch::in_memory(),
            &Silent,
        ) {
            prop_assert_eq!(resolved.cluster_of.len(), 8);
        }
    }

    #[test]
    fn cluster_files(bytes in near(clusters::encode((0..5).map(|place| clusters::ClusterRow {
        party: PartyIndex(place as u8 % 2),
        record: RecordHandle::new([place as u8; 16]),
        first: place / 2,
    })))) {
        if let Ok(rows) = clusters::decode(&bytes) {
            prop_assert_eq!(clusters::encode(rows.into_iter()), bytes);
        }
    }

    #[test]
    fn manifests(bytes in near(serde_json::to_vec(&manifest()).unwrap())) {
        if let Ok(manifest) = serde_json::from_slice::<BatchManifest>(&bytes) {
            manifest.digest();
            manifest.chunk_len(manifest.chunks());
            manifest.chunk_len(u64::MAX);
            drop(manifest.check_limits());
        }
    }

    #[test]
    fn certificates(bytes in near(authority().certificate_pem().into())) {
        drop(CertificateFacts::read(&String::from_utf8_lossy(&bytes)));
    }

    #[test]
    fn certificate_requests(bytes in near(request(&"crvs".parse().unwrap()).unwrap().request_pem.into())) {
        let validity = Validity::days(&SystemClock, 10);
        let text = String::from_utf8_lossy(&bytes);
        drop(authority().issue_node(&text, &"crvs".parse().unwrap(), validity));
    }
}
