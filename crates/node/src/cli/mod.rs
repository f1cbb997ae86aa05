//! The command line: parse, do one step of the node, tell the outcome, and choose the exit code.

mod agree;
mod args;
mod commands;
mod tell;
mod tell_review;
mod tell_risk;
pub(crate) mod walk;

use std::error::Error;

use clap::Parser as _;
use service::Exit;
use service::logs::{self, LogFormat};

pub use args::Args;

use crate::error::NodeError;

/// What a command can end with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// A step of the node.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// Logging cannot be started as asked.
    #[error(transparent)]
    Logs(#[from] logs::LogsError),
    /// The program cannot do its work on this machine.
    #[error("cannot start: {0}")]
    Start(std::io::Error),
    /// The outcome cannot be written to standard output.
    #[error("cannot write the outcome: {0}")]
    Output(#[from] std::io::Error),
}

impl CliError {
    fn exit(&self) -> Exit {
        match self {
            Self::Node(error) => error.exit(),
            Self::Logs(logs::LogsError::Level { .. }) => Exit::Usage,
            Self::Logs(_) | Self::Start(_) | Self::Output(_) => Exit::Failed,
        }
    }
}

/// The whole program: arguments from the command line, outcome on standard output, errors on
/// standard error.
pub fn main() -> Exit {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(asked_or_wrong) => return told_by_clap(&asked_or_wrong),
    };
    match logs::start(&args.log, LogFormat::Text)
        .map_err(CliError::from)
        .and_then(|()| commands::run(&args.command))
    {
        Ok(()) => Exit::Done,
        Err(error) => {
            eprintln!("symbolon-node: {}", with_causes(&error));
            error.exit()
        }
    }
}

/// Help and version are no mistakes; anything else is.
fn told_by_clap(error: &clap::Error) -> Exit {
    // Nowhere to say that standard error is closed.
    drop(error.print());
    if error.use_stderr() {
        Exit::Usage
    } else {
        Exit::Done
    }
}

/// The error and what it comes from, each cause once: many messages hold their cause already.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}; {more}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn causes_are_told_once() {
        let error = Outer(std::io::Error::other("inner"));
        assert_eq!(with_causes(&error), "outer; inner");
        let error = CliError::Start(std::io::Error::other("inner"));
        assert_eq!(with_causes(&error), "cannot start: inner");
    }

    #[test]
    fn exit_codes_tell_refusals_from_failures() {
        let refused = NodeError::from(crate::PrepareError::NoRecords);
        assert_eq!(CliError::from(refused).exit(), Exit::Refused);
        let failed = CliError::Start(std::io::Error::other("inner"));
        assert_eq!(failed.exit(), Exit::Failed);
    }
}
