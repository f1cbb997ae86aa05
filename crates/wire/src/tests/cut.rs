//! Connections that are cut in the middle.

use std::io::Cursor;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use model::{RunNumber, Silent};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::collecting::Kept;
use super::fake::{manifest, rows};
use super::world::{World, error_of};
use crate::client::ClientError;
use crate::messages::Role;

/// Passes bytes on, and cuts each connection once it has passed so many.
struct Cutter {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Cutter {
    /// The first `cuts` connections pass `bytes` bytes, later ones any number.
    async fn before(role: SocketAddr, cuts: usize, bytes: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let number = counted.fetch_add(1, Ordering::Relaxed);
                let allowed = if number < cuts { bytes } else { usize::MAX };
                tokio::spawn(pass(near, role, allowed));
            }
        });
        Self {
            address,
            connections,
        }
    }
}

async fn pass(mut near: TcpStream, role: SocketAddr, mut allowed: usize) {
    let mut far = TcpStream::connect(role).await.unwrap();
    let (mut up, mut down) = ([0; 4096], [0; 4096]);
    while allowed > 0 {
        let passed = tokio::select! {
            Ok(read) = near.read(&mut up) => far.write_all(&up[..read]).await.map(|()| read),
            Ok(read) = far.read(&mut down) => near.write_all(&down[..read]).await.map(|()| read),
            else => return,
        };
        match passed {
            Ok(read) if read > 0 => allowed = allowed.saturating_sub(read),
            _ => return,
        }
    }
}

#[tokio::test]
async fn an_upload_goes_on_where_it_was_cut() {
    let world = World::new();
    let listening = world.listen(Role::Matcher).await;
    let cutter = Cutter::before(listening.address, 3, 200_000).await;
    let client = world
        .connect("crvs", Role::Matcher, cutter.address)
        .await
        .unwrap();
    let payload: Vec<u8> = (0..1_000_000_u32)
        .map(|number| (number / 7) as u8)
        .collect();
    let manifest = manifest("crvs", &payload, 16 << 10);
    client
        .upload(&manifest, Cursor::new(payload), &Silent)
        .await
        .unwrap();
    assert!(cutter.connections.load(Ordering::Relaxed) >= 4);
    let state = listening.fake.state();
    assert_eq!((state.stored, state.accepted), (manifest.chunks(), 1));
}

#[tokio::test]
async fn attempts_that_get_nowhere_come_to_an_end() {
    let world = World::new();
    let listening = world.listen(Role::Matcher).await;
    let cutter = Cutter::before(listening.address, usize::MAX, 20_000).await;
    let client = world
        .connect("crvs", Role::Matcher, cutter.address)
        .await
        .unwrap();
    let payload = vec![7; 1 << 20];
    let manifest = manifest("crvs", &payload, 1 << 20);
    let error = error_of(
        client
            .upload(&manifest, Cursor::new(payload), &Silent)
            .await,
    );
    assert!(matches!(error, ClientError::Cut { .. }), "{error}");
    // One more than attempts now and then: a connection made anew can be cut before it is used.
    assert!(cutter.connections.load(Ordering::Relaxed) <= 12);
}

#[tokio::test]
async fn collecting_goes_on_where_it_was_cut() {
    let world = World::new();
    let listening = world.listen(Role::Resolver).await;
    let expected = rows(40_000);
    listening.fake.state().rows = expected.clone();
    let cutter = Cutter::before(listening.address, 2, 900_000).await;
    let client = world
        .connect("crvs", Role::Resolver, cutter.address)
        .await
        .unwrap();
    let mut kept = Kept::default();
    let header = client
        .collect(RunNumber(1), &mut kept, &Silent)
        .await
        .unwrap();
    assert_eq!(header.rows, 40_000);
    assert_eq!(kept.headers, 1);
    assert!(kept.rows == expected);
    assert!(cutter.connections.load(Ordering::Relaxed) >= 2);
}
