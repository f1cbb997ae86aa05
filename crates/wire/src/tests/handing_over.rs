//! Who takes comparisons, and what is noticed on the way.

use std::sync::atomic::Ordering;

use model::{Digest, RefusalCode, RunNumber, SystemClock};

use super::fake::{matcher_run, rows};
use super::identity::assert_shut_out;
use super::world::{Listening, World, error_of, target, valid};
use crate::client::{ClientError, NodeClient, NodeIdentity, ResolverClient};
use crate::handover::MatcherOutcome;
use crate::limits::MAX_COMPARISONS_PART;
use crate::messages::Role;

const RUN: RunNumber = RunNumber(1);

async fn connect(
    identity: &NodeIdentity,
    matcher: &Listening,
) -> Result<ResolverClient, ClientError> {
    let target = target(Role::Matcher, matcher.address);
    ResolverClient::connect(&target, identity, &SystemClock).await
}

#[track_caller]
fn assert_refused(error: ClientError, code: RefusalCode) {
    assert_eq!(error.refusal().map(|refusal| refusal.code), Some(code));
}

#[tokio::test]
async fn the_resolver_takes_comparisons_part_by_part() {
    let world = World::new();
    let matcher = world.listen(Role::Matcher).await;
    let bytes: Vec<u8> = (0..MAX_COMPARISONS_PART * 2 + 100)
        .map(|place| (place % 251) as u8)
        .collect();
    matcher.fake.state().comparisons = bytes.clone();
    let client = connect(&world.role(Role::Resolver), &matcher)
        .await
        .unwrap();
    let told = client.standing(RUN).await.unwrap();
    assert_eq!(told, matcher_run(&bytes));
    let MatcherOutcome::Ready(head) = told.outcome else {
        panic!("not ready");
    };
    let mut taken = Vec::new();
    while (taken.len() as u64) < head.bytes {
        let from = taken.len() as u64;
        taken.extend(client.comparisons(RUN, &head.digest, from).await.unwrap());
    }
    assert_eq!(Digest::of(&taken), head.digest);
    let past = client.comparisons(RUN, &head.digest, head.bytes).await;
    assert_refused(past.unwrap_err(), RefusalCode::BadMessage);
    let other = client.comparisons(RUN, &Digest::of(b"other"), 0).await;
    assert_refused(other.unwrap_err(), RefusalCode::DigestDiffers);
    assert!(client.end(RUN, false).await.unwrap());
    assert_eq!(matcher.fake.state().ended, [(RUN, false)]);
}

/// A node's certificate is as good as the resolver's to TLS, and so is that of a resolver to the gate for
/// nodes; each gets no further than its own services.
#[tokio::test]
async fn comparisons_are_handed_to_the_resolver_alone() {
    let world = World::new();
    let matcher = world.listen(Role::Matcher).await;
    matcher.fake.state().comparisons = vec![7; 100];
    let node = connect(&world.node("crvs", valid()), &matcher)
        .await
        .unwrap();
    let digest = Digest::of(&[7; 100]);
    assert_refused(
        node.standing(RUN).await.unwrap_err(),
        RefusalCode::NotAMember,
    );
    let taken = node.comparisons(RUN, &digest, 0).await;
    assert_refused(taken.unwrap_err(), RefusalCode::NotAMember);
    assert_refused(
        node.end(RUN, true).await.unwrap_err(),
        RefusalCode::NotAMember,
    );
    assert!(matcher.fake.state().ended.is_empty());
    // The matcher's own certificate is for listening.
    let own = connect(&world.role(Role::Matcher), &matcher).await;
    let refused = match own {
        Ok(client) => client.standing(RUN).await.unwrap_err(),
        Err(error) => error,
    };
    assert_shut_out(&refused);
    let target = target(Role::Matcher, matcher.address);
    let resolver = NodeClient::connect(&target, &world.role(Role::Resolver), &SystemClock).await;
    assert!(matches!(error_of(resolver), ClientError::OwnCertificate(_)));
}

#[tokio::test]
async fn another_authoritys_resolver_takes_nothing() {
    let (world, other) = (World::new(), World::new());
    let matcher = world.listen(Role::Matcher).await;
    let identity = NodeIdentity {
        authority_pem: world.authority.certificate_pem().to_owned(),
        ..other.role(Role::Resolver)
    };
    let error = match connect(&identity, &matcher).await {
        Ok(client) => client.standing(RUN).await.unwrap_err(),
        Err(error) => error,
    };
    assert_shut_out(&error);
}

/// Also in the middle of taking comparisons.
#[tokio::test]
async fn a_revoked_resolver_takes_nothing_more() {
    let world = World::new();
    let matcher = world.listen(Role::Matcher).await;
    matcher.fake.state().comparisons = vec![7; MAX_COMPARISONS_PART + 1];
    let digest = Digest::of(&vec![7; MAX_COMPARISONS_PART + 1]);
    let client = connect(&world.role(Role::Resolver), &matcher)
        .await
        .unwrap();
    client.comparisons(RUN, &digest, 0).await.unwrap();
    matcher.gate.0.store(0, Ordering::SeqCst);
    let more = client
        .comparisons(RUN, &digest, MAX_COMPARISONS_PART as u64)
        .await;
    assert_refused(more.unwrap_err(), RefusalCode::CertificateRevoked);
}

/// Where one program has both roles, nothing is handed over the network, to nobody.
#[tokio::test]
async fn a_role_that_hands_nothing_over_says_so() {
    let world = World::new();
    let resolver = world.listen(Role::Resolver).await;
    resolver.fake.state().rows = rows(1);
    let target = target(Role::Resolver, resolver.address);
    let client = ResolverClient::connect(&target, &world.role(Role::Resolver), &SystemClock)
        .await
        .unwrap();
    let error = client.standing(RUN).await.unwrap_err();
    assert!(matches!(error, ClientError::NotServed { .. }), "{error}");
}
