//! What is done outside the agreement, and who notices.

use std::fs;
use std::fs::File;
use std::sync::Arc;

use audit::Event;
use model::{BatchManifest, Clock, Epoch, Silent, SystemClock};
use node::Node;
use secret::key_file::{self, Purpose};
use secret::{Key32, SeededEntropy};
use wire::pki::PrivateKeyPem;
use wire::{ClientError, NodeClient, NodeIdentity, Role, Target};

use super::world::{COLLECTED, PARTIES, PREPARED, World, done, refused, shows};
use crate::cheating::rewrite;

/// Noticed by: the resolver, which releases nothing one officer has not approved.
#[test]
fn a_run_that_one_officer_has_not_approved_is_not_released() {
    let mut world = World::at(&PREPARED);
    world.start();
    for party in PARTIES {
        done(world.node(party, "upload"));
    }
    done(world.node("crvs", "approve --wait 60 --key crvs.dpo"));
    refused(
        &world.node("crvs", "collect --wait 2"),
        &["waits for the approval of sr"],
    );
    // The officer of one signs for the other, by hand on the coordinator's disk.
    world.stop();
    let board = world.path("coordinator/resolver/board/approval-run-1");
    let approval = fs::read_to_string(board.join("crvs.toml")).unwrap();
    fs::write(
        board.join("sr.toml"),
        approval.replace("\"crvs\"", "\"sr\""),
    )
    .unwrap();
    fs::copy(board.join("crvs.sig"), board.join("sr.sig")).unwrap();
    world.start();
    refused(
        &world.node("crvs", "collect --wait 2"),
        &["waits for the approval of sr"],
    );
    // Nor does a node take another key than its officer's.
    refused(
        &world.node("sr", "approve --key crvs.dpo"),
        &["not that of the officer this node trusts"],
    );
}

/// A coordinator whose program releases without the approval of sr. Noticed by: the auditor.
#[test]
fn a_release_without_an_approval_is_noticed_by_the_auditor() {
    let world = World::at(&COLLECTED);
    rewrite(
        &world.path("coordinator/resolver"),
        |_, event| match event {
            Event::RunApproved { party, .. } if party.as_str() == "sr" => None,
            other => Some(other),
        },
    );
    let verdict = world.audit("reconcile");
    shows(
        &verdict,
        "resolver",
        "resolver",
        "released run 1 without the approval of sr",
    );
}

/// All logs say that sr approved; what its officer signed is not among the papers. Noticed by: the auditor,
/// who knows another officer's key.
#[test]
fn an_approval_that_no_officer_signed_is_noticed_by_the_auditor() {
    let world = World::at(&COLLECTED);
    let board = world.path("coordinator/resolver/board/approval-run-1");
    std::fs::copy(board.join("crvs.sig"), board.join("sr.sig")).unwrap();
    let verdict = world.audit("verify");
    shows(
        &verdict,
        "resolver",
        "resolver",
        "without an approval that the officer of sr signed",
    );
}

/// A coordinator that puts an approval into its log that nobody gave. Noticed by: the log of the party in
/// whose name it stands.
#[test]
fn an_approval_that_nobody_gave_is_noticed_by_the_partys_own_log() {
    let world = World::at(&COLLECTED);
    rewrite(
        &world.path("coordinator/resolver"),
        |_, event| match event {
            Event::RunApproved {
                run,
                party,
                agreement,
                ..
            } if party.as_str() == "sr" => {
                let outcome = model::Digest::of(b"what sr never saw");
                Some(Event::RunApproved {
                    run,
                    party,
                    agreement,
                    outcome,
                })
            }
            other => Some(other),
        },
    );
    let verdict = world.audit("reconcile");
    shows(
        &verdict,
        "sr",
        "resolver",
        "in the name of sr that sr never gave",
    );
    shows(
        &verdict,
        "resolver",
        "resolver",
        "another outcome than the one it linked",
    );
}

