//! Logs altered, cut or forked, and who notices.

use std::fs;
use std::path::PathBuf;

use audit::Event;
use wire::Role;

use testkit::processes::free_addresses;

use super::world::{COLLECTED, PREPARED, World, done, refused, shows};
use crate::cheating::{alter, alter_published_entry, rewrite};
use crate::setting::copy_directory;

fn is_of_crvs(event: &Event) -> bool {
    matches!(event, Event::BatchAccepted { party, .. } if party.as_str() == "crvs")
}

fn role(world: &World, role: Role) -> PathBuf {
    world.path("coordinator").join(role.as_str())
}

#[test]
fn an_honest_run_is_proved_right() {
    let world = World::at(&COLLECTED);
    let verdict = done(world.audit("reconcile"));
    assert!(
        verdict.out.contains("\n0 wrong, 0 unproved, "),
        "{}",
        verdict.out
    );
    let again = done(world.audit("replay --coordinator coordinator"));
    assert!(
        again.out.contains("linking run 1 again gives the same"),
        "{}",
        again.out
    );
}

/// Noticed by: the auditor, from the log alone.
#[test]
fn a_tampered_entry_is_noticed_by_the_auditor() {
    let world = World::at(&COLLECTED);
    alter_published_entry(&role(&world, Role::Matcher));
    let verdict = world.audit("verify");
    shows(&verdict, "matcher", "matcher", "it was altered");
}

/// Noticed by: the coordinator's own program, which does not serve a log that is damaged.
#[test]
fn an_entry_tampered_with_on_the_coordinators_disk_is_noticed_by_its_program() {
    let world = World::at(&COLLECTED);
    alter(&role(&world, Role::Resolver).join("log/entries"));
    let ran = world.coordinator("run");
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.err.contains("the log of the resolver cannot be used"),
        "{}",
        ran.err
    );
}

/// Noticed by: each node at its next contact, and the auditor by the evidence of both.
#[test]
fn an_entry_removed_and_the_log_signed_again_is_noticed_by_the_nodes() {
    let mut world = World::at(&COLLECTED);
    let witness = |world: &World, init: &str| {
        let check = format!("witness --dir witness --name dpo.crvs.example/witness {init}");
        world.audit(&check)
    };
    done(witness(&world, "--init"));
    for name in [Role::Matcher, Role::Resolver] {
        rewrite(&role(&world, name), |_, event| {
            (!is_of_crvs(&event)).then_some(event)
        });
    }
    let verdict = world.audit("reconcile");
    shows(&verdict, "crvs", "matcher", "receipt");
    shows(&verdict, "sr", "matcher", "another history");
    shows(
        &verdict,
        "crvs",
        "resolver",
        "does not have the acceptance of what it uploaded",
    );
    assert_eq!(witness(&world, "").code, Some(3));
    world.start();
    for party in ["crvs", "sr"] {
        refused(
            &world.node(party, "collect"),
            &[
                "the resolver's log: the log does not extend the",
                "tell the other members and the auditor",
            ],
        );
    }
}

/// The operator runs two coordinators with the same keys and shows each node one of them. Noticed by:
/// the node that meets the other one, the other node as soon as it hears of it, and the auditor with
/// the files of both.
#[test]
fn a_forked_history_is_noticed_by_both_nodes_and_the_auditor() {
    let mut world = World::at(&PREPARED);
    let (one, other) = (world.listen(), free_addresses().unwrap());
    copy_directory(&world.path("coordinator"), &world.path("fork"));
    world.readdress("fork/coordinator.toml", one, other);
    world.readdress("node-sr/node.toml", one, other);
    world.start();
    let fork = world.start_at("fork", &other);
    done(world.node("crvs", "upload"));
    done(world.node("sr", "upload"));
    fork.kill().unwrap();
    let verdict = world.audit("verify");
    shows(&verdict, "sr", "matcher", "the log was forked or rewritten");
    world.readdress("node-sr/node.toml", other, one);
    refused(
        &world.node("sr", "prepare --again --input sr.csv"),
        &[
            "the resolver's log: the log does not extend the",
            "it showed this node before",
        ],
    );
    refused(
        &world.node("crvs", "prepare --again --input crvs.csv"),
        &["the resolver's log: the log shows another history here than to sr"],
    );
}

/// Noticed by: the node, which knows the log by another key.
#[test]
fn a_log_begun_anew_under_another_key_is_noticed_by_the_nodes() {
    let mut world = World::at(&COLLECTED);
    let at = role(&world, Role::Resolver);
    fs::remove_dir_all(at.join("log")).unwrap();
    let other = role(&world, Role::Matcher).join("log.key");
    fs::copy(other, at.join("log.key")).unwrap();
    world.start();
    refused(
        &world.node("crvs", "collect"),
        &["the resolver's log: the log has another key than when it was first seen"],
    );
}
