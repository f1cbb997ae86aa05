//! What is destroyed is gone, and what is left is found.

use std::fs;
use std::path::Path;

use audit::{Event, FileStore, Log};
use model::{RefusalCode, RunNumber};
use service::Shutdown;
use wire::{Fault, Role, RunState};

use super::fixture;
use super::world::{REGISTRIES, World, name};
use crate::{destroy, verify_destroyed};

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
    destroy(&world.directory(), false, fixture::clock()).unwrap();
    assert_eq!(holding(world.directory().path(), &needles), [""; 0]);
    let after = verify_destroyed(&world.directory()).unwrap();
    assert!(after.readable.is_empty(), "{after:?}");
    assert_eq!(after.keys.len(), 2);
    destroy(&world.directory(), true, fixture::clock()).unwrap();
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
    destroy(&world.directory(), false, fixture::clock()).unwrap();
    destroy(&world.directory(), false, fixture::clock()).unwrap();
    let coordinator = world.open();
    coordinator.advance(&Shutdown::new()).unwrap();
    let told = coordinator.results().run_status(&name("a")).unwrap();
    assert_eq!(told.state, RunState::Destroyed);
    let refused = coordinator
        .results()
        .results_header(&name("a"), RunNumber(1));
    assert!(matches!(refused, Err(Fault::Refused(no)) if no.code == RefusalCode::WrongState));
    let (manifest, _) = REGISTRIES[0].encodings();
    let refused = coordinator
        .intake(Role::Matcher)
        .open_batch(&name("a"), &manifest);
    assert!(matches!(refused, Err(Fault::Refused(no)) if no.code == RefusalCode::WrongState));
    drop(coordinator);
    for role in [Role::Matcher, Role::Resolver] {
        let log = world.directory().role(role).log().join("entries");
        let log = Log::open(FileStore::open(&log).unwrap()).unwrap();
        let events = (0..log.size()).map(|index| log.entry(index).unwrap().unwrap().event);
        let run = RunNumber(1);
        assert_eq!(
            events
                .filter(|event| *event == Event::RunDestroyed { run })
                .count(),
            1
        );
    }
}

#[test]
fn a_run_under_way_is_given_up_and_destroyed() {
    let world = World::new();
    world.deliver(&world.open(), &REGISTRIES[0]);
    destroy(&world.directory(), false, fixture::clock()).unwrap();
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
    destroy(&world.directory(), false, fixture::clock()).unwrap();
    let batches = world.directory().role(Role::Matcher).batches();
    fs::write(batches.join("forgotten"), b"rows").unwrap();
    let found = verify_destroyed(&world.directory()).unwrap().readable;
    assert!(
        found.len() == 1 && found[0].starts_with("matcher: 1 batches in"),
        "{found:?}"
    );
}

/// While the coordinator runs it would write what is being removed.
#[test]
fn a_running_coordinator_is_not_destroyed_under_its_feet() {
    let world = World::new();
    let coordinator = world.run();
    let refused = destroy(&world.directory(), false, fixture::clock());
    assert!(matches!(refused, Err(crate::DestroyError::Lock(_))));
    drop(coordinator);
}
