//! Faults on the wire, on disk and in what custodians installed, between real nodes and a real
//! coordinator over TLS. Each ends in the right outcome or in a message that says what is wrong,
//! where, and what to do.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use audit::{Event, FileStore, Log};
use coordinator::{Coordinator, StateDir};
use model::manifest::MAX_BATCH_BYTES;
use model::{
    BatchKind, BatchManifest, Epoch, Refusal, RefusalCode, RunNumber, Silent, SystemClock,
};
use node::{Node, NodeError};
use secret::key_file::{self, Purpose};
use secret::{Key32, SeededEntropy};
use service::Exit;
use tempfile::TempDir;
use testkit::federation::{Addresses, Federation, Member};
use testkit::relay::{Faults, Relay};
use wire::limits::STREAM_WINDOW;
use wire::pki::{Authority, PrivateKeyPem, Validity};
use wire::{ClientError, Fault, NodeClient, NodeIdentity, Role, Target};

use crate::setting::{At, SCHEMA, registry, told};

/// Enough for a batch of more than is under way at once.
const MANY: u32 = 42_000;
const FEW: u32 = 60;

/// A coordinator, and what its nodes are made from.
struct World {
    dir: TempDir,
    federation: Federation,
    entropy: SeededEntropy,
}

impl World {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let schema = dir.path().join("two.toml");
        fs::write(&schema, SCHEMA).unwrap();
        let mut entropy = SeededEntropy::new(1);
        let (project, clock) = ("census".parse().unwrap(), Arc::new(SystemClock));
        let federation =
            Federation::start(dir.path(), &project, &schema, clock, &mut entropy).await;
        Self {
            federation: federation.unwrap(),
            dir,
            entropy,
        }
    }

    /// A node of `party` with a registry of `records`, that dials `addresses`.
    fn join_over(&mut self, party: &str, records: u32, addresses: Addresses) -> Member {
        let path = self.dir.path().join(format!("{party}.csv"));
        fs::write(&path, registry(records)).unwrap();
        let party = party.parse().unwrap();
        let joined = self
            .federation
            .join(&party, &path, addresses, &mut self.entropy);
        joined.unwrap()
    }

    fn join(&mut self, party: &str, records: u32) -> Member {
        let addresses = self.federation.addresses();
        self.join_over(party, records, addresses)
    }

    async fn prepare(&mut self, member: &Member) {
        member.prepare(&Silent, &mut self.entropy).await.unwrap();
    }

    /// A node that is ready to upload.
    async fn ready(&mut self, party: &str, records: u32) -> Member {
        let member = self.join(party, records);
        self.prepare(&member).await;
        member
    }

    /// As [`Self::ready`], with a relay before the matcher.
    async fn ready_over(&mut self, faults: Faults) -> (Member, Relay) {
        let mut addresses = self.federation.addresses();
        let relay = Relay::start(addresses.matcher, Faults::default())
            .await
            .unwrap();
        addresses.matcher = relay.address();
        let member = self.join_over("crvs", MANY, addresses);
        self.prepare(&member).await;
        relay.set(faults);
        (member, relay)
    }

    /// A client with the node's own identity, for calls no node would make.
    async fn client(&self, member: &Member, role: Role) -> NodeClient {
        let home = member.node.home();
        let read = |path| fs::read_to_string(path).unwrap();
        let identity = NodeIdentity {
            authority_pem: read(home.authority()),
            certificate_pem: read(home.certificate()),
            key: PrivateKeyPem::new(read(home.tls_key())),
        };
        let target = Target {
            address: self.federation.addresses().matcher.to_string(),
            role,
        };
        NodeClient::connect(&target, &identity, &SystemClock)
            .await
            .unwrap()
    }

    fn authority(&self) -> Authority {
        let state = self.federation.state();
        let read = |path| fs::read_to_string(path).unwrap();
        let key = PrivateKeyPem::new(read(state.authority_key()));
        Authority::load(&read(state.authority_certificate()), &key).unwrap()
    }
}

fn batch_of(member: &Member) -> PathBuf {
    member.node.home().batch(RunNumber(1), BatchKind::Encodings)
}

