//! The bytes of batches: a file each, `.part` while it grows and `.batch` once it is whole,
//! with its `.manifest` beside it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use model::Digest;
use service::files::{create_dir_private, sync_dir, write_atomic_private};

use super::StoreError;

/// The files of one role's batches, named by their manifests' digests.
pub(super) struct BatchFiles(PathBuf);

impl BatchFiles {
    pub(super) fn at(directory: PathBuf) -> Self {
        Self(directory)
    }

    /// Makes the directory.
    pub(super) fn prepare(&self) -> Result<(), StoreError> {
        create_dir_private(&self.0).map_err(|source| failed("create", &self.0, source))
    }

    /// Makes an empty file whose name survives a crash.
    pub(super) fn create(&self, digest: &Digest) -> Result<(), StoreError> {
        self.file(digest)?;
        sync_dir(&self.0).map_err(|source| failed("sync", &self.0, source))
    }

    /// Makes `bytes` durable at `offset`.
    pub(super) fn write(
        &self,
        digest: &Digest,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        let file = self.file(digest)?;
        let written = file
            .write_all_at(bytes, offset)
            .and_then(|()| file.sync_data());
        written.map_err(|source| failed("write", &self.path(digest), source))
    }

    /// How many bytes there are.
    pub(super) fn length(&self, digest: &Digest) -> Result<u64, StoreError> {
        let metadata = self.file(digest)?.metadata();
        let metadata = metadata.map_err(|source| failed("read", &self.path(digest), source))?;
        Ok(metadata.len())
    }

    /// Forgets the bytes from `length` on.
    pub(super) fn cut(&self, digest: &Digest, length: u64) -> Result<(), StoreError> {
        let file = self.file(digest)?;
        let cut = file.set_len(length).and_then(|()| file.sync_all());
        cut.map_err(|source| failed("cut", &self.path(digest), source))
    }

    /// The first `length` bytes.
    pub(super) fn read(
        &self,
        digest: &Digest,
        length: u64,
    ) -> Result<Box<dyn Read + Send>, StoreError> {
        let path = self.path(digest);
        let file = File::open(&path).map_err(|source| failed("open", &path, source))?;
        Ok(Box::new(file.take(length)))
    }

    /// Writes the manifest beside the batch, for those who replay the run.
    pub(super) fn describe(&self, digest: &Digest, manifest: &str) -> Result<(), StoreError> {
        let path = self.0.join(format!("{digest}.manifest"));
        let written = write_atomic_private(&path, manifest.as_bytes());
        written.map_err(|source| failed("write", &path, source))
    }

    /// Gives the file its final name. Again changes nothing.
    pub(super) fn finish(&self, digest: &Digest) -> Result<(), StoreError> {
        let path = self.path(digest);
        let renamed = std::fs::rename(&path, self.whole(digest)).and_then(|()| sync_dir(&self.0));
        renamed.map_err(|source| failed("rename", &path, source))
    }

    /// Removes the file and the manifest beside it, if they are there.
    pub(super) fn remove(&self, digest: &Digest) -> Result<(), StoreError> {
        remove(&self.0.join(format!("{digest}.manifest")))?;
        remove(&self.path(digest))
    }

    /// Removes the files of all batches that are not `known`.
    pub(super) fn sweep(&self, known: &[Digest]) -> Result<(), StoreError> {
        let known: Vec<String> = known.iter().map(Digest::to_string).collect();
        let unreadable = |source| failed("read", &self.0, source);
        for entry in std::fs::read_dir(&self.0).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let stem = path.file_stem().map(|stem| stem.to_string_lossy());
            if !stem.is_some_and(|stem| known.iter().any(|digest| *digest == *stem)) {
                remove(&path)?;
            }
        }
        Ok(())
    }

    /// Where the bytes are. A crash may have come between the final name and the receipt, so the
    /// name alone does not say that the batch is accepted.
    fn path(&self, digest: &Digest) -> PathBuf {
        let whole = self.whole(digest);
        if whole.exists() {
            whole
        } else {
            self.0.join(format!("{digest}.part"))
        }
    }

    fn whole(&self, digest: &Digest) -> PathBuf {
        self.0.join(format!("{digest}.batch"))
    }

    fn file(&self, digest: &Digest) -> Result<File, StoreError> {
        let path = self.path(digest);
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600);
        options
            .open(&path)
            .map_err(|source| failed("open", &path, source))
    }
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(failed("remove", path, source))
        }
        _ => Ok(()),
    }
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> StoreError {
    let path = path.to_path_buf();
    StoreError::File {
        action,
        path,
        source,
    }
}
