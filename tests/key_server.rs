//! Real nodes, a real coordinator and a real key server over TLS: what a key server gives to a linkage, and
//! what everyone does when it fails, lies, or has given all it may.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use attack::report::Leaving;
use audit::{Checkpoint, Event};
use keyserver::{Admitted, Home, KeyServer, Setup};
use model::agreement::{Disclosure, EpochEvaluationKey, KeyServerRules};
use model::{
    Element, Epoch, Evaluation, EvaluationKey, PartyName, RefusalCode, RunNumber, Silent,
    SystemClock,
};
use node::{EvaluateError, Evaluated, Node, NodeError};
use secret::SeededEntropy;
use service::Shutdown;
use tempfile::TempDir;
use testkit::dpos::Terms;
use testkit::federation::{Federation, Member};
use tokio::net::TcpListener;
use wire::identity::CertificateFacts;
use wire::pki::PrivateKeyPem;
use wire::{
    ClientError, Evaluations, Everyone, Fault, KeyServerFacts, LogHead, Logs, RoleIdentity,
    serve_key_server,
};

const PARTIES: [&str; 2] = ["crvs", "sr"];
const EPOCH: Epoch = Epoch(1);
/// People in both registries, each with a number of its own.
const PEOPLE: u32 = 40;
/// One evaluation for each number, and one for the field.
const VALUES: u64 = PEOPLE as u64 + 1;

const SCHEMA: &str = r#"
format = 1
name = "two"
revision = 1
profile = "standard"
latest_year = 2025
field = [
  { name = "name", kind = "full-name" },
  { name = "born", kind = "date" },
  { name = "number", kind = "identifier" },
]
pass = [
  { name = "born", block = ["born"] },
  { name = "number", block = ["number"] },
]
[[party]]
name = "crvs"
title = "Births"
duplicates = false
record_id = "id"
[party.map]
name = { columns = ["name"] }
born = { columns = ["born"], formats = ["YYYY-MM-DD"] }
number = { columns = ["number"] }
[[party]]
name = "sr"
title = "Households"
duplicates = false
record_id = "id"
[party.map]
name = { columns = ["name"] }
born = { columns = ["born"], formats = ["YYYY-MM-DD"] }
number = { columns = ["number"] }
"#;

/// The date differs between the registries, so that only the number brings two records of a person together.
fn registry(party: usize) -> String {
    let mut text = "id,name,born,number\n".to_owned();
    for n in 0..PEOPLE {
        let letter = |n: u32| char::from(b'a' + (n % 26) as u8);
        let name = [n, n / 3, n / 7].map(letter).iter().collect::<String>();
        let day = 1 + (n + 9 * party as u32) % 28;
        let born = format!("{}-{:02}-{day:02}", 1950 + n, 1 + n % 12);
        text += &format!("{party}-{n},B{name}a C{name}o,{born},CF{:08}\n", n * 7919);
    }
    text
}

fn party(name: &str) -> PartyName {
    name.parse().unwrap()
}

struct World {
    dir: TempDir,
    federation: Federation,
    members: Vec<Member>,
    shutdown: Shutdown,
}

impl World {
    /// Two nodes and a key server that gives each so many evaluations. `pinned` is the public key that the
    /// agreement names, if not the key server's.
    async fn with(quota: u64, pinned: Option<EvaluationKey>) -> Self {
        Self::under(quota, pinned, Terms::default()).await
    }

