//! What an auditor finds: nothing wrong with an honest run, and each way of cheating by name, shown by
//! the party whose evidence it contradicts. The run is a real one, of two nodes and a coordinator over
//! TLS; the cheating is done to the coordinator's files with the coordinator's own keys.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use audit::{
    Actor, Checkpoint, Event, KeyKind, NoteSigner, SignedLog, TileDir, TreeHead, VerifierKey,
};
use auditor::verify::CheckedLog;
use auditor::{
    Bundle, Finding, Severity, Verdict, fetch, reconcile, replay, report, verify, witness,
};
use coordinator::StateDir;
use model::{Digest, RunNumber, Silent, SystemClock};
use node::CollectOptions;
use secret::key_file::{self, Purpose};
use secret::{SeededEntropy, SigningKey};
use service::Exit;
use tempfile::TempDir;
use testkit::federation::{Federation, Member};
use wire::{ClientError, HistoryError, Role};

use crate::setting::{SCHEMA, registry, told};

const RECORDS: u32 = 40;

/// Two nodes and a coordinator.
struct World {
    dir: TempDir,
    federation: Federation,
    members: Vec<Member>,
}

impl World {
    /// Both nodes are ready to upload.
    async fn ready() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let schema = dir.path().join("two.toml");
        fs::write(&schema, SCHEMA).unwrap();
        let mut entropy = SeededEntropy::new(1);
        let (project, clock) = ("census".parse().unwrap(), Arc::new(SystemClock));
        let federation = Federation::start(dir.path(), &project, &schema, clock, &mut entropy);
        let federation = federation.await.unwrap();
        let mut members = Vec::new();
        for party in ["crvs", "sr"] {
            let path = dir.path().join(format!("{party}.csv"));
            fs::write(&path, registry(RECORDS)).unwrap();
            let (party, addresses) = (party.parse().unwrap(), federation.addresses());
            let member = federation
                .join(&party, &path, addresses, &mut entropy)
                .unwrap();
            member.prepare(&Silent, &mut entropy).await.unwrap();
            members.push(member);
        }
        Self {
            dir,
            federation,
            members,
        }
    }

    /// After a whole run; nothing runs any more.
    async fn done() -> Done {
        let world = Self::ready().await;
        for member in &world.members {
            member.node.upload(&Silent).await.unwrap();
        }
        world.federation.approve(&world.members).await.unwrap();
        for member in &world.members {
            let options = CollectOptions {
                wait: Duration::from_secs(120),
                ..CollectOptions::default()
            };
            member.node.collect(&options, &Silent).await.unwrap();
        }
        world.federation.stop().await.unwrap();
        Done {
            dir: world.dir,
            nodes: world
                .members
                .iter()
                .map(|member| member.node.home().root().to_owned())
                .collect(),
        }
    }
}

/// The directories that a run left behind.
struct Done {
    dir: TempDir,
    nodes: Vec<PathBuf>,
}

impl Done {
    fn coordinator(&self) -> PathBuf {
        self.dir.path().join("coordinator")
    }

    fn role(&self, role: Role) -> PathBuf {
        self.coordinator().join(role.as_str())
    }

    /// Everything fetched and checked: verified, reconciled and done again.
    fn audit(&self) -> (Verdict, Vec<CheckedLog>) {
        let path = self.dir.path().join("bundle");
        drop(fs::remove_dir_all(&path));
        let bundle = Bundle::create(&path).unwrap();
        fetch::coordinator(&bundle, &self.coordinator()).unwrap();
        self.nodes
            .iter()
            .for_each(|node| fetch::node(&bundle, node).unwrap());
        let (verified, logs) = verify::verify(&bundle, &self.keys()).unwrap();
        let more = reconcile::reconcile(&logs);
        let again = replay::replay(&logs, &self.coordinator()).unwrap();
        let findings = [verified.findings(), &more, &again].concat();
        (Verdict::of(findings), logs)
    }

    /// The keys of all logs, as their keepers tell them.
    fn keys(&self) -> Vec<VerifierKey> {
        let roles = [Role::Matcher, Role::Resolver].map(|role| self.role(role));
        let logs = roles.iter().chain(&self.nodes);
        logs.map(|keeper| TileDir::new(&keeper.join("log")).key().unwrap().unwrap())
            .collect()
    }

    /// What is wrong.
    fn wrong(&self) -> Vec<Finding> {
        let (verdict, _) = self.audit();
        let wrong = |finding: &&Finding| finding.severity == Severity::Wrong;
        verdict.findings().iter().filter(wrong).cloned().collect()
    }

    /// What the operator of a role, who has its key, can sign.
    fn signer(&self, role: Role) -> NoteSigner {
        signer(&self.role(role))
    }

    /// Writes a role's log anew, as its operator could: each event as `change` has it, signed.
    fn rewrite(&self, role: Role, change: impl Fn(u64, Event) -> Option<Event>) {
        let log = self.role(role).join("log");
        let before = SignedLog::open(&log, Arc::new(self.signer(role))).unwrap();
        let events: Vec<(Event, Actor, u64)> = (0..before.log().size())
            .filter_map(|index| {
                let entry = before.log().entry(index).unwrap().unwrap();
                Some((change(index, entry.event)?, entry.actor, entry.unix_millis))
            })
            .collect();
        drop(before);
        fs::remove_dir_all(&log).unwrap();
        let mut after = SignedLog::open(&log, Arc::new(self.signer(role))).unwrap();
        for (event, actor, unix_millis) in events {
            after.append(event, actor, unix_millis).unwrap();
        }
    }
}

