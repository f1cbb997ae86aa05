//! The service about itself.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use super::{blocking, json};
use crate::anonlink::problem::Problem;
use crate::anonlink::serve::Shared;

/// `GET /status`.
pub(super) async fn status(State(shared): State<Arc<Shared>>) -> Result<Response, Problem> {
    let rate = shared.rate.load(Ordering::Relaxed);
    let count = blocking(move || Ok(shared.catalogue().ever()?)).await?;
    let status = json!({"status": "ok", "project_count": count, "rate": rate});
    Ok(json(StatusCode::OK, &status))
}

/// `GET /version`. Callers expect these three keys.
pub(super) async fn version() -> Response {
    let version = concat!("symbolon ", env!("CARGO_PKG_VERSION"));
    let body = json!({"anonlink": version, "entityservice": version, "python": "none"});
    json(StatusCode::OK, &body)
}
