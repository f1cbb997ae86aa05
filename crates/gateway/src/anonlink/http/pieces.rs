//! Uploads in pieces, for connections that do not last: pieces are put one after the other, and what
//! is durable stays after a cut. The original has nothing of the kind.
//!
//! ```text
//! GET   /projects/{project}/upload                      -> Upload-Offset: bytes that are durable
//! PATCH /projects/{project}/upload    Upload-Offset: n  -> Upload-Offset: the new end
//! POST  /projects/{project}/clks      Upload-Length: n  -> as if the n bytes were its body
//! ```
//! A piece at offset 0 starts the upload anew.

use std::path::PathBuf;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};

use super::upload::{Uploader, cut};
use super::{auth, blocking};
use crate::anonlink::problem::Problem;
use crate::anonlink::project::Project;
use crate::anonlink::serve::Shared;
use crate::anonlink::upload::spool;

/// Bytes of an upload that came in pieces before; the request that names it has no body.
pub(super) const LENGTH: &str = "upload-length";
/// Where a piece starts, or where the next one should.
const OFFSET: &str = "upload-offset";

/// A header that is a number.
pub(super) fn number(headers: &HeaderMap, name: &str) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    let number = value
        .to_str()
        .ok()
        .and_then(|text| text.trim().parse().ok());
    let wrong = || {
        Problem::input(format!(
            "Wrong type, expected 'integer' for header parameter '{name}'"
        ))
    };
    number.map(Some).ok_or_else(wrong)
}

/// `GET /projects/{project}/upload`: where the next piece starts.
pub(super) async fn offset(
    State(shared): State<Arc<Shared>>,
    Path(project): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let token = auth::presented(&headers)?;
    let (project, party) = blocking(move || auth::uploader(&shared, &project, &token)).await?;
    Ok(at(StatusCode::NO_CONTENT, project.parties[party].staged))
}

/// `PATCH /projects/{project}/upload`: one more piece.
pub(super) async fn add(
    State(shared): State<Arc<Shared>>,
    Path(project): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let token = auth::presented(&headers)?;
    let start = number(&headers, OFFSET)?
        .ok_or_else(|| Problem::input("Missing header parameter 'Upload-Offset'"))?;
    let service = shared.clone();
    let uploader = blocking(move || Uploader::find(&service, &project, &token)).await?;
    let staged = uploader.project.parties[uploader.party].staged;
    // From the start again: what came before was refused, or is of no use.
    if start != 0 && start != staged {
        return Ok(at(StatusCode::CONFLICT, staged));
    }
    // A task of its own: what came before the caller went away is to count.
    let task = tokio::spawn(append(shared, uploader, start, body));
    match task.await {
        Ok(end) => Ok(at(StatusCode::NO_CONTENT, end?)),
        Err(panic) => Err(Problem::internal(&panic)),
    }
}

async fn append(
    shared: Arc<Shared>,
    uploader: Uploader,
    start: u64,
    body: Body,
) -> Result<u64, Problem> {
    let path = shared.files.staged(&uploader.project.id, uploader.party);
    let uploader = match uploader.project.parties[uploader.party].staged == start {
        true => uploader,
        // Before the file is cut, so that a kill leaves no count of bytes that are gone.
        false => count(&shared, uploader, start).await?,
    };
    let spooled = spool(body, &path, start, shared.limits.upload_bytes).await;
    let (end, error) = match spooled {
        Ok(end) => (end, None),
        Err((end, error)) => (end, Some(error)),
    };
    count(&shared, uploader, end).await?;
    error.map_or(Ok(end), |error| Err(cut(error)))
}

/// Keeps how many bytes have come.
async fn count(shared: &Arc<Shared>, uploader: Uploader, bytes: u64) -> Result<Uploader, Problem> {
    let shared = shared.clone();
    blocking(move || {
        let party = uploader.party;
        let count = &mut |project: &mut Project| project.parties[party].staged = bytes;
        match shared.catalogue().change(&uploader.project.id, count)? {
            true => Ok(uploader),
            false => Err(Problem::denied()),
        }
    })
    .await
}

/// The file of an upload whose pieces together have as many bytes as the request says.
pub(super) fn whole(shared: &Shared, uploader: &Uploader, length: u64) -> Result<PathBuf, Problem> {
    let staged = uploader.project.parties[uploader.party].staged;
    if staged != length {
        let detail = format!("{staged} bytes of the upload have come, not {length}");
        return Err(Problem::refused(StatusCode::CONFLICT, detail));
    }
    Ok(shared.files.staged(&uploader.project.id, uploader.party))
}

fn at(status: StatusCode, offset: u64) -> Response {
    (status, [(OFFSET, offset.to_string())]).into_response()
}