/// Noticed by: the resolver, which gives a party what its outputs allow and no more; and, once the operator
/// changes the document, by everybody who checks the signatures.
#[test]
fn an_output_outside_the_agreement_is_not_given_by_the_resolver() {
    let outputs = "outputs = [\"own-pseudonyms\", \"counts\"]";
    let mut world = World::enrolled(|text| {
        let (first, second) = text.split_once(outputs).unwrap();
        [
            first,
            outputs,
            &second.replacen(outputs, "outputs = [\"counts\"]", 1),
        ]
        .concat()
    });
    world.start();
    world.agree_on_key();
    for party in PARTIES {
        done(world.node(party, &format!("prepare --input {party}.csv")));
        done(world.node(party, "upload"));
    }
    for party in PARTIES {
        done(world.node(party, &format!("approve --wait 60 --key {party}.dpo")));
    }
    done(world.node("crvs", "collect --wait 60"));
    let told = done(world.node("sr", "collect --wait 60")).out;
    assert!(told.contains("0 of 40 records have a pseudonym"), "{told}");
    let results = world.read("node-sr/results/run-1.csv");
    assert!(results.starts_with("record_id\n"), "{results}");
    let given = world.path("coordinator/resolver/runs/1/release/sr.rows");
    assert_eq!(std::fs::read(given).unwrap(), b"");
    let installed = "coordinator/agreements/1/agreement.toml";
    let widened = world
        .read(installed)
        .replace("outputs = [\"counts\"]", outputs);
    world.write(installed, &widened);
    refused(
        &world.node("sr", "collect"),
        &["clause `signatures`: the DPO of crvs, sr has not signed these bytes"],
    );
}

/// A clock in the middle of 2020.
struct Then;

impl Clock for Then {
    fn unix_millis(&self) -> u64 {
        1_592_000_000_000
    }
}

/// Noticed by: the officers' program, the node before it prepares anything, and the coordinator where a
/// node of its own making sends a batch all the same.
#[test]
fn an_expired_agreement_is_noticed_by_the_node_and_by_the_coordinator() {
    let mut world = World::enrolled(|text| {
        let lines = text.lines().map(|line| match line.split_once(" = ") {
            Some(("starts", _)) => "starts = 2020-01-01",
            Some(("expires", _)) => "expires = 2020-12-31",
            _ => line,
        });
        lines.map(|line| format!("{line}\n")).collect()
    });
    let words = "clause `expires`: it held until 2020-12-31";
    refused(&world.officer("agree check agreement"), &[words]);
    world.start();
    refused(&world.node("crvs", "key agree"), &[words]);
    refused(&world.node("crvs", "prepare --input crvs.csv"), &[words]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let error = runtime.block_on(send_all_the_same(&world));
    let ClientError::Refused(refusal) = &error else {
        panic!("{error}");
    };
    assert_eq!(refusal.detail, words);
    assert!(world.words().contains("batch refused"), "{}", world.words());
}

/// What a node does that takes no notice of the day: it prepares as if it were 2020, and sends.
async fn send_all_the_same(world: &World) -> ClientError {
    let node = Node::open(&world.path("node-crvs"), Arc::new(Then)).unwrap();
    let home = node.home();
    let entropy = &mut SeededEntropy::new(1);
    let key = Key32::generate(entropy);
    key_file::write(&home.linkage_key(Epoch(1)), Purpose::Linkage, &key).unwrap();
    node.prepare(&world.path("crvs.csv"), false, &Silent, entropy)
        .unwrap();
    let outbox = home.outbox().join("run-1");
    let manifest = fs::read(outbox.join("encodings.json")).unwrap();
    let manifest: BatchManifest = serde_json::from_slice(&manifest).unwrap();
    let read = |path| fs::read_to_string(path).unwrap();
    let identity = NodeIdentity {
        authority_pem: read(home.authority()),
        certificate_pem: read(home.certificate()),
        key: PrivateKeyPem::new(read(home.tls_key())),
    };
    let target = Target {
        address: world.listen()[0].to_string(),
        role: Role::Matcher,
    };
    let client = NodeClient::connect(&target, &identity, &SystemClock)
        .await
        .unwrap();
    let batch = File::open(outbox.join("encodings.bin")).unwrap();
    client.upload(&manifest, batch, &Silent).await.unwrap_err()
}
