//! What is left of a request's body when its answer is known. It is read to its end, within bounds: whoever
//! still sends when the connection closes may lose the answer, and whoever uses the connection again
//! would find it closed.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::{CONNECTION, EXPECT};
use axum::middleware::Next;
use axum::response::Response;
use hyper::body::{Frame, SizeHint};
use tokio::time::timeout;
use tokio_stream::StreamExt as _;

/// The most of a body that is read and thrown away.
const DISCARDED_BYTES: u64 = 256 << 20;
/// How long that may take.
const DISCARDING: Duration = Duration::from_secs(30);
/// How long nothing may come.
const SILENCE: Duration = Duration::from_secs(5);

/// Answers a request, and reads what the answer left of its body. Where something is left even then, the
/// caller is told that the connection ends.
pub(super) async fn finish(request: Request, next: Next) -> Response {
    // Such a caller has not sent its body before it is asked for.
    let waits = request.headers().contains_key(EXPECT);
    let left = Left::default();
    let request = request.map(|body| left.lend(body));
    let mut response = next.run(request).await;
    let is_over = match left.take() {
        None => true,
        Some(Rest { begun: false, .. }) if waits => false,
        Some(Rest { body, .. }) => discard(body).await,
    };
    if !is_over {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    response
}

/// Throws a body away, and says whether it came to its end.
async fn discard(body: Body) -> bool {
    let mut pieces = body.into_data_stream();
    let all = async {
        let mut discarded = 0;
        while discarded <= DISCARDED_BYTES {
            match timeout(SILENCE, pieces.next()).await {
                Ok(Some(Ok(piece))) => discarded += piece.len() as u64,
                Ok(end) => return end.is_none(),
                Err(_) => return false,
            }
        }
        false
    };
    timeout(DISCARDING, all).await.unwrap_or(false)
}

/// Where a body comes back to when whoever reads it is done before its end.
#[derive(Default)]
struct Left(Arc<Mutex<Option<Rest>>>);

/// What came back.
struct Rest {
    body: Body,
    /// Whether any of it was asked for.
    begun: bool,
}

impl Left {
    fn lend(&self, body: Body) -> Body {
        let rest = Some(Rest { body, begun: false });
        let back = self.0.clone();
        Body::new(Lent { rest, back })
    }

    fn take(&self) -> Option<Rest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A body that comes back when it is dropped before its end.
struct Lent {
    rest: Option<Rest>,
    back: Arc<Mutex<Option<Rest>>>,
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(rest) = &mut self.rest else {
            return Poll::Ready(None);
        };
        rest.begun = true;
        let polled = Pin::new(&mut rest.body).poll_frame(context);
        if let Poll::Ready(None | Some(Err(_))) = polled {
            self.rest = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        let rest = self.rest.as_ref();
        rest.is_none_or(|rest| rest.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.as_ref();
        rest.map_or_else(SizeHint::default, |rest| rest.body.size_hint())
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let rest = self.rest.take().filter(|rest| !rest.body.is_end_stream());
        let mut back = self.back.lock().unwrap_or_else(PoisonError::into_inner);
        *back = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::routing::post;
    use hyper_util::service::TowerToHyperService;
    use tokio::sync::mpsc;
    use tokio_stream::wrappers::ReceiverStream;

    type Pieces = mpsc::Sender<Result<Bytes, std::io::Error>>;

    /// A body of which pieces are sent later.
    fn body() -> (Pieces, Body) {
        let (pieces, received) = mpsc::channel(100);
        (pieces, Body::from_stream(ReceiverStream::new(received)))
    }

    /// The answer of a handler that reads nothing (`/none`) or the first piece (`/first`).
    async fn answer(request: Request) -> Response {
        let first = |body: Body| async {
            let mut pieces = body.into_data_stream();
            drop(pieces.next().await);
        };
        let app = Router::new()
            .route("/none", post(|| async {}))
            .route("/first", post(first))
            .layer(axum::middleware::from_fn(finish));
        let app = TowerToHyperService::new(app);
        hyper::service::Service::call(&app, request).await.unwrap()
    }

    fn request(path: &str, body: Body) -> Request {
        let request = Request::post(path);
        request.body(body).unwrap()
    }

    #[tokio::test]
    async fn what_nobody_reads_is_read_all_the_same() {
        for path in ["/none", "/first"] {
            let (pieces, body) = body();
            let sent = tokio::spawn(async move {
                for _ in 0..1000 {
                    pieces.send(Ok(Bytes::from_static(b"piece"))).await.unwrap();
                }
            });
            let response = answer(request(path, body)).await;
            assert_eq!(response.headers().get(CONNECTION), None, "{path}");
            sent.await.unwrap();
        }
        let response = answer(request("/first", Body::empty())).await;
        assert_eq!(response.headers().get(CONNECTION), None);
    }

    #[tokio::test]
    async fn what_does_not_come_to_an_end_ends_the_connection() {
        let (pieces, body) = body();
        pieces.send(Ok(Bytes::from_static(b"first"))).await.unwrap();
        let response = answer(request("/none", body)).await;
        assert_eq!(response.headers()[CONNECTION], "close");
    }

    #[tokio::test]
    async fn who_waits_to_be_asked_is_not_asked() {
        let (pieces, body) = body();
        let mut request = request("/none", body);
        let expected = HeaderValue::from_static("100-continue");
        request.headers_mut().insert(EXPECT, expected);
        let began = tokio::time::Instant::now();
        let response = answer(request).await;
        assert_eq!(response.headers()[CONNECTION], "close");
        assert!(began.elapsed() < SILENCE && pieces.is_closed());
    }
}
