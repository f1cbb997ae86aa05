//! A tap between a node and one role of the coordinator that sees what really crosses the wire: it
//! ends the node's TLS with a role certificate from the project's authority, dials the role with
//! the node's own identity, and keeps what is said in both directions.
//!
//! It speaks HTTP/2 itself, because there headers are compressed and messages are cut into frames:
//! in the plain bytes of a connection a word can stand and yet not be found. Nobody without the
//! authority's key and the node's files could do any of this.

use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use h2::client::SendRequest;
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Request, Response};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use wire::pki::{Authority, Validity};
use wire::{NodeIdentity, Role};

/// The protocol under gRPC, as TLS names it.
const HTTP_2: &[u8] = b"h2";

/// Everything said, one block of bytes a headers, body or trailers.
type Heard = Arc<Mutex<Vec<Vec<u8>>>>;

/// A listener on loopback that passes a node's calls on to one role and keeps what was said. It
/// ends when it is dropped.
pub struct Tap {
    address: SocketAddr,
    heard: Heard,
    task: JoinHandle<()>,
}

/// Where a tap stands, and as whom.
pub struct Place<'a> {
    /// Which role it stands before.
    pub role: Role,
    /// Where that role listens.
    pub target: SocketAddr,
    /// The project's authority.
    pub authority: &'a Authority,
    /// How long the tap's certificate holds.
    pub validity: Validity,
}

impl Tap {
    /// Listens at `place` for the node whose identity is `node`.
    ///
    /// # Errors
    /// When a certificate cannot be made or read, or no port is to be had.
    pub async fn start(place: &Place<'_>, node: &NodeIdentity) -> io::Result<Self> {
        let acceptor = TlsAcceptor::from(Arc::new(facing_node(place)?));
        let connector = TlsConnector::from(Arc::new(facing_role(node)?));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let heard = Heard::default();
        let name = wire::identity::role_name(place.role);
        let line = Line {
            acceptor,
            connector,
            name: ServerName::try_from(name).map_err(io::Error::other)?,
            target: place.target,
            heard: Arc::clone(&heard),
        };
        let task = tokio::spawn(accept(listener, Arc::new(line)));
        Ok(Self {
            address,
            heard,
            task,
        })
    }

