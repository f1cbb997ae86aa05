//! The coordinator's side: one listener for one role. And that of a key server.

mod board;
mod contract;
mod fault;
mod handover;
mod intake;
mod key_server;
mod limited;
mod log;
mod results;

use std::future::Future;
use std::sync::Arc;

use model::{Digest, PartyName, Refusal, RefusalCode};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::server::Router;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use tonic::{Request, Status};

use crate::identity::party_of;
use crate::limits;
use crate::pki::PrivateKeyPem;
use crate::proto::board_server::BoardServer;
use crate::proto::handover_server::HandoverServer;
use crate::proto::intake_server::IntakeServer;
use crate::proto::key_server_server::KeyServerServer;
use crate::proto::log_server::LogServer;
use crate::proto::results_server::ResultsServer;
use crate::status;

pub use contract::{
    Admission, Board, Evaluations, Everyone, Gate, Handover, Intake, Logs, Results, admit_chunk,
};
pub use fault::Fault;

/// What a role listens with.
pub struct RoleIdentity {
    /// The project's authority, in PEM: whose certificates callers need.
    pub authority_pem: String,
    /// The role's certificate, in PEM.
    pub certificate_pem: String,
    /// Its private key.
    pub key: PrivateKeyPem,
}

/// Why a role does not listen.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Authority, certificate and key do not make a TLS identity.
    #[error(
        "certificate, private key and authority do not fit together ({0}); issue the role's certificate again"
    )]
    Identity(String),
    /// The listener broke.
    #[error("listening failed: {0}")]
    Transport(String),
}

/// What one listener serves.
#[derive(Clone)]
pub struct Services {
    /// Takes batches.
    pub intake: Arc<dyn Intake>,
    /// Serves results, where the role has any.
    pub results: Option<Arc<dyn Results>>,
    /// Relays documents, where the role does.
    pub board: Option<Arc<dyn Board>>,
    /// Hands comparisons to the resolver, where that is another program.
    pub handover: Option<Arc<dyn Handover>>,
    /// Decides whose certificates count.
    pub gate: Arc<dyn Gate>,
}

/// Serves calls on `listener` until `shutdown` is ready; calls under way then have
/// [`limits::SHUTDOWN_GRACE`] to end.
///
/// # Errors
/// [`ServeError`] when TLS cannot be set up or the listener breaks.
pub async fn serve(
    listener: TcpListener,
    identity: &RoleIdentity,
    services: Services,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    serve_router(listener, router(identity, services)?, shutdown).await
}

/// Serves the calls of a key server on `listener`, as [`serve`] does those of a role.
///
/// # Errors
/// As [`serve`].
pub async fn serve_key_server(
    listener: TcpListener,
    identity: &RoleIdentity,
    evaluations: Arc<dyn Evaluations>,
    gate: Arc<dyn Gate>,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let log = LogServer::new(log::Service(Arc::clone(&evaluations) as Arc<dyn Logs>))
        .max_decoding_message_size(limits::MAX_MESSAGE_BYTES)
        .max_encoding_message_size(limits::MAX_MESSAGE_BYTES);
    let service = KeyServerServer::new(key_server::Service(evaluations))
        .max_decoding_message_size(limits::MAX_MESSAGE_BYTES)
        .max_encoding_message_size(limits::MAX_MESSAGE_BYTES);
    let heard = move |request: Request<()>| admitted(&gate, request);
    let router = listening(identity)?
        .add_service(InterceptedService::new(service, heard.clone()))
        .add_service(InterceptedService::new(log, heard));
    serve_router(listener, router, shutdown).await
}

async fn serve_router(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let incoming = limited::incoming(listener, limits::MAX_CONNECTIONS);
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async { drop(stopped.await) };
    let serving = router.serve_with_incoming_shutdown(incoming, stopped);
    let overdue = async {
        shutdown.await;
        drop(stop);
        tokio::time::sleep(limits::SHUTDOWN_GRACE).await;
    };
    tokio::select! {
        served = serving => served.map_err(|error| ServeError::Transport(status::chain(&error))),
        () = overdue => Ok(()),
    }
}

