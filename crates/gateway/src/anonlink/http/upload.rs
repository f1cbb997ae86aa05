//! Uploads: who may send what, in the order in which the original checks.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};

use super::pieces::{self, number};
use super::{auth, blocking, body, json};
use crate::anonlink::files::Scratch;
use crate::anonlink::problem::Problem;
use crate::anonlink::project::{Project, Upload};
use crate::anonlink::repr::repr;
use crate::anonlink::serve::{Reserved, Shared};
use crate::anonlink::token::{Presented, Token};
use crate::anonlink::upload::{
    BinaryHeaders, BlockWriter, EncodingWriter, Found, ReadError, Shape, SpoolError, Writers,
    read_binary, read_json, spool,
};

/// What is read of the body of a caller who may not upload: enough to say first, as the original does,
/// when it is no upload at all.
const STRANGER_BYTES: u64 = 1 << 20;
/// The longest upload that a complaint about its shape quotes.
const QUOTED_BYTES: u64 = 4096;

/// `GET /projects/{project}/authorize-external-upload`: there is no object store.
pub(super) async fn authorize_external(
    State(shared): State<Arc<Shared>>,
    Path(project): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let token = auth::presented(&headers)?;
    blocking(move || auth::uploader(&shared, &project, &token)).await?;
    Err(no_object_store())
}

/// Any answer but 201 makes the client send its data here.
fn no_object_store() -> Problem {
    Problem::titled(
        StatusCode::INTERNAL_SERVER_ERROR,
        "Feature Disabled",
        "Retrieving temporary object store credentials feature disabled",
    )
}

/// `POST /projects/{project}/clks`.
pub(super) async fn post_json(
    State(shared): State<Arc<Shared>>,
    Path(project): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let token = auth::presented(&headers)?;
    body::expect_json(&headers)?;
    let arrival = arrive(&shared, project, token, &headers, body).await?;
    let updated = in_turn(shared, move |shared| arrival.take_json(shared)).await?;
    Ok(json(StatusCode::CREATED, &updated))
}

/// `POST /projects/{project}/binaryclks`.
pub(super) async fn post_binary(
    State(shared): State<Arc<Shared>>,
    Path(project): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let token = auth::presented(&headers)?;
    let sizes = BinaryHeaders::read(&headers)?;
    let arrival = arrive(&shared, project, token, &headers, body).await?;
    let updated = in_turn(shared, move |shared| arrival.take_binary(shared, sizes)).await?;
    Ok(json(StatusCode::CREATED, &updated))
}

/// Reads an upload that is on disk, once a few others have been.
async fn in_turn(
    shared: Arc<Shared>,
    take: impl FnOnce(&Shared) -> Result<Value, Problem> + Send + 'static,
) -> Result<Value, Problem> {
    let turn = shared.uploads.clone().acquire_owned().await;
    blocking(move || {
        // Kept to the end, also when the caller goes away.
        let _turn = turn;
        take(&shared)
    })
    .await
}

/// A party that may upload; others are kept from using its token meanwhile.
pub(super) struct Uploader {
    pub(super) project: Project,
    pub(super) party: usize,
    _reserved: Reserved,
}

impl Uploader {
    pub(super) fn find(
        shared: &Arc<Shared>,
        project: &str,
        token: &Presented,
    ) -> Result<Self, Problem> {
        let used = || {
            let detail = "This token has already been used to upload clks.";
            Problem::refused(StatusCode::FORBIDDEN, detail)
        };
        let (project, party) = auth::uploader(shared, project, token)?;
        let reserved = shared.reserve((project.id, party)).ok_or_else(used)?;
        // Read again: an upload may have ended just before the token was reserved.
        let project = shared.catalogue().find(&project.id)?;
        let project = project.ok_or_else(Problem::denied)?;
        if project.parties[party].upload.is_some() {
            return Err(used());
        }
        Ok(Self {
            project,
            party,
            _reserved: reserved,
        })
    }
}

/// A body on disk.
enum Stored {
    Incoming(Scratch),
    /// In pieces, by earlier requests.
    Staged(PathBuf),
}

impl Stored {
    fn path(&self) -> &FilePath {
        match self {
            Self::Incoming(scratch) => scratch.path(),
            Self::Staged(path) => path,
        }
    }
}

