//! Connections: so many at a time, and each has to ask for something within a time.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// How long to wait when no connection can be taken, for lack of files most likely.
const PAUSE: Duration = Duration::from_secs(1);

/// What connections may do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowed {
    /// Connections at a time; more wait until one ends.
    pub(super) connections: usize,
    /// How long the headers of a request may take, counted from the end of the one before.
    pub(super) headers: Duration,
}

impl Default for Allowed {
    fn default() -> Self {
        // Each holds a file, and while it uploads another: well within what a process is given.
        Self {
            connections: 400,
            headers: Duration::from_secs(30),
        }
    }
}

/// Answers requests until `stop` is ready, and then those that have begun.
pub(super) async fn serve(
    listener: TcpListener,
    app: Router,
    allowed: Allowed,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let turns = Arc::new(Semaphore::new(allowed.connections));
    let open = GracefulShutdown::new();
    let mut stop = pin!(stop);
    loop {
        let next = async {
            let turn = turns.clone().acquire_owned().await;
            (turn, accept(&listener).await)
        };
        let (turn, (stream, from)) = tokio::select! {
            next = next => next,
            () = &mut stop => break,
        };
        let answered = answer(stream, from, app.clone(), allowed, open.watcher());
        tokio::spawn(async move {
            answered.await;
            drop(turn);
        });
    }
    drop(listener);
    open.shutdown().await;
    Ok(())
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // The caller went away again.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be taken for now");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Answers the requests of one connection.
async fn answer(stream: TcpStream, from: SocketAddr, app: Router, allowed: Allowed, open: Watcher) {
    let app = TowerToHyperService::new(app);
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(from));
        app.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(allowed.headers)
        .serve_connection(TokioIo::new(stream), service);
    // What is wrong with a connection is its caller's affair.
    if let Err(error) = open.watch(connection).await {
        tracing::debug!(%from, %error, "a connection ended");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::oneshot;
    use tokio::task::JoinHandle;
    use tokio::time::{Instant, timeout};

    const ASK: &[u8] = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n";
    const SOON: Duration = Duration::from_millis(300);

    struct Served {
        at: SocketAddr,
        stop: oneshot::Sender<()>,
        task: JoinHandle<io::Result<()>>,
    }

    async fn served(allowed: Allowed) -> Served {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let from = |ConnectInfo(from): ConnectInfo<SocketAddr>| async move { from.to_string() };
        let app = Router::new().route("/", get(from));
        let stopped = async { drop(stopped.await) };
        let task = tokio::spawn(serve(listener, app, allowed, stopped));
        Served { at, stop, task }
    }

    /// One answer, if it comes soon.
    async fn ask(stream: &mut TcpStream) -> Option<String> {
        stream.write_all(ASK).await.unwrap();
        let mut answer = vec![0; 4096];
        let read = timeout(SOON, stream.read(&mut answer)).await.ok()?.unwrap();
        Some(String::from_utf8_lossy(&answer[..read]).into_owned())
    }

    #[tokio::test]
    async fn one_connection_more_waits_until_another_ends() {
        let connections = 2;
        let service = served(Allowed {
            connections,
            ..Allowed::default()
        })
        .await;
        let mut first = TcpStream::connect(service.at).await.unwrap();
        let mut second = TcpStream::connect(service.at).await.unwrap();
        for stream in [&mut first, &mut second] {
            let from = stream.local_addr().unwrap().to_string();
            assert!(ask(stream).await.unwrap().ends_with(&from));
        }
        let mut third = TcpStream::connect(service.at).await.unwrap();
        assert_eq!(ask(&mut third).await, None);
        drop(first);
        let mut answer = vec![0; 12];
        timeout(SOON, third.read_exact(&mut answer))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(answer, b"HTTP/1.1 200");
    }

    #[tokio::test]
    async fn headers_that_do_not_come_end_the_connection() {
        let headers = SOON;
        let service = served(Allowed {
            headers,
            ..Allowed::default()
        })
        .await;
        // One says nothing, one a bit at a time, one nothing more after its first request.
        let mut silent = TcpStream::connect(service.at).await.unwrap();
        let mut slow = TcpStream::connect(service.at).await.unwrap();
        let mut idle = TcpStream::connect(service.at).await.unwrap();
        assert!(ask(&mut idle).await.is_some());
        let began = Instant::now();
        for byte in &ASK[..10] {
            if slow.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(SOON / 5).await;
        }
        for stream in [&mut silent, &mut slow, &mut idle] {
            let mut rest = Vec::new();
            let ended = timeout(10 * SOON, stream.read_to_end(&mut rest)).await;
            assert!(ended.is_ok(), "still open after {:?}", began.elapsed());
        }
    }

    #[tokio::test]
    async fn a_stop_lets_idle_connections_go() {
        let service = served(Allowed::default()).await;
        let mut stream = TcpStream::connect(service.at).await.unwrap();
        assert!(ask(&mut stream).await.is_some());
        service.stop.send(()).unwrap();
        let ended = timeout(10 * SOON, service.task).await;
        ended.unwrap().unwrap().unwrap();
    }
}
