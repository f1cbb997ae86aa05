//! Who gets in, and whom a node believes.

use std::io::Cursor;

use model::{Clock as _, RefusalCode, Silent, SystemClock};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use super::fake::manifest;
use super::world::{At, Listening, World, connect, error_of, expired, target, valid};
use crate::client::{ClientError, NodeClient, NodeIdentity};
use crate::identity::role_name;
use crate::messages::Role;
use crate::pki::PrivateKeyPem;
use crate::proto;
use crate::proto::intake_client::IntakeClient;

#[tokio::test]
async fn a_member_gets_in_and_is_told_the_project() {
    let world = World::new();
    for role in [Role::Matcher, Role::Resolver] {
        let listening = world.listen(role).await;
        let client = world
            .connect("crvs", role, listening.address)
            .await
            .unwrap();
        let description = client.describe().await.unwrap();
        assert_eq!(client.party().as_str(), "crvs");
        assert_eq!(description.role, role);
        assert_eq!(description.resolver_key.is_some(), role == Role::Resolver);
    }
}

#[tokio::test]
async fn roles_cannot_be_swapped() {
    let world = World::new();
    let resolver = world.listen(Role::Resolver).await;
    let error = error_of(world.connect("crvs", Role::Matcher, resolver.address).await);
    assert!(matches!(error, ClientError::WrongRole { .. }), "{error}");

    // A role under the right name that plays the other one.
    let confused = world.listen_as(Role::Resolver, Role::Matcher).await;
    let error = error_of(world.connect("crvs", Role::Matcher, confused.address).await);
    assert!(matches!(error, ClientError::WrongRole { .. }), "{error}");
}

#[tokio::test]
async fn a_node_does_not_believe_another_authority() {
    let (world, other) = (World::new(), World::new());
    let foreign = other.listen(Role::Matcher).await;
    let error = error_of(world.connect("crvs", Role::Matcher, foreign.address).await);
    assert!(matches!(error, ClientError::NotTrusted { .. }), "{error}");
}

#[tokio::test]
async fn a_certificate_of_another_authority_does_not_get_in() {
    let (world, other) = (World::new(), World::new());
    let listening = world.listen(Role::Matcher).await;
    let identity = NodeIdentity {
        authority_pem: world.authority.certificate_pem().to_owned(),
        ..other.node("crvs", valid())
    };
    let error = error_of(connect(&identity, Role::Matcher, listening.address).await);
    assert_shut_out(&error);
}

#[tokio::test]
async fn an_expired_certificate_is_told_before_dialling() {
    let world = World::new();
    let (validity, _) = expired();
    let identity = world.node("crvs", validity);
    let nowhere = "127.0.0.1:9".parse().unwrap();
    let error = error_of(connect(&identity, Role::Matcher, nowhere).await);
    assert!(
        matches!(error, ClientError::OwnCertificateExpired),
        "{error}"
    );
    let early = At(SystemClock.unix_millis() - 86_400_000);
    let identity = world.node("crvs", valid());
    let target = target(Role::Matcher, nowhere);
    let error = error_of(NodeClient::connect(&target, &identity, &early).await);
    assert!(
        matches!(error, ClientError::OwnCertificateNotYetValid),
        "{error}"
    );
}

#[tokio::test]
async fn an_expired_certificate_does_not_get_in() {
    let world = World::new();
    let listening = world.listen(Role::Matcher).await;
    let (validity, then) = expired();
    let identity = world.node("crvs", validity);
    // A node whose own clock is wrong does not notice.
    let target = target(Role::Matcher, listening.address);
    let error = error_of(NodeClient::connect(&target, &identity, &then).await);
    assert_shut_out(&error);
}

/// Mostly TLS's own words arrive; when the connection is torn down faster, only the cut shows,
/// and its message says what to suspect.
pub(super) fn assert_shut_out(error: &ClientError) {
    let text = error.to_string();
    match error {
        ClientError::CertificateRejected { .. } | ClientError::Cut { .. } => {
            assert!(text.contains("ask the coordinator's operator"), "{text}");
        }
        _ => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn nobody_gets_in_without_a_certificate() {
    let world = World::new();
    let listening = world.listen(Role::Matcher).await;
    assert!(describe(&world, &listening, None).await.is_err());
    let node = world.node("crvs", valid());
    let identity = Identity::from_pem(&node.certificate_pem, node.key.expose());
    assert!(describe(&world, &listening, Some(identity)).await.is_ok());
}

#[tokio::test]
async fn a_roles_own_certificate_is_no_nodes() {
    let world = World::new();
    let listening = world.listen(Role::Matcher).await;
    let issued = world.authority.issue_role(Role::Resolver, valid()).unwrap();
    let identity = Identity::from_pem(&issued.certificate_pem, issued.key.expose());
    assert!(describe(&world, &listening, Some(identity)).await.is_err());
}

async fn describe(
    world: &World,
    listening: &Listening,
    identity: Option<Identity>,
) -> Result<(), Box<dyn std::error::Error>> {
    let authority = Certificate::from_pem(world.authority.certificate_pem());
    let mut tls = ClientTlsConfig::new()
        .domain_name(role_name(Role::Matcher))
        .ca_certificate(authority);
    if let Some(identity) = identity {
        tls = tls.identity(identity);
    }
    let endpoint = Endpoint::from_shared(format!("https://{}", listening.address))?;
    let channel = endpoint.tls_config(tls)?.connect().await?;
    let mut intake = IntakeClient::new(channel);
    intake.describe(proto::DescribeRequest {}).await?;
    Ok(())
}

#[tokio::test]
async fn a_party_cannot_speak_for_another() {
    let world = World::new();
    let listening = world.listen(Role::Matcher).await;
    let client = world
        .connect("id", Role::Matcher, listening.address)
        .await
        .unwrap();
    let payload = b"encodings".to_vec();
    let manifest = manifest("crvs", &payload, 4);
    let upload = client.upload(&manifest, Cursor::new(payload), &Silent);
    let error = error_of(upload.await);
    assert_eq!(error.refusal().unwrap().code, RefusalCode::WrongParty);
    assert_eq!(listening.fake.state().stored, 0);
}

#[tokio::test]
async fn an_address_where_nobody_listens_is_told() {
    let world = World::new();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = error_of(world.connect("crvs", Role::Matcher, address).await);
    let text = error.to_string();
    assert!(matches!(error, ClientError::Unreachable { .. }), "{text}");
    assert!(text.contains("refused"), "{text}");
    assert!(error.is_transient());
}

#[tokio::test]
async fn damaged_files_are_told() {
    let world = World::new();
    let nowhere = "127.0.0.1:9".parse().unwrap();
    let identity = NodeIdentity {
        key: PrivateKeyPem::new("no key".to_owned()),
        ..world.node("crvs", valid())
    };
    let error = error_of(connect(&identity, Role::Matcher, nowhere).await);
    assert!(matches!(error, ClientError::OwnFiles), "{error}");
    let identity = NodeIdentity {
        certificate_pem: world.authority.certificate_pem().to_owned(),
        ..world.node("crvs", valid())
    };
    let error = error_of(connect(&identity, Role::Matcher, nowhere).await);
    assert!(matches!(error, ClientError::OwnCertificate(_)), "{error}");
}

#[tokio::test]
async fn a_role_stops_when_asked_though_nodes_are_connected() {
    let world = World::new();
    let listening = world.listen(Role::Matcher).await;
    let address = listening.address;
    let client = world.connect("crvs", Role::Matcher, address).await.unwrap();
    listening.stop().await;
    let error = error_of(client.describe().await);
    assert!(error.is_transient(), "{error}");
}
