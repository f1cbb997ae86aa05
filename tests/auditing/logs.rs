//! Logs that were altered, cut, forked or signed by another key, and who shows it.

use std::fs;
use std::sync::Arc;

use audit::{Checkpoint, Event, SignedLog, TileDir, TreeHead};
use auditor::{Bundle, Severity, fetch, report, verify, witness};
use coordinator::StateDir;
use model::{Digest, RunNumber, Silent, SystemClock};
use secret::SeededEntropy;
use secret::key_file::{self, Purpose};
use service::Exit;
use wire::{ClientError, HistoryError, Role};

use super::{World, assert_shown};
use crate::cheating::{alter_published_entry, rewrite, signer};
use crate::setting::told;

fn sealed_with(event: &Event) -> bool {
    matches!(event, Event::BatchAccepted { party, .. } if party.as_str() == "crvs")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_altered_in_the_published_log_is_shown_by_the_log_itself() {
    let done = World::done().await;
    alter_published_entry(&done.role(Role::Matcher));
    let wrong = done.wrong();
    assert_shown(&wrong, "matcher", "matcher", None, "it was altered");
    assert_shown(
        &wrong,
        "matcher",
        "matcher",
        None,
        "do not lead to the root it signed",
    );
    let (verdict, logs) = done.audit();
    let page = report::page(&verdict, &logs, 1_800_000_000);
    assert!(page.contains("<strong>disputed</strong>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_altered_and_signed_again_is_shown_by_the_node_with_the_receipt() {
    let done = World::done().await;
    rewrite(&done.role(Role::Matcher), |_, event| match event {
        Event::BatchAccepted {
            run,
            party,
            kind,
            manifest_digest,
            rows,
            bytes,
        } if party.as_str() == "crvs" => {
            let rows = rows + 1;
            Some(Event::BatchAccepted {
                run,
                party,
                kind,
                manifest_digest,
                rows,
                bytes,
            })
        }
        other => Some(other),
    });
    let wrong = done.wrong();
    assert_shown(
        &wrong,
        "crvs",
        "matcher",
        None,
        "it is not the entry that the receipt was given for",
    );
    assert_shown(&wrong, "crvs", "matcher", None, "another history");
    assert_shown(&wrong, "sr", "matcher", None, "another history");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_removed_and_the_rest_signed_again_is_shown_by_the_node() {
    let done = World::done().await;
    rewrite(&done.role(Role::Matcher), |_, event| {
        (!sealed_with(&event)).then_some(event)
    });
    let wrong = done.wrong();
    assert_shown(&wrong, "crvs", "matcher", None, "receipt");
    assert_shown(
        &wrong,
        "crvs",
        "matcher",
        None,
        "does not have the acceptance of what it uploaded",
    );
    assert_shown(
        &wrong,
        "matcher",
        "matcher",
        None,
        "run 1 was sealed with 2 batches, 1 were accepted",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_log_cut_off_is_shown_by_who_saw_it() {
    let done = World::done().await;
    rewrite(&done.role(Role::Resolver), |_, event| match event {
        Event::ResultsCollected { .. } | Event::RunResolved { .. } => None,
        other => Some(other),
    });
    let wrong = done.wrong();
    assert_shown(&wrong, "sr", "resolver", None, "entries were removed");
    assert_shown(
        &wrong,
        "crvs",
        "resolver",
        None,
        "received results of run 1 that the resolver's log does not have",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_shown_to_one_node_alone_is_shown_by_that_node() {
    let done = World::done().await;
    let kept = done.nodes[1].join("heads/matcher/checkpoint");
    let size = fs::read_to_string(&kept)
        .unwrap()
        .parse::<Checkpoint>()
        .unwrap()
        .head()
        .size;
    let root = Digest::of(b"shown to sr alone");
    let forked =
        Checkpoint::sign(TreeHead { size, root }, &signer(&done.role(Role::Matcher))).unwrap();
    fs::write(&kept, forked.to_string()).unwrap();
    let wrong = done.wrong();
    assert_eq!(wrong.len(), 1);
    assert_shown(
        &wrong,
        "sr",
        "matcher",
        None,
        "the log was forked or rewritten",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forked_history_is_noticed_by_both_nodes_at_their_next_contact() {
    let world = World::ready().await;
    let [crvs, sr] = &world.members[..] else {
        panic!("two members")
    };
    sr.node.upload(&Silent).await.unwrap();
    let role = world.federation.state().role(Role::Matcher);
    let kept = sr.node.home().head(Role::Matcher);
    let size = fs::read_to_string(&kept)
        .unwrap()
        .parse::<Checkpoint>()
        .unwrap()
        .head()
        .size;
    let root = Digest::of(b"shown to sr alone");
    let forked = Checkpoint::sign(TreeHead { size, root }, &signer(role.path())).unwrap();
    fs::write(&kept, forked.to_string()).unwrap();
    fs::remove_file(
        sr.node
            .home()
            .outbox_of(RunNumber(1))
            .join("encodings.receipt.json"),
    )
    .unwrap();
    let error = sr.node.upload(&Silent).await.err().unwrap();
    assert_eq!(error.exit(), Exit::Refused);
    assert!(
        told(&error).contains("showed this node before"),
        "{}",
        told(&error)
    );
    // What sr says it was shown, crvs hears of.
    match crvs.node.upload(&Silent).await.err().unwrap() {
        node::NodeError::Client(ClientError::History {
            role: Role::Matcher,
            source: HistoryError::Forked { party, .. },
        }) => {
            assert_eq!(party.as_str(), "sr");
        }
        other => panic!("{other}"),
    }
    world.federation.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_read_over_the_wire_is_proved_like_a_copied_one() {
    let world = World::ready().await;
    let member = &world.members[0];
    member.node.upload(&Silent).await.unwrap();
    let home = member.node.home();
    let read = |path| fs::read_to_string(path).unwrap();
    let bundle = Bundle::create(&world.dir.path().join("bundle")).unwrap();
    for role in [Role::Matcher, Role::Resolver] {
        let addresses = world.federation.addresses();
        let address = match role {
            Role::Matcher => addresses.matcher.to_string(),
            Role::Resolver => addresses.resolver.to_string(),
        };
        let identity = wire::NodeIdentity {
            authority_pem: read(home.authority()),
            certificate_pem: read(home.certificate()),
            key: wire::pki::PrivateKeyPem::new(read(home.tls_key())),
        };
        let target = wire::Target { address, role };
        let client = wire::NodeClient::connect(&target, &identity, &SystemClock).await;
        fetch::role(&bundle, &client.unwrap(), role).await.unwrap();
    }
    fetch::node(&bundle, home.root()).unwrap();
    let (verdict, logs) = verify::verify(&bundle, &[]).unwrap();
    assert_eq!(verdict.worst(), Severity::Unproved, "{verdict}");
    assert!(verdict.findings().iter().all(|finding| {
        finding.severity == Severity::Right
            || finding.log == "node-sr"
            || finding.text.contains("its key came with the bundle")
    }));
    assert_eq!(logs.len(), 3);
    world.federation.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_not_the_one_a_node_knows_is_shown_by_the_node() {
    let done = World::done().await;
    let state = StateDir::new(done.coordinator());
    let log = state.role(Role::Matcher);
    fs::remove_file(log.log_key()).unwrap();
    let other = secret::Key32::generate(&mut SeededEntropy::new(99));
    key_file::write(&log.log_key(), Purpose::Signing, &other).unwrap();
    let before = TileDir::new(&log.log()).path().to_owned();
    let name = signer(log.path());
    fs::remove_dir_all(before).unwrap();
    drop(SignedLog::open(&log.log(), Arc::new(name)).unwrap());
    let wrong = done.wrong();
    assert_shown(&wrong, "sr", "matcher", None, "sr knows it by another key");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_cosigns_what_extends_what_it_saw_and_nothing_else() {
    let done = World::done().await;
    let directory = done.dir.path().join("witness");
    witness::Witness::init(&directory, &mut SeededEntropy::new(3)).unwrap();
    let open =
        || witness::Witness::open(&directory, "dpo.crvs.example/w".parse().unwrap()).unwrap();
    let (_, logs) = done.audit();
    for log in &logs {
        let cosigned = open().cosign(log, 1_800_000_000).unwrap();
        assert_eq!(cosigned.cosigned_at(open().key()), Ok(1_800_000_000));
        assert_eq!(
            open().cosign(log, 1_800_000_060).unwrap().head(),
            cosigned.head()
        );
    }
    rewrite(&done.role(Role::Matcher), |_, event| {
        (!sealed_with(&event)).then_some(event)
    });
    let (_, logs) = done.audit();
    let matcher = logs.iter().find(|log| log.name == "matcher").unwrap();
    let refused = open().cosign(matcher, 1_800_000_120).err().unwrap();
    assert!(refused.is_refusal());
    assert!(
        refused.to_string().contains("does not extend the "),
        "{refused}"
    );
}

/// What a role says that a member was shown is the role's word, whatever the member says itself.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_role_tells_of_a_member_never_replaces_what_the_member_kept() {
    let done = World::done().await;
    let matcher = done.role(Role::Matcher);
    let own = done.nodes[1].join("heads/matcher/checkpoint");
    let size = fs::read_to_string(&own)
        .unwrap()
        .parse::<Checkpoint>()
        .unwrap()
        .head()
        .size;
    let root = Digest::of(b"shown to sr alone");
    let forked = Checkpoint::sign(TreeHead { size, root }, &signer(&matcher)).unwrap();
    fs::create_dir_all(matcher.join("log/shown")).unwrap();
    let honest = fs::read_to_string(matcher.join("log/shown/sr"))
        .unwrap_or(fs::read_to_string(&own).unwrap());
    // sr keeps a fork; the coordinator claims that sr was shown what everybody was.
    fs::write(&own, forked.to_string()).unwrap();
    fs::write(matcher.join("log/shown/sr"), honest).unwrap();
    let wrong = done.wrong();
    assert_shown(
        &wrong,
        "sr",
        "matcher",
        None,
        "the log was forked or rewritten",
    );
}
