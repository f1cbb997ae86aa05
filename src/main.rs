//! `symbolon`, the workbench: a whole federation on one machine, rehearsals on local files, and
//! evaluation against truth.

mod attacking;
mod changes;
mod clear;
mod cli;
mod evaluation;
mod federation;
mod inputs;
mod key_server;
mod link_report;
mod outcome;
mod plan;
mod quality;
mod rehearsal;
mod report;
mod standing;
mod truth;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
