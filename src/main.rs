//! `symbolon`, the workbench: a whole federation on one machine, rehearsals on local files, and
//! evaluation against truth.

mod cli;
mod evaluation;
mod federation;
mod outcome;
mod rehearsal;
mod truth;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
