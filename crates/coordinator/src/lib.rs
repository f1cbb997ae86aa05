//! The linkage unit in two roles, matcher and resolver, within one program.
//!
//! ```text
//! node --encodings--> matcher --comparisons--> resolver --pseudonyms--> node
//! node --sealed handle map-------------------> resolver
//! ```
//!
//! The matcher compares encodings and never learns which rows belong to one record; the resolver
//! joins and links records and never sees an encoding or a block token. Each role has a directory,
//! keys, a certificate, a listener and a log of its own. The modules [`matcher`] and [`resolver`] do
//! not know each other: what passes between them is [`handover::Handover`], one way.

mod adopt;
pub mod anonlink;
mod context;
mod coordinator;
mod destroy;
mod digesting;
pub mod directory;
mod ending;
pub mod enrol;
pub mod gate;
pub mod handover;
pub mod init;
mod intake;
mod journal;
mod lifecycle;
mod log_key;
pub mod matcher;
mod outputs;
mod progress;
pub mod project;
pub mod resolver;
mod retention;
mod rules;
mod seal;
mod showing;
pub mod status;
pub mod store;
mod sync;
#[cfg(test)]
mod tests;
mod worker;

pub use adopt::{AdoptError, adopt};
pub use context::RoleError;
pub use coordinator::{Coordinator, Listeners, OpenError, ServeError};
pub use destroy::{Destroy, DestroyError, Remains, destroy, verify_destroyed};
pub use directory::{Settings, StateDir};
pub use ending::EndError;
pub use enrol::{EnrolError, Enrolled, enrol, enrol_key_server};
pub use init::{InitError, Setup, init};
pub use lifecycle::{OutOfTurn, StageError};
pub use project::Project;
pub use seal::{SealError, seal_keys};
pub use status::{Status, StatusError, status};
