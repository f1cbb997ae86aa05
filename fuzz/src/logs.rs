//! Logs: entries, files, tiles, signed notes and proofs.

use std::fs;
use std::sync::LazyLock;

use audit::note::{Note, VerifierKey};
use audit::tiles::{Row, Tile};
use audit::tree::{HashTree, leaf_hash};
use audit::{
    Checkpoint, Entry, EntryStore as _, FileStore, KeyKind, Log, NoteSigner, TileDir, verify,
};
use model::Digest;
use secret::{Key32, SeededEntropy, SigningKey};

use super::scratch;

/// An entry of a log: its bytes are the only ones that mean it.
pub fn events(bytes: &[u8]) -> bool {
    let Ok(entry) = Entry::from_bytes(bytes) else {
        return false;
    };
    assert_eq!(entry.to_bytes().unwrap(), bytes);
    assert_eq!(entry.leaf_hash().unwrap(), leaf_hash(bytes));
    true
}

/// The file of a log: what can be read once can be read again, after whatever was torn is cut.
pub fn log_files(bytes: &[u8]) -> bool {
    let path = scratch().join("log");
    fs::write(&path, bytes).unwrap();
    let first = read_log(&path);
    assert_eq!(read_log(&path), first);
    first.is_some_and(|(size, _)| size > 0)
}

fn read_log(path: &std::path::Path) -> Option<(u64, Digest)> {
    let store = FileStore::open(path).ok()?;
    (0..=store.len()).for_each(|index| drop(store.read(index)));
    let log = Log::open(store).ok()?;
    for index in 0..log.size() {
        let entry = log.entry(index).unwrap().unwrap();
        assert_eq!(entry.sequence, index);
        let receipt = log.receipt(index).unwrap();
        verify::receipt(&entry.to_bytes().unwrap(), &receipt).unwrap();
    }
    Some((log.size(), log.head().root))
}

/// A tile of entries and one of hashes, as wide as the first byte says.
pub fn tiles(bytes: &[u8]) -> bool {
    let Some((width, bytes)) = bytes.split_first() else {
        return false;
    };
    let log = TileDir::new(&scratch());
    let tile = |row| Tile {
        row,
        index: 0,
        width: u64::from(*width) + 1,
    };
    let (entries, hashes) = (tile(Row::Entries), tile(Row::Hashes(0)));
    for tile in [&entries, &hashes] {
        let path = scratch().join(tile.path());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
    }
    let read = log.entries(&entries);
    if let Ok(read) = &read {
        assert_eq!(read.len() as u64, entries.width);
    }
    let hashed = log.hashes(&hashes);
    if let Ok(hashed) = &hashed {
        assert_eq!(hashed.len() as u64, hashes.width);
        assert_eq!(hashed[0].as_bytes()[..], bytes[..32]);
    }
    for tile in [entries, hashes] {
        fs::remove_file(scratch().join(tile.path())).unwrap();
    }
    read.is_ok() || hashed.is_ok()
}

fn signer(name: &str, kind: KeyKind) -> NoteSigner {
    let key = SigningKey::from_seed(&Key32::generate(&mut SeededEntropy::new(7)));
    let verifier = VerifierKey {
        name: name.parse().unwrap(),
        kind,
        public: key.public(),
    };
    NoteSigner::new(verifier, move |message| key.sign(message))
}

static LOG: LazyLock<NoteSigner> = LazyLock::new(|| signer("symbolon/two/matcher", KeyKind::Log));
static WITNESS: LazyLock<NoteSigner> = LazyLock::new(|| signer("witness", KeyKind::Witness));

/// Signed notes, checkpoints and verifier keys: one text for one meaning, and a cosignature is found
/// again by who added it.
pub fn notes(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    if let Ok(key) = text.parse::<VerifierKey>() {
        assert_eq!(key.to_string().parse(), Ok(key));
        return true;
    }
    let Ok(note) = text.parse::<Note>() else {
        assert!(text.parse::<Checkpoint>().is_err());
        return false;
    };
    assert_eq!(note.to_string(), text);
    if let Ok(checkpoint) = text.parse::<Checkpoint>() {
        cosign(&checkpoint);
    }
    true
}

fn cosign(checkpoint: &Checkpoint) {
    let signed = checkpoint.signed_by(LOG.key());
    assert!(signed.is_err() || signed == Ok(checkpoint.head()));
    let mut cosigned = checkpoint.clone();
    if cosigned.cosign(&WITNESS, 1000).is_err() {
        return;
    }
    assert_eq!(cosigned.cosigned_at(WITNESS.key()), Ok(1000));
    let Ok(again) = cosigned.to_string().parse::<Checkpoint>() else {
        // It was as long as notes are.
        assert!(cosigned.to_string().len() > audit::note::MAX_NOTE_BYTES);
        return;
    };
    assert_eq!(again, cosigned);
    let mut merged = checkpoint.clone();
    if merged.merge(&cosigned).is_ok() {
        assert_eq!(merged.cosigned_at(WITNESS.key()), Ok(1000));
        assert_eq!(merged.signed_by(LOG.key()), signed);
    }
}

/// A proof about a log of which all is known: `kind, size, place, hashes`, where two bytes name a hash of
/// the log's tree or make up another. Exactly the right proof holds. In JSON: a receipt for a batch.
pub fn proofs(bytes: &[u8]) -> bool {
    if let Ok(receipt) = serde_json::from_slice::<wire::Receipt>(bytes) {
        return receipt.check_proof(&receipt.manifest_digest).is_ok();
    }
    let [kind, size, place, path @ ..] = bytes else {
        return false;
    };
    let (size, place) = (u64::from(*size % 40), u64::from(*place % 48));
    let mut tree = HashTree::default();
    (0..size).for_each(|leaf| tree.push(leaf_hash(&[leaf as u8])));
    let path: Vec<Digest> = path
        .as_chunks()
        .0
        .iter()
        .map(|name| named(&tree, *name))
        .collect();
    match kind % 2 {
        0 => inclusion(&tree, place, &path),
        _ => consistency(&tree, place, &path),
    }
}

fn named(tree: &HashTree, [level, index]: [u8; 2]) -> Digest {
    let known = tree.subtree(u32::from(level), u64::from(index));
    known.copied().unwrap_or(Digest::new([index; 32]))
}

fn inclusion(tree: &HashTree, place: u64, path: &[Digest]) -> bool {
    let head = tree.head();
    let holds = |leaf: u64| {
        let leaf = leaf_hash(&[leaf as u8]);
        verify::inclusion(&leaf, place, &head, path).is_ok()
    };
    let right = tree.inclusion_path(place);
    assert_eq!(holds(place), right.as_deref() == Some(path));
    assert!((0..48).all(|leaf| leaf == place || !holds(leaf)));
    holds(place)
}

fn consistency(tree: &HashTree, old: u64, path: &[Digest]) -> bool {
    let Some(old_head) = tree.head_at(old) else {
        return false;
    };
    let holds = verify::consistency(&old_head, &tree.head(), path).is_ok();
    let right = match old == 0 || old == tree.size() {
        true => Some(Vec::new()),
        false => tree.consistency_path(old),
    };
    assert_eq!(holds, right.as_deref() == Some(path));
    holds
}
