//! Matcher and resolver with an operator each: two state directories, and nothing between them but the
//! network.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use audit::{Event, FileStore, Log};
use model::agreement::Act;
use model::lifecycle::Phase;
use model::{Clock, Digest, RefusalCode, RunNumber, SystemClock};
use secret::SeededEntropy;
use service::Shutdown;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use wire::identity::CertificateFacts;
use wire::pki::{self, PrivateKeyPem};
use wire::{NodeClient, NodeIdentity, ResolverClient, Role, Target, Topic};

use super::fixture::{self, Agreed, SCHEMA, upload};
use super::world::{REGISTRIES, World, name};
use crate::directory::Listen;
use crate::{
    Coordinator, Destroy, EnrolError, Listeners, OpenError, Roles, Setup, StateDir, adopt, destroy,
    enrol, enrol_matcher, init, install, status, verify_destroyed,
};

const RUN: RunNumber = RunNumber(1);

/// The directories of two operators.
struct Apart {
    dir: TempDir,
    matcher: SocketAddr,
}

/// A program that serves.
struct Serving {
    shutdown: Shutdown,
    task: JoinHandle<()>,
}

impl Serving {
    async fn stop(self) {
        self.shutdown.request();
        self.task.await.unwrap();
    }
}

impl Apart {
    /// Both made; the matcher has no certificate yet.
    fn made() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let apart = Self {
            dir: tempfile::tempdir().unwrap(),
            matcher: free.local_addr().unwrap(),
        };
        let schema = apart.dir.path().join("agreed.toml");
        fs::write(&schema, SCHEMA).unwrap();
        let entropy = &mut SeededEntropy::new(1);
        for roles in [Roles::Resolver, Roles::Matcher] {
            let any = "127.0.0.1:0".parse().unwrap();
            let setup = Setup {
                project: "p".parse().unwrap(),
                schema: schema.clone(),
                roles,
                matcher: (roles == Roles::Resolver).then(|| apart.matcher.to_string()),
                listen: Listen {
                    matcher: roles.has(Role::Matcher).then_some(apart.matcher),
                    resolver: roles.has(Role::Resolver).then_some(any),
                },
            };
            init(&apart.at(roles), &setup, Arc::new(SystemClock), entropy).unwrap();
        }
        apart
    }

    /// Enrolled, and both under the agreement.
    fn new() -> Self {
        let apart = Self::made();
        let (request, log_key) = apart.request();
        let resolver = apart.at(Roles::Resolver);
        let issued = enrol_matcher(&resolver, &request, &log_key, &SystemClock).unwrap();
        let (own, root) = (&issued.certificate_pem, &issued.authority_pem);
        let installed = install(&apart.at(Roles::Matcher), own, root, &SystemClock).unwrap();
        let prints = [issued.fingerprint, issued.authority_fingerprint];
        assert_eq!(installed, prints);
        let offer = apart.offer();
        Agreed::new().offer(&offer);
        for roles in [Roles::Resolver, Roles::Matcher] {
            adopt(&apart.at(roles), &offer).unwrap();
        }
        apart
    }

    fn offer(&self) -> std::path::PathBuf {
        self.dir.path().join("agreement")
    }

    fn at(&self, roles: Roles) -> StateDir {
        StateDir::new(self.dir.path().join(roles.to_string()))
    }

    /// What the matcher's operator sends.
    fn request(&self) -> (String, String) {
        let at = self.at(Roles::Matcher).role(Role::Matcher);
        let read = |path| fs::read_to_string(path).unwrap();
        (read(at.certificate_request()), read(at.log().join("key")))
    }

    fn open(&self, roles: Roles) -> Coordinator {
        Coordinator::open(self.at(roles), Arc::new(SystemClock)).unwrap()
    }

    async fn serve(&self, roles: Roles) -> Serving {
        self.serve_at(roles, Arc::new(SystemClock)).await
    }

    async fn serve_at(&self, roles: Roles, clock: Arc<dyn Clock>) -> Serving {
        let coordinator = Coordinator::open(self.at(roles), clock).unwrap();
        let listeners = Listeners::bind(&coordinator.settings().listen).await;
        let (listeners, shutdown) = (listeners.unwrap(), Shutdown::new());
        let serving = coordinator.serve(listeners, shutdown.clone());
        Serving {
            shutdown,
            task: tokio::spawn(async move { serving.await.unwrap() }),
        }
    }

    /// Gives both roles what the registries send, each to the one it is for.
    fn deliver(&self) {
        let (matcher, resolver) = (self.open(Roles::Matcher), self.open(Roles::Resolver));
        assert!(matcher.intake(Role::Resolver).is_none() && matcher.results().is_none());
        assert!(resolver.intake(Role::Matcher).is_none());
        for registry in &REGISTRIES {
            let (manifest, rows) = registry.encodings();
            upload(&*matcher.intake(Role::Matcher).unwrap(), &manifest, &rows);
            let intake = resolver.intake(Role::Resolver).unwrap();
            let key = intake.describe(&manifest.party).unwrap().resolver_key;
            let (manifest, sealed) = registry.handle_map(key.unwrap());
            upload(&*intake, &manifest, &sealed);
        }
    }

    /// Waits until the resolver stands so.
    async fn wait_for(&self, phase: Phase) {
        self.wait(|told| told.resolver.as_ref().unwrap().state == phase)
            .await;
    }

    async fn wait(&self, is_it: impl Fn(&crate::Status) -> bool) {
        for _ in 0..600 {
            if is_it(&status(&self.at(Roles::Resolver)).unwrap()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{:?}", status(&self.at(Roles::Resolver)).unwrap());
    }

    /// A whole run up to the links.
    async fn linked(&self) {
        self.deliver();
        let matcher = self.serve(Roles::Matcher).await;
        let resolver = self.serve(Roles::Resolver).await;
        self.wait_for(Phase::Linked).await;
        resolver.stop().await;
        matcher.stop().await;
    }

    fn output(&self, role: Role, file: &str) -> Vec<u8> {
        let roles = match role {
            Role::Matcher => Roles::Matcher,
            Role::Resolver => Roles::Resolver,
        };
        let runs = self.at(roles).role(role).runs();
        fs::read(runs.join("1").join(file)).unwrap()
    }

    fn events(&self, roles: Roles) -> Vec<Event> {
        let role = roles.all()[0];
        let entries = self.at(roles).role(role).log().join("entries");
        let log = Log::open(FileStore::open(&entries).unwrap()).unwrap();
        (0..log.size())
            .map(|index| log.entry(index).unwrap().unwrap().event)
            .collect()
    }

    /// What the resolver dials with.
    fn resolver_identity(&self) -> NodeIdentity {
        let directory = self.at(Roles::Resolver);
        let at = directory.role(Role::Resolver);
        let read = |path| fs::read_to_string(path).unwrap();
        NodeIdentity {
            authority_pem: read(directory.authority_certificate()),
            certificate_pem: read(at.certificate()),
            key: PrivateKeyPem::new(read(at.key())),
        }
    }

    fn node_identity(&self, party: &str) -> NodeIdentity {
        let request = pki::request(&name(party)).unwrap();
        let directory = self.at(Roles::Resolver);
        let pem = &request.request_pem;
        let enrolled = enrol(&directory, pem, &name(party), &SystemClock).unwrap();
        NodeIdentity {
            authority_pem: enrolled.authority_pem,
            certificate_pem: enrolled.certificate_pem,
            key: request.key,
        }
    }

    fn target(&self) -> Target {
        Target {
            address: self.matcher.to_string(),
            role: Role::Matcher,
        }
    }

    async fn dial(&self, identity: &NodeIdentity) -> ResolverClient {
        ResolverClient::connect(&self.target(), identity, &SystemClock)
            .await
            .unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_operators_find_what_one_finds() {
    let one = World::new();
    drop(one.run());
    let apart = Apart::new();
    apart.linked().await;
    for (role, file) in [
        (Role::Matcher, "comparisons.bin"),
        (Role::Resolver, "clusters.bin"),
    ] {
        let together = fs::read(one.output(role, file)).unwrap();
        assert!(together == apart.output(role, file), "{file} differs");
    }
    let comparisons_digest = Digest::of(&apart.output(Role::Matcher, "comparisons.bin"));
    let handed = Event::ComparisonsHandedOver {
        run: RUN,
        comparisons_digest,
    };
    let taken = Event::ComparisonsTaken {
        run: RUN,
        comparisons_digest,
    };
    let own = CertificateFacts::read(&apart.resolver_identity().certificate_pem).unwrap();
    let admitted = Event::ResolverAdmitted {
        certificate: own.fingerprint,
    };
    let (matcher, resolver) = (apart.events(Roles::Matcher), apart.events(Roles::Resolver));
    assert!(matcher.contains(&handed) && matcher.contains(&admitted));
    assert!(resolver.contains(&taken));
}

/// Every file under a directory that has one of these byte strings in it.
fn holding(directory: &Path, needles: &[Vec<u8>]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path, needles));
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let has = |needle: &Vec<u8>| bytes.windows(needle.len()).any(|window| window == needle);
        if needles.iter().any(has) {
            found.push(path.display().to_string());
        }
    }
    found
}

