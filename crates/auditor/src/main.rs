//! `symbolon-audit`: verifies a linkage without trusting who did it.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