    /// Where to dial instead of the role.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything said so far: headers, bodies and trailers of both directions, each whole.
    pub fn heard(&self) -> Vec<Vec<u8>> {
        lock(&self.heard).clone()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Line {
    acceptor: TlsAcceptor,
    connector: TlsConnector,
    name: ServerName<'static>,
    target: SocketAddr,
    heard: Heard,
}

async fn accept(listener: TcpListener, line: Arc<Line>) {
    while let Ok((node, _)) = listener.accept().await {
        let line = Arc::clone(&line);
        tokio::spawn(async move {
            // A side that ends in the middle of something shows in the test's own outcome.
            drop(line.pass(node).await);
        });
    }
}

impl Line {
    async fn pass(&self, node: TcpStream) -> io::Result<()> {
        let node = self.acceptor.accept(node).await?;
        let role = TcpStream::connect(self.target).await?;
        let role = self.connector.connect(self.name.clone(), role).await?;
        let mut calls = h2::server::handshake(node)
            .await
            .map_err(io::Error::other)?;
        let (role, connection) = h2::client::handshake(role)
            .await
            .map_err(io::Error::other)?;
        tokio::spawn(connection);
        while let Some(call) = calls.accept().await {
            let (request, answer) = call.map_err(io::Error::other)?;
            tokio::spawn(pass_call(request, answer, role.clone(), self.heard.clone()));
        }
        Ok(())
    }
}

/// Passes one call on. When either side gives it up, so does the other, as the streams are dropped.
async fn pass_call(
    request: Request<RecvStream>,
    mut answer: SendResponse<Bytes>,
    role: SendRequest<Bytes>,
    heard: Heard,
) -> Result<(), h2::Error> {
    let (head, body) = request.into_parts();
    keep(&heard, head.uri.to_string().into_bytes());
    keep_headers(&heard, &head.headers);
    let (response, to_role) = role
        .ready()
        .await?
        .send_request(Request::from_parts(head, ()), body.is_end_stream())?;
    let asking = pass_body(body, to_role, &heard);
    let answering = async {
        let (head, body) = response.await?.into_parts();
        keep_headers(&heard, &head.headers);
        let head = Response::from_parts(head, ());
        let to_node = answer.send_response(head, body.is_end_stream())?;
        pass_body(body, to_node, &heard).await
    };
    tokio::try_join!(asking, answering)?;
    Ok(())
}

async fn pass_body(
    mut from: RecvStream,
    mut to: SendStream<Bytes>,
    heard: &Heard,
) -> Result<(), h2::Error> {
    if from.is_end_stream() {
        return Ok(());
    }
    let mut whole = Vec::new();
    let passed = pass_data(&mut from, &mut to, &mut whole).await;
    keep(heard, whole);
    passed?;
    match from.trailers().await? {
        Some(trailers) => {
            keep_headers(heard, &trailers);
            to.send_trailers(trailers)
        }
        None => to.send_data(Bytes::new(), true),
    }
}

async fn pass_data(
    from: &mut RecvStream,
    to: &mut SendStream<Bytes>,
    whole: &mut Vec<u8>,
) -> Result<(), h2::Error> {
    while let Some(bytes) = from.data().await {
        let bytes = bytes?;
        from.flow_control().release_capacity(bytes.len())?;
        whole.extend_from_slice(&bytes);
        send(to, bytes).await?;
    }
    Ok(())
}

/// Sends as fast as the other side takes it.
async fn send(to: &mut SendStream<Bytes>, mut bytes: Bytes) -> Result<(), h2::Error> {
    while !bytes.is_empty() {
        to.reserve_capacity(bytes.len());
        let Some(room) = poll_fn(|context| to.poll_capacity(context)).await else {
            return Ok(());
        };
        let now = bytes.split_to(room?.min(bytes.len()));
        to.send_data(now, false)?;
    }
    Ok(())
}

fn keep_headers(heard: &Heard, headers: &HeaderMap) {
    for (name, value) in headers {
        let line = [name.as_str().as_bytes(), b": ", value.as_bytes()].concat();
        keep(heard, line);
    }
}

fn keep(heard: &Heard, bytes: Vec<u8>) {
    lock(heard).push(bytes);
}

fn facing_node(place: &Place<'_>) -> io::Result<ServerConfig> {
    let issued = place.authority.issue_role(place.role, place.validity);
    let issued = issued.map_err(io::Error::other)?;
    let roots = Arc::new(roots(place.authority.certificate_pem())?);
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider.clone())
        .build()
        .map_err(io::Error::other)?;
    let (chain, key) = identity(&issued.certificate_pem, issued.key.expose())?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(io::Error::other)?;
    config.alpn_protocols = vec![HTTP_2.to_vec()];
    Ok(config)
}

fn facing_role(node: &NodeIdentity) -> io::Result<ClientConfig> {
    let (chain, key) = identity(&node.certificate_pem, node.key.expose())?;
    let provider = Arc::new(ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots(&node.authority_pem)?)
        .with_client_auth_cert(chain, key)
        .map_err(io::Error::other)?;
    config.alpn_protocols = vec![HTTP_2.to_vec()];
    Ok(config)
}

fn roots(authority_pem: &str) -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(authority_pem.as_bytes());
    let root = root.map_err(io::Error::other)?;
    roots.add(root).map_err(io::Error::other)?;
    Ok(roots)
}

fn identity(
    certificate_pem: &str,
    key_pem: &str,
) -> io::Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let certificate = CertificateDer::from_pem_slice(certificate_pem.as_bytes());
    let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes());
    let chain = vec![certificate.map_err(io::Error::other)?];
    Ok((chain, key.map_err(io::Error::other)?))
}

fn lock(heard: &Heard) -> MutexGuard<'_, Vec<Vec<u8>>> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}
