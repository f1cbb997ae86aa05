//! `symbolon`, the workbench: a whole federation on one machine, rehearsals on local files, and
//! evaluation against truth.

mod clear;
mod cli;
mod evaluation;
mod federation;
mod outcome;
mod plan;
mod quality;
mod rehearsal;
#[cfg_attr(
    not(test),
    allow(dead_code, unused_imports, reason = "wired by the link command")
)]
mod report;
mod truth;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
