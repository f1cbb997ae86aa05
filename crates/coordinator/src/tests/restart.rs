//! A program that is stopped at any point goes on to the same bytes.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use model::RunNumber;
use service::Shutdown;
use wire::Role;

use super::fixture;
use super::world::{REGISTRIES, World, name};
use crate::Coordinator;
use crate::directory::RoleDir;
use crate::lifecycle::{Lifecycle, StageError};
use crate::matcher::MatcherState;
use crate::resolver::ResolverState;
use crate::store::{RunStore as _, SqliteStore};
use crate::worker::Stages as _;

const OUTPUTS: [(Role, &str); 9] = [
    (Role::Matcher, "comparisons.bin"),
    (Role::Matcher, "report.json"),
    (Role::Resolver, "clusters.bin"),
    (Role::Resolver, "summary.json"),
    (Role::Resolver, "release/a.rows"),
    (Role::Resolver, "release/a.json"),
    (Role::Resolver, "release/b.rows"),
    (Role::Resolver, "release/b.json"),
    (Role::Matcher, "../../log/entries"),
];

fn outputs(world: &World) -> Vec<Vec<u8>> {
    let read = |(role, name): &(Role, &str)| std::fs::read(world.output(*role, name)).unwrap();
    OUTPUTS.iter().map(read).collect()
}

fn assert_same(world: &World, expected: &[Vec<u8>]) {
    for ((found, expected), (_, name)) in outputs(world).iter().zip(expected).zip(OUTPUTS) {
        assert!(found == expected, "{name} differs");
    }
}

#[test]
fn a_restart_between_any_two_steps_changes_nothing() {
    let straight = World::new();
    straight.run();
    let world = World::new();
    for registry in &REGISTRIES {
        world.deliver(&world.open(), registry);
    }
    let shutdown = Shutdown::new();
    let step = || {
        let coordinator = world.open();
        let matcher = coordinator.matcher().advance(&shutdown).unwrap();
        drop(coordinator);
        world.open().resolver().advance(&shutdown).unwrap() || matcher
    };
    let steps = || {
        std::iter::repeat_with(&step)
            .take_while(|moved| *moved)
            .count()
    };
    assert_eq!(steps(), 2);
    world.approve(&world.open());
    assert_eq!(steps(), 1);
    assert_same(&world, &outputs(&straight));
}

/// As after a crash when a stage's files are written and its state is not.
#[test]
fn a_stage_that_is_done_twice_gives_the_same() {
    let world = World::new();
    drop(world.run());
    let expected = outputs(&world);
    let released = state::<ResolverState>(&world, Role::Resolver);
    let ResolverState::Released { manifests, totals } = released.clone() else {
        panic!("not released");
    };
    let linked = ResolverState::Linked {
        manifests: manifests.clone(),
        totals,
    };
    let matched = state::<MatcherState>(&world, Role::Matcher);
    let MatcherState::Matched { manifests: own, .. } = &matched else {
        panic!("not matched");
    };
    let sealed = MatcherState::Sealed {
        manifests: own.clone(),
    };
    for earlier in [
        linked,
        ResolverState::Sealed { manifests },
        ResolverState::Open,
    ] {
        set(&world, Role::Resolver, &earlier);
        set(&world, Role::Matcher, &sealed);
        world.open().advance(&Shutdown::new()).unwrap();
        assert_same(&world, &expected);
        assert_eq!(state::<ResolverState>(&world, Role::Resolver), released);
        assert_eq!(state::<MatcherState>(&world, Role::Matcher), matched);
    }
}

#[test]
fn a_shutdown_stops_a_stage_and_leaves_it_to_be_done_again() {
    let world = World::new();
    let coordinator = world.open();
    for registry in &REGISTRIES {
        world.deliver(&coordinator, registry);
    }
    let shutdown = Shutdown::new();
    assert!(coordinator.matcher().advance(&shutdown).unwrap());
    shutdown.request();
    let stopped = coordinator.matcher().advance(&shutdown);
    assert!(matches!(stopped, Err(StageError::Stopped)));
    assert!(!world.output(Role::Matcher, "comparisons.bin").exists());
    world.finish(&coordinator);
    let results = coordinator.results().unwrap();
    assert_eq!(
        results
            .results_header(&name("b"), RunNumber(1))
            .unwrap()
            .rows,
        60
    );
}

#[test]
fn damaged_comparisons_fail_the_run() {
    let world = World::new();
    let coordinator = world.open();
    for registry in &REGISTRIES {
        world.deliver(&coordinator, registry);
    }
    while coordinator.matcher().advance(&Shutdown::new()).unwrap() {}
    let path = world.output(Role::Matcher, "comparisons.bin");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[40] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    coordinator.advance(&Shutdown::new()).unwrap();
    let told = coordinator
        .results()
        .unwrap()
        .run_status(&name("a"))
        .unwrap();
    assert!(told.detail.contains("not those the matcher made"));
}

fn role_dir(world: &World, role: Role) -> RoleDir {
    world.directory().role(role)
}

fn state<L: Lifecycle>(world: &World, role: Role) -> L {
    let store = SqliteStore::open(&role_dir(world, role)).unwrap();
    let text = store.load_run(fixture::project().run).unwrap();
    serde_json::from_str(&text.unwrap()).unwrap()
}

fn set<L: Lifecycle>(world: &World, role: Role, state: &L) {
    let store = SqliteStore::open(&role_dir(world, role)).unwrap();
    let text = serde_json::to_string(state).unwrap();
    store.save_run(fixture::project().run, &text).unwrap();
}

/// Every file under `dir` that has a key in clear: ours, or PEM.
fn in_clear(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(in_clear(&path));
        } else if let Ok(text) = std::fs::read_to_string(&path)
            && (text.starts_with("symbolon-key-v1") || text.contains("PRIVATE KEY"))
        {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_coordinator_whose_keys_are_sealed_works_by_its_passphrase_and_not_without() {
    let world = World::new();
    drop(world.run());
    let directory = world.directory();
    let passphrase = world.offer().with_file_name("passphrase");
    std::fs::write(&passphrase, "four words of mine\n").unwrap();
    std::fs::set_permissions(&passphrase, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(in_clear(directory.path()).len(), 7);
    for _ in 0..2 {
        crate::seal_keys(&directory, &passphrase).unwrap();
    }
    assert_eq!(in_clear(directory.path()), Vec::<PathBuf>::new());
    world.open_run(2);
    let coordinator = world.open();
    let results = coordinator.results().unwrap();
    results
        .results_header(&name("a"), model::RunNumber(1))
        .unwrap();
    drop(results);
    drop(coordinator);
    let destroy = crate::Destroy::Run(model::RunNumber(1));
    crate::destroy(&directory, destroy, fixture::clock()).unwrap();
    std::fs::write(&passphrase, "four words of yours\n").unwrap();
    let refused = Coordinator::open(directory, fixture::clock())
        .err()
        .unwrap();
    assert!(
        format!("{refused:?}").contains("WrongPassphrase"),
        "{refused:?}"
    );
}
