//! What every request passes: repeated slashes, the rate limit, and proxies.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::HttpBody as _;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::CONNECTION;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::limiter::Limiter;
use crate::anonlink::problem::Problem;
use crate::anonlink::serve::Limits;

/// Headers by which proxies say for whom they ask.
const OF_PROXIES: [&str; 3] = ["forwarded", "x-forwarded-for", "x-real-ip"];

/// What requests are held against.
pub(super) struct Guard {
    limiter: Limiter,
    behind_proxy: bool,
}

impl Guard {
    pub(super) fn new(limits: &Limits, behind_proxy: bool) -> Self {
        Self {
            limiter: Limiter::new(limits.requests_per_second, limits.burst),
            behind_proxy,
        }
    }

    fn check(&self, from: SocketAddr, headers: &HeaderMap) -> Result<(), Problem> {
        if !self.limiter.admits(from.ip()) {
            return Err(Problem::busy());
        }
        if !self.behind_proxy && OF_PROXIES.iter().any(|name| headers.contains_key(*name)) {
            return Err(Problem::refused(
                StatusCode::FORBIDDEN,
                "This service is for made-up data on this machine; its operator has not allowed whole-record encodings of real people",
            ));
        }
        Ok(())
    }
}

/// Lets a request pass, or refuses it.
pub(super) async fn guard(
    State(guard): State<Arc<Guard>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    match guard.check(from, request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) if request.body().is_end_stream() => problem.into_response(),
        // Nothing more is read of such a request.
        Err(problem) => ([(CONNECTION, "close")], problem).into_response(),
    }
}

/// Callers put paths together with doubled slashes. No path of the API has a percent sign: one is taken as
/// it stands, so that whatever it would stand for is told as unknown.
pub(super) async fn collapse_slashes(mut request: Request) -> Request {
    let uri = request.uri();
    if uri.path().contains("//") || uri.path().contains('%') {
        let mut path = String::with_capacity(uri.path().len());
        for character in uri.path().chars() {
            match character {
                '/' if path.ends_with('/') => {}
                '%' => path.push_str("%25"),
                other => path.push(other),
            }
        }
        if let Some(query) = uri.query() {
            path = format!("{path}?{query}");
        }
        // A path with fewer slashes is a path; if not, the request stays as it came and is unknown.
        if let Ok(collapsed) = path.parse::<Uri>() {
            *request.uri_mut() = collapsed;
        }
    }
    request
}

/// No such path.
pub(super) async fn unknown_path() -> Problem {
    Problem::titled(
        StatusCode::NOT_FOUND,
        "Not Found",
        "The requested URL was not found on the server. If you entered the URL manually please check your spelling and try again.",
    )
}

/// No such method here.
pub(super) async fn wrong_method() -> Problem {
    Problem::titled(
        StatusCode::METHOD_NOT_ALLOWED,
        "Method Not Allowed",
        "The method is not allowed for the requested URL.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    async fn collapsed(path: &str) -> String {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        collapse_slashes(request).await.uri().to_string()
    }

    #[tokio::test]
    async fn repeated_slashes_are_one() {
        assert_eq!(
            collapsed("/api/v1//projects///a?x=//").await,
            "/api/v1/projects/a?x=//"
        );
        assert_eq!(collapsed("//api").await, "/api");
        assert_eq!(collapsed("/api/%ff%2F").await, "/api/%25ff%252F");
        assert_eq!(collapsed("/api/v1/projects/").await, "/api/v1/projects/");
    }

    #[test]
    fn requests_through_a_proxy_need_permission() {
        let from = SocketAddr::from(([127, 0, 0, 1], 9));
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "10.0.0.9".parse().unwrap());
        let check = |behind_proxy| {
            let guard = Guard::new(&Limits::default(), behind_proxy);
            guard
                .check(from, &headers)
                .map_err(|problem| problem.status)
        };
        assert_eq!(check(false), Err(StatusCode::FORBIDDEN));
        assert_eq!(check(true), Ok(()));
    }
}
