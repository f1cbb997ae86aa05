//! The command line: what is typed, and how outcomes become text and exit codes.

mod agree;
mod destroy;
mod enrol;
mod init;
mod install;
mod revoke;
mod run;
mod seal;
mod status;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use coordinator::{AdoptError, DestroyError, EnrolError, InitError, InstallError};
use service::Exit;
use service::logs::LogFormat;

/// Links the records of one person across registries, in the two roles of the linkage unit: the
/// matcher compares encodings, the resolver links records and serves pseudonyms. Both in one program, or each in
/// one of its own at an institution of its own.
///
/// Exit codes: 0 done, 1 failed, 2 usage, 3 refused.
#[derive(Parser)]
#[command(name = "symbolon-coordinator", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// What to log: error, warn, info, debug, trace, or levels by part as `info,wire=debug`.
    #[arg(long, global = true, default_value = "info", value_name = "LEVEL")]
    log: String,
    /// Log JSON objects, one a line, for machines.
    #[arg(long, global = true)]
    log_json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Make the state directory of a new project: keys, certificates, databases and logs.
    Init(init::Args),
    /// Issue the certificate of a party's node, or of another operator's matcher, from its request.
    Enrol(enrol::Args),
    /// Install the certificate of a matcher that the resolver's operator enrolled.
    Install(install::Args),
    /// Refuse a certificate from now on, as when it was stolen.
    Revoke(revoke::Args),
    /// Take up a linkage agreement, its amendment, or what was stated of it.
    Agree(agree::Args),
    /// Remove the batches and results of a run in the roles here, and have another operator's matcher do so.
    /// The program must not run.
    Destroy(destroy::DestroyArgs),
    /// Show what of any run can still be read; refused while anything can.
    VerifyDestroyed(destroy::VerifyArgs),
    /// Seal every key in the state directory under a passphrase. The program must not run.
    SealKeys(seal::Args),
    /// Serve the roles that are here until SIGTERM or ctrl-c.
    Run(run::Args),
    /// Show what has come and where the run stands.
    Status(status::Args),
}

/// The state directory, as every command takes it.
#[derive(clap::Args)]
struct Dir {
    /// The coordinator's state directory.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
}

impl Dir {
    fn open(&self) -> coordinator::StateDir {
        coordinator::StateDir::new(&self.dir)
    }
}

/// Runs the program.
pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => return told(&usage).into(),
    };
    match cli.run() {
        Ok(()) => Exit::Done.into(),
        Err(error) => {
            eprintln!("symbolon-coordinator: {}", chain(&error));
            exit_of(&error).into()
        }
    }
}

impl Cli {
    fn run(self) -> anyhow::Result<()> {
        let format = if self.log_json {
            LogFormat::Json
        } else {
            LogFormat::Text
        };
        service::logs::start(&self.log, format)?;
        match self.command {
            Command::Init(args) => init::run(&args),
            Command::Enrol(args) => enrol::run(&args),
            Command::Install(args) => install::run(&args),
            Command::Revoke(args) => revoke::run(&args),
            Command::Agree(args) => agree::run(&args),
            Command::Destroy(args) => destroy::run(&args),
            Command::VerifyDestroyed(args) => destroy::verify(&args),
            Command::SealKeys(args) => seal::run(&args),
            Command::Run(args) => run::run(&args),
            Command::Status(args) => status::run(&args),
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

fn exit_of(error: &anyhow::Error) -> Exit {
    let refused = matches!(error.downcast_ref(), Some(InitError::Exists(_)))
        || error
            .downcast_ref()
            .is_some_and(|error: &EnrolError| error.is_refusal())
        || error
            .downcast_ref()
            .is_some_and(|error: &InstallError| error.is_refusal())
        || error.is::<run::NotAllowed>()
        || error.is::<run::OtherRole>()
        || error.is::<init::MatcherIsHere>()
        || error
            .downcast_ref()
            .is_some_and(|error: &AdoptError| error.is_refusal())
        || matches!(error.downcast_ref(), Some(DestroyError::NoRun(..)))
        || error.downcast_ref::<destroy::Readable>().is_some();
    if refused { Exit::Refused } else { Exit::Failed }
}

/// The error and its causes; a cause its effect names already is left out.
fn chain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn refusals_have_an_exit_code_of_their_own() {
        let refused = anyhow::Error::from(InitError::Exists("x".into()));
        assert_eq!(exit_of(&refused), Exit::Refused);
        assert_eq!(exit_of(&anyhow::anyhow!("no disk")), Exit::Failed);
    }

    #[test]
    fn causes_are_told_once() {
        let error = anyhow::anyhow!("no disk").context("cannot write: no disk");
        assert_eq!(chain(&error), "cannot write: no disk");
        let error = anyhow::anyhow!("no disk").context("cannot write");
        assert_eq!(chain(&error), "cannot write: no disk");
    }
}
