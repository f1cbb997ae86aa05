//! The fuzzers' functions, exercised without a fuzzer: on the seeds in `fuzz/seeds`, and on bytes near
//! them. A seed whose name begins with `good` has to be taken, with `bad` refused; others, which
//! fuzzers found, only have to be read.

use std::fs;
use std::path::PathBuf;

use proptest::test_runner::{Config, TestRunner};

use crate::parsers::near;
use crate::setting::workspace;

mod seeds;
#[path = "../fuzz/src/lib.rs"]
mod targets;

use targets::TARGETS;

fn directory(target: &str) -> PathBuf {
    workspace().join("fuzz/seeds").join(target)
}

/// Names and bytes of a target's seeds.
fn seeds_of(target: &str) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(directory(target)).unwrap();
    let read = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().unwrap();
        (name, fs::read(entry.path()).unwrap())
    };
    let mut seeds: Vec<_> = entries.map(|entry| read(entry.unwrap())).collect();
    seeds.sort();
    seeds
}

#[test]
fn seeds_are_taken_or_refused_as_their_names_say() {
    let mut wrong = Vec::new();
    for (name, target) in TARGETS {
        let seeds = seeds_of(name);
        for (seed, bytes) in &seeds {
            let taken = target(bytes);
            if (taken && seed.starts_with("bad")) || (!taken && seed.starts_with("good")) {
                wrong.push(format!("{name}/{seed}, taken: {taken}"));
            }
        }
        let has = |start: &str| seeds.iter().any(|(seed, _)| seed.starts_with(start));
        assert!(has("good") && has("bad"), "{name} has no seed of each kind");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_is_near_a_seed_is_read_or_refused() {
    for (name, target) in TARGETS {
        for (seed, bytes) in seeds_of(name) {
            let config = Config {
                cases: 24,
                failure_persistence: None,
                ..Config::default()
            };
            let read = |bytes: Vec<u8>| {
                target(&bytes);
                Ok(())
            };
            let all = TestRunner::new(config).run(&near(bytes), read);
            assert!(all.is_ok(), "near {name}/{seed}: {all:?}");
        }
    }
}

#[test]
fn every_function_has_its_fuzzer() {
    let manifest = fs::read_to_string(workspace().join("fuzz/Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let programs = manifest["bin"].as_array().unwrap();
    let programs = programs
        .iter()
        .map(|program| program["name"].as_str().unwrap());
    assert!(programs.eq(TARGETS.iter().map(|(name, _)| *name)));
    for (name, _) in TARGETS {
        let source = workspace().join(format!("fuzz/fuzz_targets/{name}.rs"));
        let called = format!("symbolon_fuzz::target(\"{name}\")(bytes);");
        assert!(
            fs::read_to_string(source).unwrap().contains(&called),
            "{name}"
        );
        let _: targets::Target = targets::target(name);
    }
}
