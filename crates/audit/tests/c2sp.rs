//! Our logs read by another implementation of the C2SP specifications (the crates `signed_note` and
//! `tlog_tiles`), and what that writes read by ours.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use audit::note::{Note, NoteSignature};
use audit::tiles::{Row, Tile as OurTile};
use audit::{
    Actor, Checkpoint, Event, KeyKind, NoteSigner, SignedLog, TileDir, TreeHead, VerifierKey,
    verify,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::{Digest, RunNumber};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use signed_note::{Signer as _, StandardSigner, StandardVerifier, VerifierList};
use tempfile::TempDir;
use tlog_tiles::tile::{Tile, TileHashReader, TileReader};
use tlog_tiles::tlog::{self, Hash};

const SIZE: u64 = 700;

fn signer(name: &str, kind: KeyKind) -> NoteSigner {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let key = VerifierKey {
        name: name.parse().unwrap(),
        kind,
        public: pair.public_key().as_ref().try_into().unwrap(),
    };
    NoteSigner::new(key, move |message| {
        pair.sign(message).as_ref().try_into().unwrap()
    })
}

/// A log of ours with 700 entries: more than two tiles.
fn our_log() -> (TempDir, SignedLog) {
    let directory = tempfile::tempdir().unwrap();
    let signer = Arc::new(signer("symbolon/p/matcher", KeyKind::Log));
    let mut log = SignedLog::open(directory.path(), signer).unwrap();
    for chunk in 0..7 {
        let event = |rows| Event::ResultsReceived {
            run: RunNumber(1),
            rows,
            digest: Digest::of(b"rows"),
        };
        let events = (0..SIZE / 7).map(|n| (event(chunk * 1000 + n), Actor::Matcher));
        log.append_all(events, 5).unwrap();
    }
    (directory, log)
}

/// Reads our files for the other implementation.
struct OurTiles(TileDir);

impl TileReader for OurTiles {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, tlog::Error> {
        let read = |tile: &Tile| {
            // It names the tile's height in its paths, which the specification has fixed.
            let path = tile.path().replace("tile/8/", "tile/");
            let bytes = std::fs::read(self.0.path().join(path)).unwrap();
            assert_eq!(bytes.len(), tile.width() as usize * 32);
            bytes
        };
        Ok(tiles.iter().map(read).collect())
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

fn hash(digest: &Digest) -> Hash {
    Hash(*digest.as_bytes())
}

fn digest(hash: &Hash) -> Digest {
    Digest::new(hash.0)
}

#[test]
fn it_accepts_our_checkpoint() {
    let (_directory, log) = our_log();
    let text = log.checkpoint().to_string();
    let key = signer("symbolon/p/matcher", KeyKind::Log).key().to_string();
    let verifier = StandardVerifier::new(&key).unwrap();
    let known = VerifierList::new(vec![Box::new(verifier)]);
    let note = signed_note::Note::from_bytes(text.as_bytes()).unwrap();
    let (verified, unverified) = note.verify(&known).unwrap();
    assert_eq!((verified.len(), unverified.len()), (1, 0));
    let checkpoint = tlog_tiles::Checkpoint::from_bytes(note.text()).unwrap();
    assert_eq!(checkpoint.origin(), "symbolon/p/matcher");
    assert_eq!(checkpoint.size(), SIZE);
    assert_eq!(checkpoint.hash().0, *log.log().head().root.as_bytes());

    let changed = text.replace("\n700\n", "\n701\n");
    let note = signed_note::Note::from_bytes(changed.as_bytes()).unwrap();
    assert!(note.verify(&known).is_err());
}

#[test]
fn our_checkpoint_with_a_cosignature_is_a_note_to_it() {
    let (_directory, log) = our_log();
    let mut checkpoint = log.checkpoint().clone();
    let witness = signer("dpo.example/crvs", KeyKind::Witness);
    checkpoint.cosign(&witness, 1_679_315_147).unwrap();
    let text = checkpoint.to_string();
    let note = signed_note::Note::from_bytes(text.as_bytes()).unwrap();
    let key = signer("symbolon/p/matcher", KeyKind::Log).key().to_string();
    let verifier = StandardVerifier::new(&key).unwrap();
    let (verified, unknown) = note
        .verify(&VerifierList::new(vec![Box::new(verifier)]))
        .unwrap();
    assert_eq!((verified.len(), unknown.len()), (1, 1));
    // It has no cosigning keys; the id and the message are those of the specification.
    let mut key = vec![4];
    key.extend(witness.key().public);
    assert_eq!(
        unknown[0].id(),
        signed_note::key_id("dpo.example/crvs", &key)
    );
    assert_eq!(note.to_bytes(), text.as_bytes());
}

#[test]
fn we_accept_its_checkpoint() {
    let key = signer("example.com/log", KeyKind::Log).key().clone();
    let seed = STANDARD.encode([&[1][..], &[7; 32]].concat());
    let secret = format!("PRIVATE+KEY+{}+{:08x}+{seed}", key.name, key.id());
    let their_signer = StandardSigner::new(&secret).unwrap();
    let root = Digest::of(b"root");
    let text = tlog_tiles::Checkpoint::new("example.com/log", 12, hash(&root), "").unwrap();
    let mut note = signed_note::Note::new(&text.to_bytes(), &[]).unwrap();
    note.add_sigs(&[&their_signer]).unwrap();
    assert_eq!(key.id(), their_signer.key_id());
    let note = String::from_utf8(note.to_bytes()).unwrap();
    let checkpoint: Checkpoint = note.parse().unwrap();
    let head = TreeHead { size: 12, root };
    assert_eq!(checkpoint.signed_by(&key).unwrap(), head);
    let forged = note
        .replace("\n12\n", "\n13\n")
        .parse::<Checkpoint>()
        .unwrap();
    assert!(forged.signed_by(&key).is_err());
}

#[test]
fn it_proves_from_our_tiles_what_we_accept_and_accepts_what_we_prove() {
    let (directory, log) = our_log();
    let tiles = OurTiles(TileDir::new(directory.path()));
    let head = log.log().head();
    let reader = TileHashReader::new(SIZE, hash(&head.root), &tiles);
    for index in [0, 1, 255, 256, 511, 512, 600, 699] {
        let entry = log.log().entry_bytes(index).unwrap().unwrap();
        let leaf = tlog::record_hash(&entry);
        let theirs = tlog::prove_record(SIZE, index, &reader).unwrap();
        let path: Vec<Digest> = theirs.iter().map(digest).collect();
        assert_eq!(
            verify::inclusion(&digest(&leaf), index, &head, &path),
            Ok(())
        );
        let ours = log
            .log()
            .receipt(index)
            .unwrap()
            .path
            .iter()
            .map(hash)
            .collect();
        tlog::check_record(&ours, SIZE, hash(&head.root), index, leaf).unwrap();
        assert!(tlog::check_record(&ours, SIZE, hash(&head.root), index ^ 1, leaf).is_err());
    }
    for old_size in [1, 2, 100, 255, 256, 257, 512, 699, 700] {
        let old = log.log().head_at(old_size).unwrap();
        let theirs = tlog::prove_tree(SIZE, old_size, &reader).unwrap();
        let path: Vec<Digest> = theirs.iter().map(digest).collect();
        assert_eq!(verify::consistency(&old, &head, &path), Ok(()));
        let ours = log
            .log()
            .consistency(old_size)
            .unwrap()
            .iter()
            .map(hash)
            .collect();
        tlog::check_tree(&ours, SIZE, hash(&head.root), old_size, hash(&old.root)).unwrap();
        let other = hash(&Digest::of(b"other"));
        assert!(tlog::check_tree(&ours, SIZE, hash(&head.root), old_size, other).is_err());
    }
}

#[test]
fn tiles_have_the_paths_it_gives_them() {
    for (level, index, width) in [
        (0, 0, 256),
        (0, 1_234_067, 5),
        (2, 999, 255),
        (1, 1000, 256),
    ] {
        let theirs = Tile::new(8, level, index, width, false).path();
        let row = Row::Hashes(level.into());
        let width = width.into();
        let ours = OurTile { row, index, width }.path();
        assert_eq!(ours, theirs.replace("tile/8/", "tile/"));
    }
}

#[test]
fn it_refuses_what_we_refuse() {
    let (_directory, log) = our_log();
    let text = log.checkpoint().to_string();
    for changed in [
        text.replace("\n\n", "\n"),
        text.replace('\u{2014}', "-"),
        text.replace("symbolon/p/matcher", "symbolon p"),
        text.trim_end().to_owned(),
    ] {
        assert!(changed.parse::<Note>().is_err(), "{changed}");
        assert!(
            signed_note::Note::from_bytes(changed.as_bytes()).is_err(),
            "{changed}"
        );
    }
    let NoteSignature { name, id, bytes } = log.checkpoint().note().signatures()[0].clone();
    let theirs = signed_note::Signature::new(name.to_string(), id, bytes).unwrap();
    let line = String::from_utf8(theirs.to_bytes()).unwrap();
    assert!(text.ends_with(&format!("{}\n", line.trim_end())));
}
