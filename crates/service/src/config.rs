//! Configuration: one TOML file a program, read once at the start.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

/// The most bytes a configuration file may have.
pub const MAX_CONFIG_BYTES: u64 = 1 << 20;

/// Why a configuration file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("cannot read the configuration {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is too large to be one.
    #[error("the configuration {} has more than {MAX_CONFIG_BYTES} bytes; check the path", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// An entry is wrong.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Entry {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The column, counted from 1.
        column: usize,
        /// What is wrong there.
        message: String,
    },
}

/// Settings and the file they came from.
#[derive(Debug, Clone)]
pub struct ConfigFile<T> {
    /// The settings.
    pub settings: T,
    directory: PathBuf,
}

impl<T: DeserializeOwned> ConfigFile<T> {
    /// Reads the file at `path`. `T` should be marked `deny_unknown_fields`, so that a misspelt
    /// setting is told instead of ignored.
    ///
    /// # Errors
    /// [`ConfigError`] names file, line and column.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = read(path)?;
        let settings = toml::from_str(&text).map_err(|error| entry(path, &text, &error))?;
        let directory = path.parent().map(Path::to_path_buf).unwrap_or_default();
        Ok(Self {
            settings,
            directory,
        })
    }
}

impl<T> ConfigFile<T> {
    /// A path from the settings: a relative one starts at the configuration file's directory, not
    /// where the program happens to be started.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.directory.join(path)
    }
}

fn read(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable {
        path: path.to_path_buf(),
        source,
    };
    let file = File::open(path).map_err(unreadable)?;
    let mut text = String::new();
    let read = file.take(MAX_CONFIG_BYTES + 1).read_to_string(&mut text);
    if read.map_err(unreadable)? as u64 > MAX_CONFIG_BYTES {
        return Err(ConfigError::TooLong {
            path: path.to_path_buf(),
        });
    }
    Ok(text)
}

/// Only the message: the line itself, which `toml` would show too, may hold what should not get
/// into a log.
fn entry(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let start = error.span().map_or(0, |span| span.start);
    let before = text.get(..start).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    ConfigError::Entry {
        path: path.to_path_buf(),
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        message: error.message().replace('\n', "; "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Settings {
        port: u16,
        state: PathBuf,
    }

    fn load(text: &str) -> Result<ConfigFile<Settings>, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node.toml");
        std::fs::write(&path, text).unwrap();
        ConfigFile::load(&path)
    }

    #[test]
    fn relative_paths_start_at_the_file() {
        let config = load("port = 1\nstate = 'vault'").unwrap();
        let resolved = config.resolve(&config.settings.state);
        assert!(resolved.is_absolute());
        assert!(resolved.ends_with("vault"));
        assert_eq!(config.resolve(Path::new("/srv")), Path::new("/srv"));
        assert_eq!(config.settings.port, 1);
    }

    #[test]
    fn errors_say_where() {
        let cases = [
            ("port = 1\nstate = 'x'\nprot = 2", ":3:1: ", "prot"),
            ("port = 1\nstate = = 'x'", ":2:9: ", ""),
            ("state = 'x'\nport = 99999", ":2:8: ", "99999"),
            ("port = 1", ":1:1: ", "state"),
        ];
        for (text, place, what) in cases {
            let error = load(text).unwrap_err().to_string();
            assert!(error.contains("node.toml"), "{error}");
            assert!(error.contains(place), "{error}");
            assert!(error.contains(what), "{error}");
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = ConfigFile::<Settings>::load(Path::new("/nowhere/x.toml")).unwrap_err();
        assert!(error.to_string().contains("/nowhere/x.toml"));
    }

    #[test]
    fn a_huge_file_is_not_read() {
        let text = "#".repeat(MAX_CONFIG_BYTES as usize + 1);
        assert!(matches!(load(&text), Err(ConfigError::TooLong { .. })));
    }
}
