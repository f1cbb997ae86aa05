//! Nothing is released before every custodian's officer has approved exactly what came out.

use model::agreement::{Act, Statement};
use model::lifecycle::Phase;
use model::signature::{PublicKey, Signature};
use model::{RefusalCode, RunNumber};
use secret::{Key32, SigningKey};
use service::Shutdown;
use wire::{Fault, Posting, RunStatus, Topic};

use super::fixture::Agreed;
use super::world::{REGISTRIES, World, name};
use crate::Coordinator;

const RUN: Topic = Topic::Approval(RunNumber(1));

fn linked(world: &World) -> Coordinator {
    let coordinator = world.open();
    REGISTRIES
        .iter()
        .for_each(|registry| world.deliver(&coordinator, registry));
    coordinator.advance(&Shutdown::new()).unwrap();
    coordinator
}

fn told(coordinator: &Coordinator) -> RunStatus {
    coordinator
        .results()
        .unwrap()
        .run_status(&name("a"))
        .unwrap()
}

fn code(outcome: Result<(), Fault>) -> RefusalCode {
    match outcome {
        Err(Fault::Refused(refusal)) => refusal.code,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn the_resolver_waits_for_every_officer() {
    let world = World::new();
    let coordinator = linked(&world);
    let approval = |party: &str| Agreed::new().approval(party, &told(&coordinator));
    coordinator
        .board()
        .unwrap()
        .post(RUN, &approval("a"))
        .unwrap();
    coordinator.advance(&Shutdown::new()).unwrap();
    assert_eq!(told(&coordinator).detail, "waits for the approval of b");
    let approved: Vec<bool> = told(&coordinator)
        .parties
        .iter()
        .map(|p| p.approved)
        .collect();
    assert_eq!(approved, [true, false]);
    let early = coordinator
        .results()
        .unwrap()
        .results_header(&name("a"), RunNumber(1));
    assert_eq!(code(early.map(drop)), RefusalCode::WrongState);
    coordinator
        .board()
        .unwrap()
        .post(RUN, &approval("b"))
        .unwrap();
    coordinator.advance(&Shutdown::new()).unwrap();
    assert_eq!(told(&coordinator).state, Phase::Released);
}

#[test]
fn approvals_of_something_else_are_refused() {
    let world = World::new();
    let coordinator = linked(&world);
    let told = told(&coordinator);
    let post = |posting: &Posting| code(coordinator.board().unwrap().post(RUN, posting));
    let other_outcome = RunStatus {
        outcome: Some(model::Digest::of(b"another")),
        ..told.clone()
    };
    let approval = Agreed::new().approval("a", &other_outcome);
    assert_eq!(post(&approval), RefusalCode::DigestDiffers);
    // The officer of b signs for a.
    let document = Agreed::new().approval("a", &told).document;
    let forged = Posting {
        party: name("a"),
        ..Agreed::posting("b", document.clone())
    };
    assert_eq!(post(&forged), RefusalCode::OutsideAgreement);
    let borrowed = Agreed::posting("b", document);
    assert_eq!(post(&borrowed), RefusalCode::WrongParty);
    assert_eq!(
        post(&Agreed::posting("a", b"yes".to_vec())),
        RefusalCode::BadMessage
    );
    let later = Topic::Approval(RunNumber(2));
    let approval = Agreed::new().approval("a", &told);
    assert_eq!(
        code(coordinator.board().unwrap().post(later, &approval)),
        RefusalCode::WrongRun
    );
    coordinator.advance(&Shutdown::new()).unwrap();
    assert_eq!(self::told(&coordinator).state, Phase::Linked);
}

#[test]
fn a_run_is_approved_when_it_is_linked_and_not_before() {
    let world = World::new();
    let coordinator = world.open();
    let told = RunStatus {
        outcome: Some(model::Digest::of(b"a guess")),
        ..told(&coordinator)
    };
    let approval = Agreed::new().approval("a", &told);
    assert_eq!(
        code(coordinator.board().unwrap().post(RUN, &approval)),
        RefusalCode::WrongState
    );
}

/// A coordinator that writes an approval itself gets nowhere: nobody's officer has signed it.
#[test]
fn an_approval_put_on_the_board_by_hand_does_not_count() {
    let world = World::new();
    let coordinator = linked(&world);
    world.approve(&coordinator);
    drop(coordinator);
    let board = world.directory().role(wire::Role::Resolver).board();
    let approval = board.join("approval-run-1/b.toml");
    let text = std::fs::read_to_string(&approval).unwrap();
    std::fs::write(&approval, text.replace("run-approval", "run-approval ")).unwrap();
    let coordinator = world.open();
    coordinator.advance(&Shutdown::new()).unwrap();
    assert_eq!(told(&coordinator).state, Phase::Linked);
}

/// What was approved was approved under the agreement as it was.
#[test]
fn approvals_from_before_an_amendment_count_no_more_and_are_given_anew() {
    let world = World::new();
    let coordinator = linked(&world);
    let before = Agreed::new();
    coordinator
        .board()
        .unwrap()
        .post(RUN, &before.approval("a", &told(&coordinator)))
        .unwrap();
    let amended = before.amended();
    let offer = world.offer().with_file_name("amendment");
    amended.offer(&offer);
    crate::adopt(&world.directory(), &offer).unwrap();
    let approved = |coordinator: &Coordinator| {
        told(coordinator)
            .parties
            .iter()
            .map(|party| party.approved)
            .collect::<Vec<_>>()
    };
    assert_eq!(approved(&coordinator), [false, false]);
    let stale = before.approval("b", &told(&coordinator));
    assert_eq!(
        code(coordinator.board().unwrap().post(RUN, &stale)),
        RefusalCode::DigestDiffers
    );
    for party in ["a", "b"] {
        let approval = amended.approval(party, &told(&coordinator));
        coordinator.board().unwrap().post(RUN, &approval).unwrap();
    }
    coordinator.advance(&Shutdown::new()).unwrap();
    assert_eq!(told(&coordinator).state, Phase::Released);
}

/// Another document of the same officer, put in the place of an approval.
#[test]
fn another_signed_document_is_no_approval() {
    let world = World::new();
    let coordinator = linked(&world);
    world.approve(&coordinator);
    drop(coordinator);
    let board = world.directory().role(wire::Role::Resolver).board();
    let other = Agreed::posting("b", Agreed::new().text.into_bytes());
    let place = board.join("approval-run-1/b.toml");
    std::fs::write(&place, &other.document).unwrap();
    std::fs::write(place.with_extension("sig"), other.signature.to_text()).unwrap();
    let coordinator = world.open();
    coordinator.advance(&Shutdown::new()).unwrap();
    assert_eq!(told(&coordinator).state, Phase::Linked);
}

/// Whoever has a node's certificate and not the officer's key cannot take the place of its card.
#[test]
fn a_card_that_the_officer_did_not_sign_is_not_put_up() {
    let world = World::new();
    let coordinator = world.open();
    let forged = Posting {
        party: name("a"),
        ..Agreed::posting("b", b"a card".to_vec())
    };
    let card = Topic::Card(model::Epoch(1));
    assert_eq!(
        code(coordinator.board().unwrap().post(card, &forged)),
        RefusalCode::OutsideAgreement
    );
    coordinator
        .board()
        .unwrap()
        .post(card, &Agreed::posting("a", b"a card".to_vec()))
        .unwrap();
}

/// Nor of what the node puts up after it.
#[test]
fn a_commitment_that_the_key_of_the_card_did_not_sign_is_not_put_up() {
    let world = World::new();
    let coordinator = world.open();
    let epoch = model::Epoch(1);
    let post = |topic, posting: &Posting| coordinator.board().unwrap().post(topic, posting);
    let node = SigningKey::from_seed(&Key32::from_bytes(&mut [3; 32]));
    let signed = |document: &[u8]| Posting {
        party: name("a"),
        document: document.to_vec(),
        signature: Signature::make(document, node.public(), |bytes| node.sign(bytes)),
    };
    let commitment = signed(b"a commitment");
    let topic = Topic::Commitment(epoch);
    assert_eq!(code(post(topic, &commitment)), RefusalCode::WrongState);
    let card = format!("signing = \"{}\"\n", PublicKey::new(node.public()));
    let card = Agreed::posting("a", card.into_bytes());
    post(Topic::Card(epoch), &card).unwrap();
    let rubbish = Agreed::posting("a", b"rubbish".to_vec());
    assert_eq!(code(post(topic, &rubbish)), RefusalCode::OutsideAgreement);
    post(topic, &commitment).unwrap();
}

/// What an officer says, put up by the node: taken up at once, and told to the others.
#[test]
fn a_statement_that_is_relayed_suspends_and_is_told_to_the_others() {
    let world = World::new();
    let coordinator = world.open();
    let agreed = world.agreed();
    let said = |party: &str, number, act| {
        let date = "2023-11-14".parse().unwrap();
        let about = agreed.digest();
        let statement = Statement::new(about, name(party), number, act, "doubt", date);
        toml::to_string(&statement).unwrap().into_bytes()
    };
    let topic = Topic::Statements(1);
    let board = coordinator.board().unwrap();
    let suspend = said("a", 1, Act::Suspend);
    // Another officer's, or in another's name.
    let forged = Posting {
        party: name("a"),
        ..Agreed::posting("b", suspend.clone())
    };
    assert_eq!(
        code(board.post(topic, &forged)),
        RefusalCode::OutsideAgreement
    );
    let foreign = Agreed::posting("b", suspend.clone());
    assert_eq!(code(board.post(topic, &foreign)), RefusalCode::WrongParty);
    assert!(board.read(&name("b"), topic).unwrap().is_empty());
    let posting = Agreed::posting("a", suspend.clone());
    for _ in 0..2 {
        board.post(topic, &posting).unwrap();
    }
    assert_eq!(board.read(&name("b"), topic).unwrap(), [posting]);
    let (manifest, _) = REGISTRIES[1].encodings();
    let intake = coordinator.intake(wire::Role::Matcher).unwrap();
    let Err(Fault::Refused(refusal)) = intake.open_batch(&name("b"), &manifest) else {
        panic!("taken during a suspension");
    };
    assert!(
        refusal.detail.starts_with("clause `suspension`"),
        "{refusal}"
    );
    let resume = Agreed::posting("a", said("a", 2, Act::Resume));
    board.post(topic, &resume).unwrap();
    // The earlier one, late: no news.
    board.post(topic, &Agreed::posting("a", suspend)).unwrap();
    assert_eq!(board.read(&name("b"), topic).unwrap(), [resume]);
    intake.open_batch(&name("b"), &manifest).unwrap();
    // Of an agreement that is not in force there is nothing to say.
    assert!(
        board
            .read(&name("b"), Topic::Statements(2))
            .unwrap()
            .is_empty()
    );
}
