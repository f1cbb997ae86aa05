//! The node's own files: long ones written as a stream and then put in place at once, short ones as
//! JSON.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use model::Digest;
use model::digest::Digester;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

/// The most bytes one of the node's JSON files may have.
const MAX_JSON_BYTES: u64 = 4 << 20;

/// Why a file of the node was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The operating system said no.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the operating system answered.
        source: io::Error,
    },
    /// Larger than any real file of its kind.
    #[error("{} has more than {limit} bytes; check that it is the right file", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The most bytes it may have.
        limit: u64,
    },
    /// Not what the node wrote.
    #[error("{} is damaged or from another version: {source}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

impl FileError {
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::TooLong { .. })
    }
}

/// Turns the system's error into one that says what was tried on which file.
pub(crate) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FileError {
    let path = path.to_owned();
    move |source| FileError::Io {
        action,
        path,
        source,
    }
}

/// Length and digest of a file just written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    /// Its bytes.
    pub(crate) bytes: u64,
    /// Their digest.
    pub(crate) digest: Digest,
}

/// A file for the owner's eyes only, that appears under its name when it is whole.
pub(crate) struct NewFile {
    path: PathBuf,
    temporary: PathBuf,
    out: BufWriter<File>,
    digester: Digester,
    bytes: u64,
}

impl NewFile {
    /// Starts a file that will be at `path`.
    pub(crate) fn create(path: &Path) -> Result<Self, FileError> {
        let temporary = temporary_of(path);
        // A leftover of a program that was killed.
        drop(fs::remove_file(&temporary));
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)
            .map_err(io_error("create", &temporary))?;
        Ok(Self {
            path: path.to_owned(),
            temporary,
            out: BufWriter::with_capacity(1 << 16, file),
            digester: Digester::new(),
            bytes: 0,
        })
    }

    /// Makes the content durable and gives it its name, over an older file of that name.
    pub(crate) fn commit(mut self) -> Result<Written, FileError> {
        let synced = self
            .out
            .flush()
            .and_then(|()| self.out.get_ref().sync_all());
        synced.map_err(io_error("write", &self.path))?;
        fs::rename(&self.temporary, &self.path).map_err(io_error("put in place", &self.path))?;
        sync_parent(&self.path)?;
        let digester = std::mem::take(&mut self.digester);
        Ok(Written {
            bytes: self.bytes,
            digest: digester.finish(),
        })
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.out.write(bytes)?;
        self.digester.update(&bytes[..taken]);
        self.bytes += taken as u64;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Drop for NewFile {
    /// Takes away what was not committed; after a commit there is nothing under that name.
    fn drop(&mut self) {
        drop(fs::remove_file(&self.temporary));
    }
}

fn temporary_of(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.tmp"))
}

/// Makes new names and renames beside `path` survive a power cut.
pub(crate) fn sync_parent(path: &Path) -> Result<(), FileError> {
    let parent = path.parent().filter(|at| !at.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    service::files::sync_dir(parent).map_err(io_error("sync", parent))
}

/// Writes `bytes` at `path`, whole or not at all, for the owner's eyes only.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let mut file = NewFile::create(path)?;
    file.write_all(bytes).map_err(io_error("write", path))?;
    file.commit().map(drop)
}

/// Writes `value` at `path` as JSON.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), FileError> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|source| FileError::Json {
        path: path.to_owned(),
        source,
    })?;
    text.push(b'\n');
    write(path, &text)
}

/// Reads the JSON at `path`; `None` when there is no such file.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, FileError> {
    let Some(text) = read_if_there(path, MAX_JSON_BYTES)? else {
        return Ok(None);
    };
    let value = serde_json::from_slice(&text).map_err(|source| FileError::Json {
        path: path.to_owned(),
        source,
    })?;
    Ok(Some(value))
}

/// Reads a text of at most `limit` bytes.
pub(crate) fn read_text(path: &Path, limit: u64) -> Result<Zeroizing<String>, FileError> {
    let bytes = read(path, limit)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| {
        io_error("read", path)(io::Error::new(io::ErrorKind::InvalidData, "not UTF-8"))
    })?;
    Ok(Zeroizing::new(text.to_owned()))
}

fn read_if_there(path: &Path, limit: u64) -> Result<Option<Zeroizing<Vec<u8>>>, FileError> {
    match read(path, limit) {
        Err(FileError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

fn read(path: &Path, limit: u64) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let file = File::open(path).map_err(io_error("read", path))?;
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(io_error("read", path))?;
    if bytes.len() as u64 > limit {
        return Err(FileError::TooLong {
            path: path.to_owned(),
            limit,
        });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt as _;

    #[test]
    fn a_file_appears_when_it_is_committed_and_not_before() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.bin");
        let mut file = NewFile::create(&path).unwrap();
        file.write_all(b"ab").unwrap();
        file.write_all(b"c").unwrap();
        assert!(!path.exists());
        let written = file.commit().unwrap();
        assert_eq!((written.bytes, written.digest), (3, Digest::of(b"abc")));
        assert_eq!(fs::read(&path).unwrap(), b"abc");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_given_up_leaves_the_old_one_and_no_trace() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.bin");
        write(&path, b"old").unwrap();
        let mut file = NewFile::create(&path).unwrap();
        file.write_all(b"new").unwrap();
        drop(file);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn json_round_trips_and_damage_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.json");
        assert_eq!(read_json::<Vec<u32>>(&path).unwrap(), None);
        write_json(&path, &[1, 2]).unwrap();
        assert_eq!(read_json::<Vec<u32>>(&path).unwrap(), Some(vec![1, 2]));
        write(&path, b"[1,").unwrap();
        let error = read_json::<Vec<u32>>(&path).unwrap_err().to_string();
        assert!(error.contains("x.json is damaged"), "{error}");
    }

    #[test]
    fn too_long_files_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.pem");
        write(&path, b"12345").unwrap();
        assert!(matches!(
            read_text(&path, 4),
            Err(FileError::TooLong { .. })
        ));
    }
}