/// A row's block token and its signatures are with the matcher alone, record handles and the entries that
/// join passes with the resolver alone.
#[tokio::test(flavor = "multi_thread")]
async fn neither_operator_has_what_is_the_others() {
    let apart = Apart::new();
    apart.linked().await;
    let (layout, rows) = (fixture::project().layout, REGISTRIES[0].rows());
    let row = &rows[..layout.row_bytes];
    let header = model::layout::ROW_HEADER;
    // Pass, handle, token: the handle is the resolver's too, though sealed at rest.
    let of_matcher = [row[17..33].to_vec(), row[header..].to_vec()];
    let handles = REGISTRIES[0]
        .persons
        .clone()
        .map(|p| REGISTRIES[0].record(p));
    let of_resolver: Vec<Vec<u8>> = handles.map(|handle| handle.as_bytes().to_vec()).collect();
    let in_matcher = |needles: &[Vec<u8>]| holding(apart.at(Roles::Matcher).path(), needles);
    let in_resolver = |needles: &[Vec<u8>]| holding(apart.at(Roles::Resolver).path(), needles);
    for needle in of_matcher {
        let needle = [needle];
        assert!(!in_matcher(&needle).is_empty());
        assert_eq!(in_resolver(&needle), [""; 0]);
    }
    assert!(!in_resolver(&of_resolver).is_empty());
    assert_eq!(in_matcher(&of_resolver), [""; 0]);
    // Nor has either the other's keys, or the matcher that of the authority.
    for key in ["handle-map.key", "pseudonym.key", "ca.key"] {
        assert_eq!(named(apart.at(Roles::Matcher).path(), key), 0, "{key}");
        assert_eq!(named(apart.at(Roles::Resolver).path(), key), 1, "{key}");
    }
    for file in [
        "clusters.bin",
        "comparisons.bin",
        "matcher.db",
        "resolver.db",
    ] {
        let of_resolver = ["clusters.bin", "resolver.db"].contains(&file);
        let matcher = named(apart.at(Roles::Matcher).path(), file);
        let resolver = named(apart.at(Roles::Resolver).path(), file);
        assert_eq!(
            [matcher, resolver],
            [!of_resolver, of_resolver].map(usize::from)
        );
    }
}

