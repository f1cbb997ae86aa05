//! A run from batches to results, by calls without connections.

use std::collections::{BTreeMap, HashSet};

use audit::{Event, FileStore, Log};
use model::lifecycle::Phase;
use model::{Pseudonym, RefusalCode, RunNumber};
use service::Shutdown;
use wire::{Count, Fault, Role, RowsDigester};

use super::fixture::{self, upload};
use super::world::{REGISTRIES, World, name, rows};
use crate::{InitError, enrol, init, status};

#[test]
fn persons_in_both_registries_are_found() {
    let world = World::new();
    let coordinator = world.run();
    let header = coordinator
        .results()
        .unwrap()
        .results_header(&name("a"), RunNumber(1))
        .unwrap();
    assert_eq!((header.rows, header.records), (60, 60));
    assert_eq!(header.clusters, Count::Exact(60));
    assert_eq!(header.found[0].party, name("b"));
    assert_eq!(header.found[0].records, Count::Exact(40));
    let mut digester = RowsDigester::new();
    let rows = rows(&coordinator, "a");
    rows.iter().for_each(|row| digester.add(row));
    assert_eq!(digester.finish(), header.rows_digest);
    assert!(rows.is_sorted_by_key(|row| row.record));
}

#[test]
fn recipients_share_no_pseudonym() {
    let world = World::new();
    let coordinator = world.run();
    let of = |party: &str| -> HashSet<Pseudonym> {
        rows(&coordinator, party)
            .iter()
            .map(|row| row.pseudonym.unwrap())
            .collect()
    };
    assert!(of("a").is_disjoint(&of("b")));
    assert_eq!((of("a").len(), of("b").len()), (60, 60));
}

#[test]
fn states_and_waits_are_told() {
    let world = World::new();
    let coordinator = world.open();
    let told = || {
        coordinator
            .results()
            .unwrap()
            .run_status(&name("b"))
            .unwrap()
    };
    let waits = "waits for encodings of a, b and the handle map of a, b";
    assert_eq!((told().state, told().detail.as_str()), (Phase::Open, waits));
    world.deliver(&coordinator, &REGISTRIES[0]);
    assert_eq!(
        told().detail,
        "waits for encodings of b and the handle map of b"
    );
    let delivered = told().parties.remove(0);
    assert!(delivered.encodings && delivered.handle_map);
    coordinator.advance(&Shutdown::new()).unwrap();
    assert_eq!(told().state, Phase::Open);
    world.deliver(&coordinator, &REGISTRIES[1]);
    coordinator.advance(&Shutdown::new()).unwrap();
    let approval = (Phase::Linked, "waits for the approval of a, b".to_owned());
    assert_eq!((told().state, told().detail), approval);
    world.approve(&coordinator);
    assert_eq!(told().state, Phase::Approved);
    coordinator.advance(&Shutdown::new()).unwrap();
    assert_eq!(told().state, Phase::Released);
}

#[test]
fn results_are_refused_before_release_and_to_strangers() {
    let world = World::new();
    let coordinator = world.open();
    let code = |party: &str, run| match coordinator
        .results()
        .unwrap()
        .results_header(&name(party), run)
    {
        Err(Fault::Refused(refusal)) => refusal.code,
        other => panic!("not refused: {other:?}"),
    };
    assert_eq!(code("a", RunNumber(1)), RefusalCode::WrongState);
    assert_eq!(code("a", RunNumber(2)), RefusalCode::WrongRun);
    assert_eq!(code("c", RunNumber(1)), RefusalCode::NotAMember);
}

#[test]
fn everything_that_counts_stands_in_the_logs_in_order() {
    let world = World::new();
    let coordinator = world.run();
    let results = coordinator.results().unwrap();
    results.results_header(&name("a"), RunNumber(1)).unwrap();
    drop((results, coordinator));
    let kinds = |role: Role| -> Vec<&'static str> {
        let store = FileStore::open(&world.directory().role(role).log().join("entries")).unwrap();
        let log = Log::open(store).unwrap();
        (0..log.size())
            .map(|index| kind(&log.entry(index).unwrap().unwrap().event))
            .collect()
    };
    assert_eq!(
        kinds(Role::Matcher),
        [
            "opened", "agreed", "accepted", "accepted", "sealed", "matched", "handed"
        ]
    );
    assert_eq!(
        kinds(Role::Resolver),
        [
            "opened",
            "agreed",
            "accepted",
            "accepted",
            "sealed",
            "taken",
            "resolved",
            "approved",
            "approved",
            "released",
            "collected"
        ]
    );
}

fn kind(event: &Event) -> &'static str {
    match event {
        Event::ProjectOpened { .. } => "opened",
        Event::AgreementAdopted { .. } => "agreed",
        Event::RunApproved { .. } => "approved",
        Event::RunReleased { .. } => "released",
        Event::BatchAccepted { .. } => "accepted",
        Event::RunSealed { .. } => "sealed",
        Event::RunMatched { .. } => "matched",
        Event::ComparisonsHandedOver { .. } => "handed",
        Event::ComparisonsTaken { .. } => "taken",
        Event::RunResolved { .. } => "resolved",
        Event::ResultsCollected { .. } => "collected",
        _ => "other",
    }
}

