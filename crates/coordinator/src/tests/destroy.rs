//! What is destroyed is gone, and what is left is found.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use audit::{Event, FileStore, Log};
use model::agreement::Act;
use model::lifecycle::Phase;
use model::{Clock, RefusalCode, RunNumber};
use service::Shutdown;
use wire::{Fault, Role};

use super::fixture;
use super::world::{REGISTRIES, World, name};
use crate::{Coordinator, Destroy, destroy, verify_destroyed};

/// Every file under a directory that has one of these byte strings in it.
fn holding(directory: &Path, needles: &[Vec<u8>]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path, needles));
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let has = |needle: &Vec<u8>| bytes.windows(needle.len()).any(|window| window == needle);
        if needles.iter().any(has) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn of_a_destroyed_run_no_row_and_no_handle_is_left() {
    let world = World::new();
    drop(world.run());
    // A whole row as it was uploaded, and a record handle as it was released.
    let row = REGISTRIES[0].rows()[..fixture::project().layout.row_bytes].to_vec();
    let handle = REGISTRIES[0].record(3).as_bytes().to_vec();
    let needles = [row, handle];
    assert!(holding(world.directory().path(), &needles).len() >= 3);
    let before = verify_destroyed(&world.directory()).unwrap();
    assert!(before.readable.len() >= 8, "{before:?}");
    destroy(&world.directory(), Destroy::Open, fixture::clock()).unwrap();
    assert_eq!(holding(world.directory().path(), &needles), [""; 0]);
    let after = verify_destroyed(&world.directory()).unwrap();
    assert!(after.readable.is_empty(), "{after:?}");
    assert_eq!(after.keys.len(), 2);
    destroy(&world.directory(), Destroy::Project, fixture::clock()).unwrap();
    assert!(
        verify_destroyed(&world.directory())
            .unwrap()
            .keys
            .is_empty()
    );
}

#[test]
fn a_destroyed_run_is_told_so_and_takes_and_gives_nothing() {
    let world = World::new();
    drop(world.run());
    destroy(&world.directory(), Destroy::Open, fixture::clock()).unwrap();
    destroy(&world.directory(), Destroy::Open, fixture::clock()).unwrap();
    let coordinator = world.open();
    coordinator.advance(&Shutdown::new()).unwrap();
    let told = coordinator
        .results()
        .unwrap()
        .run_status(&name("a"))
        .unwrap();
    assert_eq!(told.state, Phase::Destroyed);
    let refused = coordinator
        .results()
        .unwrap()
        .results_header(&name("a"), RunNumber(1));
    assert!(matches!(refused, Err(Fault::Refused(no)) if no.code == RefusalCode::WrongState));
    let (manifest, _) = REGISTRIES[0].encodings();
    let refused = coordinator
        .intake(Role::Matcher)
        .unwrap()
        .open_batch(&name("a"), &manifest);
    assert!(matches!(refused, Err(Fault::Refused(no)) if no.code == RefusalCode::WrongState));
    drop(coordinator);
    for role in [Role::Matcher, Role::Resolver] {
        let log = world.directory().role(role).log().join("entries");
        let log = Log::open(FileStore::open(&log).unwrap()).unwrap();
        let events = (0..log.size()).map(|index| log.entry(index).unwrap().unwrap().event);
        let run = RunNumber(1);
        let events: Vec<Event> = events.collect();
        let destroyed = events
            .iter()
            .filter(|event| **event == Event::RunDestroyed { run });
        assert_eq!(destroyed.count(), 1);
        // It was released: nobody gave it up.
        assert!(!events.contains(&Event::RunCancelled { run }));
    }
}

#[test]
fn a_run_under_way_is_given_up_and_destroyed() {
    let world = World::new();
    world.deliver(&world.open(), &REGISTRIES[0]);
    destroy(&world.directory(), Destroy::Open, fixture::clock()).unwrap();
    assert!(
        verify_destroyed(&world.directory())
            .unwrap()
            .readable
            .is_empty()
    );
}

#[test]
fn what_a_copy_left_behind_is_found() {
    let world = World::new();
    drop(world.run());
    destroy(&world.directory(), Destroy::Open, fixture::clock()).unwrap();
    let batches = world.directory().role(Role::Matcher).batches();
    fs::write(batches.join("forgotten"), b"rows").unwrap();
    let found = verify_destroyed(&world.directory()).unwrap().readable;
    assert!(
        found.len() == 1 && found[0].ends_with("matcher/batches/forgotten"),
        "{found:?}"
    );
}