fn router(identity: &RoleIdentity, services: Services) -> Result<Router, ServeError> {
    let Services {
        intake,
        results,
        board,
        handover,
        gate,
    } = services;
    let log = LogServer::new(log::Service(Arc::clone(&intake) as Arc<dyn Logs>))
        .max_decoding_message_size(limits::MAX_MESSAGE_BYTES)
        .max_encoding_message_size(limits::MAX_MESSAGE_BYTES);
    let intake = IntakeServer::new(intake::Service(intake))
        .max_decoding_message_size(limits::MAX_MESSAGE_BYTES)
        .max_encoding_message_size(limits::MAX_MESSAGE_BYTES);
    let results = results.map(|results| {
        ResultsServer::new(results::Service(results))
            .max_decoding_message_size(limits::MAX_MESSAGE_BYTES)
            .max_encoding_message_size(limits::MAX_MESSAGE_BYTES)
    });
    let board = board.map(|board| {
        BoardServer::new(board::Service(board))
            .max_decoding_message_size(limits::MAX_MESSAGE_BYTES)
            .max_encoding_message_size(limits::MAX_BOARD_BYTES)
    });
    let handover = handover.map(|handover| {
        HandoverServer::new(handover::Service(handover))
            .max_decoding_message_size(limits::MAX_MESSAGE_BYTES)
            .max_encoding_message_size(limits::MAX_MESSAGE_BYTES)
    });
    let mut server = listening(identity)?;
    let watched = Arc::clone(&gate);
    let by_resolver = move |request: Request<()>| handover::admitted(&*watched, request);
    let handover = handover.map(|handover| InterceptedService::new(handover, by_resolver));
    let heard = move |request: Request<()>| admitted(&gate, request);
    let results = results.map(|results| InterceptedService::new(results, heard.clone()));
    let log = InterceptedService::new(log, heard.clone());
    let board = board.map(|board| InterceptedService::new(board, heard.clone()));
    Ok(server
        .add_service(InterceptedService::new(intake, heard))
        .add_service(log)
        .add_optional_service(results)
        .add_optional_service(board)
        .add_optional_service(handover))
}

fn listening(identity: &RoleIdentity) -> Result<Server, ServeError> {
    let server = transport().tls_config(tls(identity));
    server.map_err(|error| ServeError::Identity(status::chain(&error)))
}

/// Holds a call to the gate, before anything of it is read.
fn admitted(gate: &Arc<dyn Gate>, mut request: Request<()>) -> Result<Request<()>, Status> {
    let (party, certificate) = caller_certificate(&request).map_err(|fault| fault.status())?;
    let pass = Pass {
        gate: Arc::clone(gate),
        party,
        certificate,
    };
    pass.check().map_err(|fault| fault.status())?;
    request.extensions_mut().insert(pass);
    Ok(request)
}

/// What a call was let in with. A call that goes on for hours is held to the gate all the while: a
/// certificate that is revoked meanwhile gets no further.
#[derive(Clone)]
struct Pass {
    gate: Arc<dyn Gate>,
    party: PartyName,
    certificate: Digest,
}

impl Pass {
    /// The pass of a call that [`admitted`] let in.
    fn of<T>(request: &Request<T>) -> Result<Self, Fault> {
        let pass = request.extensions().get::<Self>().cloned();
        pass.ok_or_else(|| Fault::refused(RefusalCode::NotAMember, "the caller was not let in"))
    }

    /// Whether the certificate still counts.
    fn check(&self) -> Result<(), Fault> {
        Ok(self.gate.admit(&self.party, &self.certificate)?)
    }
}

fn transport() -> Server {
    Server::builder()
        .http2_keepalive_interval(Some(limits::KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(limits::KEEPALIVE_TIMEOUT))
        .max_concurrent_streams(limits::MAX_CALLS_PER_CONNECTION)
        .initial_stream_window_size(limits::STREAM_WINDOW)
        .initial_connection_window_size(limits::CONNECTION_WINDOW)
        .http2_max_header_list_size(limits::MAX_HEADER_BYTES)
}

fn tls(identity: &RoleIdentity) -> ServerTlsConfig {
    crate::use_ring();
    ServerTlsConfig::new()
        .identity(Identity::from_pem(
            &identity.certificate_pem,
            identity.key.expose(),
        ))
        .client_ca_root(Certificate::from_pem(&identity.authority_pem))
        .timeout(limits::HANDSHAKE_TIMEOUT)
}

/// The party the call's certificate names.
fn caller<T>(request: &Request<T>) -> Result<PartyName, Fault> {
    Ok(caller_certificate(request)?.0)
}

/// The party the call's certificate names, and the certificate's fingerprint. TLS has checked the
/// certificate before.
fn caller_certificate<T>(request: &Request<T>) -> Result<(PartyName, Digest), Fault> {
    let (der, fingerprint) = certificate(request)?;
    Ok((party_of(&der).map_err(Refusal::from)?, fingerprint))
}

/// The caller's certificate in DER, and its fingerprint.
fn certificate<T>(request: &Request<T>) -> Result<(Vec<u8>, Digest), Fault> {
    let nobody = || Fault::refused(RefusalCode::NotAMember, "the caller shows no certificate");
    let certificates = request.peer_certs().ok_or_else(nobody)?;
    let certificate = certificates.first().ok_or_else(nobody)?;
    Ok((certificate.to_vec(), Digest::of(certificate)))
}

/// Makes a call on a thread that may block.
async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    tokio::task::spawn_blocking(call)
        .await
        .unwrap_or_else(|panic| Err(Fault::failed(panic)))
}
