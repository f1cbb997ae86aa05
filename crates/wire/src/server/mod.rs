//! The coordinator's side: one listener for one role.

mod contract;
mod fault;
mod intake;
mod limited;
mod log;
mod results;

use std::future::Future;
use std::sync::Arc;

use model::{PartyName, Refusal, RefusalCode};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tonic::Request;
use tonic::transport::server::Router;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};

use crate::identity::party_of;
use crate::limits;
use crate::pki::PrivateKeyPem;
use crate::proto::intake_server::IntakeServer;
use crate::proto::log_server::LogServer;
use crate::proto::results_server::ResultsServer;
use crate::status;

pub use contract::{Admission, Intake, Logs, Results, admit_chunk};
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

/// Serves calls on `listener` until `shutdown` is ready; calls under way then have
/// [`limits::SHUTDOWN_GRACE`] to end. Without `results` only [`Intake`] and its log are served.
///
/// # Errors
/// [`ServeError`] when TLS cannot be set up or the listener breaks.
pub async fn serve(
    listener: TcpListener,
    identity: &RoleIdentity,
    intake: Arc<dyn Intake>,
    results: Option<Arc<dyn Results>>,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let router = router(identity, intake, results)?;
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

fn router(
    identity: &RoleIdentity,
    intake: Arc<dyn Intake>,
    results: Option<Arc<dyn Results>>,
) -> Result<Router, ServeError> {
    let log = LogServer::new(log::Service(Arc::clone(&intake)))
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
    let mut server = transport()
        .tls_config(tls(identity))
        .map_err(|error| ServeError::Identity(status::chain(&error)))?;
    let router = server.add_service(intake).add_service(log);
    Ok(router.add_optional_service(results))
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

/// The party the call's certificate names. TLS has checked the certificate before.
fn caller<T>(request: &Request<T>) -> Result<PartyName, Fault> {
    let nobody = || Fault::refused(RefusalCode::NotAMember, "the caller shows no certificate");
    let certificates = request.peer_certs().ok_or_else(nobody)?;
    let certificate = certificates.first().ok_or_else(nobody)?;
    Ok(party_of(certificate).map_err(Refusal::from)?)
}

/// Makes a call on a thread that may block.
async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    tokio::task::spawn_blocking(call)
        .await
        .unwrap_or_else(|panic| Err(Fault::failed(panic)))
}