    /// As [`World::with`], with these other terms in the agreement.
    async fn under(quota: u64, pinned: Option<EvaluationKey>, terms: Terms) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let schema = dir.path().join("two.toml");
        fs::write(&schema, SCHEMA).unwrap();
        let public_key = make_key_server(dir.path().join("key-server"));
        let terms = Terms {
            key_server: Some(KeyServerRules {
                run_by: party("dpo-office"),
                fields: vec!["number".parse().unwrap()],
                evaluations: quota,
                key: vec![EpochEvaluationKey {
                    epoch: EPOCH,
                    public_key: pinned.unwrap_or(public_key),
                }],
            }),
            ..terms
        };
        let (project, clock) = ("census".parse().unwrap(), Arc::new(SystemClock));
        let entropy = &mut SeededEntropy::new(41);
        let federation =
            Federation::start_under(dir.path(), &project, &schema, terms, clock, entropy);
        let federation = federation.await.unwrap();
        let mut members = Vec::new();
        for (place, name) in PARTIES.into_iter().enumerate() {
            let path = dir.path().join(format!("{name}.csv"));
            fs::write(&path, registry(place)).unwrap();
            let joined = federation.join(&party(name), &path, federation.addresses(), entropy);
            members.push(joined.unwrap());
        }
        let world = Self {
            dir,
            federation,
            members,
            shutdown: Shutdown::new(),
        };
        world.enrol();
        world
    }

    async fn new() -> Self {
        Self::with(VALUES, None).await
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("key-server")
    }

    fn key_server(&self) -> Arc<KeyServer> {
        let entropy = Box::new(SeededEntropy::new(8));
        Arc::new(KeyServer::open(&self.root(), Arc::new(SystemClock), entropy).unwrap())
    }

    /// Gives the key server its certificate, the agreement, and the nodes it may hear.
    fn enrol(&self) {
        let (home, _) = Home::open(&self.root()).unwrap();
        let request = fs::read_to_string(home.certificate_request()).unwrap();
        let state = self.federation.state();
        let enrolled = coordinator::enrol_key_server(&state, &request, &SystemClock).unwrap();
        let [certificate, authority] =
            ["server.pem", "ca.pem"].map(|name| self.dir.path().join(name));
        fs::write(&certificate, enrolled.certificate_pem).unwrap();
        fs::write(&authority, enrolled.authority_pem).unwrap();
        home.enrol(&certificate, &authority).unwrap();
        for member in &self.members {
            let certificate = fs::read_to_string(member.node.home().certificate()).unwrap();
            let facts = CertificateFacts::read(&certificate).unwrap();
            let admitted = Admitted::of(&home);
            admitted.admit(&member.party, &facts.fingerprint).unwrap();
        }
        let agreement = self.federation.dpos().agreement();
        self.key_server().install_agreement(&agreement).unwrap();
    }

    /// Has the key server listen, and tells the nodes where.
    async fn listen(&mut self) -> Arc<KeyServer> {
        let server = self.key_server();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        self.tell(listener.local_addr().unwrap());
        tokio::spawn(server.clone().serve(listener, self.shutdown.clone()));
        server
    }

    /// Has something else listen in its place, with its certificate.
    async fn listen_as(&mut self, instead: impl FnOnce(Arc<KeyServer>) -> Arc<dyn Evaluations>) {
        let evaluations = instead(self.key_server());
        let read = |name: &str| fs::read_to_string(self.root().join(name)).unwrap();
        let key = fs::read_to_string(self.root().join("identity/server.key")).unwrap();
        let identity = RoleIdentity {
            authority_pem: read("identity/ca.pem"),
            certificate_pem: read("identity/server.pem"),
            key: PrivateKeyPem::of_text(key.into()),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        self.tell(listener.local_addr().unwrap());
        let stopped = self.shutdown.requested();
        tokio::spawn(async move {
            serve_key_server(
                listener,
                &identity,
                evaluations,
                Arc::new(Everyone),
                stopped,
            )
            .await
        });
    }

    /// Tells all nodes where the key server listens, as their operators would.
    fn tell(&mut self, address: SocketAddr) {
        for member in &mut self.members {
            let root = member.node.home().root().to_owned();
            let config = root.join("node.toml");
            let text = fs::read_to_string(&config).unwrap();
            let others = text.lines().filter(|line| !line.starts_with("key_server"));
            let mut text: String = others.map(|line| format!("{line}\n")).collect();
            text += &format!("key_server = \"{address}\"\n");
            fs::write(&config, text).unwrap();
            member.node = Node::open(&root, Arc::new(SystemClock)).unwrap();
        }
    }

    async fn evaluate(&self, member: usize) -> Result<Evaluated, NodeError> {
        let member = &self.members[member];
        member.node.ask_project().await?;
        let entropy = &mut SeededEntropy::new(50);
        member
            .node
            .evaluate(&member.registry, &Silent, entropy)
            .await
    }

    fn prepare(&self, member: usize) -> Result<node::PrepareReport, NodeError> {
        let member = &self.members[member];
        let entropy = &mut SeededEntropy::new(60);
        member
            .node
            .prepare(&member.registry, true, &Silent, entropy)
    }
}

fn make_key_server(root: PathBuf) -> EvaluationKey {
    let setup = Setup {
        project: "census".parse().unwrap(),
        name: party("dpo-office"),
        listen: "127.0.0.1:0".parse().unwrap(),
        passphrase_file: None,
    };
    keyserver::init(&root, &setup, &mut SeededEntropy::new(6)).unwrap();
    let entropy = Box::new(SeededEntropy::new(7));
    let server = KeyServer::open(&root, Arc::new(SystemClock), entropy).unwrap();
    server.make_key(EPOCH, &mut SeededEntropy::new(9)).unwrap()
}

fn spent(server: &KeyServer, name: &str) -> u64 {
    server.facts(&party(name), EPOCH).unwrap().spent
}

