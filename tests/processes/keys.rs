//! Shares of a key exchanged on their way, nodes of different epochs, and stolen certificates.

use std::fs;
use std::path::PathBuf;

use super::world::{ENROLLED, PARTIES, PREPARED, World, done, refused};
use crate::setting::copy_directory;

/// Turns until both shares are with the coordinator, which has not relayed the last one yet.
fn until_shares(world: &World) {
    for _ in 0..10 {
        for party in PARTIES {
            let shares = |party| {
                world.path(&format!(
                    "coordinator/resolver/board/shares-epoch-1/{party}.toml"
                ))
            };
            if PARTIES.iter().all(|party| shares(party).exists()) {
                return;
            }
            done(world.node(party, "key agree"));
        }
    }
    panic!("no shares were put up");
}

fn board(world: &World, party: &str) -> [PathBuf; 2] {
    ["toml", "sig"].map(|end| {
        world.path(&format!(
            "coordinator/resolver/board/shares-epoch-1/{party}.{end}"
        ))
    })
}

/// The coordinator puts another box in the place of one it relays. Noticed by: the node the share is for.
#[test]
fn a_share_altered_on_its_way_is_noticed_by_the_node_it_is_for() {
    let mut world = World::at(&ENROLLED);
    world.start();
    until_shares(&world);
    let [document, _] = board(&world, "crvs");
    let text = fs::read_to_string(&document).unwrap();
    let at = text.find("sealed = \"").unwrap() + 10;
    let digit = if &text[at..=at] == "0" { "1" } else { "0" };
    fs::write(&document, [&text[..at], digit, &text[at + 1..]].concat()).unwrap();
    let words = "the share of crvs is not signed by the key that counts";
    refused(&world.node("sr", "key agree"), &[words]);
    assert!(!world.path("node-sr/keys/epoch-1/linkage.key").exists());
}

/// The coordinator gives out one node's share, signature and all, as the other's. Noticed by: both nodes.
#[test]
fn shares_swapped_for_one_another_are_noticed_by_both_nodes() {
    let mut world = World::at(&ENROLLED);
    world.start();
    until_shares(&world);
    let files = PARTIES.map(|party| board(&world, party).map(|path| fs::read(path).unwrap()));
    for (party, [document, signature]) in PARTIES.iter().zip(files.iter().rev()) {
        let [to_document, to_signature] = board(&world, party);
        fs::write(to_document, document).unwrap();
        fs::write(to_signature, signature).unwrap();
    }
    for party in PARTIES {
        refused(
            &world.node(party, "key agree"),
            &["not signed by the key that counts"],
        );
        assert!(
            !world
                .path(&format!("node-{party}/keys/epoch-1/linkage.key"))
                .exists()
        );
    }
}

/// One node goes on to the next epoch before the coordinator does. Noticed by: the node that has no key
/// of the run's epoch; and the coordinator, once it has gone on and the other node has not.
#[test]
fn nodes_of_different_epochs_are_noticed_by_the_node_and_by_the_coordinator() {
    let mut world = World::at(&PREPARED);
    let settings = world.read("coordinator/coordinator.toml");
    world.write(
        "coordinator/coordinator.toml",
        &settings.replace("epoch = 1", "epoch = 2"),
    );
    world.start();
    // Prepared under the key of epoch 1, for the run that is now one of epoch 2.
    refused(
        &world.node("crvs", "upload"),
        &[
            "(wrong-run)",
            "epoch 1; open is project census, run 1, epoch 2",
        ],
    );
    refused(
        &world.node("sr", "prepare --again --input sr.csv"),
        &["no linkage key of epoch 2 is installed"],
    );
}

/// A thief has a copy of a node. Noticed by: the coordinator, from the moment the certificate is revoked.
#[test]
fn a_stolen_certificate_is_refused_by_the_coordinator_once_it_is_revoked() {
    let mut world = World::at(&PREPARED);
    let fingerprint = world.certify("crvs");
    copy_directory(&world.path("node-crvs"), &world.path("node-thief"));
    world.start();
    done(world.node("thief", "prepare --again --input crvs.csv"));
    done(world.coordinator(&format!(
        "revoke --certificate {fingerprint} --reason stolen"
    )));
    for command in ["upload", "prepare --again --input crvs.csv", "collect"] {
        refused(
            &world.node("thief", command),
            &["certificate-revoked", &fingerprint],
        );
    }
    assert!(
        world.words().contains("a revoked certificate was used"),
        "{}",
        world.words()
    );
    // The owner goes on with a new key.
    refused(&world.node("crvs", "upload"), &["certificate-revoked"]);
    done(world.node("crvs", "renew"));
    world.certify("crvs");
    done(world.node("crvs", "upload"));
}
