//! What nodes upload: manifests, rows of encodings, handle maps; what the roles hand on; and the messages
//! in which it all travels.

use std::sync::LazyLock;

use coordinator::resolver::handle_map;
use link::{ComparisonLayout, PartyRows, RecordSet, Scratch};
use model::{
    BatchKind, BatchManifest, Digest, Epoch, KeyCheck, Layout, LinkageSchema, PartyIndex,
    PassHandle, RecordHandle, RunNumber, Silent,
};
use secret::{RecipientSecret, SeededEntropy, StreamWriter};
use wire::{MESSAGES, Reading, read_any};

/// The schema by which rows are read: one of the seeds.
pub(super) static SCHEMA: LazyLock<LinkageSchema> = LazyLock::new(|| {
    LinkageSchema::parse(include_str!("../seeds/schemas/good-two-registries")).unwrap()
});

static LAYOUT: LazyLock<Layout> = LazyLock::new(|| Layout::of(&SCHEMA));

/// Rows of encodings, the first half of one party and the rest of the other.
pub fn rows(bytes: &[u8]) -> bool {
    let half = bytes.len() / 2 / LAYOUT.row_bytes * LAYOUT.row_bytes;
    let inputs = [(0, &bytes[..half]), (1, &bytes[half..])].map(|(party, bytes)| PartyRows {
        party: PartyIndex(party),
        bytes,
    });
    let Ok((compared, _)) = link::compare(&SCHEMA, &LAYOUT, &inputs, &Silent) else {
        return false;
    };
    let row = ComparisonLayout::of(&LAYOUT).row_bytes();
    assert!(compared.len().is_multiple_of(row));
    true
}

/// Comparisons, resolved for two parties of four records each, whose handles are small numbers.
pub fn comparisons(bytes: &[u8]) -> bool {
    let handles = |party: u8| {
        let pair = |record: u8, pass: u8| {
            let pass = PassHandle::new([party * 64 + pass * 16 + record; 16]);
            (pass, RecordHandle::new([party * 64 + record + 1; 16]))
        };
        let pairs = (0..2).flat_map(|pass| (0..4).map(move |record| pair(record, pass)));
        RecordSet::of(PartyIndex(party), pairs)
    };
    let sets = [handles(0), handles(1)];
    let scratch = Scratch::in_memory();
    let resolved = link::resolve(
        &SCHEMA,
        &LAYOUT,
        &sets,
        &[],
        &mut &bytes[..],
        &scratch,
        &Silent,
    );
    let Ok(resolved) = resolved else {
        return false;
    };
    assert_eq!(resolved.cluster_of.len(), 8);
    true
}

fn manifest(rows: u64) -> BatchManifest {
    BatchManifest {
        project: "census".parse().unwrap(),
        run: RunNumber(1),
        epoch: Epoch(1),
        party: "crvs".parse().unwrap(),
        kind: BatchKind::HandleMap,
        schema_digest: SCHEMA.digest(),
        agreement: Digest::of(b"agreement"),
        key_check: KeyCheck::new([7; 16]),
        records: rows,
        set_aside: 0,
        rows,
        bytes: 1000,
        chunk_bytes: 100,
        payload_digest: Digest::of(b"payload"),
    }
}

/// A manifest in JSON.
pub fn manifests(bytes: &[u8]) -> bool {
    let Ok(manifest) = serde_json::from_slice::<BatchManifest>(bytes) else {
        return false;
    };
    let again = serde_json::to_vec(&manifest).unwrap();
    let again: BatchManifest = serde_json::from_slice(&again).unwrap();
    assert_eq!(again.digest(), manifest.digest());
    if manifest.check_limits().is_err() {
        return false;
    }
    let chunks = manifest.chunks();
    let bytes = (0..chunks.min(1000)).filter_map(|chunk| manifest.chunk_len(chunk));
    assert!(chunks > 1000 || bytes.sum::<u64>() == manifest.bytes);
    assert_eq!(manifest.chunk_len(u64::MAX), None);
    true
}

/// A handle map: a byte that promises so many entries, then chunks, each behind a byte with its length. It
/// is sealed here, since nobody guesses a seal; what begins like a sealed stream is opened as it stands.
pub fn handle_maps(bytes: &[u8]) -> bool {
    static RECIPIENT: LazyLock<RecipientSecret> =
        LazyLock::new(|| RecipientSecret::generate(&mut SeededEntropy::new(1)));
    let Some((rows, mut rest)) = bytes.split_first() else {
        return false;
    };
    let manifest = manifest(u64::from(*rows));
    if bytes.starts_with(b"symseal") {
        return handle_map::open(&manifest, bytes, &RECIPIENT).is_ok();
    }
    let context = handle_map::context(&manifest);
    let entropy = &mut SeededEntropy::new(2);
    let mut writer =
        StreamWriter::to_recipient(Vec::new(), &RECIPIENT.public(), context.as_bytes(), entropy)
            .unwrap();
    while let Some((length, after)) = rest.split_first() {
        let (chunk, after) = after.split_at(after.len().min(usize::from(*length)));
        writer.write_chunk(chunk).unwrap();
        rest = after;
    }
    let sealed = writer.finish().unwrap();
    let Ok(map) = handle_map::open(&manifest, &sealed[..], &RECIPIENT) else {
        return false;
    };
    assert_eq!(map.pairs.len() as u64, manifest.rows);
    assert!(map.pairs.is_sorted_by(|one, next| one.0 < next.0));
    true
}

/// A protobuf message behind a byte that says which.
pub fn messages(bytes: &[u8]) -> bool {
    let Some((message, bytes)) = bytes.split_first() else {
        return false;
    };
    match read_any(usize::from(*message) % MESSAGES, bytes) {
        Some(Reading::Taken { comes_back }) => {
            assert!(
                comes_back,
                "message {message} means another thing when written again"
            );
            true
        }
        _ => false,
    }
}