/// The events of a node's log.
fn events_of(node: &Node) -> Vec<Event> {
    let log = audit::Log::open(audit::FileStore::open(&node.home().log().join("entries")).unwrap());
    let log = log.unwrap();
    let entries = (0..log.size()).map(|index| log.entry(index).unwrap().unwrap().event);
    entries.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_registries_link_by_numbers_that_go_through_the_key_server() {
    let mut world = World::new().await;
    let server = world.listen().await;
    for member in [0, 1] {
        // Not before: a value is never encoded without.
        let early = world.members[member].node.ask_project().await;
        early.unwrap();
        let early = world.prepare(member).unwrap_err();
        assert!(matches!(early, NodeError::Evaluate(EvaluateError::Missing)));
        let evaluated = world.evaluate(member).await.unwrap();
        assert_eq!((evaluated.asked, evaluated.before), (VALUES, 0));
        world.prepare(member).unwrap();
        // The second time, and after a restart, everything is there and nothing is asked for.
        let again = world.evaluate(member).await.unwrap();
        assert_eq!((again.asked, again.before), (0, VALUES));
        world.members[member].node.upload(&Silent).await.unwrap();
    }
    world.federation.approve(&world.members).await.unwrap();
    let clusters = world.federation.clusters().unwrap();
    let mut sizes = std::collections::BTreeMap::<u32, u32>::new();
    for row in &clusters {
        *sizes.entry(row.first).or_default() += 1;
    }
    assert_eq!(clusters.len(), 2 * PEOPLE as usize);
    assert!(sizes.values().all(|size| *size == 2), "{sizes:?}");
    // Each was charged its own, and says so itself.
    for (member, name) in world.members.iter().zip(PARTIES) {
        assert_eq!(spent(&server, name), VALUES);
        let asked = events_of(&member.node)
            .into_iter()
            .filter_map(|event| match event {
                Event::ElementsAsked { elements, .. } => Some(elements),
                _ => None,
            });
        assert_eq!(asked.sum::<u64>(), VALUES);
    }
}

/// Only the numbers' blocks meet, and these take the key server: what is measured of what leaves are they.
#[tokio::test(flavor = "multi_thread")]
async fn the_risk_of_what_left_is_measured_on_rows_that_took_the_key_server() {
    let disclosure = Some(Disclosure {
        false_positives_permille: 1,
    });
    let terms = Terms {
        disclosure,
        ..Terms::default()
    };
    let mut world = World::under(VALUES, None, terms).await;
    let _server = world.listen().await;
    let mut prepared = Vec::new();
    for member in [0, 1] {
        world.evaluate(member).await.unwrap();
        prepared.push(world.prepare(member).unwrap());
        world.members[member].node.upload(&Silent).await.unwrap();
    }
    for (member, prepared) in world.members.iter().zip(prepared) {
        let wait = Duration::from_secs(60);
        member.node.upload_within(wait, &Silent).await.unwrap();
        let measured = member.node.measure_risk(&member.registry, &Silent).unwrap();
        let upload = &measured.report.upload;
        let Leaving::Some { made, sent } = upload.leaving else {
            panic!("{:?}", upload.leaving);
        };
        let rows = (upload.rows_a_record * upload.measured as f64).round() as u64;
        assert!(
            rows >= u64::from(PEOPLE) && sent < made,
            "{rows}, {sent} of {made}"
        );
        assert_eq!(rows, sent - prepared.calibration_rows);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_that_does_not_suffice_stops_everything_before_it_is_sent() {
    let mut world = World::with(VALUES - 1, None).await;
    let server = world.listen().await;
    let refused = world.evaluate(0).await.unwrap_err();
    let NodeError::Client(ClientError::Refused(refusal)) = &refused else {
        panic!("{refused}");
    };
    assert_eq!(refusal.code, RefusalCode::OverQuota);
    assert!(refused.is_refusal() && refused.to_string().contains("may have 40"));
    assert_eq!(spent(&server, "crvs"), 0);
    assert!(world.prepare(0).is_err());
    assert!(!world.members[0].node.is_prepared(RunNumber(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_than_the_agreement_names_gives_nothing() {
    let mut world = World::with(VALUES, Some(EvaluationKey::new([3; 32]))).await;
    let server = world.listen().await;
    let refused = world.evaluate(0).await.unwrap_err();
    assert!(refused.is_refusal());
    let text = refused.to_string();
    assert!(text.contains("clause `key_server`"), "{text}");
    drop(server);
    assert!(world.prepare(0).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_server_that_is_not_there_is_named() {
    let mut world = World::new().await;
    let nobody = world.evaluate(0).await.unwrap_err();
    assert!(matches!(
        nobody,
        NodeError::Evaluate(EvaluateError::NoAddress)
    ));
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    world.tell(address);
    let text = world.evaluate(0).await.unwrap_err().to_string();
    assert!(text.starts_with("cannot reach the key server at"), "{text}");
    assert!(world.prepare(0).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_not_admitted_is_not_heard() {
    let mut world = World::new().await;
    let certificate = fs::read_to_string(world.members[1].node.home().certificate()).unwrap();
    let fingerprint = CertificateFacts::read(&certificate).unwrap().fingerprint;
    let (home, _) = Home::open(&world.root()).unwrap();
    world.listen().await;
    Admitted::of(&home).withdraw(&fingerprint).unwrap();
    world.evaluate(0).await.unwrap();
    let text = world.evaluate(1).await.unwrap_err().to_string();
    assert!(
        text.contains("is not admitted at this key server"),
        "{text}"
    );
}

/// Stands in the place of a key server, with its key.
struct Instead {
    server: Arc<KeyServer>,
    act: Act,
    has_failed: AtomicBool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Act {
    /// Another proof.
    BendsProof,
    /// One of the evaluations in the place of another, to tell apart whose number that is.
    ReplacesOne,
    /// Counts, and says nothing the first time.
    IsCutOnce,
}

impl Evaluations for Instead {
    fn facts(&self, party: &PartyName, epoch: Epoch) -> Result<KeyServerFacts, Fault> {
        self.server.facts(party, epoch)
    }

    fn evaluate(
        &self,
        party: &PartyName,
        epoch: Epoch,
        elements: &[Element],
    ) -> Result<Evaluation, Fault> {
        let mut evaluation = self.server.evaluate(party, epoch, elements)?;
        match self.act {
            Act::BendsProof => evaluation.proof[40] ^= 1,
            Act::ReplacesOne => evaluation.elements[0] = evaluation.elements[1],
            Act::IsCutOnce if !self.has_failed.swap(true, Ordering::SeqCst) => {
                return Err(Fault::failed(std::io::Error::other("cut off")));
            }
            Act::IsCutOnce => {}
        }
        Ok(evaluation)
    }
}

impl Logs for Instead {
    fn log_head(&self, party: &PartyName, seen: Option<&Checkpoint>) -> Result<LogHead, Fault> {
        self.server.log_head(party, seen)
    }

    fn log_entries(
        &self,
        party: &PartyName,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Vec<u8>>, Fault> {
        self.server.log_entries(party, from, limit)
    }
}

impl World {
    async fn listen_acting(&mut self, act: Act) {
        let instead = |server| -> Arc<dyn Evaluations> {
            Arc::new(Instead {
                server,
                act,
                has_failed: AtomicBool::new(false),
            })
        };
        self.listen_as(instead).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_without_a_proof_that_holds_are_not_kept() {
    for act in [Act::BendsProof, Act::ReplacesOne] {
        let mut world = World::new().await;
        world.listen_acting(act).await;
        let refused = world.evaluate(0).await.unwrap_err();
        assert!(matches!(
            refused,
            NodeError::Evaluate(EvaluateError::Answer(_))
        ));
        let text = refused.to_string();
        assert!(text.contains("the proof does not hold"), "{text}");
        assert!(!world.members[0].node.home().evaluations(EPOCH).exists());
        assert!(world.prepare(0).is_err());
    }
}

/// Counted and not answered, as when either side is killed in between: the same batch is sent again and not
/// charged again, so a quota that just suffices still does.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_counted_and_not_answered_is_answered_without_being_counted_again() {
    let mut world = World::new().await;
    world.listen_acting(Act::IsCutOnce).await;
    let cut = world.evaluate(0).await.unwrap_err();
    assert!(
        matches!(cut, NodeError::Client(ClientError::Failed { .. })),
        "{cut}"
    );
    let evaluated = world.evaluate(0).await.unwrap();
    assert_eq!(evaluated.asked, VALUES);
    world.prepare(0).unwrap();
    let asked = events_of(&world.members[0].node);
    let asked = asked
        .iter()
        .filter(|event| matches!(event, Event::ElementsAsked { .. }));
    assert_eq!(asked.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn destroying_a_nodes_keys_takes_what_the_key_server_gave_along() {
    let mut world = World::new().await;
    world.listen().await;
    world.evaluate(0).await.unwrap();
    let node = &world.members[0].node;
    assert!(node.home().evaluations(EPOCH).exists());
    node.destroy_keys(EPOCH).unwrap();
    assert!(!node.home().evaluations(EPOCH).exists());
}
