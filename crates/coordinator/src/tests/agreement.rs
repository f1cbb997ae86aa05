//! Nothing is taken, linked or released outside the agreement; each refusal names its clause.

use std::collections::BTreeSet;
use std::sync::Arc;

use audit::{Event, FileStore, Log};
use model::agreement::{Act, Clause};
use model::lifecycle::Phase;
use model::{Clock, Day, LifeEvent, RecordHandle, RefusalCode, RunNumber};
use secret::SeededEntropy;
use service::{AgreementFault, Shutdown};
use wire::{Count, EventMark, Fault, Role};

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
        .unwrap()
        .results_header(&name(party), RunNumber(1))
}

#[test]
fn no_batch_is_taken_without_an_agreement() {
    let world = World::new();
    std::fs::remove_dir_all(world.directory().agreements()).unwrap();
    let coordinator = world.open();
    let (manifest, _) = REGISTRIES[0].encodings();
    let intake = coordinator.intake(Role::Matcher).unwrap();
    assert_eq!(intake.describe(&name("a")).unwrap().agreement, None);
    names(Clause::Agreement, intake.open_batch(&name("a"), &manifest));
}

#[test]
fn a_batch_prepared_under_another_agreement_is_refused() {
    let world = World::new();
    let coordinator = world.open();
    let (mut manifest, _) = REGISTRIES[0].encodings();
    manifest.agreement = model::Digest::of(b"another");
    let intake = coordinator.intake(Role::Matcher).unwrap();
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
    let told = coordinator
        .results()
        .unwrap()
        .run_status(&name("a"))
        .unwrap();
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
    let results = coordinator.results().unwrap();
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
    let intake = late.intake(Role::Matcher).unwrap();
    names(Clause::Expires, intake.open_batch(&name("a"), &manifest));
}

#[test]
fn a_party_gets_what_its_outputs_allow() {
    let world = World::new();
    let agreed = Agreed::new();
    let coordinator = run_with(&world, &agreed.with_outputs("a", "outputs = []"));
    names(Clause::Outputs, header(&coordinator, "a"));
    // Nor what is told of single records for review.
    let review = coordinator
        .results()
        .unwrap()
        .review(&name("a"), RunNumber(1));
    names(Clause::Outputs, review);
    header(&coordinator, "b").unwrap();
    assert_eq!(rows(&coordinator, "b").len(), 60);
}

/// A whole run under another first agreement.
fn run_with(world: &World, agreed: &Agreed) -> Coordinator {
    std::fs::remove_dir_all(world.directory().agreements()).unwrap();
    std::fs::remove_dir_all(world.offer()).unwrap();
    agreed.offer(&world.offer());
    adopt(&world.directory(), &world.offer()).unwrap();
    let coordinator = world.open();
    for registry in &REGISTRIES {
        world.deliver_under(&coordinator, registry, agreed.digest());
    }
    world.finish(&coordinator);
    coordinator
}

/// a has persons 0 to 60, b 20 to 80.
#[test]
fn a_party_is_told_yes_or_no_without_a_pseudonym() {
    let world = World::new();
    let outputs = "outputs = [\"yes-no\"]\nknown_at = [\"b\"]";
    let coordinator = run_with(&world, &Agreed::new().with_outputs("a", outputs));
    let told = header(&coordinator, "a").unwrap();
    assert_eq!(
        (told.rows, told.records, told.clusters),
        (60, 60, Count::Withheld)
    );
    assert_eq!(told.rights.known_at, [name("b")]);
    let rows = rows(&coordinator, "a");
    let known: BTreeSet<RecordHandle> = rows
        .iter()
        .filter(|row| row.known_at == 1)
        .map(|row| row.record)
        .collect();
    let shared: BTreeSet<RecordHandle> = (20..60)
        .map(|person| REGISTRIES[0].record(person))
        .collect();
    assert_eq!(known, shared);
    assert!(rows.iter().all(|row| row.fits(&told.rights)));
}

