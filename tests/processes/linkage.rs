//! Batches and results altered after the fact, and who notices.

use wire::Role;

use super::world::{COLLECTED, PARTIES, PREPARED, World, done, refused, shows};
use crate::cheating::{alter, alter_a_batch};

/// Noticed by: the matcher, when it reads what it took; its run fails, and every node is told why.
#[test]
fn a_batch_changed_before_it_is_compared_is_noticed_by_the_matcher() {
    let mut world = World::at(&PREPARED);
    world.start();
    done(world.node("crvs", "upload"));
    world.stop();
    alter_a_batch(&world.path("coordinator/matcher"));
    world.start();
    // The run may be given up before the second batch of sr is there.
    drop(world.node("sr", "upload"));
    for party in PARTIES {
        refused(
            &world.node(party, "collect --wait 60"),
            &[
                "run 1 is failed",
                "the stored encodings of crvs were damaged after they were accepted",
            ],
        );
    }
}

/// Noticed by: the auditor, who does the linkage again.
#[test]
fn a_batch_changed_after_the_run_is_noticed_by_replay() {
    let world = World::at(&COLLECTED);
    alter_a_batch(&world.path("coordinator/matcher"));
    let verdict = world.audit("replay --coordinator coordinator");
    shows(
        &verdict,
        "replay",
        "matcher",
        "altered after it was accepted",
    );
}

/// Noticed by: the node that collects, whose rows are not those the resolver logged; and by replay.
#[test]
fn results_altered_after_the_fact_are_noticed_by_the_node_and_by_replay() {
    let mut world = World::at(&COLLECTED);
    let run = world
        .path("coordinator")
        .join(Role::Resolver.as_str())
        .join("runs/1");
    alter(&run.join("clusters.bin"));
    alter(&run.join("release/sr.rows"));
    let verdict = world.audit("replay --coordinator coordinator --memory 32MiB");
    shows(
        &verdict,
        "replay",
        "resolver",
        "clusters.bin of run 1 was altered after it was made",
    );
    shows(
        &verdict,
        "replay",
        "resolver",
        "the results of sr were altered after it fetched them",
    );
    world.start();
    refused(
        &world.node("sr", "collect"),
        &["the resolver answered with rows that are not those it promised"],
    );
    done(world.node("crvs", "collect"));
}
