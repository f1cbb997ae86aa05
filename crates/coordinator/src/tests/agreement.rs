//! Nothing is taken, linked or released outside the agreement; each refusal names its clause.

use std::sync::Arc;

use audit::{Event, FileStore, Log};
use model::agreement::{Act, Clause};
use model::lifecycle::Phase;
use model::{Clock, Day, RefusalCode, RunNumber};
use secret::SeededEntropy;
use service::{AgreementFault, Shutdown};
use wire::{Fault, Role};

use super::fixture::{self, Agreed};
use super::world::{REGISTRIES, World, name, rows};
use crate::{AdoptError, Coordinator, StageError, adopt, init};

/// Noon of a day.
struct Noon(&'static str);

impl Clock for Noon {
    fn unix_millis(&self) -> u64 {
        self.0.parse::<Day>().unwrap().start_millis() + 43_200_000
    }
}

#[track_caller]
fn names<T>(clause: Clause, outcome: Result<T, Fault>) {
    let Err(Fault::Refused(refusal)) = outcome else {
        panic!("not refused");
    };
    assert_eq!(refusal.code, RefusalCode::OutsideAgreement);
    let start = format!("clause `{clause}`: ");
    assert!(refusal.detail.starts_with(&start), "{refusal}");
}

fn say(world: &World, party: &str, number: u32, act: Act) {
    Agreed::new().state(&world.offer(), party, number, act);
    adopt(&world.directory(), &world.offer()).unwrap();
}

fn header(coordinator: &Coordinator, party: &str) -> Result<wire::ResultsHeader, Fault> {
    coordinator
        .results()
        .results_header(&name(party), RunNumber(1))
}

#[test]
fn no_batch_is_taken_without_an_agreement() {
    let world = World::new();
    std::fs::remove_dir_all(world.directory().agreements()).unwrap();
    let coordinator = world.open();
    let (manifest, _) = REGISTRIES[0].encodings();
    let intake = coordinator.intake(Role::Matcher);
    assert_eq!(intake.describe(&name("a")).unwrap().agreement, None);
    names(Clause::Agreement, intake.open_batch(&name("a"), &manifest));
}

#[test]
fn a_batch_prepared_under_another_agreement_is_refused() {
    let world = World::new();
    let coordinator = world.open();
    let (mut manifest, _) = REGISTRIES[0].encodings();
    manifest.agreement = model::Digest::of(b"another");
    let intake = coordinator.intake(Role::Matcher);
    names(Clause::Agreement, intake.open_batch(&name("a"), &manifest));
}

#[test]
fn a_run_stops_where_it_is_when_an_officer_suspends_and_goes_on_when_he_resumes() {
    let world = World::new();
    let coordinator = world.open();
    REGISTRIES
        .iter()
        .for_each(|registry| world.deliver(&coordinator, registry));
    say(&world, "b", 1, Act::Suspend);
    let stopped = coordinator.advance(&Shutdown::new()).unwrap_err();
    let StageError::Agreement(AgreementFault::Refused(refusal)) = stopped else {
        panic!("{stopped}");
    };
    assert!(
        refusal
            .detail
            .starts_with("clause `suspension`: b suspended it")
    );
    let told = coordinator.results().run_status(&name("a")).unwrap();
    assert_eq!((told.state, told.detail), (Phase::Open, refusal.detail));
    say(&world, "b", 2, Act::Resume);
    world.finish(&coordinator);
    header(&coordinator, "a").unwrap();
}

#[test]
fn nothing_is_given_out_after_a_revocation() {
    let world = World::new();
    let coordinator = world.run();
    header(&coordinator, "a").unwrap();
    say(&world, "a", 1, Act::Revoke);
    names(Clause::Revocation, header(&coordinator, "a"));
    let results = coordinator.results();
    names(
        Clause::Revocation,
        results.results_rows(&name("b"), RunNumber(1), 0, 7),
    );
    names(Clause::Revocation, results.review(&name("b"), RunNumber(1)));
}

/// Under an agreement that is over, everything stands still, also with the batches there.
#[test]
fn nothing_is_linked_or_given_out_after_the_last_day() {
    let world = World::new();
    drop(world.run());
    let late = Coordinator::open(world.directory(), Arc::new(Noon("2100-01-01"))).unwrap();
    names(Clause::Expires, header(&late, "a"));
    let (manifest, _) = REGISTRIES[0].encodings();
    let intake = late.intake(Role::Matcher);
    names(Clause::Expires, intake.open_batch(&name("a"), &manifest));
}

#[test]
fn a_party_gets_what_its_outputs_allow() {
    let world = World::new();
    let agreed = Agreed::new();
    let text = agreed.text.replacen(
        "outputs = [\"own-pseudonyms\", \"counts\"]",
        "outputs = []",
        1,
    );
    assert_ne!(text, agreed.text);
    std::fs::remove_dir_all(world.directory().agreements()).unwrap();
    let agreed = Agreed { text };
    std::fs::remove_dir_all(world.offer()).unwrap();
    agreed.offer(&world.offer());
    adopt(&world.directory(), &world.offer()).unwrap();
    let coordinator = world.open();
    for registry in &REGISTRIES {
        world.deliver_under(&coordinator, registry, agreed.digest());
    }
    world.finish(&coordinator);
    names(Clause::Outputs, header(&coordinator, "a"));
    // Nor what is told of single records for review.
    let review = coordinator.results().review(&name("a"), RunNumber(1));
    names(Clause::Outputs, review);
    header(&coordinator, "b").unwrap();
    assert_eq!(rows(&coordinator, "b").len(), 60);
}

#[test]
fn an_agreement_about_something_else_is_not_taken_up() {
    let world = World::new();
    let offer = world.offer().with_file_name("other");
    let schema = fixture::SCHEMA.replace("revision = 1", "revision = 2");
    Agreed::under(&schema).offer(&offer);
    let error = adopt(&world.directory(), &offer).unwrap_err();
    assert!(error.is_refusal(), "{error}");
    assert!(matches!(error, AdoptError::Agreement(_)));
    assert!(error.to_string().contains("clause `schema`"), "{error}");
}

#[test]
fn a_new_coordinator_has_none() {
    let world = World::new();
    let directory = crate::StateDir::new(world.offer().with_file_name("second"));
    let entropy = &mut SeededEntropy::new(2);
    init(&directory, &world.setup(), fixture::clock(), entropy).unwrap();
    assert!(!directory.agreements().exists());
}

/// The events of both roles.
fn logged(world: &World) -> Vec<Event> {
    let mut events = Vec::new();
    for role in [Role::Matcher, Role::Resolver] {
        let path = world.directory().role(role).log().join("entries");
        let log = Log::open(FileStore::open(&path).unwrap()).unwrap();
        events.extend((0..log.size()).map(|index| log.entry(index).unwrap().unwrap().event));
    }
    events
}

#[test]
fn both_roles_log_the_agreement_and_what_was_said_of_it_before_it_counts() {
    let world = World::new();
    let coordinator = world.run();
    say(&world, "b", 1, Act::Suspend);
    names(Clause::Suspension, header(&coordinator, "a"));
    let (manifest, _) = REGISTRIES[0].encodings();
    drop(
        coordinator
            .intake(Role::Matcher)
            .open_batch(&name("a"), &manifest),
    );
    say(&world, "b", 2, Act::Resume);
    header(&coordinator, "a").unwrap();
    drop(coordinator);
    let said = |number, act| Event::AgreementStated {
        agreement: Agreed::new().digest(),
        party: name("b"),
        number,
        act,
    };
    let events = logged(&world);
    let count = |event: &Event| events.iter().filter(|other| *other == event).count();
    let adopted = Event::AgreementAdopted {
        agreement: Agreed::new().digest(),
        number: 1,
    };
    assert_eq!(count(&adopted), 2);
    assert_eq!(count(&said(1, Act::Suspend)), 2);
    assert!(count(&said(2, Act::Resume)) >= 1);
}

#[test]
fn a_suspension_stops_an_upload_under_way() {
    let world = World::new();
    let coordinator = world.open();
    let (manifest, rows) = REGISTRIES[0].encodings();
    let intake = coordinator.intake(Role::Matcher);
    intake.open_batch(&name("a"), &manifest).unwrap();
    let chunk = |index: usize| {
        let size = manifest.chunk_bytes as usize;
        let bytes = &rows[index * size..(index + 1) * size];
        intake.put_chunk(&name("a"), &manifest.digest(), index as u64, bytes)
    };
    chunk(0).unwrap();
    say(&world, "b", 1, Act::Suspend);
    names(Clause::Suspension, chunk(1));
    say(&world, "b", 2, Act::Resume);
    chunk(1).unwrap();
}

/// One batch from before an amendment, one from after it.
#[test]
fn batches_prepared_under_different_agreements_are_not_linked_with_one_another() {
    let world = World::new();
    let coordinator = world.open();
    world.deliver(&coordinator, &REGISTRIES[0]);
    let amended = Agreed::new().amended();
    let offer = world.offer().with_file_name("amendment");
    amended.offer(&offer);
    adopt(&world.directory(), &offer).unwrap();
    world.deliver_under(&coordinator, &REGISTRIES[1], amended.digest());
    coordinator.advance(&Shutdown::new()).unwrap();
    let told = coordinator.results().run_status(&name("a")).unwrap();
    assert_eq!(told.state, Phase::Failed);
    assert!(
        told.detail
            .contains("the batch of a was prepared under an agreement"),
        "{}",
        told.detail
    );
}
