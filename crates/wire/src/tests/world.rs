//! A project with its authority, and roles that listen on this machine.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use model::{Clock, Digest, PartyName, Refusal, RefusalCode, SystemClock};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::fake::Fake;
use crate::client::{ClientError, NodeClient, NodeIdentity, Retry, Target};
use crate::messages::Role;
use crate::pki::{Authority, Validity, request};
use crate::server::{Gate, Handover, Intake, Results, RoleIdentity, Services, serve};

/// A project's authority.
pub(super) struct World {
    pub(super) authority: Authority,
}

/// One role that listens until it is dropped.
pub(super) struct Listening {
    pub(super) address: SocketAddr,
    pub(super) fake: Arc<Fake>,
    pub(super) gate: Arc<Revocable>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Listening {
    /// Asks the role to stop and waits until it has.
    pub(super) async fn stop(self) {
        drop(self.stop);
        self.serving.await.unwrap();
    }
}

/// A clock that stands still.
pub(super) struct At(pub(super) u64);

impl Clock for At {
    fn unix_millis(&self) -> u64 {
        self.0
    }
}

/// Long enough for every test, and over for [`expired`].
pub(super) fn valid() -> Validity {
    Validity::days(&SystemClock, 30)
}

/// A certificate's time that was over yesterday, and a time within it.
pub(super) fn expired() -> (Validity, At) {
    let then = At(SystemClock.unix_millis() - 10 * 86_400_000);
    (Validity::days(&then, 9), then)
}

/// A gate that lets calls in until it was asked so often.
pub(super) struct Revocable(pub(super) AtomicI64);

impl Gate for Revocable {
    fn admit(&self, _: &PartyName, certificate: &Digest) -> Result<(), Refusal> {
        self.admit_resolver(certificate)
    }

    fn admit_resolver(&self, _: &Digest) -> Result<(), Refusal> {
        match self.0.fetch_sub(1, Ordering::SeqCst) > 0 {
            true => Ok(()),
            false => Err(Refusal::new(RefusalCode::CertificateRevoked, "revoked")),
        }
    }
}

impl World {
    pub(super) fn new() -> Self {
        let project = "census".parse().unwrap();
        let validity = Validity::days(&SystemClock, 60);
        let authority = Authority::create(&project, validity).unwrap();
        Self { authority }
    }

    /// A node's identity, issued by this authority.
    pub(super) fn node(&self, party: &str, validity: Validity) -> NodeIdentity {
        let party = party.parse().unwrap();
        let request = request(&party).unwrap();
        let issued = self
            .authority
            .issue_node(&request.request_pem, &party, validity);
        NodeIdentity {
            authority_pem: self.authority.certificate_pem().to_owned(),
            certificate_pem: issued.unwrap(),
            key: request.key,
        }
    }

    /// The identity of a role, issued by this authority.
    pub(super) fn role(&self, role: Role) -> NodeIdentity {
        let issued = self.authority.issue_role(role, valid()).unwrap();
        NodeIdentity {
            authority_pem: self.authority.certificate_pem().to_owned(),
            certificate_pem: issued.certificate_pem,
            key: issued.key,
        }
    }

    /// A role that listens with the certificate of `certified`.
    pub(super) async fn listen_as(&self, role: Role, certified: Role) -> Listening {
        let issued = self.authority.issue_role(certified, valid()).unwrap();
        let identity = RoleIdentity {
            authority_pem: self.authority.certificate_pem().to_owned(),
            certificate_pem: issued.certificate_pem,
            key: issued.key,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let fake = Arc::new(Fake::new(role));
        let intake: Arc<dyn Intake> = fake.clone();
        let results: Arc<dyn Results> = fake.clone();
        let results = (role == Role::Resolver).then_some(results);
        let handover: Arc<dyn Handover> = fake.clone();
        let handover = (role == Role::Matcher).then_some(handover);
        let gate = Arc::new(Revocable(AtomicI64::new(i64::MAX)));
        let services = Services {
            intake,
            results,
            board: None,
            handover,
            gate: gate.clone(),
        };
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            serve(listener, &identity, services, stopped).await.unwrap();
        });
        Listening {
            address,
            fake,
            gate,
            stop,
            serving,
        }
    }

    pub(super) async fn listen(&self, role: Role) -> Listening {
        self.listen_as(role, role).await
    }

    /// A node of `party` connected to a role at `address`.
    pub(super) async fn connect(
        &self,
        party: &str,
        role: Role,
        address: SocketAddr,
    ) -> Result<NodeClient, ClientError> {
        connect(&self.node(party, valid()), role, address).await
    }
}

/// Connects with `identity`, and tries again quickly.
pub(super) async fn connect(
    identity: &NodeIdentity,
    role: Role,
    address: SocketAddr,
) -> Result<NodeClient, ClientError> {
    let client = NodeClient::connect(&target(role, address), identity, &SystemClock).await?;
    Ok(client.with_retry(Retry {
        attempts: 5,
        first_wait: Duration::from_millis(5),
        longest_wait: Duration::from_millis(20),
    }))
}

pub(super) fn target(role: Role, address: SocketAddr) -> Target {
    Target {
        address: address.to_string(),
        role,
    }
}

/// The error of what had to fail; `NodeClient` has no `Debug` for `unwrap_err`.
pub(super) fn error_of<T>(result: Result<T, ClientError>) -> ClientError {
    match result {
        Ok(_) => panic!("it should have failed"),
        Err(error) => error,
    }
}