/// Both uploads of a party have to come from one prepare.
#[test]
fn a_run_that_cannot_be_linked_fails_and_says_why() {
    let world = World::new();
    let coordinator = world.open();
    world.deliver(&coordinator, &REGISTRIES[0]);
    let (manifest, rows) = REGISTRIES[1].encodings();
    upload(
        &*coordinator.intake(Role::Matcher).unwrap(),
        &manifest,
        &rows,
    );
    let intake = coordinator.intake(Role::Resolver).unwrap();
    let key = intake.describe(&name("b")).unwrap().resolver_key.unwrap();
    let other = fixture::Registry {
        party: "b",
        persons: 500..560,
    };
    let (manifest, sealed) = other.handle_map(key);
    upload(&*intake, &manifest, &sealed);
    for _ in 0..2 {
        coordinator.advance(&Shutdown::new()).unwrap();
        let told = coordinator
            .results()
            .unwrap()
            .run_status(&name("a"))
            .unwrap();
        assert_eq!(told.state, Phase::Failed);
        assert!(
            told.detail
                .contains("of b and its handle map are not of the same prepare"),
            "{}",
            told.detail
        );
    }
    let status = status(&world.directory()).unwrap();
    assert_eq!(status.resolver.unwrap().state, Phase::Failed);
    assert_eq!(status.matcher.unwrap().state, Phase::Linking);
}

#[test]
fn a_handle_map_sealed_for_another_run_fails_the_run() {
    let world = World::new();
    let coordinator = world.open();
    world.deliver(&coordinator, &REGISTRIES[0]);
    let (manifest, rows) = REGISTRIES[1].encodings();
    upload(
        &*coordinator.intake(Role::Matcher).unwrap(),
        &manifest,
        &rows,
    );
    let (mut manifest, sealed) = REGISTRIES[1].handle_map([9; 32]);
    manifest.records = 60;
    upload(
        &*coordinator.intake(Role::Resolver).unwrap(),
        &manifest,
        &sealed,
    );
    coordinator.advance(&Shutdown::new()).unwrap();
    let told = coordinator
        .results()
        .unwrap()
        .run_status(&name("a"))
        .unwrap();
    assert_eq!(told.state, Phase::Failed);
    assert!(told.detail.contains("handle map of b"), "{}", told.detail);
}

#[test]
fn status_is_read_beside_the_running_program() {
    let world = World::new();
    let coordinator = world.open();
    world.deliver(&coordinator, &REGISTRIES[0]);
    let told = status(&world.directory()).unwrap();
    assert_eq!(told.matcher.as_ref().unwrap().state, Phase::Open);
    let accepted: BTreeMap<_, _> = told
        .resolver
        .as_ref()
        .unwrap()
        .batches
        .iter()
        .map(|batch| (batch.party.as_str(), batch.accepted))
        .collect();
    assert_eq!(accepted, BTreeMap::from([("a", true), ("b", false)]));
    drop(coordinator);
    let text = serde_json::to_string(&status(&world.directory()).unwrap()).unwrap();
    assert!(text.contains(r#""detail":{"state":"open"}"#), "{text}");
}

#[test]
fn a_directory_is_made_once_and_opened_once() {
    let world = World::new();
    let entropy = &mut secret::SeededEntropy::new(2);
    let again = init(
        &world.directory(),
        &world.setup(),
        fixture::clock(),
        entropy,
    );
    assert!(matches!(again, Err(InitError::Exists(_))));
    let _first = world.open();
    let second = crate::Coordinator::open(world.directory(), fixture::clock());
    assert!(matches!(second.err(), Some(crate::OpenError::Lock(_))));
}

#[test]
fn a_failed_init_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::new();
    let mut setup = world.setup();
    setup.schema = dir.path().join("missing.toml");
    let at = crate::StateDir::new(dir.path().join("state"));
    let entropy = &mut secret::SeededEntropy::new(2);
    assert!(init(&at, &setup, fixture::clock(), entropy).is_err());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn only_members_are_enrolled_and_only_under_their_name() {
    let world = World::new();
    let request = wire::pki::request(&name("a")).unwrap().request_pem;
    let enrol = |party| enrol(&world.directory(), &request, &name(party), &fixture::Still);
    let enrolled = enrol("a").unwrap();
    assert!(enrolled.certificate_pem.contains("CERTIFICATE"));
    for party in ["b", "c"] {
        assert!(enrol(party).unwrap_err().is_refusal());
    }
}

#[test]
fn the_state_directory_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new();
    let mode = |path: std::path::PathBuf| {
        let metadata = std::fs::metadata(path).unwrap();
        metadata.permissions().mode() & 0o777
    };
    let directory = world.directory();
    let resolver = directory.role(Role::Resolver);
    for path in [directory.path(), resolver.path(), &resolver.batches()] {
        assert_eq!(mode(path.to_path_buf()), 0o700);
    }
    let keys = [
        directory.authority_key(),
        directory.role(Role::Matcher).key(),
        resolver.key(),
        resolver.handle_map_key(),
        resolver.pseudonym_key(),
    ];
    assert!(keys.into_iter().all(|key| mode(key) == 0o600));
}

#[test]
fn a_higher_run_number_opens_the_next_run_and_keeps_the_last() {
    let world = World::new();
    let before = rows(&world.run(), "a");
    let path = world.directory().settings();
    let settings = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, settings.replace("run = 1", "run = 2")).unwrap();
    let coordinator = world.open();
    let results = coordinator.results().unwrap();
    let told = results.run_status(&name("a")).unwrap();
    assert_eq!((told.run, told.state), (RunNumber(2), Phase::Open));
    let page = results.results_rows(&name("a"), RunNumber(1), 0, 60);
    assert_eq!(page.unwrap(), before);
    let (manifest, _) = REGISTRIES[0].encodings();
    let late = coordinator
        .intake(Role::Matcher)
        .unwrap()
        .open_batch(&name("a"), &manifest);
    assert!(matches!(late, Err(Fault::Refused(refusal)) if refusal.code == RefusalCode::WrongRun));
}
