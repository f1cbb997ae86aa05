//! A node on made-up registries: prepared without a connection, and against a coordinator in
//! memory.

mod enrol;
mod fake;
mod federation;
pub(crate) mod fixture;
mod heads;
mod keys;
mod prepare;
mod review;
mod risk;
