//! Everything that reads bytes from outside, as functions of any bytes. Fuzzers call them, one program a
//! function, and the project's tests replay through them the bytes in `seeds/`.
//!
//! A function says whether the bytes are taken for what they should be, and panics when what was taken
//! is not what it has to be: it means another thing when it is written and read again, has another size
//! than it says, or differs from what a plainer way of reading finds.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "the project's tests have this as a module, and a fuzzer stops by a panic"
)]

use std::path::PathBuf;

use tempfile::TempDir;

mod agreements;
mod anonlink;
mod batches;
mod clk;
pub mod evaluations;
mod files;
mod logs;
mod schemas;

/// Reads any bytes, and says whether they are taken.
pub type Target = fn(&[u8]) -> bool;

/// All of them, by the names of their programs.
pub const TARGETS: [(&str, Target); 21] = [
    ("agreements", agreements::agreements),
    ("anonlink_binary", anonlink::binary_uploads),
    ("anonlink_json", anonlink::json_uploads),
    ("anonlink_requests", anonlink::requests),
    ("certificates", files::certificates),
    ("clk_data", clk::data),
    ("clk_schemas", clk::schemas),
    ("comparisons", batches::comparisons),
    ("evaluations", evaluations::evaluations),
    ("events", logs::events),
    ("handle_maps", batches::handle_maps),
    ("key_files", files::key_files),
    ("log_files", logs::log_files),
    ("manifests", batches::manifests),
    ("messages", batches::messages),
    ("notes", logs::notes),
    ("proofs", logs::proofs),
    ("registries", files::registries),
    ("rows", batches::rows),
    ("schemas", schemas::schemas),
    ("tiles", logs::tiles),
];

/// The target of this name.
///
/// # Panics
/// When there is none.
pub fn target(name: &str) -> Target {
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    found.map(|(_, target)| *target).unwrap()
}

/// A directory of this thread for what targets read from or write to disk.
fn scratch() -> PathBuf {
    thread_local! {
        static SCRATCH: TempDir = tempfile::tempdir().unwrap();
    }
    SCRATCH.with(|directory| directory.path().to_owned())
}

/// Divides `bytes` where a line consists of `====`.
fn parts(bytes: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest
        .windows(BETWEEN.len())
        .position(|window| window == BETWEEN)
    {
        parts.push(&rest[..at + 1]);
        rest = &rest[at + BETWEEN.len()..];
    }
    parts.push(rest);
    parts
}

const BETWEEN: &[u8] = b"\n====\n";