/// A body on disk, and who sent it, or why that caller may not upload.
struct Arrival {
    uploader: Result<Uploader, Problem>,
    body: Stored,
    bytes: u64,
}

/// Puts a body on disk before anything looks at it.
async fn arrive(
    shared: &Arc<Shared>,
    project: String,
    token: Presented,
    headers: &HeaderMap,
    body: Body,
) -> Result<Arrival, Problem> {
    let service = shared.clone();
    let uploader = blocking(move || Ok(Uploader::find(&service, &project, &token))).await?;
    let staged = number(headers, pieces::LENGTH)?;
    if let (Some(bytes), Ok(allowed)) = (staged, &uploader) {
        let body = Stored::Staged(pieces::whole(shared, allowed, bytes)?);
        return Ok(Arrival {
            uploader,
            body,
            bytes,
        });
    }
    let scratch = shared.files.scratch(shared.parts.randomness.as_ref());
    let limit = match &uploader {
        Ok(_) => shared.limits.upload_bytes,
        Err(_) => STRANGER_BYTES,
    };
    let announced = number(headers, CONTENT_LENGTH.as_str())?;
    let spooled = match announced.filter(|bytes| *bytes > limit) {
        Some(_) => Err(SpoolError::TooLarge(limit)),
        None => spool(body, scratch.path(), 0, limit)
            .await
            .map_err(|(_, error)| error),
    };
    match (spooled, uploader) {
        (Ok(bytes), uploader) => Ok(Arrival {
            uploader,
            body: Stored::Incoming(scratch),
            bytes,
        }),
        (Err(_), Err(refusal)) => Err(refusal),
        (Err(error), Ok(_)) => Err(cut(error)),
    }
}

/// What to say of a body that did not come whole.
pub(super) fn cut(error: SpoolError) -> Problem {
    match error {
        SpoolError::TooLarge(limit) => Problem::too_large("an upload", limit),
        SpoolError::Stalled => Problem::stalled(),
        SpoolError::Cut(_) => Problem::input("The request body was cut off"),
        SpoolError::Lost(_) => lost(),
        SpoolError::Io(error) => error.into(),
    }
}

/// What to say where earlier pieces of an upload are not on disk any more.
fn lost() -> Problem {
    let detail = "Earlier pieces of this upload were lost; send it again from Upload-Offset 0";
    Problem::refused(StatusCode::CONFLICT, detail)
}

impl Arrival {
    /// The body: what came of a piece that does not count is not part of it.
    fn open(&self) -> Result<io::Take<File>, Problem> {
        let file = File::open(self.body.path()).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => lost(),
            _ => error.into(),
        })?;
        match file.metadata()?.len() < self.bytes {
            true => Err(lost()),
            false => Ok(file.take(self.bytes)),
        }
    }

    fn take_json(self, shared: &Shared) -> Result<Value, Problem> {
        let draft = Draft::new(shared);
        let mut writers = Writers {
            encodings: EncodingWriter::new(draft.encodings.path())?,
            blocks: BlockWriter::new(draft.blocks.beside("raw"))?,
        };
        let read = read_json(self.open()?, &mut writers);
        let found = read.map_err(|error| self.not_an_upload(error))?;
        let uploader = self.uploader?;
        check_blocking(uploader.project.uses_blocking, found.has_blocks)?;
        check_contents(&found, writers.encodings.records)?;
        let (records, bytes) = (writers.encodings.records, writers.encodings.encoding_bytes);
        writers.encodings.finish()?;
        if found.has_blocks {
            writers.blocks.finish(draft.blocks.path())?;
        }
        let bytes = bytes.unwrap_or_default() as u32;
        commit(shared, &uploader, &draft, (records, bytes), |_| Ok(()))
    }

    fn take_binary(self, shared: &Shared, sizes: BinaryHeaders) -> Result<Value, Problem> {
        let body = self.open();
        let uploader = self.uploader?;
        check_blocking(uploader.project.uses_blocking, false)?;
        if self.bytes != sizes.bytes() {
            let detail =
                "Uploaded data did not match the expected size. Check request headers are correct";
            return Err(Problem::bad(detail));
        }
        check_size(&uploader.project, sizes)?;
        let draft = Draft::new(shared);
        let mut encodings = EncodingWriter::new(draft.encodings.path())?;
        let body = io::BufReader::new(body?);
        read_binary(body, sizes, &mut encodings)?;
        encodings.finish()?;
        let counts = (sizes.records, sizes.encoding_bytes);
        // Again, for other parties' data may have come meanwhile.
        let check = |project: &Project| check_size(project, sizes);
        commit(shared, &uploader, &draft, counts, check)
    }

    /// What to say of a body that is no upload, quoting it where it is short.
    fn not_an_upload(&self, error: ReadError) -> Problem {
        match error {
            ReadError::NotJson => Problem::input("Request body is not valid JSON"),
            ReadError::Excess(error) => Problem::input(error.to_string()),
            ReadError::Io(error) => error.into(),
            ReadError::Shape => {
                let what = self.quoted().unwrap_or_else(|| "The upload".to_owned());
                let detail = format!("{what} is not valid under any of the given schemas");
                Problem::input(detail)
            }
        }
    }

    fn quoted(&self) -> Option<String> {
        if self.bytes > QUOTED_BYTES {
            return None;
        }
        let body = std::fs::read(self.body.path()).ok()?;
        Some(repr(&serde_json::from_slice(&body).ok()?))
    }
}

