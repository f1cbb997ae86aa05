//! The linkage unit in two roles, matcher and resolver: both in one program, or each in one of its own, so that
//! different institutions can run them.
//!
//! ```text
//! node --encodings--> matcher --comparisons--> resolver --pseudonyms--> node
//! node --sealed handle map-------------------> resolver
//! ```
//!
//! The matcher compares encodings and never learns which rows belong to one record; the resolver
//! joins and links records and never sees an encoding or a block token. Each role has a directory,
//! keys, a certificate, a listener and a log of its own. The modules [`matcher`] and [`resolver`] do
//! not know each other: what passes between them is [`wire::Handover`], one way; [`handover`] takes it.

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
mod install;
mod intake;
mod journal;
mod lifecycle;
mod listeners;
mod log_key;
pub mod matcher;
mod opening;
mod outputs;
mod progress;
pub mod project;
mod remote;
pub mod resolver;
mod retention;
mod roles;
mod rules;
mod seal;
mod showing;
mod statements;
pub mod status;
pub mod store;
mod sync;
#[cfg(test)]
mod tests;
mod worker;

pub use adopt::{AdoptError, adopt};
pub use context::RoleError;
pub use coordinator::{Coordinator, ServeError};
pub use destroy::{Destroy, DestroyError, Destroyed, Remains, destroy, verify_destroyed};
pub use directory::{Settings, StateDir};
pub use ending::EndError;
pub use enrol::{EnrolError, Enrolled, enrol, enrol_key_server, enrol_matcher};
pub use init::{InitError, Setup, init};
pub use install::{InstallError, install};
pub use lifecycle::{OutOfTurn, StageError};
pub use listeners::Listeners;
pub use opening::OpenError;
pub use project::Project;
pub use remote::MatcherReport;
pub use roles::{NotRoles, Roles};
pub use seal::{SealError, seal_keys};
pub use status::{Status, StatusError, status};
