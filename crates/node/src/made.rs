//! Everything a node made of its registry while it is not settled yet what of it is sent: rows as they
//! would leave, and whose each is, sealed under a key of the node's own.
//!
//! ```text
//! stream under a key derived from the node's secret, bound to project, run and party
//! chunk = seed (32)                              what the handle map's sealing draws from
//! chunk = (pass handle (16) | record handle (16))*        in the order of the rows
//! chunk = "symbolon event marks 1\n" | count (4), then chunks of marks, where there may be any
//! ```

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use encode::HandleEntry;
use model::{PartyName, PassHandle, ProjectName, RecordHandle, RunNumber};
use secret::sealed_stream::StreamError;
use secret::{Entropy, Key32, StreamReader, StreamWriter};
use wire::{EVENT_MARKS_MAGIC, EventMark};
use zeroize::Zeroizing;

use crate::files::{NewFile, io_error};
use crate::handle_map::{ENTRY_BYTES, MAX_CHUNK_ENTRIES};
use crate::vault::VaultError;

/// The key to what one run made.
pub(crate) struct MadeKey {
    key: Key32,
    context: Vec<u8>,
}

impl MadeKey {
    /// The key for `party` in `run`.
    pub(crate) fn derive(
        secret: &Key32,
        project: &ProjectName,
        run: RunNumber,
        party: &PartyName,
    ) -> Self {
        Self {
            key: secret.derive("made rows", &[project.as_str().as_bytes()]),
            // Names hold no line breaks, so no two contexts read alike.
            context: format!("symbolon made rows v1\n{project}\n{run}\n{party}").into_bytes(),
        }
    }
}

/// What is sealed.
pub(crate) struct Made {
    /// Whose each row is.
    pub(crate) entries: Vec<HandleEntry>,
    /// Which records are of life events, where somebody is given notice of any.
    pub(crate) marks: Option<Vec<EventMark>>,
}

/// Seals whose each row is, and a fresh seed, in a file at `path`.
///
/// # Errors
/// [`VaultError`] when the medium fails.
pub(crate) fn seal(
    path: &Path,
    key: &MadeKey,
    entries: &[HandleEntry],
    marks: Option<&[EventMark]>,
    entropy: &mut dyn Entropy,
) -> Result<(), VaultError> {
    let sealed = sealed_error(path);
    let mut seed = Zeroizing::new([0; 32]);
    entropy.fill(&mut *seed);
    let file = NewFile::create(path)?;
    let mut writer =
        StreamWriter::under_key(file, &key.key, &key.context, entropy).map_err(&sealed)?;
    writer.write_chunk(&*seed).map_err(&sealed)?;
    let mut chunk = Vec::with_capacity(MAX_CHUNK_ENTRIES * ENTRY_BYTES);
    for group in entries.chunks(MAX_CHUNK_ENTRIES) {
        chunk.clear();
        for entry in group {
            chunk.extend_from_slice(entry.pass.as_bytes());
            chunk.extend_from_slice(entry.record.as_bytes());
        }
        writer.write_chunk(&chunk).map_err(&sealed)?;
    }
    if let Some(marks) = marks {
        let count = (marks.len() as u32).to_le_bytes();
        let head = [EVENT_MARKS_MAGIC, &count].concat();
        writer.write_chunk(&head).map_err(&sealed)?;
        for group in marks.chunks(MAX_CHUNK_ENTRIES) {
            let bytes: Vec<u8> = group.iter().flat_map(EventMark::to_bytes).collect();
            writer.write_chunk(&bytes).map_err(&sealed)?;
        }
    }
    writer.finish().map_err(&sealed)?.commit()?;
    Ok(())
}

/// Opens what [`seal`] wrote: the seed, and whose each row is.
///
/// # Errors
/// [`VaultError`] when it is not whole, or of another node or run.
pub(crate) fn open(path: &Path, key: &MadeKey) -> Result<(Key32, Made), VaultError> {
    let sealed = sealed_error(path);
    let file = File::open(path).map_err(io_error("read", path))?;
    let file = BufReader::new(file);
    let mut reader = StreamReader::under_key(file, &key.key, &key.context).map_err(&sealed)?;
    let malformed = || VaultError::Malformed(path.to_owned());
    let seed = reader.next_chunk().map_err(&sealed)?;
    let mut seed: Zeroizing<[u8; 32]> = match seed.as_ref().map(|chunk| chunk.as_slice().try_into())
    {
        Some(Ok(seed)) => Zeroizing::new(seed),
        _ => return Err(malformed()),
    };
    let (mut entries, mut marks) = (Vec::new(), None);
    while let Some(chunk) = reader.next_chunk().map_err(&sealed)? {
        if let Some(marks) = &mut marks {
            add_marks(marks, &chunk).ok_or_else(malformed)?;
            continue;
        }
        if chunk.starts_with(EVENT_MARKS_MAGIC) {
            marks = Some(Vec::new());
            continue;
        }
        let (whole, rest) = chunk.as_chunks::<ENTRY_BYTES>();
        if !rest.is_empty() {
            return Err(malformed());
        }
        entries.extend(whole.iter().map(entry));
    }
    Ok((Key32::from_bytes(&mut seed), Made { entries, marks }))
}

fn add_marks(marks: &mut Vec<EventMark>, chunk: &[u8]) -> Option<()> {
    let (whole, rest) = chunk.as_chunks::<{ EventMark::BYTES }>();
    for mark in whole {
        marks.push(EventMark::from_bytes(mark)?);
    }
    rest.is_empty().then_some(())
}

fn entry(bytes: &[u8; ENTRY_BYTES]) -> HandleEntry {
    let (mut pass, mut record) = ([0; 16], [0; 16]);
    pass.copy_from_slice(&bytes[..16]);
    record.copy_from_slice(&bytes[16..]);
    HandleEntry {
        pass: PassHandle::new(pass),
        record: RecordHandle::new(record),
    }
}

fn sealed_error(path: &Path) -> impl Fn(StreamError) -> VaultError {
    let path: PathBuf = path.to_owned();
    move |source| VaultError::Sealed {
        path: path.clone(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secret::SeededEntropy;

    fn key(run: u32) -> MadeKey {
        let secret = Key32::from_bytes(&mut [5; 32]);
        let (project, party) = ("census".parse().unwrap(), "crvs".parse().unwrap());
        MadeKey::derive(&secret, &project, RunNumber(run), &party)
    }

    #[test]
    fn what_was_made_comes_back_in_its_order_and_for_its_run_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("made.sealed");
        let of = |number: u8| HandleEntry {
            pass: PassHandle::new([number; 16]),
            record: RecordHandle::new([number / 2; 16]),
        };
        let entries: Vec<_> = (0..9).map(of).collect();
        let mark = EventMark {
            record: RecordHandle::new([2; 16]),
            event: model::LifeEvent::Death,
        };
        for marks in [None, Some(vec![]), Some(vec![mark])] {
            let entropy = &mut SeededEntropy::new(1);
            seal(&path, &key(1), &entries, marks.as_deref(), entropy).unwrap();
            let made = open(&path, &key(1)).unwrap().1;
            assert_eq!((made.entries, made.marks), (entries.clone(), marks));
        }
        let other = open(&path, &key(2)).err().unwrap();
        assert!(matches!(other, VaultError::Sealed { .. }), "{other}");
        let text = std::fs::read(&path).unwrap();
        assert!(!text.windows(16).any(|window| window == [3; 16]));
    }
}