fn check_size(project: &Project, sizes: BinaryHeaders) -> Result<(), Problem> {
    let known = project.encoding_bytes();
    match known.is_some_and(|known| known != sizes.encoding_bytes) {
        true => Err(Problem::bad(
            "Upload 'Hash-Size' doesn't match project settings",
        )),
        false => Ok(()),
    }
}

fn check_blocking(uses_blocking: bool, has_blocks: bool) -> Result<(), Problem> {
    let detail = match (uses_blocking, has_blocks) {
        (false, true) => {
            "Blocking has been disabled for this project, but received blocking information"
        }
        (true, false) => "Expecting blocking information. Either in \"blocks\" or \"clksnblocks\"",
        _ => return Ok(()),
    };
    Err(Problem::refused(StatusCode::FORBIDDEN, detail))
}

fn check_contents(found: &Found, records: u32) -> Result<(), Problem> {
    if found.shape == Some(Shape::InStore) {
        // Nobody was ever given a path in a store, so no path is the caller's own.
        let detail = "Provided object store path is not allowed";
        return Err(Problem::refused(StatusCode::FORBIDDEN, detail));
    }
    if records == 0 {
        return Err(Problem::bad("Missing CLKs information"));
    }
    match &found.unusable {
        Some(unusable) => Err(Problem::bad(unusable.to_string())),
        None => Ok(()),
    }
}

/// What is made of an upload before it counts.
struct Draft {
    encodings: Scratch,
    blocks: Scratch,
}

impl Draft {
    fn new(shared: &Shared) -> Self {
        let name = shared.files.scratch(shared.parts.randomness.as_ref());
        Self {
            encodings: name.beside("clks"),
            blocks: name.beside("blocks"),
        }
    }
}

/// Puts an upload in its place and makes it count, if the project as it is then passes `check`. Files first: a crash in between leaves the token
/// usable, and the files are replaced.
fn commit(
    shared: &Shared,
    uploader: &Uploader,
    draft: &Draft,
    (records, encoding_bytes): (u32, u32),
    check: impl Fn(&Project) -> Result<(), Problem>,
) -> Result<Value, Problem> {
    let (project, party) = (uploader.project.id, uploader.party);
    let into = |scratch: &Scratch, place| match std::fs::rename(scratch.path(), place) {
        // The project was deleted meanwhile.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Problem::denied()),
        moved => Ok(moved?),
    };
    into(&draft.encodings, shared.files.encodings(&project, party))?;
    if uploader.project.uses_blocking {
        into(&draft.blocks, shared.files.blocks(&project, party))?;
    }
    service::files::sync_dir(&shared.files.project(&project))?;
    let receipt = Token::fresh(shared.parts.randomness.as_ref());
    let upload = Upload {
        receipt: receipt.digest(),
        records,
        encoding_bytes,
    };
    let mut checked = Err(Problem::denied());
    shared
        .catalogue()
        .change_waiting(&project, &mut |project, runs| {
            checked = check(project);
            if checked.is_ok() {
                project.take(party, upload, runs);
            }
        })?;
    checked?;
    drop(Scratch::new(shared.files.staged(&project, party)));
    shared.wake.notify_one();
    Ok(json!({"message": "Updated", "receipt_token": receipt.tell()}))
}
