//! Results, streamed from disk.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderName, RANGE,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use tokio::io::AsyncReadExt as _;
use tokio_util::io::ReaderStream;

use super::auth::{self, Access};
use super::blocking;
use super::range::Asked;
use crate::anonlink::problem::Problem;
use crate::anonlink::run::RunState;
use crate::anonlink::serve::Shared;

/// Bytes read from disk at once.
const PIECE: usize = 64 << 10;

/// `GET /projects/{project}/runs/{run}/result`.
pub(super) async fn result(
    State(shared): State<Arc<Shared>>,
    Path((project, run)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let token = auth::presented(&headers)?;
    let file = blocking(move || {
        let (project, access) = auth::reader(&shared, &project, &token)?;
        let run = auth::run_of(&shared, &project, &run)?;
        match run.state {
            RunState::Completed => {}
            RunState::Error => return Err(refused(500, "Error during computation of run")),
            _ => return Err(refused(404, "run is not complete")),
        }
        let files = shared.files.run(&project.id, &run.id);
        let path = match access {
            Access::Owner => files.result(),
            Access::Receipt(party) => files.party_result(party),
        };
        Ok(File::open(path)?)
    });
    let asked = headers.get(RANGE).and_then(|value| value.to_str().ok());
    Ok(stream(file.await?, asked)?)
}

fn refused(status: u16, detail: &'static str) -> Problem {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Problem::refused(status, detail)
}

/// The file, or the part that is asked for, read as the caller takes it.
fn stream(mut file: File, asked: Option<&str>) -> io::Result<Response> {
    let length = file.metadata()?.len();
    let (status, range) = match Asked::of(asked, length) {
        Asked::All => (StatusCode::OK, 0..length),
        Asked::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Asked::Beyond => {
            let all = [(CONTENT_RANGE, format!("bytes */{length}"))];
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, all).into_response());
        }
    };
    file.seek(SeekFrom::Start(range.start))?;
    let bytes = range.end - range.start;
    let file = tokio::fs::File::from_std(file).take(bytes);
    let body = Body::from_stream(ReaderStream::with_capacity(file, PIECE));
    let mut headers: Vec<(HeaderName, String)> = vec![
        (CONTENT_TYPE, "application/json".to_owned()),
        (CONTENT_LENGTH, bytes.to_string()),
        (ACCEPT_RANGES, "bytes".to_owned()),
    ];
    if status == StatusCode::PARTIAL_CONTENT {
        let last = range.end - 1;
        let part = format!("bytes {}-{last}/{length}", range.start);
        headers.push((CONTENT_RANGE, part));
    }
    let mut response = (status, body).into_response();
    for (name, value) in headers {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}