fn manifest_of(member: &Member) -> BatchManifest {
    let path = member
        .node
        .home()
        .outbox_of(RunNumber(1))
        .join("encodings.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn receipt_of(member: &Member) -> PathBuf {
    let outbox = member.node.home().outbox_of(RunNumber(1));
    outbox.join("encodings.receipt.json")
}

async fn refused_upload(member: &Member) -> NodeError {
    member.node.upload(&Silent).await.err().unwrap()
}

/// Holds an error to its exit code and to what it has to say.
fn assert_told(error: &NodeError, exit: Exit, says: &[&str]) {
    let text = told(error);
    assert_eq!(error.exit(), exit, "{text}");
    for part in says {
        assert!(text.contains(part), "no `{part}` in: {text}");
    }
}

/// How often the matcher accepted a batch, by its own log.
fn acceptances(state: &StateDir) -> usize {
    let log = Log::open(FileStore::open(&state.role(Role::Matcher).log().join("entries")).unwrap())
        .unwrap();
    let events = (0..log.size()).map(|index| log.entry(index).unwrap().unwrap().event);
    let accepted = events.filter(|event| matches!(event, Event::BatchAccepted { .. }));
    accepted.count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_upload_goes_on_where_it_was_cut() {
    let mut world = World::new().await;
    let (member, relay) = world.ready_over(Faults::default()).await;
    let bytes = fs::metadata(batch_of(&member)).unwrap().len();
    let (before, cut) = (relay.passed().to_role, bytes - (1 << 20));
    relay.set(Faults::cut(cut, 1));
    let summary = member.node.upload(&Silent).await.unwrap();
    assert!(summary.batches.iter().all(|batch| !batch.before));
    assert_eq!(relay.passed().cuts, 1);
    // What was under way at the cut is lost: a window's worth, and the chunk that was being stored.
    let lost = u64::from(STREAM_WINDOW) + (2 << 20);
    assert!(cut > 2 * lost, "a batch of {bytes} bytes shows nothing");
    let sent = relay.passed().to_role - before;
    assert!(sent < bytes + lost, "{sent} bytes were sent for {bytes}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_byte_changed_on_the_way_does_not_arrive() {
    let mut world = World::new().await;
    let (member, relay) = world.ready_over(Faults::flip(1 << 20)).await;
    member.node.upload(&Silent).await.unwrap();
    let passed = relay.passed();
    assert_eq!(passed.flips, 1);
    assert!(passed.connections > 1, "the damaged connection was used on");
    let state = world.federation.state();
    world.federation.stop().await.unwrap();
    assert_eq!(acceptances(&state), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_handshake_is_an_error_and_nothing_more() {
    let mut world = World::new().await;
    let (member, relay) = world.ready_over(Faults::default()).await;
    for (count, offset) in [1, 40, 300].into_iter().enumerate() {
        relay.set(Faults::flip(offset));
        if let Err(error) = member.node.upload(&Silent).await {
            let address = relay.address().to_string();
            assert_told(&error, Exit::Failed, &["matcher", &address]);
        }
        member.node.upload(&Silent).await.unwrap();
        assert_eq!(relay.passed().flips, count as u64 + 1);
        // Without its receipt the batch is asked for again.
        fs::remove_file(receipt_of(&member)).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_changed_on_disk_is_refused() {
    let mut world = World::new().await;
    let member = world.ready("crvs", FEW).await;
    let whole = fs::read(batch_of(&member)).unwrap();
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 4;
    fs::write(batch_of(&member), changed).unwrap();
    let says = [
        "digest",
        "digest-differs",
        "upload again",
        "the prepared file is damaged",
    ];
    assert_told(&refused_upload(&member).await, Exit::Refused, &says);
    fs::write(batch_of(&member), &whole[..whole.len() - 1]).unwrap();
    let says = ["reading the prepared batch", "prepare it again"];
    assert_told(&refused_upload(&member).await, Exit::Failed, &says);
    fs::write(batch_of(&member), whole).unwrap();
    member.node.upload(&Silent).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn accepting_again_gives_the_same_receipt() {
    let mut world = World::new().await;
    let member = world.ready("crvs", FEW).await;
    let first = member.node.upload(&Silent).await.unwrap();
    fs::remove_file(receipt_of(&member)).unwrap();
    let again = member.node.upload(&Silent).await.unwrap();
    let entries = [&first, &again].map(|summary| summary.batches[0].receipt.entry.clone());
    assert_eq!(entries[0], entries[1]);
    assert!(!again.batches[0].before && again.batches[1].before);
    let state = world.federation.state();
    world.federation.stop().await.unwrap();
    assert_eq!(acceptances(&state), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_batch_after_the_accepted_one_is_refused() {
    let mut world = World::new().await;
    let member = world.ready("crvs", FEW).await;
    member.node.upload(&Silent).await.unwrap();
    fs::remove_dir_all(member.node.home().outbox_of(RunNumber(1))).unwrap();
    fs::write(&member.registry, registry(FEW + 1)).unwrap();
    let prepared = member
        .node
        .prepare(&member.registry, false, &Silent, &mut world.entropy);
    prepared.unwrap();
    let says = [
        "crvs",
        "accepted before",
        "already-accepted",
        "collect this run's results",
    ];
    assert_told(&refused_upload(&member).await, Exit::Refused, &says);
}

/// Installs a certificate, issued to the node's own key by `authority`.
fn install(member: &Member, authority: &Authority, validity: Validity) {
    let home = member.node.home();
    let request = fs::read_to_string(home.certificate_request()).unwrap();
    let issued = authority
        .issue_node(&request, &member.party, validity)
        .unwrap();
    fs::write(home.certificate(), issued).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_certificate_is_told_by_either_side() {
    let mut world = World::new().await;
    let member = world.ready("crvs", FEW).await;
    let then = At::days_ago(20);
    install(&member, &world.authority(), Validity::days(&then, 10));
    let says = ["certificate has expired", "symbolon-node enrol"];
    assert_told(&refused_upload(&member).await, Exit::Failed, &says);
    // A node whose clock is wrong does not see it; the coordinator does.
    let late = Node::open(member.node.home().root(), Arc::new(then)).unwrap();
    let error = late.upload(&Silent).await.err().unwrap();
    let address = world.federation.addresses().matcher.to_string();
    let says = ["this node's certificate", "operator", &address];
    assert_told(&error, Exit::Failed, &says);
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_of_a_foreign_authority_are_worth_nothing() {
    let mut world = World::new().await;
    let member = world.ready("crvs", FEW).await;
    let validity = Validity::days(&SystemClock, 10);
    let foreign = Authority::create(&"census".parse().unwrap(), validity).unwrap();
    install(&member, &foreign, validity);
    let address = world.federation.addresses().matcher.to_string();
    let says = ["this node's certificate", "operator", &address];
    assert_told(&refused_upload(&member).await, Exit::Failed, &says);
    fs::write(member.node.home().authority(), foreign.certificate_pem()).unwrap();
    let says = ["is not trusted", "never go around this", &address];
    assert_told(&refused_upload(&member).await, Exit::Failed, &says);
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_with_different_linkage_keys_do_not_meet() {
    let mut world = World::new().await;
    let first = world.ready("crvs", FEW).await;
    first.node.upload(&Silent).await.unwrap();
    let second = world.join("sr", FEW);
    fs::remove_file(second.node.home().linkage_key(Epoch(1))).unwrap();
    let key = world.dir.path().join("other.key");
    let other = Key32::generate(&mut world.entropy);
    key_file::write(&key, Purpose::Linkage, &other).unwrap();
    second.give_key(&key).unwrap();
    world.prepare(&second).await;
    let says = [
        "linkage key of sr",
        "crvs",
        "key-differs",
        "compare the linkage key's fingerprint",
    ];
    assert_told(&refused_upload(&second).await, Exit::Refused, &says);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_revision_of_the_schema_is_refused_on_both_sides() {
    let mut world = World::new().await;
    let member = world.ready("crvs", FEW).await;
    let mut manifest = manifest_of(&member);
    let revised = SCHEMA.replace("revision = 1", "revision = 2");
    manifest.schema_digest = model::LinkageSchema::parse(&revised).unwrap().digest();
    let client = world.client(&member, Role::Matcher).await;
    let batch = fs::File::open(batch_of(&member)).unwrap();
    let error = client
        .upload(&manifest, batch, &Silent)
        .await
        .err()
        .unwrap();
    let text = told(&error);
    assert_eq!(error.refusal().unwrap().code, RefusalCode::SchemaDiffers);
    assert!(
        text.contains("install the linkage schema all members agreed on"),
        "{text}"
    );

    let schema = member.node.home().root().join("schema.toml");
    fs::write(&schema, revised).unwrap();
    let node = Node::open(member.node.home().root(), Arc::new(SystemClock)).unwrap();
    let error = node.ask_project().await.err().unwrap();
    let says = ["clause `schema`", "installed is", "agree show"];
    assert_told(&error, Exit::Refused, &says);
}

#[tokio::test(flavor = "multi_thread")]
async fn oversized_batches_are_refused_before_a_byte_is_sent() {
    let mut world = World::new().await;
    let member = world.ready("crvs", FEW).await;
    let row = manifest_of(&member).bytes / manifest_of(&member).rows;
    let rows = MAX_BATCH_BYTES / row + 1;
    let manifest = BatchManifest {
        rows,
        bytes: rows * row,
        ..manifest_of(&member)
    };
    let client = world.client(&member, Role::Matcher).await;
    let batch = fs::File::open(batch_of(&member)).unwrap();
    let error = client
        .upload(&manifest, batch, &Silent)
        .await
        .err()
        .unwrap();
    let ClientError::Refused(refusal) = error else {
        panic!("{error}");
    };
    assert_too_large(&refusal);
    // The coordinator holds to it too, whoever calls.
    let state = world.federation.state();
    world.federation.stop().await.unwrap();
    let coordinator = Coordinator::open(state, Arc::new(SystemClock)).unwrap();
    let intake = coordinator.intake(Role::Matcher).unwrap();
    match intake.open_batch(&member.party, &manifest) {
        Err(Fault::Refused(refusal)) => assert_too_large(&refusal),
        _ => panic!("it was not refused"),
    }
}

fn assert_too_large(refusal: &Refusal) {
    assert_eq!(refusal.code, RefusalCode::TooLarge);
    let text = refusal.to_string();
    let says = [
        &format!("the limit is {MAX_BATCH_BYTES}"),
        "split the registry",
    ];
    assert!(says.iter().all(|part| text.contains(*part)), "{text}");
}
