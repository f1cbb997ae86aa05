//! `symbolon-node`, the data custodian's command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    node::cli::main().into()
}
