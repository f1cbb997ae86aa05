//! The command line: what is typed, and how verdicts become text and exit codes.

mod check;
mod fetch;
mod report;
mod witness;

use std::process::ExitCode;

use auditor::{Severity, Verdict};
use clap::{Parser, Subcommand};
use service::Exit;

/// Verifies a linkage without trusting who did it: reads the logs of coordinator and nodes, and
/// what the nodes kept of the coordinator's, and says what is right, what is not proved and what is
/// wrong, by whose evidence, in which entry.
///
/// Exit codes: 0 everything is right, 1 something is not proved or could not be checked, 2 usage, 3
/// something is wrong.
#[derive(Parser)]
#[command(name = "symbolon-audit", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Copy logs, receipts and kept checkpoints into a bundle.
    Fetch(fetch::Args),
    /// Check a bundle: signatures, every entry, and what each party was shown.
    Verify(check::CheckArgs),
    /// Check a bundle, and that what one party says it gave another says it took.
    Reconcile(check::CheckArgs),
    /// Check a bundle, and do the linkage again from the batches the coordinator keeps.
    Replay(check::ReplayArgs),
    /// Cosign the heads of a bundle's logs, if they extend those seen before.
    Witness(witness::Args),
    /// Write what was found as a dated page for the file.
    Report(report::Args),
}

/// Runs the program.
pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => return told(&usage).into(),
    };
    match cli.run() {
        Ok(exit) => exit.into(),
        Err(error) => {
            eprintln!("symbolon-audit: {error:#}");
            Exit::Failed.into()
        }
    }
}

impl Cli {
    fn run(self) -> anyhow::Result<Exit> {
        match self.command {
            Command::Fetch(args) => fetch::run(&args),
            Command::Verify(args) => check::verify(&args),
            Command::Reconcile(args) => check::reconcile(&args),
            Command::Replay(args) => check::replay(&args),
            Command::Witness(args) => witness::run(&args),
            Command::Report(args) => report::run(&args),
        }
    }
}

/// Prints help to standard output and mistakes to standard error.
fn told(usage: &clap::Error) -> Exit {
    // If not even that can be printed, the exit code still tells.
    drop(usage.print());
    match usage.exit_code() {
        0 => Exit::Done,
        _ => Exit::Usage,
    }
}

/// Prints a verdict, for people or machines, and turns it into the exit code.
fn tell(verdict: &Verdict, json: bool) -> anyhow::Result<Exit> {
    match json {
        true => println!("{}", serde_json::to_string_pretty(verdict)?),
        false => print!("{verdict}"),
    }
    Ok(match verdict.worst() {
        Severity::Wrong => Exit::Refused,
        Severity::Unproved => Exit::Failed,
        Severity::Right => Exit::Done,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
