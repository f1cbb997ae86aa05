//! A relay between a node and a role of the coordinator that counts what passes, cuts connections
//! and changes bytes: the network as it sometimes is.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Bytes copied at once.
const BUFFER: usize = 16 << 10;

/// What goes wrong on the way from the node to the role. Offsets count from the beginning of one
/// connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// After how many bytes connections are cut.
    pub cut_after: Option<u64>,
    /// How many connections are cut; later ones are left alone.
    pub cuts: u64,
    /// At which offset a bit of the byte is turned, in one connection only.
    pub flip_at: Option<u64>,
}

impl Faults {
    /// Cuts the first `cuts` connections after `bytes` bytes.
    pub fn cut(bytes: u64, cuts: u64) -> Self {
        Self {
            cut_after: Some(bytes),
            cuts,
            flip_at: None,
        }
    }

    /// Turns a bit at `offset`, once.
    pub fn flip(offset: u64) -> Self {
        Self {
            flip_at: Some(offset),
            ..Self::default()
        }
    }
}

/// What passed so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Passed {
    /// Connections taken.
    pub connections: u64,
    /// Connections cut on purpose.
    pub cuts: u64,
    /// Bits turned.
    pub flips: u64,
    /// Bytes from nodes to the role.
    pub to_role: u64,
    /// Bytes from the role to nodes.
    pub to_node: u64,
}

/// A listener on loopback that passes everything on to one target, but for its faults. It ends when
/// it is dropped.
pub struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    faults: Mutex<Faults>,
    connections: AtomicU64,
    cuts: AtomicU64,
    flips: AtomicU64,
    to_role: AtomicU64,
    to_node: AtomicU64,
}

impl Relay {
    /// Listens, and passes connections on to `target`.
    ///
    /// # Errors
    /// The system's, when no port is to be had.
    pub async fn start(target: SocketAddr, faults: Faults) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            faults: Mutex::new(faults),
            ..Shared::default()
        });
        let task = tokio::spawn(accept(listener, target, shared.clone()));
        Ok(Self {
            address,
            shared,
            task,
        })
    }

    /// Where to dial instead of the target.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What passed so far.
    pub fn passed(&self) -> Passed {
        let now = |count: &AtomicU64| count.load(Ordering::SeqCst);
        Passed {
            connections: now(&self.shared.connections),
            cuts: now(&self.shared.cuts),
            flips: now(&self.shared.flips),
            to_role: now(&self.shared.to_role),
            to_node: now(&self.shared.to_node),
        }
    }

    /// Puts in other faults, for what comes from now on.
    pub fn set(&self, faults: Faults) {
        *self.shared.faults() = faults;
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, shared: Arc<Shared>) {
    while let Ok((node, _)) = listener.accept().await {
        shared.connections.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(pass(node, target, shared.clone()));
    }
}

/// Passes one connection on until either side ends it or it is cut.
async fn pass(node: TcpStream, target: SocketAddr, shared: Arc<Shared>) {
    let Ok(role) = TcpStream::connect(target).await else {
        return;
    };
    let (from_node, to_node) = node.into_split();
    let (from_role, to_role) = role.into_split();
    // Whichever way ends first takes the other with it, as a cut cable does.
    tokio::select! {
        () = outward(from_node, to_role, &shared) => {}
        () = inward(from_role, to_node, &shared) => {}
    }
}

/// From the node to the role, with faults.
async fn outward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, shared: &Shared) {
    let mut buffer = vec![0; BUFFER];
    let mut offset = 0;
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let bytes = &mut buffer[..read];
        shared.flip(offset, bytes);
        offset += read as u64;
        if shared.cuts_at(offset) || to.write_all(bytes).await.is_err() {
            return;
        }
        shared.to_role.fetch_add(read as u64, Ordering::SeqCst);
    }
}

async fn inward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, shared: &Shared) {
    let mut buffer = vec![0; BUFFER];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
        shared.to_node.fetch_add(read as u64, Ordering::SeqCst);
    }
}

impl Shared {
    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Turns a bit if the byte to change is among `bytes`, which begin at `offset`.
    fn flip(&self, offset: u64, bytes: &mut [u8]) {
        let mut faults = self.faults();
        let within = |at: u64| at.checked_sub(offset).map(|at| at as usize);
        let place = faults.flip_at.and_then(within);
        if let Some(byte) = place.and_then(|at| bytes.get_mut(at)) {
            *byte ^= 1;
            faults.flip_at = None;
            self.flips.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Whether a connection that has come to `offset` is cut there.
    fn cuts_at(&self, offset: u64) -> bool {
        let mut faults = self.faults();
        let due = faults.cut_after.is_some_and(|after| offset > after) && faults.cuts > 0;
        if due {
            faults.cuts -= 1;
            self.cuts.fetch_add(1, Ordering::SeqCst);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A target that sends everything back.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (mut from, mut to) = stream.split();
                drop(tokio::io::copy(&mut from, &mut to).await);
            }
        });
        address
    }

    /// What comes back of `bytes` sent over `relay`.
    async fn sent(relay: &Relay, bytes: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(relay.address()).await.unwrap();
        drop(stream.write_all(bytes).await);
        drop(stream.shutdown().await);
        let mut back = Vec::new();
        drop(stream.read_to_end(&mut back).await);
        back
    }

    #[tokio::test]
    async fn bytes_pass_and_are_counted() {
        let relay = Relay::start(echo().await, Faults::default()).await.unwrap();
        let mut stream = TcpStream::connect(relay.address()).await.unwrap();
        stream.write_all(b"abc").await.unwrap();
        let mut back = [0; 3];
        stream.read_exact(&mut back).await.unwrap();
        assert_eq!(&back, b"abc");
        let passed = relay.passed();
        assert_eq!((passed.to_role, passed.connections, passed.cuts), (3, 1, 0));
    }

    #[tokio::test]
    async fn a_connection_is_cut_as_often_as_asked() {
        let relay = Relay::start(echo().await, Faults::cut(10, 2))
            .await
            .unwrap();
        for _ in 0..2 {
            assert!(sent(&relay, &[7; 100]).await.len() < 100);
        }
        relay.set(Faults::default());
        assert_eq!(relay.passed().cuts, 2);
    }

    #[tokio::test]
    async fn one_bit_is_turned_once() {
        let relay = Relay::start(echo().await, Faults::flip(2)).await.unwrap();
        let mut stream = TcpStream::connect(relay.address()).await.unwrap();
        let mut back = [0; 4];
        for expected in [[0, 0, 1, 0], [0; 4]] {
            stream.write_all(&[0; 4]).await.unwrap();
            stream.read_exact(&mut back).await.unwrap();
            assert_eq!(back, expected);
        }
        assert_eq!(relay.passed().flips, 1);
    }
}
