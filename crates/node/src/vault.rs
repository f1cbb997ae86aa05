//! The vault: the node's way back from record handles to its registry's own keys, sealed at rest.
//!
//! ```text
//! stream under a key derived from the node's secret, bound to project, run and party
//! chunk = entry*                in the registry's order
//! entry = record handle (16) | length:u16-LE | local key
//! ```

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use model::{PartyName, ProjectName, RecordHandle, RunNumber};
use records::LocalKey;
use secret::sealed_stream::StreamError;
use secret::{Entropy, Key32, StreamReader, StreamWriter};
use zeroize::Zeroizing;

use crate::files::{FileError, NewFile, io_error};

/// The longest record id, in bytes.
const MAX_KEY_BYTES: usize = 1024;
/// Bytes of an entry before its local key.
const ENTRY_HEADER: usize = 18;
/// The most bytes of entries in one chunk.
const CHUNK_BYTES: usize = 256 << 10;

/// Why the vault was not written or read.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// A record id that is none.
    #[error("row {row}: the record id has {bytes} bytes, the limit is {MAX_KEY_BYTES}")]
    LongRecordId {
        /// The row.
        row: u64,
        /// How long it is.
        bytes: usize,
    },
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The sealed stream is not whole, or of another node or run.
    #[error("the vault {}: {source}", path.display())]
    Sealed {
        /// The vault's file.
        path: PathBuf,
        /// What is wrong.
        source: StreamError,
    },
    /// The stream is genuine but not made of entries.
    #[error("the vault {} is from another version of this program; prepare again", .0.display())]
    Malformed(PathBuf),
}

impl VaultError {
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::LongRecordId { .. })
    }
}

/// Which vault, and the key to it.
pub(crate) struct VaultKey {
    key: Key32,
    context: Vec<u8>,
}

impl VaultKey {
    /// The key of the vault of `party` for `run`.
    pub(crate) fn derive(
        secret: &Key32,
        project: &ProjectName,
        run: RunNumber,
        party: &PartyName,
    ) -> Self {
        Self {
            key: secret.derive("vault", &[project.as_str().as_bytes()]),
            // Names hold no line breaks, so no two contexts read alike.
            context: format!("symbolon vault v1\n{project}\n{run}\n{party}").into_bytes(),
        }
    }
}

/// Seals `entries`, which stand in the registry's order, in a file at `path`.
///
/// # Errors
/// [`VaultError`] when a record id is too long or the medium fails.
pub(crate) fn seal(
    path: &Path,
    key: &VaultKey,
    entries: &[(RecordHandle, LocalKey)],
    entropy: &mut dyn Entropy,
) -> Result<(), VaultError> {
    let sealed = sealed_error(path);
    let file = NewFile::create(path)?;
    let mut writer =
        StreamWriter::under_key(file, &key.key, &key.context, entropy).map_err(&sealed)?;
    let mut chunk = Zeroizing::new(Vec::with_capacity(CHUNK_BYTES));
    for (place, (handle, local)) in entries.iter().enumerate() {
        if chunk.len() + ENTRY_HEADER + MAX_KEY_BYTES > CHUNK_BYTES {
            writer.write_chunk(&chunk).map_err(&sealed)?;
            chunk.clear();
        }
        push(&mut chunk, place as u64 + 1, handle, local)?;
    }
    writer.write_chunk(&chunk).map_err(&sealed)?;
    writer.finish().map_err(&sealed)?.commit()?;
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the vault is where local keys are kept, sealed"
)]
fn push(
    chunk: &mut Vec<u8>,
    row: u64,
    handle: &RecordHandle,
    local: &LocalKey,
) -> Result<(), VaultError> {
    let local = local.expose().as_bytes();
    let bytes = local.len();
    if bytes > MAX_KEY_BYTES {
        return Err(VaultError::LongRecordId { row, bytes });
    }
    chunk.extend_from_slice(handle.as_bytes());
    chunk.extend_from_slice(&(bytes as u16).to_le_bytes());
    chunk.extend_from_slice(local);
    Ok(())
}

/// An open vault, read in the registry's order.
pub(crate) struct Vault {
    path: PathBuf,
    reader: StreamReader<BufReader<File>>,
}

impl Vault {
    /// Opens the vault at `path`.
    ///
    /// # Errors
    /// [`VaultError`] when there is none or it is something else.
    pub(crate) fn open(path: &Path, key: &VaultKey) -> Result<Self, VaultError> {
        let file = File::open(path).map_err(io_error("read", path))?;
        let reader = StreamReader::under_key(BufReader::new(file), &key.key, &key.context)
            .map_err(sealed_error(path))?;
        Ok(Self {
            path: path.to_owned(),
            reader,
        })
    }

