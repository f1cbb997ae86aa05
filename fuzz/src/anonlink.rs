//! What callers of the anonlink service send.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gateway::anonlink::reading::{
    UploadRead, binary_upload, json_upload, project_request, run_request,
};
use model::Digest;
use serde_json::Value;

use super::{parts, scratch};

/// Bytes of the digest of a block, and of a block row.
const BLOCK: usize = 16;
const ROW: usize = BLOCK + 4;

/// An upload in JSON: what is taken holds the encodings, and at least the blocks, that a reader finds
/// who has all of the document in memory.
pub fn json_uploads(bytes: &[u8]) -> bool {
    let Ok(upload) = json_upload(bytes, &scratch()) else {
        return false;
    };
    check_sizes(&upload);
    // What only one of the two refuses is nested deeply, or stands in fields that nobody looks at.
    if let Ok(document) = serde_json::from_slice::<Value>(bytes) {
        check_against(&upload, &document);
    }
    true
}

fn check_sizes(upload: &UploadRead) {
    let bytes = upload.records as usize * upload.encoding_bytes;
    assert!(upload.records > 0 && upload.encodings.len() == bytes);
    let (rows, rest) = upload.blocks.as_chunks::<ROW>();
    assert!(rest.is_empty() && rows.is_sorted_by(|one, next| one < next));
    for row in rows {
        let (_, record) = row.split_last_chunk().unwrap();
        assert!(u32::from_be_bytes(*record) < upload.records);
    }
}

fn check_against(upload: &UploadRead, document: &Value) {
    let lists = ["clks", "encodings", "clknblocks"];
    let list = lists.iter().find_map(|name| document[name].as_array());
    let list = list.unwrap();
    let text = |entry: &Value| match entry.as_array() {
        Some(entry) => entry[0].as_str().map(str::to_owned),
        None => entry.as_str().map(str::to_owned),
    };
    let decoded = list.iter().flat_map(|entry| {
        let mut text = text(entry).unwrap();
        text.retain(|letter| !letter.is_ascii_whitespace());
        STANDARD.decode(text).unwrap()
    });
    assert_eq!(upload.records as usize, list.len());
    assert!(decoded.eq(upload.encodings.iter().copied()));
    let (found, _) = upload.blocks.as_chunks::<ROW>();
    let found: BTreeSet<&[u8; ROW]> = found.iter().collect();
    for row in expected_rows(document, list) {
        assert!(found.contains(&row), "a block is lost");
    }
}

fn expected_rows(document: &Value, list: &[Value]) -> Vec<[u8; ROW]> {
    let mut rows = Vec::new();
    let mut add = |record: u32, block: &Value| {
        let text = match block {
            Value::String(text) => text.clone(),
            number => number.to_string(),
        };
        let mut row = [0; ROW];
        row[..BLOCK].copy_from_slice(&Digest::of(text.as_bytes()).as_bytes()[..BLOCK]);
        row[BLOCK..].copy_from_slice(&record.to_be_bytes());
        rows.push(row);
    };
    for (record, entry) in (0..).zip(list) {
        let blocks = entry.as_array().map_or(&[][..], |entry| &entry[1..]);
        blocks.iter().for_each(|block| add(record, block));
    }
    for (record, blocks) in document["blocks"].as_object().into_iter().flatten() {
        let blocks = blocks.as_array().unwrap();
        blocks
            .iter()
            .for_each(|block| add(record.parse().unwrap(), block));
    }
    rows
}

/// A binary upload behind its two headers, a line each.
pub fn binary_uploads(bytes: &[u8]) -> bool {
    let mut lines = bytes.splitn(3, |byte| *byte == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    let (count, size, body) = (line(), line(), line());
    let text = |line| String::from_utf8_lossy(line).into_owned();
    let Ok(upload) = binary_upload(&text(count), &text(size), body, &scratch()) else {
        return false;
    };
    assert_eq!(upload.encodings, body);
    check_sizes(&upload);
    true
}

/// A request for a project, or, behind a line of `====`, one for a run: refusals are the caller's fault.
pub fn requests(bytes: &[u8]) -> bool {
    let read = match parts(bytes)[..] {
        [_, run, ..] => run_request(run),
        _ => project_request(bytes),
    };
    if let Err(told) = &read {
        assert!(
            told.starts_with("400 ") || told.starts_with("413 "),
            "{told}"
        );
    }
    read.is_ok()
}
