//! The coordinator's side: one listener for one role.

mod intake;
mod limited;
mod results;

use std::cmp::Ordering;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::sync::Arc;

use model::{BatchManifest, Digest, PartyName, Refusal, RefusalCode, RunNumber};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tonic::transport::server::Router;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use tonic::{Request, Status};

use crate::identity::party_of;
use crate::limits;
use crate::messages::{Description, ResultsHeader, ResultsRow, RunStatus, UploadState};
use crate::pki::PrivateKeyPem;
use crate::proto::intake_server::IntakeServer;
use crate::proto::results_server::ResultsServer;
use crate::receipt::Receipt;
use crate::status;

/// Why a call was not done.
#[derive(Debug)]
pub enum Fault {
    /// A rule said no; the caller is told which.
    Refused(Refusal),
    /// Something failed; the caller gets an id, the log the error.
    Failed(Box<dyn Error + Send + Sync>),
}

impl Fault {
    /// A failure, from any error.
    pub fn failed(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed(error.into())
    }

    /// A refusal under `code`, about `detail`.
    pub fn refused(code: RefusalCode, detail: impl Into<String>) -> Self {
        Self::Refused(Refusal::new(code, detail))
    }

    fn status(&self) -> Status {
        match self {
            Self::Refused(refusal) => status::refused(refusal),
            Self::Failed(error) => status::failed(error.as_ref()),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::failed(error)
    }
}

/// Takes batches. Each call is made on a thread that may block, with the party its caller's
/// certificate names; calls of several nodes run at once.
pub trait Intake: Send + Sync + 'static {
    /// What a node has to know before it prepares a batch.
    ///
    /// # Errors
    /// A [`Fault`]; `NotAMember` when the party does not take part.
    fn describe(&self, party: &PartyName) -> Result<Description, Fault>;

    /// Announces a batch. The same manifest again resumes where durable data ends; another one
    /// replaces the partial upload. Sizes are already held to the limits, and the manifest's party
    /// is the caller.
    ///
    /// # Errors
    /// A [`Fault`]; `AlreadyAccepted` when another batch of the party was accepted in this run.
    fn open_batch(&self, party: &PartyName, manifest: &BatchManifest)
    -> Result<UploadState, Fault>;

    /// Makes a chunk durable. Its digest has been checked, its place and length have not:
    /// [`admit_chunk`] does that. After a cut, a late call of the old stream may overlap with the
    /// first of the new one.
    ///
    /// # Errors
    /// A [`Fault`]; `WrongState` when no batch of this manifest is open.
    fn put_chunk(
        &self,
        party: &PartyName,
        manifest_digest: &Digest,
        index: u64,
        bytes: &[u8],
    ) -> Result<(), Fault>;

    /// Checks the whole batch and accepts it. Repeating it gives the same receipt.
    ///
    /// # Errors
    /// A [`Fault`]; `DigestDiffers` when the bytes are not those the manifest promised.
    fn accept_batch(&self, party: &PartyName, manifest_digest: &Digest) -> Result<Receipt, Fault>;
}

/// Serves results. Called as [`Intake`] is.
pub trait Results: Send + Sync + 'static {
    /// Where the current run stands.
    ///
    /// # Errors
    /// A [`Fault`]; `NotAMember` when the party does not take part.
    fn run_status(&self, party: &PartyName) -> Result<RunStatus, Fault>;

    /// The totals of the party's results.
    ///
    /// # Errors
    /// A [`Fault`]; `WrongState` while the run is not released, `WrongRun` for an unknown one.
    fn results_header(&self, party: &PartyName, run: RunNumber) -> Result<ResultsHeader, Fault>;

    /// Up to `limit` of the party's rows from row `from_row`, always in the same order. Fewer only
    /// at the end.
    ///
    /// # Errors
    /// A [`Fault`], as for [`Results::results_header`].
    fn results_rows(
        &self,
        party: &PartyName,
        run: RunNumber,
        from_row: u64,
        limit: usize,
    ) -> Result<Vec<ResultsRow>, Fault>;
}

/// What to do with a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It is the one expected next: make it durable.
    Store,
    /// It is durable already, and came again because the sender did not hear so before the
    /// connection was cut: do nothing. The digest of the whole batch is checked all the same.
    AlreadyStored,
}

/// Says what to do with chunk `index` of `len` bytes where `next_chunk` is expected.
///
/// # Errors
/// The [`Refusal`] to answer with when the chunk has the wrong length or leaves a gap.
pub fn admit_chunk(
    manifest: &BatchManifest,
    next_chunk: u64,
    index: u64,
    len: usize,
) -> Result<Admission, Refusal> {
    let refuse = |detail| Err(Refusal::new(RefusalCode::BadMessage, detail));
    let Some(expected) = manifest.chunk_len(index) else {
        return refuse(format!("the batch has no chunk {index}"));
    };
    if expected != len as u64 {
        return refuse(format!(
            "chunk {index} has {len} bytes instead of {expected}"
        ));
    }
    match index.cmp(&next_chunk) {
        Ordering::Less => Ok(Admission::AlreadyStored),
        Ordering::Equal => Ok(Admission::Store),
        Ordering::Greater => refuse(format!(
            "chunk {index} came where chunk {next_chunk} is expected"
        )),
    }
}

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
/// [`limits::SHUTDOWN_GRACE`] to end. Without `results` only [`Intake`] is served.
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
    let incoming = limited::incoming(listener);
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
    Ok(server.add_service(intake).add_optional_service(results))
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
