//! A project's key server: evaluates blinded identifiers under a key that neither custodians nor
//! coordinator have, so much for each custodian as the linkage agreement says, and logs every batch.
//!
//! Everything it knows lives in one directory ([`Home`]). It can reach neither records nor the linkage key,
//! and never sees an identifier: what comes is blinded, and what it makes of it is of use to the node alone
//! that blinded it. Who coordinates a linkage never runs its key server: agreements forbid it.

mod enrol;
mod error;
mod gate;
mod home;
mod init;
mod keys;
mod ledger;
mod server;
mod status;

pub use enrol::Enrolled;
pub use error::KeyServerError;
pub use gate::Admitted;
pub use home::{Home, Settings};
pub use init::{Setup, init};
pub use server::KeyServer;
pub use status::{EpochStatus, Spent, Status};

#[cfg(test)]
mod tests;
