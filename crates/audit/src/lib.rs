//! Closed list of events in an append-only Merkle log that anyone can verify.
//!
//! ```text
//! Event → Entry → canonical bytes → leaf hash → Log → TreeHead → Checkpoint → proof → verify
//! ```
//!
//! Every node and every role of the coordinator keeps a log of its own, a [`SignedLog`]. An event is
//! durable before its effect is visible. [`verify`] is all that a verifier needs to trust, and is
//! meant to be read in one sitting. Forms are those of C2SP (signed-note, tlog-checkpoint,
//! tlog-cosignature, tlog-tiles), so that other people's tools read our logs too.

pub mod checkpoint;
pub mod entry;
pub mod event;
pub mod file_store;
pub mod log;
pub mod note;
pub mod signed_log;
pub mod store;
pub mod tiles;
pub mod tree;
pub mod verify;

mod files;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use entry::{Actor, Entry};
pub use event::Event;
pub use file_store::FileStore;
pub use log::{Log, LogError};
pub use note::{KeyKind, KeyName, NoteSigner, VerifierKey};
pub use signed_log::SignedLog;
pub use store::{EntryStore, MemoryStore, StoreError};
pub use tiles::TileDir;
pub use tree::{Receipt, TreeHead};
