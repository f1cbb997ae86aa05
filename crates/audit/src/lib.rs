//! Closed list of events in an append-only Merkle log that anyone can verify.
//!
//! ```text
//! Event → Entry → canonical bytes → leaf hash → Log → TreeHead → proof → verify
//! ```
//!
//! Every node and every role of the coordinator keeps a log of its own. An event is durable before
//! its effect is visible. [`verify`] is all that a verifier needs to trust, and is meant to be read
//! in one sitting.

pub mod event;
pub mod file_store;
pub mod log;
pub mod store;
pub mod tree;
pub mod verify;

pub use event::{Actor, Entry, Event};
pub use file_store::FileStore;
pub use log::{Log, LogError};
pub use store::{EntryStore, MemoryStore, StoreError};
pub use tree::{Receipt, TreeHead};
