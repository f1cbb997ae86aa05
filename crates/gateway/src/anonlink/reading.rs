//! What bodies of requests are read as, with no service around them. Fuzzers give these functions any
//! bytes; the service itself reads through the same code and never calls them.

use std::path::Path;

use axum::http::{HeaderMap, HeaderValue};

use super::files::Scratch;
use super::http;
use super::problem::Problem;
use super::upload::{
    BinaryHeaders, BlockWriter, EncodingWriter, Shape, Writers, read_binary, read_json,
};

/// What an upload holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadRead {
    /// How many encodings there are.
    pub records: u32,
    /// Bytes of each.
    pub encoding_bytes: usize,
    /// The encodings, one after the other.
    pub encodings: Vec<u8>,
    /// Whether the upload tells blocks.
    pub has_blocks: bool,
    /// Block rows: 16 bytes of the digest of a block, 4 of the number of a record; sorted.
    pub blocks: Vec<u8>,
}

/// Reads the body of an upload in JSON; what it writes on the way goes into the directory `scratch`.
///
/// # Errors
/// Why it is no upload that can be used.
pub fn json_upload(body: &[u8], scratch: &Path) -> Result<UploadRead, String> {
    let [encodings, blocks, raw] =
        ["clks", "blocks", "raw"].map(|name| Scratch::new(scratch.join(name)));
    let mut writers = Writers {
        encodings: EncodingWriter::new(encodings.path()).map_err(told)?,
        blocks: BlockWriter::new(raw).map_err(told)?,
    };
    let found = read_json(body, &mut writers).map_err(told)?;
    if let Some(unusable) = found.unusable {
        return Err(unusable.to_string());
    }
    if found.shape == Some(Shape::InStore) || writers.encodings.records == 0 {
        return Err("no encodings".to_owned());
    }
    let Writers {
        encodings: writer,
        blocks: block_writer,
    } = writers;
    let records = writer.records;
    let encoding_bytes = writer.encoding_bytes.unwrap_or_default();
    writer.finish().map_err(told)?;
    block_writer.finish(blocks.path()).map_err(told)?;
    Ok(UploadRead {
        records,
        encoding_bytes,
        encodings: std::fs::read(encodings.path()).map_err(told)?,
        has_blocks: found.has_blocks,
        blocks: std::fs::read(blocks.path()).map_err(told)?,
    })
}

/// Reads the body of a binary upload whose headers say so many encodings of so many bytes.
///
/// # Errors
/// Why it is no upload that can be used.
pub fn binary_upload(
    hash_count: &str,
    hash_size: &str,
    body: &[u8],
    scratch: &Path,
) -> Result<UploadRead, String> {
    let mut headers = HeaderMap::new();
    for (name, text) in [("hash-count", hash_count), ("hash-size", hash_size)] {
        headers.insert(name, HeaderValue::from_str(text).map_err(told)?);
    }
    let headers = BinaryHeaders::read(&headers).map_err(refusal)?;
    if headers.bytes() != body.len() as u64 {
        return Err("another length than the headers say".to_owned());
    }
    let encodings = Scratch::new(scratch.join("clks"));
    let mut writer = EncodingWriter::new(encodings.path()).map_err(told)?;
    read_binary(body, headers, &mut writer).map_err(told)?;
    let records = writer.records;
    let encoding_bytes = writer.encoding_bytes.unwrap_or_default();
    writer.finish().map_err(told)?;
    Ok(UploadRead {
        records,
        encoding_bytes,
        encodings: std::fs::read(encodings.path()).map_err(told)?,
        has_blocks: false,
        blocks: Vec::new(),
    })
}

/// Reads a request for a project.
///
/// # Errors
/// What its sender is told.
pub fn project_request(body: &[u8]) -> Result<(), String> {
    http::read_project(body).map_err(refusal)
}

/// Reads a request for a run.
///
/// # Errors
/// What its sender is told.
pub fn run_request(body: &[u8]) -> Result<(), String> {
    http::read_run(body).map_err(refusal)
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// What a problem says; one without a number of its own would be a failure of the service.
fn refusal(problem: Problem) -> String {
    let Problem { status, detail, .. } = problem;
    format!("{} {}", status.as_u16(), detail.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uploads_are_read_as_the_service_reads_them() {
        let dir = tempfile::tempdir().unwrap();
        let body = br#"{"clknblocks": [["AAAAAAAAAAE=", "b", 1], ["AAAAAAAAAAI=", "b"]]}"#;
        let read = json_upload(body, dir.path()).unwrap();
        assert_eq!((read.records, read.encoding_bytes), (2, 8));
        assert_eq!(
            read.encodings,
            [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2]
        );
        assert_eq!((read.has_blocks, read.blocks.len()), (true, 3 * 20));
        assert!(json_upload(br#"{"clks": ["*"]}"#, dir.path()).is_err());
        let read = binary_upload("2", "4", b"abcdefgh", dir.path()).unwrap();
        assert_eq!(read.encodings, b"abcdefgh");
        assert!(binary_upload("2", "3", b"abcdefgh", dir.path()).is_err());
    }

    #[test]
    fn requests_are_read_or_refused() {
        assert_eq!(run_request(br#"{"threshold": 0.5}"#), Ok(()));
        let refused = run_request(br#"{"threshold": 2}"#).unwrap_err();
        assert!(refused.starts_with("400 "), "{refused}");
        let body = br#"{"schema": {}, "result_type": "groups"}"#;
        assert_eq!(project_request(body), Ok(()));
        assert!(project_request(b"[]").is_err());
    }
}
