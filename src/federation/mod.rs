//! `symbolon` without a command: a coordinator and four nodes on this machine, over loopback sockets
//! with mutual TLS, on the registries of a small synthetic country: from the agreement and the linkage
//! key to an auditor's verdict.

mod audited;
mod findings;
mod report;
mod risk;
mod run;
pub(crate) mod table;

pub(crate) use report::print;
pub(crate) use run::{Sample, run};
