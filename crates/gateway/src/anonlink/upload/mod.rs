//! Uploads: from the bytes of a request to encodings and block rows on disk.

mod binary;
mod bounded;
mod json;
mod rows;
mod spool;

pub(crate) use binary::{BinaryHeaders, read_binary};
pub(crate) use json::{Found, ReadError, Shape, Writers, read as read_json};
pub(crate) use rows::{BLOCK_ROW, BlockWriter, EncodingWriter, parts_of};
pub(crate) use spool::{SpoolError, spool};
