//! Batches, links and results that were altered, and who shows it.

use std::fs;
use std::sync::Mutex;

use audit::Event;
use auditor::replay::{self, Means};
use link::Memory;
use model::{Digest, LinkageSchema, Progress, RunNumber};
use wire::Role;

use super::{World, assert_shown};
use crate::cheating::{alter, alter_a_batch, rewrite};

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_changed_after_it_was_accepted_is_shown_by_replay() {
    let done = World::done().await;
    alter_a_batch(&done.role(Role::Matcher));
    let wrong = done.wrong();
    assert_eq!(wrong.len(), 1);
    assert_shown(
        &wrong,
        "replay",
        "matcher",
        wrong[0].entry,
        "altered after it was accepted",
    );
    assert!(wrong[0].entry.is_some());
}

/// Hears which stages there are.
#[derive(Default)]
struct Stages(Mutex<Vec<String>>);

impl Progress for Stages {
    fn stage(&self, name: &str, _: u64) {
        self.0.lock().unwrap().push(name.to_owned());
    }

    fn advance(&self, _: u64) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_in_little_memory_finds_the_same_and_tells_how_far_it_is() {
    let done = World::done().await;
    alter(&done.role(Role::Resolver).join("runs/1/clusters.bin"));
    let (_, logs) = done.audit();
    let findings = |means: Means<'_>| {
        let found = replay::replay(&logs, &[done.coordinator()], means).unwrap();
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let stages = Stages::default();
    let little = Means {
        // The least that can be given is more than these rows take.
        memory: Memory::mebibytes(0),
        progress: &stages,
        ..Means::default()
    };
    assert_eq!(findings(little), findings(Means::default()));
    let stages = stages.0.into_inner().unwrap();
    let told = |name: &str| stages.iter().any(|stage| stage == name);
    assert!(told("compare rows") && told("fit the model"), "{stages:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_result_altered_after_the_fact_is_shown_by_replay() {
    let done = World::done().await;
    let run = done.role(Role::Resolver).join("runs/1");
    alter(&run.join("clusters.bin"));
    alter(&run.join("release/sr.rows"));
    let wrong = done.wrong();
    assert_eq!(wrong.len(), 2);
    assert_shown(
        &wrong,
        "replay",
        "resolver",
        None,
        "clusters.bin of run 1 was altered after it was made",
    );
    assert_shown(
        &wrong,
        "replay",
        "resolver",
        None,
        "the results of sr were altered after it fetched them",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_linkage_that_was_not_done_as_logged_is_shown_by_replay() {
    let done = World::done().await;
    rewrite(&done.role(Role::Resolver), |_, event| match event {
        Event::RunResolved { run, .. } => {
            let clusters_digest = Digest::of(b"other clusters");
            Some(Event::RunResolved {
                run,
                clusters_digest,
            })
        }
        other => Some(other),
    });
    let wrong = done.wrong();
    assert_shown(
        &wrong,
        "replay",
        "resolver",
        None,
        "linking run 1 again gives other clusters",
    );
    assert_shown(&wrong, "crvs", "resolver", None, "another history");
}

#[tokio::test(flavor = "multi_thread")]
async fn results_altered_on_their_way_are_shown_by_the_node_that_received_them() {
    let done = World::done().await;
    rewrite(&done.role(Role::Resolver), |_, event| match event {
        Event::ResultsCollected {
            run, party, rows, ..
        } => {
            let digest = Digest::of(b"what was sent");
            Some(Event::ResultsCollected {
                run,
                party,
                rows,
                digest,
            })
        }
        other => Some(other),
    });
    let wrong = done.wrong();
    assert_shown(
        &wrong,
        "crvs",
        "resolver",
        None,
        "the results or the log were altered",
    );
}

/// Honest clusters, and results that do not follow from them, logged as they were given.
#[tokio::test(flavor = "multi_thread")]
async fn results_that_do_not_follow_from_the_clusters_are_shown_by_replay() {
    let done = World::done().await;
    let resolver = done.role(Role::Resolver);
    let path = resolver.join("runs/1/release/sr.rows");
    let mut rows = fs::read(&path).unwrap();
    // The second record gets the first one's pseudonym.
    rows.copy_within(16..32, wire::ResultsRow::BYTES + 16);
    fs::write(&path, &rows).unwrap();
    rewrite(&resolver, |_, event| match event {
        Event::ResultsCollected {
            run,
            party,
            rows: count,
            ..
        } if party.as_str() == "sr" => Some(Event::ResultsCollected {
            run,
            party,
            rows: count,
            digest: Digest::of(&rows),
        }),
        other => Some(other),
    });
    assert_shown(
        &done.wrong(),
        "replay",
        "resolver",
        None,
        "the results that sr fetched are not those of the clusters: records of different persons have one pseudonym",
    );
}

/// The matcher accepts a batch for a run that never comes, and seals without it.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_left_out_of_its_run_is_shown_by_the_party_and_by_the_log() {
    let done = World::done().await;
    let mut left_out = None;
    let matcher = done.role(Role::Matcher);
    rewrite(&matcher, |_, event| {
        if let Event::BatchAccepted {
            party,
            manifest_digest,
            ..
        } = &event
            && party.as_str() == "crvs"
        {
            left_out = Some(*manifest_digest);
        }
        Some(event)
    });
    rewrite(&matcher, |_, event| {
        Some(match event {
            Event::BatchAccepted {
                party,
                kind,
                manifest_digest,
                rows,
                bytes,
                ..
            } if party.as_str() == "crvs" => {
                let run = RunNumber(99);
                Event::BatchAccepted {
                    run,
                    party,
                    kind,
                    manifest_digest,
                    rows,
                    bytes,
                }
            }
            Event::RunSealed {
                run,
                mut manifest_digests,
            } => {
                manifest_digests.retain(|digest| Some(*digest) != left_out);
                Event::RunSealed {
                    run,
                    manifest_digests,
                }
            }
            other => other,
        })
    });
    let wrong = done.wrong();
    let words = "does not have the acceptance of what it uploaded for run 1";
    assert_shown(&wrong, "crvs", "matcher", None, words);
    assert_shown(
        &wrong,
        "matcher",
        "matcher",
        None,
        "sealed without the batch of crvs",
    );
    assert_shown(
        &wrong,
        "crvs",
        "matcher",
        None,
        "that crvs never prepared so",
    );
    assert_shown(
        &wrong,
        "replay",
        "matcher",
        None,
        "other batches than one of each party",
    );
}

/// The coordinator links by another schema than the custodians prepared under, and says so in its log.
#[tokio::test(flavor = "multi_thread")]
async fn another_schema_than_the_custodians_is_shown_by_replay() {
    let done = World::done().await;
    let path = done.coordinator().join("schema.toml");
    let text = fs::read_to_string(&path).unwrap();
    let text = text.replacen("duplicates = false", "duplicates = true", 1);
    fs::write(&path, &text).unwrap();
    let other = LinkageSchema::parse(&text).unwrap().digest();
    for role in [Role::Matcher, Role::Resolver] {
        rewrite(&done.role(role), |_, event| match event {
            Event::ProjectOpened {
                project, parties, ..
            } => Some(Event::ProjectOpened {
                project,
                schema_digest: other,
                parties,
            }),
            other => Some(other),
        });
    }
    let words = "was prepared under another schema than the coordinator links by";
    assert_shown(&done.wrong(), "replay", "matcher", None, words);
}