    /// The next entries; none at the end. Only the end says that the vault is whole.
    ///
    /// # Errors
    /// [`VaultError`] when the vault is not exactly what was sealed.
    pub(crate) fn next_entries(&mut self) -> Result<Vec<(RecordHandle, LocalKey)>, VaultError> {
        let chunk = self.reader.next_chunk().map_err(sealed_error(&self.path))?;
        let Some(chunk) = chunk else {
            return Ok(Vec::new());
        };
        parse(&chunk).ok_or_else(|| VaultError::Malformed(self.path.clone()))
    }
}

fn parse(mut chunk: &[u8]) -> Option<Vec<(RecordHandle, LocalKey)>> {
    let mut entries = Vec::new();
    while !chunk.is_empty() {
        let (handle, rest) = chunk.split_first_chunk::<16>()?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let (local, rest) = rest.split_at_checked(u16::from_le_bytes(*length).into())?;
        let local = std::str::from_utf8(local).ok()?.to_owned();
        entries.push((RecordHandle::new(*handle), LocalKey::new(local)));
        chunk = rest;
    }
    Some(entries)
}

fn sealed_error(path: &Path) -> impl Fn(StreamError) -> VaultError {
    let path = path.to_owned();
    move |source| VaultError::Sealed {
        path: path.clone(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secret::SeededEntropy;

    fn key(secret: u8, run: u32) -> VaultKey {
        let secret = Key32::from_bytes(&mut [secret; 32]);
        let (project, party) = ("p".parse().unwrap(), "crvs".parse().unwrap());
        VaultKey::derive(&secret, &project, RunNumber(run), &party)
    }

    fn entries(local: &[&str]) -> Vec<(RecordHandle, LocalKey)> {
        let entry = |(place, local): (usize, &&str)| {
            let handle = RecordHandle::new([place as u8; 16]);
            (handle, LocalKey::new((*local).to_owned()))
        };
        local.iter().enumerate().map(entry).collect()
    }

    #[expect(clippy::disallowed_methods, reason = "the test looks at made-up keys")]
    fn read(path: &Path, key: &VaultKey) -> Result<Vec<(RecordHandle, String)>, VaultError> {
        let mut vault = Vault::open(path, key)?;
        let mut read = Vec::new();
        loop {
            let entries = vault.next_entries()?;
            if entries.is_empty() {
                return Ok(read);
            }
            let exposed =
                |(handle, local): (RecordHandle, LocalKey)| (handle, local.expose().to_owned());
            read.extend(entries.into_iter().map(exposed));
        }
    }

    #[test]
    fn keys_come_back_in_the_registrys_order_over_many_chunks() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run-1.sealed");
        let long = "x".repeat(MAX_KEY_BYTES);
        let local: Vec<&str> = (0..1000)
            .map(|n| if n % 3 == 0 { "née-7" } else { &long })
            .collect();
        seal(
            &path,
            &key(1, 1),
            &entries(&local),
            &mut SeededEntropy::new(1),
        )
        .unwrap();
        let read = read(&path, &key(1, 1)).unwrap();
        assert!(read.iter().map(|(_, local)| local.as_str()).eq(local));
        assert_eq!(read[7].0, RecordHandle::new([7; 16]));
    }

    #[test]
    fn nothing_of_a_key_stands_in_the_file_and_another_secret_or_run_does_not_open_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run-1.sealed");
        seal(
            &path,
            &key(1, 1),
            &entries(&["birth-4711"]),
            &mut SeededEntropy::new(1),
        )
        .unwrap();
        let file = std::fs::read(&path).unwrap();
        assert!(!file.windows(4).any(|window| window == b"4711"));
        for other in [key(2, 1), key(1, 2)] {
            assert!(matches!(
                read(&path, &other),
                Err(VaultError::Sealed { .. })
            ));
        }
    }

    #[test]
    fn a_record_id_over_the_limit_is_refused_by_row_and_leaves_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run-1.sealed");
        let long = "x".repeat(MAX_KEY_BYTES + 1);
        let refused = seal(
            &path,
            &key(1, 1),
            &entries(&["a", &long]),
            &mut SeededEntropy::new(1),
        );
        assert!(matches!(
            refused,
            Err(VaultError::LongRecordId { row: 2, .. })
        ));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