/// How many files of this name are under a directory.
fn named(directory: &Path, file: &str) -> usize {
    let entries = fs::read_dir(directory).unwrap();
    let count = entries.map(|entry| {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => named(&path, file),
            false => usize::from(path.file_name().unwrap() == file),
        }
    });
    count.sum()
}

/// Handle maps are taken and sealed while the matcher is away; `status` and the nodes are told, and the run
/// goes on when it comes back.
#[tokio::test(flavor = "multi_thread")]
async fn a_matcher_that_is_away_is_waited_for() {
    let apart = Apart::new();
    apart.deliver();
    let resolver = apart.serve(Roles::Resolver).await;
    apart
        .wait(|told| {
            let sealed = told.resolver.as_ref().unwrap().state == Phase::Sealed;
            let found = told.other_matcher.as_ref();
            sealed && found.is_some_and(|found| !found.answers && found.reason.is_some())
        })
        .await;
    let matcher = apart.serve(Roles::Matcher).await;
    apart.wait_for(Phase::Linked).await;
    apart
        .wait(|told| {
            told.other_matcher
                .as_ref()
                .is_some_and(|found| found.answers)
        })
        .await;
    resolver.stop().await;
    matcher.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn comparisons_that_were_changed_are_noticed_by_the_resolver() {
    let apart = Apart::new();
    apart.deliver();
    apart
        .open(Roles::Matcher)
        .advance(&Shutdown::new())
        .unwrap();
    let file = apart.at(Roles::Matcher).role(Role::Matcher).runs();
    let file = file.join("1/comparisons.bin");
    let mut bytes = fs::read(&file).unwrap();
    // A grade, so that what comes is well formed.
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&file, bytes).unwrap();
    let matcher = apart.serve(Roles::Matcher).await;
    let resolver = apart.serve(Roles::Resolver).await;
    apart.wait_for(Phase::Failed).await;
    let told = format!("{:?}", status(&apart.at(Roles::Resolver)).unwrap());
    assert!(
        told.contains("the comparisons are not those the matcher made"),
        "{told}"
    );
    resolver.stop().await;
    matcher.stop().await;
    let is_taken = |event: &Event| matches!(event, Event::ComparisonsTaken { .. });
    assert!(!apart.events(Roles::Resolver).iter().any(is_taken));
}

