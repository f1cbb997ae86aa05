//! Protobuf to domain types and back. Reading checks everything: what comes out can be trusted to
//! be well formed, though not to be true.

mod any;
pub(crate) mod board;
mod common;
pub(crate) mod handover;
pub(crate) mod intake;
pub(crate) mod key_server;
pub(crate) mod log;
mod membership;
pub(crate) mod place;
pub(crate) mod results;
pub(crate) mod review;

pub use any::{MESSAGES, Reading, read_any};
pub use place::{MessageError, Problem};

#[cfg(test)]
mod tests;
