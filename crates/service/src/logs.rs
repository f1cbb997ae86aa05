//! Logs: lines on standard error, for people or for machines.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Why logging did not start.
#[derive(Debug, thiserror::Error)]
pub enum LogsError {
    /// The level is none.
    #[error(
        "`{level}` is no log level ({source}); use error, warn, info, debug, trace or info,wire=debug"
    )]
    Level {
        /// What was given.
        level: String,
        /// What is wrong with it.
        source: ParseError,
    },
    /// Logging was started before.
    #[error("logging has been started before")]
    Twice,
}

/// Starts logging to standard error. `level` is a level, or levels by crate as `info,wire=debug`.
///
/// # Errors
/// [`LogsError`] when the level is none or logging has been started before.
pub fn start(level: &str, format: LogFormat) -> Result<(), LogsError> {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter(level)?)
        .with_writer(std::io::stderr)
        // A line that cannot be written is dropped: with standard error closed, telling of it there
        // would panic in whatever task was logging.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal());
    let started = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    started.map_err(|_| LogsError::Twice)
}

fn filter(level: &str) -> Result<EnvFilter, LogsError> {
    EnvFilter::builder()
        .parse(level)
        .map_err(|source| LogsError::Level {
            level: level.to_owned(),
            source,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_checked() {
        assert_eq!(filter("info").unwrap().to_string(), "info");
        assert!(filter("info,wire=debug").is_ok());
        assert!(filter("wire=loud").is_err());
    }

    #[test]
    fn logging_starts_once() {
        start("warn", LogFormat::Json).unwrap();
        assert!(matches!(
            start("warn", LogFormat::Text),
            Err(LogsError::Twice)
        ));
    }
}
