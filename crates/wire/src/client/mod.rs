//! The node's side: dials one role of the coordinator, or the key server, and speaks in domain types. So does
//! the resolver, where it dials the matcher.

mod board;
mod collect;
mod error;
mod handover;
mod key_server;
mod log;
mod membership;
mod retry;
mod review;
mod upload;

use std::fmt;
use std::future::Future;
use std::time::Duration;

use model::{Clock, PartyName};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Response, Status, Streaming};

use crate::identity::{CertificateFacts, KEY_SERVER_NAME, Standing, der_of, party_of, role_name};
use crate::limits;
use crate::messages::{Description, Role, RunStatus};
use crate::pki::PrivateKeyPem;
use crate::proto::intake_client::IntakeClient;
use crate::proto::results_client::ResultsClient;
use crate::proto::{DescribeRequest, RunStatusRequest};

pub use collect::ResultsSink;
pub use error::ClientError;
pub use handover::ResolverClient;
pub use key_server::KeyServerClient;
pub use membership::MembershipAnswer;
pub use retry::Retry;

/// Whom to dial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Host and port, as `linkage.example:7401`.
    pub address: String,
    /// The role that has to answer there; its certificate is checked for it.
    pub role: Role,
}

/// Who answers a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// One role of the coordinator.
    Role(Role),
    /// The project's key server.
    KeyServer,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role(role) => role.fmt(f),
            Self::KeyServer => f.write_str("key server"),
        }
    }
}

/// Whom a connection is to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dialled {
    address: String,
    peer: Peer,
}

impl Dialled {
    /// The name its certificate has to have.
    fn name(&self) -> String {
        match self.peer {
            Peer::Role(role) => role_name(role),
            Peer::KeyServer => KEY_SERVER_NAME.to_owned(),
        }
    }
}

impl From<&Target> for Dialled {
    fn from(target: &Target) -> Self {
        Self {
            address: target.address.clone(),
            peer: Peer::Role(target.role),
        }
    }
}

/// What a node, or the resolver, shows and trusts when it dials.
pub struct NodeIdentity {
    /// The project's authority, in PEM: whose certificates roles need.
    pub authority_pem: String,
    /// The dialler's certificate, in PEM.
    pub certificate_pem: String,
    /// Its private key.
    pub key: PrivateKeyPem,
}

/// A connection to one role, made anew by itself when it is cut.
#[derive(Clone)]
pub struct NodeClient {
    channel: Channel,
    role: Role,
    target: Dialled,
    party: PartyName,
    retry: Retry,
}

impl NodeClient {
    /// Connects, and has the role answer once, so that a certificate that is not accepted shows at
    /// once and not in the middle of other work.
    ///
    /// # Errors
    /// A [`ClientError`] that says what to do.
    pub async fn connect(
        target: &Target,
        identity: &NodeIdentity,
        clock: &dyn Clock,
    ) -> Result<Self, ClientError> {
        let party = check_own(identity, clock)?;
        let dialled = Dialled::from(target);
        let client = Self {
            channel: dial(&dialled, identity).await?,
            role: target.role,
            target: dialled,
            party,
            retry: Retry::default(),
        };
        client.describe().await?;
        Ok(client)
    }

    /// Sets how cuts are answered.
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// The party the node's certificate names.
    pub fn party(&self) -> &PartyName {
        &self.party
    }

    /// What a node has to know before it prepares a batch.
    ///
    /// # Errors
    /// A [`ClientError`] that says what to do.
    pub async fn describe(&self) -> Result<Description, ClientError> {
        let mut intake = self.intake();
        let call = intake.describe(DescribeRequest {});
        let description = Description::try_from(self.call(limits::CALL_TIMEOUT, call).await?)?;
        if description.role != self.role {
            return Err(ClientError::wrong_role(&self.target));
        }
        Ok(description)
    }

