//! On-demand disclosure: tokens first, then an answer to each party, then encodings.

use model::{BatchKind, BatchManifest, BlockToken, Digest, RefusalCode, RunNumber};
use service::Shutdown;
use wire::{Fault, Membership, MembershipPart, Role};

use super::fixture::{Agreed, Registry, upload};
use super::world::{REGISTRIES, World, name};
use crate::{Coordinator, adopt};

const RUN: RunNumber = RunNumber(1);

/// A world whose agreement asks for it, and that agreement's digest.
fn world() -> (World, Digest) {
    let world = World::new();
    let mut agreed = Agreed::new();
    let first = format!("number = 2\nreplaces = \"{}\"", agreed.digest());
    agreed.text = agreed.text.replace("number = 1", &first);
    agreed.text += "\n[disclosure]\nfalse_positives_permille = 10\n";
    std::fs::remove_dir_all(world.offer()).unwrap();
    agreed.offer(&world.offer());
    adopt(&world.directory(), &world.offer()).unwrap();
    (world, agreed.digest())
}

/// The tokens of a registry's rows, and their batch.
fn tokens(registry: &Registry, agreement: Digest) -> (BatchManifest, Vec<u8>) {
    let (manifest, rows) = registry.encodings();
    let bytes = rows.len() / manifest.rows as usize;
    let rows = rows.chunks_exact(bytes).map(model::layout::Row::new);
    let mut tokens: Vec<BlockToken> = rows.map(|row| row.token()).collect();
    tokens.sort_unstable();
    tokens.dedup();
    let payload: Vec<u8> = tokens.iter().flat_map(|token| *token.as_bytes()).collect();
    (batch(manifest, agreement, &payload), payload)
}

fn batch(manifest: BatchManifest, agreement: Digest, payload: &[u8]) -> BatchManifest {
    BatchManifest {
        kind: BatchKind::BlockTokens,
        agreement,
        rows: payload.len() as u64 / 16,
        bytes: payload.len() as u64,
        payload_digest: Digest::of(payload),
        ..manifest
    }
}

fn refusal<T>(answer: Result<T, Fault>) -> (RefusalCode, String) {
    match answer {
        Err(Fault::Refused(refusal)) => (refusal.code, refusal.detail),
        _ => panic!("not refused"),
    }
}

fn answer(coordinator: &Coordinator, party: &str) -> MembershipPart {
    let intake = coordinator.intake(Role::Matcher).unwrap();
    intake.membership(&name(party), RUN, 0, 1 << 20).unwrap()
}

#[test]
fn each_party_is_told_which_of_its_blocks_the_other_has() {
    let (world, agreement) = world();
    let coordinator = world.open();
    let matcher = coordinator.intake(Role::Matcher).unwrap();
    for (place, registry) in REGISTRIES.iter().enumerate() {
        let (manifest, payload) = tokens(registry, agreement);
        upload(&*matcher, &manifest, &payload);
        coordinator.advance(&Shutdown::new()).unwrap();
        if place == 0 {
            let waiting = MembershipPart::Waiting(vec![name("b")]);
            assert_eq!(answer(&coordinator, "a"), waiting);
            let early = matcher.membership(&name("b"), RUN, 0, 9);
            assert_eq!(refusal(early).0, RefusalCode::WrongState);
        }
    }
    let MembershipPart::Bytes {
        length,
        digest,
        bytes,
    } = answer(&coordinator, "a")
    else {
        panic!("no answer");
    };
    assert_eq!((length, digest), (bytes.len() as u64, Digest::of(&bytes)));
    let filter = Membership::from_bytes(bytes.clone(), 10).unwrap();
    let own: Vec<BlockToken> = tokens(&REGISTRIES[0], agreement)
        .1
        .as_chunks()
        .0
        .iter()
        .map(|t| BlockToken::new(*t))
        .collect();
    let other: Vec<BlockToken> = tokens(&REGISTRIES[1], agreement)
        .1
        .as_chunks()
        .0
        .iter()
        .map(|t| BlockToken::new(*t))
        .collect();
    let told = own.iter().filter(|token| filter.contains(**token));
    let (shared, alone): (Vec<_>, Vec<_>) = told.copied().partition(|token| other.contains(token));
    // Forty persons and the four tens they are in are in both registries.
    assert_eq!(shared.len(), 44);
    assert!(alone.len() < 4, "{} of 22 wrongly named", alone.len());
    // Pieces of it are the same bytes, also after a restart.
    drop((matcher, coordinator));
    let coordinator = world.open();
    coordinator.advance(&Shutdown::new()).unwrap();
    let matcher = coordinator.intake(Role::Matcher).unwrap();
    match matcher.membership(&name("a"), RUN, 3, 5).unwrap() {
        MembershipPart::Bytes { bytes: piece, .. } => assert_eq!(piece, bytes[3..8]),
        waiting => panic!("{waiting:?}"),
    }
}