#[test]
fn a_party_that_may_have_counts_alone_gets_them_and_no_rows() {
    let world = World::new();
    let agreed = Agreed::new().with_outputs("a", "outputs = [\"counts\"]");
    let coordinator = run_with(&world, &agreed);
    let told = header(&coordinator, "a").unwrap();
    assert_eq!((told.rows, told.records), (0, 60));
    assert_eq!(told.clusters, Count::Exact(60));
    assert_eq!(told.found[0].records, Count::Exact(40));
    assert!(rows(&coordinator, "a").is_empty());
}

/// What was released is served as far as the agreement in force gives it, also where it gave more when
/// the run was released.
#[test]
fn an_amendment_holds_for_what_was_released_before() {
    let world = World::new();
    let coordinator = world.run();
    let mut before = Agreed::new();
    let mut amend = |change: &dyn Fn(Agreed) -> Agreed| {
        let amended = change(before.amended());
        let offer = world
            .offer()
            .with_file_name(&amended.digest().to_string()[..9]);
        amended.offer(&offer);
        adopt(&world.directory(), &offer).unwrap();
        before = amended;
    };
    let floored = |agreed: Agreed| Agreed {
        text: agreed.text.replace("count_floor = 5", "count_floor = 50"),
    };
    amend(&floored);
    let told = header(&coordinator, "a").unwrap();
    assert_eq!(told.clusters, Count::Exact(60));
    assert_eq!(told.found[0].records, Count::FewerThan(50));
    amend(&|agreed| agreed.with_outputs("a", "outputs = [\"own-pseudonyms\"]"));
    let told = header(&coordinator, "a").unwrap();
    assert_eq!((told.rows, told.clusters), (60, Count::Withheld));
    assert_eq!(told.found[0].records, Count::Withheld);
    amend(&|agreed| {
        let text = agreed
            .text
            .replacen("[\"own-pseudonyms\"]", "[\"counts\"]", 1);
        Agreed { text }
    });
    names(Clause::Outputs, header(&coordinator, "a"));
    let results = coordinator.results().unwrap();
    let page = results.results_rows(&name("a"), RunNumber(1), 0, 7);
    names(Clause::Outputs, page);
    header(&coordinator, "b").unwrap();
}

/// Marks that nobody is to have notice of are not taken in.
#[test]
fn event_marks_that_were_not_agreed_on_fail_the_run() {
    let world = World::new();
    let coordinator = world.open();
    world.deliver(&coordinator, &REGISTRIES[0]);
    let (manifest, rows) = REGISTRIES[1].encodings();
    fixture::upload(
        &*coordinator.intake(Role::Matcher).unwrap(),
        &manifest,
        &rows,
    );
    let intake = coordinator.intake(Role::Resolver).unwrap();
    let key = intake.describe(&name("b")).unwrap().resolver_key.unwrap();
    let mark = EventMark {
        record: REGISTRIES[1].record(30),
        event: LifeEvent::Death,
    };
    let head = [wire::EVENT_MARKS_MAGIC, &1_u32.to_le_bytes()].concat();
    let (mut manifest, _) = REGISTRIES[1].handle_map(key);
    let entries = REGISTRIES[1].entries();
    let sealed = fixture::seal(&manifest, key, &[&entries, &head, &mark.to_bytes()]);
    manifest.records = 60;
    manifest.bytes = sealed.len() as u64;
    manifest.payload_digest = model::Digest::of(&sealed);
    fixture::upload(&*intake, &manifest, &sealed);
    coordinator.advance(&Shutdown::new()).unwrap();
    let told = coordinator
        .results()
        .unwrap()
        .run_status(&name("a"))
        .unwrap();
    assert_eq!(told.state, Phase::Failed);
    assert!(
        told.detail.contains("the handle map of b marks each death"),
        "{}",
        told.detail
    );
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
            .unwrap()
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
    let intake = coordinator.intake(Role::Matcher).unwrap();
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
    let told = coordinator
        .results()
        .unwrap()
        .run_status(&name("a"))
        .unwrap();
    assert_eq!(told.state, Phase::Failed);
    assert!(
        told.detail
            .contains("the batch of a was prepared under an agreement"),
        "{}",
        told.detail
    );
}
