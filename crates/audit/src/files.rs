//! Reading and writing whole small files, as logs, tiles and checkpoints need it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::store::StoreError;

/// The error of doing `action` to the file at `path`.
pub(crate) fn io_error(action: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

/// Makes a directory, and those above it, for its owner alone.
pub(crate) fn make_directory(path: &Path) -> Result<(), StoreError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| io_error("make", path, source))
}

/// Writes a file so that after a crash there is the old one or the new one, whole.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let temporary = temporary_of(path);
    let written = write_new(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    written.map_err(|source| io_error("write", path, source))
}

/// Beside the file, under a name that no tile and no log has.
fn temporary_of(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".tmp");
    path.with_file_name(name)
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_data()
}

/// The file's bytes, or `None` if there is none. One over `limit` is refused.
pub(crate) fn read_whole(path: &Path, limit: usize) -> Result<Option<Vec<u8>>, StoreError> {
    let unreadable = |source| io_error("read", path, source);
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(unreadable)?,
    };
    let mut bytes = Vec::new();
    file.take(limit as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    match bytes.len() > limit {
        true => Err(unreadable(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("over the limit of {limit} bytes"),
        ))),
        false => Ok(Some(bytes)),
    }
}

/// Makes a new file's name as durable as its content.
pub(crate) fn sync_directory_of(path: &Path) -> io::Result<()> {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_read_within_its_limit() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/b/file");
        make_directory(path.parent().unwrap()).unwrap();
        assert_eq!(read_whole(&path, 3).unwrap(), None);
        write_whole(&path, b"first").unwrap();
        write_whole(&path, b"two").unwrap();
        assert_eq!(read_whole(&path, 3).unwrap().unwrap(), b"two");
        assert!(read_whole(&path, 2).is_err());
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
