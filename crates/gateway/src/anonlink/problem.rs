//! Errors as the API tells them: `application/problem+json` (RFC 7807).

use std::borrow::Cow;
use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use serde_json::json;

type Text = Cow<'static, str>;

/// An answer that says no, or that the service failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    /// Of problems with the shape of a request; the service's own checks have none.
    pub(crate) title: Option<Text>,
    pub(crate) detail: Option<Text>,
}

impl Problem {
    /// The request has a shape it should not have.
    pub(crate) fn input(detail: impl Into<Text>) -> Self {
        Self::titled(StatusCode::BAD_REQUEST, "Bad Request", detail)
    }

    /// A rule of the service says no.
    pub(crate) fn refused(status: StatusCode, detail: impl Into<Text>) -> Self {
        Self {
            status,
            title: None,
            detail: Some(detail.into()),
        }
    }

    /// As [`Problem::refused`] with status 400.
    pub(crate) fn bad(detail: impl Into<Text>) -> Self {
        Self::refused(StatusCode::BAD_REQUEST, detail)
    }

    /// One answer for wrong tokens and unknown projects and runs, so that nobody learns what exists.
    pub(crate) fn denied() -> Self {
        Self::refused(
            StatusCode::FORBIDDEN,
            "Invalid access token or project doesn't exist",
        )
    }

    /// With a title of its own.
    pub(crate) fn titled(
        status: StatusCode,
        title: impl Into<Text>,
        detail: impl Into<Text>,
    ) -> Self {
        Self {
            status,
            title: Some(title.into()),
            detail: Some(detail.into()),
        }
    }

    /// The body is not of the type that is asked for.
    pub(crate) fn media_type(given: &str) -> Self {
        Self {
            status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
            title: Some(format!("Invalid Content-type ({given}), expected JSON data").into()),
            detail: None,
        }
    }

    /// More than the service takes.
    pub(crate) fn too_large(what: &str, limit: u64) -> Self {
        Self::titled(
            StatusCode::PAYLOAD_TOO_LARGE,
            "Request Entity Too Large",
            format!("{what} may have at most {limit} bytes"),
        )
    }

    /// The body stopped coming.
    pub(crate) fn stalled() -> Self {
        let detail = "The request body did not come in time";
        Self::titled(StatusCode::REQUEST_TIMEOUT, "Request Timeout", detail)
    }

    /// Too many requests for now; the client comes again by itself.
    pub(crate) fn busy() -> Self {
        Self::titled(
            StatusCode::SERVICE_UNAVAILABLE,
            "Service Unavailable",
            "Too many requests at once; try again in a second",
        )
    }

    /// The service failed. The reason goes to the log under a number, and the number to the caller.
    pub(crate) fn internal(error: &dyn Display) -> Self {
        static FAILURES: AtomicU64 = AtomicU64::new(1);
        let number = FAILURES.fetch_add(1, Ordering::Relaxed);
        tracing::error!(number, %error, "a request failed");
        Self::titled(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Internal Server Error",
            format!("The service failed; its log has the reason under failure {number}"),
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({
            "type": "about:blank",
            "title": self.title,
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        let kind = [(CONTENT_TYPE, "application/problem+json")];
        let mut response = (self.status, kind, body.to_string()).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            let second = axum::http::HeaderValue::from_static("1");
            response.headers_mut().insert(RETRY_AFTER, second);
        }
        response
    }
}

impl From<super::CatalogueError> for Problem {
    fn from(error: super::CatalogueError) -> Self {
        Self::internal(&error)
    }
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        Self::internal(&error)
    }
}
