//! Handing over: waited for, held to a digest, for the resolver alone, and not while it is suspended.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use audit::Event;
use model::agreement::Act;
use model::lifecycle::Phase;
use model::{RefusalCode, SystemClock};
use service::Shutdown;
use wire::identity::CertificateFacts;
use wire::pki::PrivateKeyPem;
use wire::{NodeClient, NodeIdentity, ResolverClient, Role, Target, Topic};

use super::super::fixture::Agreed;
use super::super::world::World;
use super::two::{Apart, RUN};
use crate::{Listeners, Roles, status};

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