#[tokio::test(flavor = "multi_thread")]
async fn comparisons_are_refused_to_nodes_and_to_a_revoked_resolver() {
    let apart = Apart::new();
    apart.deliver();
    let matcher = apart.serve(Roles::Matcher).await;
    let identity = apart.resolver_identity();
    let node = apart.dial(&apart.node_identity("a")).await;
    let code = |error: wire::ClientError| error.refusal().map(|refusal| refusal.code);
    let error = node.standing(RUN).await.unwrap_err();
    assert_eq!(code(error), Some(RefusalCode::NotAMember));
    let error = node.end(RUN, true).await.unwrap_err();
    assert_eq!(code(error), Some(RefusalCode::NotAMember));
    let resolver = apart.dial(&identity).await;
    resolver.standing(RUN).await.unwrap();
    let own = CertificateFacts::read(&identity.certificate_pem).unwrap();
    let revoked = apart.at(Roles::Matcher).revoked();
    revoked
        .revoke(&own.fingerprint, "a copy was found")
        .unwrap();
    let error = resolver.standing(RUN).await.unwrap_err();
    assert_eq!(code(error), Some(RefusalCode::CertificateRevoked));
    matcher.stop().await;
}

/// Where one program has both roles the network hands nothing over.
#[tokio::test(flavor = "multi_thread")]
async fn one_operator_of_both_roles_serves_no_handover() {
    let world = World::at(Arc::new(SystemClock));
    let coordinator = world.open();
    let listeners = Listeners::bind(&coordinator.settings().listen).await;
    let (listeners, shutdown) = (listeners.unwrap(), Shutdown::new());
    let address = listeners.addresses().unwrap().matcher.unwrap().to_string();
    let serving = tokio::spawn(coordinator.serve(listeners, shutdown.clone()));
    let at = world.directory().role(Role::Resolver);
    let read = |path| fs::read_to_string(path).unwrap();
    let identity = NodeIdentity {
        authority_pem: read(world.directory().authority_certificate()),
        certificate_pem: read(at.certificate()),
        key: PrivateKeyPem::new(read(at.key())),
    };
    let role = Role::Matcher;
    let target = Target { address, role };
    let client = ResolverClient::connect(&target, &identity, &SystemClock).await;
    let error = client.unwrap().standing(RUN).await.unwrap_err();
    assert!(
        matches!(error, wire::ClientError::NotServed { .. }),
        "{error}"
    );
    shutdown.request();
    serving.await.unwrap().unwrap();
}

/// So many days after now.
struct Later(u64);

impl Clock for Later {
    fn unix_millis(&self) -> u64 {
        SystemClock.unix_millis() + self.0 * 86_400_000
    }
}

fn release(apart: &Apart) {
    let resolver = apart.open(Roles::Resolver);
    let told = resolver.results().unwrap().run_status(&name("a")).unwrap();
    for party in ["a", "b"] {
        let posting = Agreed::new().approval(party, &told);
        let board = resolver.board().unwrap();
        board.post(Topic::Approval(RUN), &posting).unwrap();
    }
    resolver.advance(&Shutdown::new()).unwrap();
}