#[test]
fn encodings_wait_for_the_tokens_of_all() {
    let (world, agreement) = world();
    let coordinator = world.open();
    let matcher = coordinator.intake(Role::Matcher).unwrap();
    let (mut encodings, _) = REGISTRIES[0].encodings();
    encodings.agreement = agreement;
    let early = |encodings| refusal(matcher.open_batch(&name("a"), encodings));
    let (code, detail) = early(&encodings);
    assert_eq!(code, RefusalCode::WrongState);
    assert_eq!(detail, "block tokens of a, b have to come first");
    for registry in &REGISTRIES {
        let (manifest, payload) = tokens(registry, agreement);
        upload(&*matcher, &manifest, &payload);
    }
    matcher.open_batch(&name("a"), &encodings).unwrap();
}

#[test]
fn a_run_with_tokens_ends_as_one_without() {
    let (world, agreement) = world();
    let coordinator = world.open();
    for registry in &REGISTRIES {
        let (manifest, payload) = tokens(registry, agreement);
        upload(
            &*coordinator.intake(Role::Matcher).unwrap(),
            &manifest,
            &payload,
        );
    }
    coordinator.advance(&Shutdown::new()).unwrap();
    for registry in &REGISTRIES {
        world.deliver_under(&coordinator, registry, agreement);
    }
    world.finish(&coordinator);
    let header = coordinator
        .results()
        .unwrap()
        .results_header(&name("a"), RUN)
        .unwrap();
    assert_eq!((header.rows, header.records), (60, 60));
}

#[test]
fn tokens_are_taken_only_where_the_agreement_asks_for_them() {
    let world = World::new();
    let coordinator = world.open();
    let (manifest, _) = tokens(&REGISTRIES[0], Agreed::new().digest());
    let matcher = coordinator.intake(Role::Matcher).unwrap();
    let (code, detail) = refusal(matcher.open_batch(&name("a"), &manifest));
    assert_eq!(code, RefusalCode::OutsideAgreement);
    assert!(detail.contains("clause `disclosure`"), "{detail}");
    let resolver = coordinator.intake(Role::Resolver).unwrap();
    let (code, _) = refusal(resolver.open_batch(&name("a"), &manifest));
    assert_eq!(code, RefusalCode::BadManifest);
    assert_eq!(
        refusal(resolver.membership(&name("a"), RUN, 0, 9)).0,
        RefusalCode::WrongState
    );
}

#[test]
fn tokens_out_of_order_fail_the_run() {
    let (world, agreement) = world();
    let coordinator = world.open();
    let matcher = coordinator.intake(Role::Matcher).unwrap();
    for registry in &REGISTRIES {
        let (manifest, mut payload) = tokens(registry, agreement);
        payload[..32].rotate_left(16);
        upload(&*matcher, &batch(manifest, agreement, &payload), &payload);
    }
    coordinator.advance(&Shutdown::new()).unwrap();
    let told = coordinator
        .results()
        .unwrap()
        .run_status(&name("a"))
        .unwrap();
    assert!(
        told.detail.contains("block tokens of a are not in order"),
        "{}",
        told.detail
    );
}
