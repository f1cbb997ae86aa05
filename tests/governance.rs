//! Faults against the agreement and the keys, in a federation of real nodes and a real coordinator
//! over TLS. Each test makes the fault and names who noticed.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use model::agreement::{Act, Standing};
use model::{Clock as _, Day, Epoch, SystemClock};
use node::{CeremonyError, KeyProgress, NodeError};
use secret::SeededEntropy;
use tempfile::TempDir;
use testkit::federation::{Federation, Member};
use wire::{ClientError, Role};

use crate::setting::{SCHEMA, registry};

const PARTIES: [&str; 2] = ["crvs", "sr"];
const EPOCH: Epoch = Epoch(1);

struct World {
    dir: TempDir,
    federation: Federation,
    members: Vec<Member>,
    entropy: SeededEntropy,
}

impl World {
    /// Two nodes without a linkage key, their cards signed.
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let schema = dir.path().join("two.toml");
        fs::write(&schema, SCHEMA).unwrap();
        let mut entropy = SeededEntropy::new(31);
        let (project, clock) = ("census".parse().unwrap(), Arc::new(SystemClock));
        let federation = Federation::start(dir.path(), &project, &schema, clock, &mut entropy);
        let federation = federation.await.unwrap();
        let mut members = Vec::new();
        for party in PARTIES {
            let path = dir.path().join(format!("{party}.csv"));
            fs::write(&path, registry(60)).unwrap();
            let (party, addresses) = (party.parse().unwrap(), federation.addresses());
            let joined = federation.join_without_key(&party, &path, addresses, &mut entropy);
            members.push(joined.unwrap());
        }
        federation
            .make_cards(&members, EPOCH, &mut entropy)
            .unwrap();
        Self {
            dir,
            federation,
            members,
            entropy,
        }
    }

    /// One turn of a node towards the key.
    async fn turn(&mut self, member: usize) -> Result<KeyProgress, NodeError> {
        let node = &self.members[member].node;
        node.agree_on_key(EPOCH, &mut self.entropy).await
    }

    /// Turns in which both nodes put up everything up to `what`, which the second waits for last.
    async fn until(&mut self, what: &str) {
        for _ in 0..10 {
            for member in [1, 0] {
                if let KeyProgress::Waiting { what: now, .. } = self.turn(member).await.unwrap()
                    && now == what
                {
                    return;
                }
            }
        }
        panic!("nobody waited for {what}");
    }

    /// What the coordinator keeps of a document.
    fn on_the_board(&self, topic: &str, party: &str) -> PathBuf {
        let board = self.federation.state().role(Role::Resolver).board();
        board.join(topic).join(format!("{party}.toml"))
    }

    fn holds_key(&self, member: usize) -> bool {
        self.members[member].node.home().linkage_key(EPOCH).exists()
    }
}

#[track_caller]
fn ceremony(error: NodeError) -> CeremonyError {
    assert!(error.is_refusal(), "{error}");
    match error {
        NodeError::Ceremony(error) => error,
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_agree_on_a_key_that_the_coordinator_has_no_trace_of() {
    let mut world = World::new().await;
    // More turns than it takes, by one node and the other: a repeated turn changes nothing.
    for turn in 0..12 {
        world.turn(turn % 2).await.unwrap();
    }
    let prints = [0, 1].map(|member: usize| {
        let print = world.members[member].node.linkage_key_fingerprint(EPOCH);
        print.unwrap().to_string()
    });
    assert_eq!(prints[0], prints[1]);
    for member in &world.members {
        let home = member.node.home();
        assert!(!home.contribution(EPOCH).exists() && !home.card_sealing_key(EPOCH).exists());
        let key = fs::read_to_string(home.linkage_key(EPOCH)).unwrap();
        let hex = key.trim().rsplit(' ').next().unwrap();
        let board = world.federation.state().role(Role::Resolver).board();
        for topic in fs::read_dir(board).unwrap() {
            for file in fs::read_dir(topic.unwrap().path()).unwrap() {
                let text = fs::read_to_string(file.unwrap().path()).unwrap();
                assert!(!text.contains(hex));
            }
        }
    }
    // The key works: a run under it.
    let World {
        federation,
        members,
        mut entropy,
        ..
    } = world;
    for member in &members {
        member.prepare(&model::Silent, &mut entropy).await.unwrap();
        member.node.upload(&model::Silent).await.unwrap();
    }
    federation.approve(&members).await.unwrap();
    federation.stop().await.unwrap();
}

/// The coordinator puts another box in the place of one that it relays.
#[tokio::test(flavor = "multi_thread")]
async fn the_node_a_swapped_share_is_meant_for_notices_and_names_whose_it_is() {
    let mut world = World::new().await;
    world.until("the share").await;
    let party = PARTIES.into_iter().find(|party| {
        let path = world.on_the_board("shares-epoch-1", party);
        path.exists()
    });
    let from = party.unwrap();
    let to = PARTIES.iter().position(|party| *party != from).unwrap();
    let path = world.on_the_board("shares-epoch-1", from);
    let text = fs::read_to_string(&path).unwrap();
    let at = text.find("sealed = \"").unwrap() + 10;
    let digit = if &text[at..=at] == "0" { "1" } else { "0" };
    fs::write(&path, [&text[..at], digit, &text[at + 1..]].concat()).unwrap();
    let noticed = ceremony(world.turn(to).await.unwrap_err());
    let CeremonyError::Unsigned { party, what } = noticed else {
        panic!("{noticed}");
    };
    assert_eq!((party.as_str(), what), (from, "share"));
    assert!(!world.holds_key(to));
}

/// The coordinator makes keys of its own and shows a card with them as another node's.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_notices_a_card_that_the_other_officer_did_not_sign() {
    let mut world = World::new().await;
    for member in [0, 1] {
        let waits = world.turn(member).await.unwrap();
        assert!(matches!(waits, KeyProgress::Waiting { .. }));
    }
    let path = world.on_the_board("card-epoch-1", "sr");
    let own = world.members[0].node.home().card(EPOCH);
    let forged = fs::read_to_string(own).unwrap().replace("crvs", "sr");
    fs::write(&path, forged).unwrap();
    let noticed = ceremony(world.turn(0).await.unwrap_err());
    assert!(
        matches!(&noticed, CeremonyError::Unsigned { party, what: "card" } if party.as_str() == "sr"),
        "{noticed}"
    );
}

/// The coordinator shows one node another commitment than the other had put up.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_notices_a_commitment_that_was_exchanged() {
    let mut world = World::new().await;
    world.until("the share").await;
    let path = world.on_the_board("commitment-epoch-1", "sr");
    let text = fs::read_to_string(&path).unwrap();
    let other = fs::read_to_string(world.on_the_board("commitment-epoch-1", "crvs")).unwrap();
    let line = |text: &str| {
        let mut lines = text.lines();
        lines
            .find(|line| line.starts_with("commitment = "))
            .unwrap()
            .to_owned()
    };
    fs::write(&path, text.replace(&line(&text), &line(&other))).unwrap();
    let noticed = ceremony(world.turn(0).await.unwrap_err());
    assert!(
        matches!(
            noticed,
            CeremonyError::Unsigned {
                what: "commitment",
                ..
            }
        ),
        "{noticed}"
    );
}