    /// Where the current run stands. Only the resolver knows.
    ///
    /// # Errors
    /// A [`ClientError`] that says what to do.
    pub async fn run_status(&self) -> Result<RunStatus, ClientError> {
        let mut results = self.results();
        let call = results.run_status(RunStatusRequest {});
        Ok(self.call(limits::CALL_TIMEOUT, call).await?.try_into()?)
    }

    pub(crate) fn intake(&self) -> IntakeClient<Channel> {
        IntakeClient::new(self.channel.clone())
            .max_decoding_message_size(limits::MAX_MESSAGE_BYTES)
            .max_encoding_message_size(limits::MAX_MESSAGE_BYTES)
    }

    fn results(&self) -> ResultsClient<Channel> {
        ResultsClient::new(self.channel.clone())
            .max_decoding_message_size(limits::MAX_MESSAGE_BYTES)
            .max_encoding_message_size(limits::MAX_MESSAGE_BYTES)
    }

    /// The next message of a stream that must not fall silent; none at its end.
    async fn next_message<T>(&self, stream: &mut Streaming<T>) -> Result<Option<T>, ClientError> {
        tokio::time::timeout(limits::IDLE_TIMEOUT, stream.message())
            .await
            .map_err(|_| ClientError::silent(&self.target))?
            .map_err(|status| ClientError::answered(&self.target, &status))
    }

    /// Makes a call that has to end within `limit`.
    async fn call<T>(
        &self,
        limit: Duration,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, ClientError> {
        answer(&self.target, limit, call).await
    }
}

/// The answer to a call, which has to come within `limit`.
async fn answer<T>(
    target: &Dialled,
    limit: Duration,
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, ClientError> {
    match tokio::time::timeout(limit, call).await {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(status)) => Err(ClientError::answered(target, &status)),
        Err(_) => Err(ClientError::silent(target)),
    }
}

async fn dial(target: &Dialled, identity: &NodeIdentity) -> Result<Channel, ClientError> {
    let connecting = endpoint(target, identity)?.connect().await;
    connecting.map_err(|error| ClientError::connecting(target, &error))
}

/// Looks at the node's own certificate first: what is wrong with it is said clearer here than by
/// the other side's TLS.
fn check_own(identity: &NodeIdentity, clock: &dyn Clock) -> Result<PartyName, ClientError> {
    let party = party_of(&der_of(&identity.certificate_pem)?)?;
    check_time(identity, clock)?;
    Ok(party)
}

fn check_time(identity: &NodeIdentity, clock: &dyn Clock) -> Result<(), ClientError> {
    match CertificateFacts::read(&identity.certificate_pem)?.standing(clock) {
        Standing::Valid => Ok(()),
        Standing::Expired => Err(ClientError::OwnCertificateExpired),
        Standing::NotYet => Err(ClientError::OwnCertificateNotYetValid),
    }
}

fn endpoint(target: &Dialled, identity: &NodeIdentity) -> Result<Endpoint, ClientError> {
    crate::use_ring();
    let bad_address = |_| ClientError::BadAddress {
        address: target.address.clone(),
    };
    let tls = ClientTlsConfig::new()
        .domain_name(target.name())
        .ca_certificate(Certificate::from_pem(&identity.authority_pem))
        .identity(Identity::from_pem(
            &identity.certificate_pem,
            identity.key.expose(),
        ))
        .timeout(limits::HANDSHAKE_TIMEOUT);
    Endpoint::from_shared(format!("https://{}", target.address))
        .map_err(bad_address)?
        .connect_timeout(limits::CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(limits::KEEPALIVE_INTERVAL)
        .keep_alive_timeout(limits::KEEPALIVE_TIMEOUT)
        .initial_stream_window_size(limits::STREAM_WINDOW)
        .initial_connection_window_size(limits::CONNECTION_WINDOW)
        .http2_max_header_list_size(limits::MAX_HEADER_BYTES)
        .tls_config(tls)
        .map_err(|_| ClientError::OwnFiles)
}
