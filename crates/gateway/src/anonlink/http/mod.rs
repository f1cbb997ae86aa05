//! HTTP: from requests to the service's rules, and back to JSON.

mod auth;
mod body;
mod connections;
mod guard;
mod leftover;
mod limiter;
mod new_project;
mod new_run;
mod pieces;
mod project;
mod range;
mod result;
mod run;
mod service;
mod upload;

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post};
use serde_json::Value;
use tokio::net::TcpListener;
use tower_layer::Layer as _;

use self::connections::Allowed;
use super::problem::Problem;
use super::serve::Shared;

/// Answers requests until `stop` is ready.
pub(super) async fn serve(
    shared: Arc<Shared>,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    // In front of the router, which routes by the path as it is then.
    let app = axum::middleware::map_request(guard::collapse_slashes).layer(router(shared));
    let app = Router::new().fallback_service(app);
    connections::serve(listener, app, Allowed::default(), stop).await
}

fn router(shared: Arc<Shared>) -> Router {
    let guarded = guard::Guard::new(&shared.limits, shared.behind_proxy);
    let routes = Router::new()
        .route("/status", get(service::status))
        .route("/version", get(service::version))
        .route("/projects", get(project::list).post(project::create))
        .route(
            "/projects/{project}",
            get(project::describe).delete(project::delete),
        )
        .route(
            "/projects/{project}/authorize-external-upload",
            get(upload::authorize_external),
        )
        .route("/projects/{project}/clks", post(upload::post_json))
        .route("/projects/{project}/binaryclks", post(upload::post_binary))
        .route(
            "/projects/{project}/upload",
            get(pieces::offset).patch(pieces::add),
        )
        .route("/projects/{project}/runs", get(run::list).post(run::create))
        .route("/projects/{project}/runs/{run}", get(run::describe))
        .route("/projects/{project}/runs/{run}", delete(run::delete))
        .route("/projects/{project}/runs/{run}/status", get(run::status))
        .route("/projects/{project}/runs/{run}/result", get(result::result));
    Router::new()
        .nest("/api/v1", routes)
        .fallback(guard::unknown_path)
        .method_not_allowed_fallback(guard::wrong_method)
        .layer(axum::middleware::from_fn(leftover::finish))
        .layer(axum::middleware::from_fn_with_state(
            Arc::new(guarded),
            guard::guard,
        ))
        .with_state(shared)
}

/// Reads a request for a project.
pub(super) fn read_project(body: &[u8]) -> Result<(), Problem> {
    new_project::NewProject::parse(body).map(drop)
}

/// Reads a request for a run.
pub(super) fn read_run(body: &[u8]) -> Result<(), Problem> {
    new_run::NewRun::parse(body).map(drop)
}

/// An answer in JSON.
fn json(status: StatusCode, body: &Value) -> Response {
    json_text(status, body.to_string())
}

/// An answer of text that is JSON.
fn json_text(status: StatusCode, body: String) -> Response {
    let kind = [(CONTENT_TYPE, "application/json")];
    (status, kind, body).into_response()
}

/// Runs what reads or writes disks off the runtime's threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|panic| Err(Problem::internal(&panic)))
}
