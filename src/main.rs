//! `symbolon`, the workbench: a whole federation on one machine, rehearsals on local files, and
//! evaluation against truth.

mod apart;
mod attacking;
mod changes;
mod clear;
mod cli;
mod evaluation;
mod federation;
mod inputs;
mod key_server;
mod keys;
mod link_report;
mod outcome;
mod plan;
mod quality;
mod rehearsal;
mod report;
mod standing;
mod truth;

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// All cores take and give back memory by the million, and the system's allocator has them wait for each other.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
