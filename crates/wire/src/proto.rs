//! The generated protobuf types and gRPC stubs; nothing outside this crate sees them.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    reason = "generated; the documentation is in the .proto files"
)]

tonic::include_proto!("symbolon.v1");
