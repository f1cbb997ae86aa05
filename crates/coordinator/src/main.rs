//! `symbolon-coordinator`: the linkage unit's program.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