fn is_gone(apart: &Apart, roles: Roles) -> bool {
    verify_destroyed(&apart.at(roles))
        .unwrap()
        .readable
        .is_empty()
}

/// The resolver keeps nothing longer because the matcher is away, and tells it when it is back.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_kept_long_enough_ends_with_both_operators() {
    let apart = Apart::new();
    apart.linked().await;
    tokio::task::block_in_place(|| release(&apart));
    let resolver = apart.serve_at(Roles::Resolver, Arc::new(Later(32))).await;
    apart.wait_for(Phase::Destroyed).await;
    assert!(is_gone(&apart, Roles::Resolver) && !is_gone(&apart, Roles::Matcher));
    let matcher = apart.serve(Roles::Matcher).await;
    for _ in 0..600 {
        if is_gone(&apart, Roles::Matcher) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(is_gone(&apart, Roles::Matcher));
    resolver.stop().await;
    matcher.stop().await;
    // It was released: nobody gave it up.
    let events = apart.events(Roles::Matcher);
    assert!(events.contains(&Event::RunDestroyed { run: RUN }));
    assert!(!events.contains(&Event::RunCancelled { run: RUN }));
}

/// The operator of the resolver destroys a run: the matcher is told, or the operator is told that it was not.
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_who_destroys_a_run_has_the_matcher_do_so_too() {
    let apart = Apart::new();
    apart.deliver();
    let end = |roles| {
        let directory = apart.at(roles);
        let ended = move || destroy(&directory, Destroy::Open, Arc::new(SystemClock));
        tokio::task::spawn_blocking(ended)
    };
    let away = end(Roles::Resolver).await.unwrap().unwrap();
    assert!(away.untold.unwrap().contains("cannot reach the matcher"));
    assert!(is_gone(&apart, Roles::Resolver) && !is_gone(&apart, Roles::Matcher));
    let matcher = apart.serve(Roles::Matcher).await;
    let told = end(Roles::Resolver).await.unwrap().unwrap();
    assert_eq!((told.runs, told.untold), (vec![RUN], None));
    assert!(is_gone(&apart, Roles::Matcher));
    matcher.stop().await;
    let run = RUN;
    assert!(
        apart
            .events(Roles::Matcher)
            .contains(&Event::RunCancelled { run })
    );
    // And the matcher's operator can by himself.
    let again = Apart::new();
    again.deliver();
    let directory = again.at(Roles::Matcher);
    destroy(&directory, Destroy::Open, Arc::new(SystemClock)).unwrap();
    assert!(is_gone(&again, Roles::Matcher) && !is_gone(&again, Roles::Resolver));
}

/// When the agreement is over the matcher does not wait to be told.
#[test]
fn a_matcher_by_itself_destroys_runs_when_the_agreement_is_revoked() {
    let apart = Apart::new();
    apart.deliver();
    let matcher = apart.open(Roles::Matcher);
    matcher.advance(&Shutdown::new()).unwrap();
    Agreed::new().state(&apart.offer(), "a", 1, Act::Revoke);
    adopt(&apart.at(Roles::Matcher), &apart.offer()).unwrap();
    matcher.advance(&Shutdown::new()).unwrap();
    drop(matcher);
    assert!(is_gone(&apart, Roles::Matcher));
}

