//! Turns the protobuf files into Rust, without an installed `protoc`.

use std::error::Error;
use std::path::Path;

const FILES: [&str; 7] = [
    "symbolon/v1/board.proto",
    "symbolon/v1/common.proto",
    "symbolon/v1/handover.proto",
    "symbolon/v1/intake.proto",
    "symbolon/v1/key_server.proto",
    "symbolon/v1/log.proto",
    "symbolon/v1/results.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    println!("cargo::rerun-if-changed={}", root.display());
    let descriptors = protox::compile(FILES, [&root])?;
    tonic_prost_build::configure()
        .bytes(".symbolon.v1.Chunk.content")
        .compile_fds(descriptors)?;
    Ok(())
}
