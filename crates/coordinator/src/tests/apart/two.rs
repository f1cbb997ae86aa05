//! The state directories of two operators, and the programs that serve them.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use audit::{Event, FileStore, Log};
use model::lifecycle::Phase;
use model::{Clock, RunNumber, SystemClock};
use secret::SeededEntropy;
use service::Shutdown;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use wire::pki::{self, PrivateKeyPem};
use wire::{NodeIdentity, ResolverClient, Role, Target};

use super::super::fixture::{Agreed, SCHEMA, upload};
use super::super::world::{REGISTRIES, name};
use crate::directory::Listen;
use crate::{
    Coordinator, Listeners, Roles, Setup, StateDir, adopt, enrol, enrol_matcher, init, install,
    status,
};

pub(super) const RUN: RunNumber = RunNumber(1);

/// The directories of two operators.
pub(super) struct Apart {
    dir: TempDir,
    pub(super) matcher: SocketAddr,
}

/// A program that serves.
pub(super) struct Serving {
    shutdown: Shutdown,
    task: JoinHandle<()>,
}

impl Serving {
    pub(super) async fn stop(self) {
        self.shutdown.request();
        self.task.await.unwrap();
    }
}

impl Apart {
    /// Both made; the matcher has no certificate yet.
    pub(super) fn made() -> Self {
        Self::made_of(1)
    }

    /// As [`Self::made`], with keys from this seed.
    pub(super) fn made_of(seed: u64) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let apart = Self {
            dir: tempfile::tempdir().unwrap(),
            matcher: free.local_addr().unwrap(),
        };
        let schema = apart.dir.path().join("agreed.toml");
        fs::write(&schema, SCHEMA).unwrap();
        let entropy = &mut SeededEntropy::new(seed);
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
    pub(super) fn new() -> Self {
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

    pub(super) fn offer(&self) -> std::path::PathBuf {
        self.dir.path().join("agreement")
    }

    pub(super) fn at(&self, roles: Roles) -> StateDir {
        StateDir::new(self.dir.path().join(roles.to_string()))
    }

    /// What the matcher's operator sends.
    pub(super) fn request(&self) -> (String, String) {
        let at = self.at(Roles::Matcher).role(Role::Matcher);
        let read = |path| fs::read_to_string(path).unwrap();
        (read(at.certificate_request()), read(at.log().join("key")))
    }

    pub(super) fn open(&self, roles: Roles) -> Coordinator {
        Coordinator::open(self.at(roles), Arc::new(SystemClock)).unwrap()
    }

    pub(super) async fn serve(&self, roles: Roles) -> Serving {
        self.serve_at(roles, Arc::new(SystemClock)).await
    }

    pub(super) async fn serve_at(&self, roles: Roles, clock: Arc<dyn Clock>) -> Serving {
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
    pub(super) fn deliver(&self) {
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
    pub(super) async fn wait_for(&self, phase: Phase) {
        self.wait(|told| told.resolver.as_ref().unwrap().state == phase)
            .await;
    }

    pub(super) async fn wait(&self, is_it: impl Fn(&crate::Status) -> bool) {
        for _ in 0..600 {
            if is_it(&status(&self.at(Roles::Resolver)).unwrap()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{:?}", status(&self.at(Roles::Resolver)).unwrap());
    }

    /// A whole run up to the links.
    pub(super) async fn linked(&self) {
        self.deliver();
        let matcher = self.serve(Roles::Matcher).await;
        let resolver = self.serve(Roles::Resolver).await;
        self.wait_for(Phase::Linked).await;
        resolver.stop().await;
        matcher.stop().await;
    }

    pub(super) fn output(&self, role: Role, file: &str) -> Vec<u8> {
        let roles = match role {
            Role::Matcher => Roles::Matcher,
            Role::Resolver => Roles::Resolver,
        };
        let runs = self.at(roles).role(role).runs();
        fs::read(runs.join("1").join(file)).unwrap()
    }

    pub(super) fn events(&self, roles: Roles) -> Vec<Event> {
        let role = roles.all()[0];
        let entries = self.at(roles).role(role).log().join("entries");
        let log = Log::open(FileStore::open(&entries).unwrap()).unwrap();
        (0..log.size())
            .map(|index| log.entry(index).unwrap().unwrap().event)
            .collect()
    }

    /// What the resolver dials with.
    pub(super) fn resolver_identity(&self) -> NodeIdentity {
        let directory = self.at(Roles::Resolver);
        let at = directory.role(Role::Resolver);
        let read = |path| fs::read_to_string(path).unwrap();
        NodeIdentity {
            authority_pem: read(directory.authority_certificate()),
            certificate_pem: read(at.certificate()),
            key: PrivateKeyPem::new(read(at.key())),
        }
    }

    pub(super) fn node_identity(&self, party: &str) -> NodeIdentity {
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

    pub(super) fn target(&self) -> Target {
        Target {
            address: self.matcher.to_string(),
            role: Role::Matcher,
        }
    }

    pub(super) async fn dial(&self, identity: &NodeIdentity) -> ResolverClient {
        ResolverClient::connect(&self.target(), identity, &SystemClock)
            .await
            .unwrap()
    }
}