/// The matcher hears officers from their nodes, not from the resolver; and hands nothing over while the
/// agreement is suspended.
#[tokio::test(flavor = "multi_thread")]
async fn a_suspension_holds_the_handover() {
    let apart = Apart::new();
    apart.deliver();
    let matcher = apart.serve(Roles::Matcher).await;
    let client = apart.dial(&apart.resolver_identity()).await;
    let head = loop {
        let told = client.standing(RUN).await.unwrap();
        if let wire::MatcherOutcome::Ready(head) = told.outcome {
            break head;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    Agreed::new().state(&apart.offer(), "a", 1, Act::Suspend);
    let text = fs::read_dir(apart.offer())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let said = text
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .find(|path| path.file_name().unwrap() != "agreement.toml");
    let posting = Agreed::posting("a", fs::read(said.unwrap()).unwrap());
    let node = NodeClient::connect(&apart.target(), &apart.node_identity("a"), &SystemClock)
        .await
        .unwrap();
    node.post(Topic::Statements(1), &posting).await.unwrap();
    let error = client.comparisons(RUN, &head.digest, 0).await.unwrap_err();
    let refusal = error.refusal().unwrap();
    assert!(
        refusal.detail.starts_with("clause `suspension`"),
        "{refusal}"
    );
    // Nothing else is put up here, and nothing is relayed.
    let other = node.post(Topic::Approval(RUN), &posting).await.unwrap_err();
    assert_eq!(other.refusal().unwrap().code, RefusalCode::BadMessage);
    assert!(node.read(Topic::Statements(1)).await.is_err());
    matcher.stop().await;
}

/// Both operators open a run by their own settings; the one who is behind is told of.
#[tokio::test(flavor = "multi_thread")]
async fn operators_who_opened_different_runs_are_told_so() {
    let apart = Apart::new();
    let settings = apart.at(Roles::Resolver).settings();
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, text.replace("run = 1", "run = 2")).unwrap();
    let matcher = apart.serve(Roles::Matcher).await;
    let resolver = apart.serve(Roles::Resolver).await;
    let words = "the matcher has run 1 of epoch 1 open, the resolver run 2 of epoch 1";
    apart
        .wait(|told| {
            let found = told.other_matcher.as_ref();
            let reason = found.and_then(|found| found.reason.as_ref());
            reason.is_some_and(|reason| reason.contains(words))
        })
        .await;
    resolver.stop().await;
    matcher.stop().await;
}

#[test]
fn a_matcher_joins_by_what_its_operator_sends_and_nothing_else() {
    let apart = Apart::made();
    let (matcher, resolver) = (apart.at(Roles::Matcher), apart.at(Roles::Resolver));
    let opened = Coordinator::open(matcher.clone(), Arc::new(SystemClock));
    assert!(matches!(
        opened,
        Err(OpenError::NoCertificate(Role::Matcher))
    ));
    let (request, log_key) = apart.request();
    // Nodes are to know both logs from the beginning.
    let node = pki::request(&name("a")).unwrap().request_pem;
    let early = enrol(&resolver, &node, &name("a"), &SystemClock);
    assert!(matches!(early, Err(EnrolError::NoMatcher)));
    let elsewhere = enrol(&matcher, &node, &name("a"), &SystemClock);
    assert!(matches!(elsewhere, Err(EnrolError::NoAuthority)));
    let own = fs::read_to_string(resolver.role(Role::Resolver).log().join("key")).unwrap();
    let refused = enrol_matcher(&resolver, &request, &own, &SystemClock);
    assert!(matches!(refused, Err(EnrolError::LogKey)));
    let refused = enrol_matcher(&resolver, &node, &log_key, &SystemClock);
    assert!(matches!(refused, Err(EnrolError::OtherName(_))));
    let issued = enrol_matcher(&resolver, &request, &log_key, &SystemClock).unwrap();
    let keys = enrol(&resolver, &node, &name("a"), &SystemClock)
        .unwrap()
        .log_keys;
    assert_eq!(keys, [log_key, own].concat());
    // A certificate of another key, or of another authority, is not installed.
    let other = Apart::made();
    let (own, root) = (&issued.certificate_pem, &issued.authority_pem);
    assert!(install(&other.at(Roles::Matcher), own, root, &SystemClock).is_err());
    let foreign = other.at(Roles::Resolver).authority_certificate();
    let foreign = fs::read_to_string(foreign).unwrap();
    let refused = install(&matcher, own, &foreign, &SystemClock).unwrap_err();
    assert!(refused.is_refusal(), "{refused}");
    install(&matcher, own, root, &SystemClock).unwrap();
    assert!(install(&resolver, own, root, &SystemClock).is_err());
    drop(Coordinator::open(matcher, Arc::new(SystemClock)).unwrap());
    // The operator of both has nobody to enrol.
    let world = World::new();
    let refused = enrol_matcher(&world.directory(), &request, "", &SystemClock);
    assert!(matches!(refused, Err(EnrolError::MatcherHere)));
}