/// The key of a role's log.
fn signer(role: &Path) -> NoteSigner {
    let name = TileDir::new(&role.join("log")).key().unwrap();
    let name = name.map_or_else(
        || {
            format!(
                "symbolon/census/{}",
                role.file_name().unwrap().to_string_lossy()
            )
            .parse()
            .unwrap()
        },
        |key| key.name,
    );
    let seed = key_file::read(&role.join("log.key"), Purpose::Signing).unwrap();
    let signing = SigningKey::from_seed(&seed);
    let (kind, public) = (KeyKind::Log, signing.public());
    let key = VerifierKey { name, kind, public };
    NoteSigner::new(key, move |message| signing.sign(message))
}

/// Changes one byte in the middle of a file.
fn alter(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// Who shows something wrong about `log`, at which entry, with these words.
fn assert_shown(wrong: &[Finding], by: &str, log: &str, entry: Option<u64>, words: &str) {
    let found = wrong.iter().any(|finding| {
        (finding.shown_by.as_str(), finding.log.as_str()) == (by, log)
            && (entry.is_none() || finding.entry == entry)
            && finding.text.contains(words)
    });
    let all: Vec<String> = wrong.iter().map(ToString::to_string).collect();
    assert!(
        found,
        "no `{words}` about {log} shown by {by} in:\n{}",
        all.join("\n")
    );
}

fn sealed_with(event: &Event) -> bool {
    matches!(event, Event::BatchAccepted { party, .. } if party.as_str() == "crvs")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_run_is_proved_right_and_reported() {
    let done = World::done().await;
    let (verdict, logs) = done.audit();
    assert_eq!(verdict.worst(), Severity::Right, "{verdict}");
    for words in [
        "sr was shown these same first",
        "the acceptance that crvs has a receipt for is in it",
        "what it uploaded, the matcher accepted",
        "what it received, the resolver gave",
        "comparing run 1 again gives the same",
        "linking run 1 again gives the same",
        "clusters.bin of run 1 is as it was made",
    ] {
        assert!(verdict.to_string().contains(words), "{words}\n{verdict}");
    }
    let page = report::page(&verdict, &logs, 1_800_000_000);
    for words in [
        "Audit report: census",
        "Everything that was checked is as it should be",
        "Links accepted, run 1",
        "id=\"matcher-0\"",
    ] {
        assert!(page.contains(words), "{words}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_altered_in_the_published_log_is_shown_by_the_log_itself() {
    let done = World::done().await;
    let entries = done.role(Role::Matcher).join("log/tile/entries");
    let partial = fs::read_dir(entries.join("000.p")).unwrap();
    let sizes = partial.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let last = sizes
        .max_by_key(|width| width.parse::<u64>().unwrap())
        .unwrap();
    let bundle = entries.join("000.p").join(last);
    let mut bytes = fs::read(&bundle).unwrap();
    let place = bytes
        .windows(7)
        .position(|window| window == b"\"rows\":")
        .unwrap()
        + 7;
    bytes[place] ^= 1;
    fs::write(&bundle, bytes).unwrap();
    let wrong = done.wrong();
    assert_shown(&wrong, "matcher", "matcher", Some(2), "it was altered");
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
    done.rewrite(Role::Matcher, |_, event| match event {
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
    done.rewrite(Role::Matcher, |_, event| {
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
    done.rewrite(Role::Resolver, |_, event| match event {
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
    let forked = Checkpoint::sign(TreeHead { size, root }, &done.signer(Role::Matcher)).unwrap();
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
        finding.severity == Severity::Right || finding.text.contains("its key came with the bundle")
    }));
    assert_eq!(logs.len(), 3);
    world.federation.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_changed_after_it_was_accepted_is_shown_by_replay() {
    let done = World::done().await;
    let batches = done.role(Role::Matcher).join("batches");
    let mut files: Vec<PathBuf> = fs::read_dir(batches)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "batch")
    });
    alter(&files[0]);
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
    done.rewrite(Role::Resolver, |_, event| match event {
        Event::RunResolved {
            run,
            links,
            clusters,
            clusters_digest,
        } => {
            let links = links - 1;
            Some(Event::RunResolved {
                run,
                links,
                clusters,
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
        "linking run 1 again gives 40 links",
    );
    assert_shown(&wrong, "crvs", "resolver", None, "another history");
}

#[tokio::test(flavor = "multi_thread")]
async fn results_altered_on_their_way_are_shown_by_the_node_that_received_them() {
    let done = World::done().await;
    done.rewrite(Role::Resolver, |_, event| match event {
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
    done.rewrite(Role::Matcher, |_, event| {
        (!sealed_with(&event)).then_some(event)
    });
    let (_, logs) = done.audit();
    let matcher = logs.iter().find(|log| log.name == "matcher").unwrap();
    let refused = open().cosign(matcher, 1_800_000_120).err().unwrap();
    assert!(refused.is_refusal());
    assert!(
        refused
            .to_string()
            .contains("does not extend the 6 entries"),
        "{refused}"
    );
}
