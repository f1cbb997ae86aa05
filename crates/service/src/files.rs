//! Files and directories a program can rely on: whole or not there at all, and its own.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often, and how long after one another, a lock is asked for. A program that starts another
/// shares its open files with it for a moment, locks included, so one that was just let go may still
/// seem held.
const LOCK_TRIES: usize = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

const PUBLIC_FILE: u32 = 0o644;
const PRIVATE_FILE: u32 = 0o600;
const PRIVATE_DIR: u32 = 0o700;

/// Writes a file so that after a crash or power cut there is the old one or the new one, whole.
///
/// # Errors
/// The system's error, with the path.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, bytes, PUBLIC_FILE).map_err(|error| named(path, &error))
}

/// As [`write_atomic`], for the owner's eyes only.
///
/// # Errors
/// The system's error, with the path.
pub fn write_atomic_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(path, bytes, PRIVATE_FILE).map_err(|error| named(path, &error))
}

fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let directory = directory_of(path);
    let temporary = temporary_beside(path)?;
    let written =
        write_new(&temporary, bytes, mode).and_then(|()| std::fs::rename(&temporary, path));
    if let Err(error) = written {
        // What is left of the attempt is no use; that it could not be removed is told by `error`.
        drop(std::fs::remove_file(&temporary));
        return Err(error);
    }
    sync_dir(directory)
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    // A leftover of a program that was killed and had the same process id.
    drop(std::fs::remove_file(path));
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes renames and new names in a directory survive a power cut.
///
/// # Errors
/// The system's error.
pub fn sync_dir(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn temporary_beside(path: &Path) -> io::Result<PathBuf> {
    let no_name = || io::Error::new(io::ErrorKind::InvalidInput, "the path names no file");
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().ok_or_else(no_name)?);
    name.push(format!(".{}.tmp", std::process::id()));
    Ok(directory_of(path).join(name))
}

/// Makes a directory, and those above it, that only the owner can look into. One that is there
/// already is closed to others.
///
/// # Errors
/// The system's error, with the path.
pub fn create_dir_private(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(PRIVATE_DIR);
    builder
        .create(path)
        .and_then(|()| std::fs::set_permissions(path, Permissions::from_mode(PRIVATE_DIR)))
        .map_err(|error| named(path, &error))
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Why a state directory could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another program has it.
    #[error("{} is in use by another running program; stop that one first", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The lock file cannot be made.
    #[error("cannot lock {}: {source}", path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Keeps other programs out of a state directory for as long as it lives. The system lets go when
/// the program ends, however it ends.
#[derive(Debug)]
pub struct DirLock {
    _file: File,
}

impl DirLock {
    /// Takes the directory.
    ///
    /// # Errors
    /// [`LockError::InUse`] when another program has it.
    pub fn acquire(directory: &Path) -> Result<Self, LockError> {
        let path = directory.to_path_buf();
        let io = |source| LockError::Io {
            path: path.clone(),
            source,
        };
        let mut options = OpenOptions::new();
        options
            .write(true)
            .create(true)
            .truncate(false)
            .mode(PRIVATE_FILE);
        let file = options.open(directory.join("lock")).map_err(io)?;
        for _ in 1..LOCK_TRIES {
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
                _ => break,
            }
        }
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(LockError::InUse { path }),
            Err(TryLockError::Error(source)) => Err(io(source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.json");
        write_atomic(&path, b"a long first version").unwrap();
        write_atomic(&path, b"second").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"second");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn private_files_and_directories_are_private() {
        let dir = tempfile::tempdir().unwrap();
        let vault = dir.path().join("a/vault");
        create_dir_private(&vault).unwrap();
        let key = vault.join("key.pem");
        write_atomic(&key, b"was readable").unwrap();
        write_atomic_private(&key, b"secret").unwrap();
        assert_eq!((mode(&vault), mode(&key)), (0o700, 0o600));
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_names_the_path() {
        let dir = tempfile::tempdir().unwrap();
        let blocked = dir.path().join("taken");
        std::fs::create_dir(&blocked).unwrap();
        let error = write_atomic(&blocked, b"x").unwrap_err();
        assert!(error.to_string().contains("taken"), "{error}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_directory_is_locked_until_the_lock_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let lock = DirLock::acquire(dir.path()).unwrap();
        let second = DirLock::acquire(dir.path()).unwrap_err();
        assert!(matches!(second, LockError::InUse { .. }));
        drop(lock);
        DirLock::acquire(dir.path()).unwrap();
    }
}