/// While the coordinator runs it would write what is being removed.
#[test]
fn a_running_coordinator_is_not_destroyed_under_its_feet() {
    let world = World::new();
    let coordinator = world.run();
    let refused = destroy(&world.directory(), Destroy::Open, fixture::clock());
    assert!(matches!(refused, Err(crate::DestroyError::Lock(_))));
    drop(coordinator);
}

/// A project of several runs ends with all of them.
#[test]
fn earlier_runs_are_looked_for_and_destroyed_too() {
    let world = World::new();
    drop(world.run());
    world.open_run(2);
    destroy(&world.directory(), Destroy::Open, fixture::clock()).unwrap();
    let left = verify_destroyed(&world.directory()).unwrap().readable;
    assert!(
        left.iter().any(|left| left.contains("run 1 is released")),
        "{left:?}"
    );
    destroy(
        &world.directory(),
        Destroy::Run(RunNumber(1)),
        fixture::clock(),
    )
    .unwrap();
    let left = verify_destroyed(&world.directory()).unwrap().readable;
    assert!(left.is_empty(), "{left:?}");
    let none = destroy(
        &world.directory(),
        Destroy::Run(RunNumber(3)),
        fixture::clock(),
    );
    assert!(matches!(none, Err(crate::DestroyError::NoRun(..))));
}

#[test]
fn destroying_the_keys_destroys_every_run() {
    let world = World::new();
    drop(world.run());
    world.open_run(2);
    destroy(&world.directory(), Destroy::Project, fixture::clock()).unwrap();
    let left = verify_destroyed(&world.directory()).unwrap();
    assert!(left.readable.is_empty() && left.keys.is_empty(), "{left:?}");
}

/// Killed after the run was marked and before anything was removed: opening finishes it, and nothing of
/// the run is served meanwhile.
#[test]
fn an_ending_that_was_cut_off_is_finished_when_the_coordinator_opens() {
    let world = World::new();
    let coordinator = world.run();
    coordinator.matcher().mark_destroyed();
    coordinator.resolver().mark_destroyed();
    drop(coordinator);
    assert!(
        !verify_destroyed(&world.directory())
            .unwrap()
            .readable
            .is_empty()
    );
    drop(world.open());
    let left = verify_destroyed(&world.directory()).unwrap().readable;
    assert!(left.is_empty(), "{left:?}");
}

/// So many days after 14 November 2023, the day of the fixture's clock.
struct Later(u64);

impl Clock for Later {
    fn unix_millis(&self) -> u64 {
        fixture::clock().unix_millis() + self.0 * 86_400_000
    }
}

fn after(world: &World, days: u64) -> Coordinator {
    Coordinator::open(world.directory(), Arc::new(Later(days))).unwrap()
}

/// The agreement of the fixture lets results be kept for 30 days.
#[test]
fn a_run_that_was_kept_long_enough_is_destroyed_by_itself() {
    let world = World::new();
    drop(world.run());
    let coordinator = after(&world, 30);
    coordinator.advance(&Shutdown::new()).unwrap();
    coordinator
        .results()
        .unwrap()
        .results_header(&name("a"), RunNumber(1))
        .unwrap();
    drop(coordinator);
    let coordinator = after(&world, 31);
    // Not even until the program has got round to it.
    let refused = coordinator
        .results()
        .unwrap()
        .results_header(&name("a"), RunNumber(1));
    let Err(Fault::Refused(refusal)) = refused else {
        panic!("not refused");
    };
    assert!(
        refusal.detail.starts_with("clause `retention_days`"),
        "{refusal}"
    );
    coordinator.advance(&Shutdown::new()).unwrap();
    drop(coordinator);
    assert!(
        verify_destroyed(&world.directory())
            .unwrap()
            .readable
            .is_empty()
    );
}

#[test]
fn everything_is_destroyed_by_itself_when_the_agreement_is_over_or_revoked() {
    let world = World::new();
    drop(world.run());
    // The agreement's last day is 31 December 2099.
    let coordinator = after(&world, 27_808);
    coordinator.advance(&Shutdown::new()).unwrap();
    drop(coordinator);
    assert!(
        verify_destroyed(&world.directory())
            .unwrap()
            .readable
            .is_empty()
    );

    let world = World::new();
    let coordinator = world.run();
    fixture::Agreed::new().state(&world.offer(), "a", 1, Act::Revoke);
    crate::adopt(&world.directory(), &world.offer()).unwrap();
    coordinator.advance(&Shutdown::new()).unwrap();
    drop(coordinator);
    assert!(
        verify_destroyed(&world.directory())
            .unwrap()
            .readable
            .is_empty()
    );
}
