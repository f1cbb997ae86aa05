//! Two nodes and a coordinator over mutual TLS on ports the system chose.

use std::io::{self, Cursor};
use std::sync::Arc;
use std::time::Duration;

use model::lifecycle::Phase;
use model::{RefusalCode, RunNumber, Silent, SystemClock};
use service::Shutdown;
use wire::identity::CertificateFacts;
use wire::pki::{self, PrivateKeyPem};
use wire::{
    ClientError, NodeClient, NodeIdentity, ResultsHeader, ResultsRow, ResultsSink, Role, Target,
    Topic,
};

use super::fixture::{Agreed, Registry};
use super::world::{REGISTRIES, World, name};
use crate::directory::Listen;
use crate::{Listeners, enrol};

struct Node {
    identity: NodeIdentity,
    at: Listen,
}

impl Node {
    fn enrol(world: &World, party: &str, at: Listen) -> Self {
        let request = pki::request(&name(party)).unwrap();
        let directory = world.directory();
        let enrolled = enrol(&directory, &request.request_pem, &name(party), &SystemClock).unwrap();
        let key = PrivateKeyPem::new(request.key.expose().to_owned());
        let identity = NodeIdentity {
            authority_pem: enrolled.authority_pem,
            certificate_pem: enrolled.certificate_pem,
            key,
        };
        Self { identity, at }
    }

    async fn dial(&self, role: Role) -> NodeClient {
        let address = self.at.of(role).unwrap().to_string();
        let target = Target { address, role };
        NodeClient::connect(&target, &self.identity, &SystemClock)
            .await
            .unwrap()
    }

    async fn deliver(&self, registry: &Registry) {
        let (manifest, rows) = registry.encodings();
        let matcher = self.dial(Role::Matcher).await;
        let receipt = matcher.upload(&manifest, Cursor::new(rows), &Silent).await;
        receipt.unwrap().check(&manifest).unwrap();
        let resolver = self.dial(Role::Resolver).await;
        let key = resolver.describe().await.unwrap().resolver_key.unwrap();
        let (manifest, sealed) = registry.handle_map(key);
        let receipt = resolver
            .upload(&manifest, Cursor::new(sealed), &Silent)
            .await;
        receipt.unwrap().check(&manifest).unwrap();
    }

    /// Approves the run as soon as it is linked, twice.
    async fn approve(&self, party: &str) {
        let resolver = self.dial(Role::Resolver).await;
        let told = loop {
            let told = resolver.run_status().await.unwrap();
            if told.outcome.is_some() {
                break told;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let (topic, posting) = (
            Topic::Approval(told.run),
            Agreed::new().approval(party, &told),
        );
        for _ in 0..2 {
            resolver.post(topic, &posting).await.unwrap();
        }
        let read = resolver.read(topic).await.unwrap();
        assert!(read.contains(&posting));
    }

    async fn collect(&self) -> (ResultsHeader, u64) {
        let resolver = self.dial(Role::Resolver).await;
        while resolver.run_status().await.unwrap().state != Phase::Released {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let mut rows = Rows(0);
        let collected = resolver.collect(RunNumber(1), &mut rows, &Silent).await;
        (collected.unwrap(), rows.0)
    }
}

struct Rows(u64);

impl ResultsSink for Rows {
    fn header(&mut self, _header: &ResultsHeader) -> io::Result<()> {
        Ok(())
    }

    fn rows(&mut self, rows: &[ResultsRow]) -> io::Result<()> {
        self.0 += rows.len() as u64;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_from_enrolling_to_collecting() {
    let world = World::at(Arc::new(SystemClock));
    let coordinator = world.open();
    let listeners = Listeners::bind(&coordinator.settings().listen)
        .await
        .unwrap();
    let at = listeners.addresses().unwrap();
    let shutdown = Shutdown::new();
    let serving = tokio::spawn(coordinator.serve(listeners, shutdown.clone()));
    let nodes = REGISTRIES.map(|registry| (Node::enrol(&world, registry.party, at), registry));
    for (node, registry) in &nodes {
        node.deliver(registry).await;
    }
    for (node, registry) in &nodes {
        node.approve(registry.party).await;
    }
    let node = Node::enrol(&world, "b", at);
    let (header, rows) = node.collect().await;
    assert_eq!((header.rows, rows), (60, 60));
    shutdown.request();
    serving.await.unwrap().unwrap();
    world.open();
}

/// Every call under a certificate that was revoked is refused from that moment on, on the same
/// connection too, and the same party's other certificate goes on.
#[tokio::test(flavor = "multi_thread")]
async fn the_coordinator_refuses_a_revoked_certificate_from_the_next_call_on() {
    let world = World::at(Arc::new(SystemClock));
    let coordinator = world.open();
    let listeners = Listeners::bind(&coordinator.settings().listen)
        .await
        .unwrap();
    let at = listeners.addresses().unwrap();
    let shutdown = Shutdown::new();
    let serving = tokio::spawn(coordinator.serve(listeners, shutdown.clone()));
    let (stolen, anew) = (Node::enrol(&world, "a", at), Node::enrol(&world, "a", at));
    let clients = [
        stolen.dial(Role::Matcher).await,
        stolen.dial(Role::Resolver).await,
    ];
    clients[1].run_status().await.unwrap();
    let facts = CertificateFacts::read(&stolen.identity.certificate_pem).unwrap();
    let revoked = world.directory().revoked();
    revoked
        .revoke(&facts.fingerprint, "a laptop was stolen")
        .unwrap();
    let refused = |error: ClientError| error.refusal().unwrap().code;
    for client in &clients {
        let error = client.describe().await.unwrap_err();
        assert_eq!(refused(error), RefusalCode::CertificateRevoked);
    }
    let error = clients[1].run_status().await.unwrap_err();
    assert_eq!(refused(error), RefusalCode::CertificateRevoked);
    let error = clients[1]
        .read(Topic::Approval(RunNumber(1)))
        .await
        .unwrap_err();
    assert_eq!(refused(error), RefusalCode::CertificateRevoked);
    anew.dial(Role::Resolver).await.run_status().await.unwrap();
    shutdown.request();
    serving.await.unwrap().unwrap();
}