/// A node of another epoch: its batch is refused by the coordinator, and it has no key to make one.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_the_runs_epoch_prepares_nothing() {
    let mut world = World::new().await;
    for turn in 0..12 {
        world.turn(turn % 2).await.unwrap();
    }
    let member = &world.members[0];
    member.node.destroy_keys(EPOCH).unwrap();
    let error = member
        .prepare(&model::Silent, &mut world.entropy)
        .await
        .unwrap_err();
    let text = crate::setting::told(&error);
    assert!(text.contains("no linkage key of epoch 1"), "{text}");
}

/// One officer revokes. The node notices before it prepares, the coordinator before it takes
/// anything from a node that has not heard yet.
#[tokio::test(flavor = "multi_thread")]
async fn the_coordinator_notices_a_revoked_agreement_where_a_node_has_not_heard() {
    let mut world = World::new().await;
    for turn in 0..12 {
        world.turn(turn % 2).await.unwrap();
    }
    let member = &world.members[0];
    member
        .prepare(&model::Silent, &mut world.entropy)
        .await
        .unwrap();
    let dpos = world.federation.dpos();
    let today = Day::of_millis(SystemClock.unix_millis());
    dpos.state(&"sr".parse().unwrap(), Act::Revoke, today)
        .unwrap();
    coordinator::adopt(&world.federation.state(), &dpos.agreement()).unwrap();
    let error = member.node.upload(&model::Silent).await.unwrap_err();
    let NodeError::Client(ClientError::Refused(refusal)) = &error else {
        panic!("{error}");
    };
    assert!(
        refusal
            .detail
            .starts_with("clause `revocation`: sr revoked it"),
        "{refusal}"
    );
    member.node.install_agreement(&dpos.agreement()).unwrap();
    let error = member.node.upload(&model::Silent).await.unwrap_err();
    assert!(matches!(error, NodeError::Agreement(_)), "{error}");
    drop(world.dir);
}

/// One officer suspends, and tells its own node alone. The next call of that node takes it to the
/// coordinator, which refuses from then on, and the next call of each other node brings it there.
#[tokio::test(flavor = "multi_thread")]
async fn a_suspension_told_to_one_node_reaches_the_coordinator_and_the_others() {
    let mut world = World::new().await;
    for turn in 0..12 {
        world.turn(turn % 2).await.unwrap();
    }
    let [crvs, sr] = [0, 1].map(|member: usize| &world.members[member]);
    for member in [crvs, sr] {
        member
            .prepare(&model::Silent, &mut world.entropy)
            .await
            .unwrap();
    }
    let dpos = world.federation.dpos();
    let today = Day::of_millis(SystemClock.unix_millis());
    let say = |act| dpos.state(&sr.party, act, today).unwrap();
    say(Act::Suspend);
    sr.node.install_agreement(&dpos.agreement()).unwrap();
    sr.node.status().await.unwrap();
    let refused = crvs.node.upload(&model::Silent).await.unwrap_err();
    let NodeError::Client(ClientError::Refused(refusal)) = &refused else {
        panic!("{refused}");
    };
    let start = "clause `suspension`: sr suspended it";
    assert!(refusal.detail.starts_with(start), "{refusal}");
    assert_eq!(crvs.node.agreement().unwrap().standing(), Standing::InForce);
    crvs.node.status().await.unwrap();
    assert_eq!(
        crvs.node.agreement().unwrap().standing(),
        Standing::Suspended
    );
    let refused = crvs.node.upload(&model::Silent).await.unwrap_err();
    assert!(matches!(refused, NodeError::Agreement(_)), "{refused}");
    say(Act::Resume);
    sr.node.install_agreement(&dpos.agreement()).unwrap();
    for member in [sr, crvs] {
        member.node.status().await.unwrap();
    }
    crvs.node.upload(&model::Silent).await.unwrap();
}
