//! Files a stage writes: first under another name, then durable, then in their place; their digest
//! is known when they are there.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use model::Digest;
use model::digest::Digester;
use serde::Serialize;
use service::files::{create_dir_private, sync_dir, write_atomic_private};

/// A large file in the making.
pub(crate) struct OutputFile {
    out: BufWriter<File>,
    digester: Digester,
    temporary: PathBuf,
    path: PathBuf,
}

impl OutputFile {
    /// Starts the file, over what an earlier attempt left.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let temporary = path.with_extension("part");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        Ok(Self {
            out: BufWriter::with_capacity(1 << 20, options.open(&temporary)?),
            digester: Digester::new(),
            temporary,
            path: path.to_path_buf(),
        })
    }

    /// Adds bytes at the end.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digester.update(bytes);
        self.out.write_all(bytes)
    }

    /// Puts the file in its place and returns the digest of its bytes.
    pub(crate) fn finish(self) -> io::Result<Digest> {
        let file = self.out.into_inner().map_err(io::Error::from)?;
        file.sync_all()?;
        std::fs::rename(&self.temporary, &self.path)?;
        self.path.parent().map_or(Ok(()), sync_dir)?;
        Ok(self.digester.finish())
    }
}

/// Makes the directory for a run's files.
pub(crate) fn prepare(directory: &Path) -> io::Result<()> {
    create_dir_private(directory)?;
    directory.parent().map_or(Ok(()), sync_dir)
}

/// Writes a small file for people and programs.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    write_atomic_private(path, &text)
}
