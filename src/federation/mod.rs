//! `symbolon` without a command: a coordinator and four nodes on this machine, over loopback sockets
//! with mutual TLS, on the registries of a small synthetic country.

mod findings;
mod report;
mod run;
pub(crate) mod table;

pub(crate) use report::print;
pub(crate) use run::{Sample, run};
