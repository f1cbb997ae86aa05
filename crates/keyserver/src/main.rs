//! `symbolon-key-server`: the program of the office that runs a project's key server.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
