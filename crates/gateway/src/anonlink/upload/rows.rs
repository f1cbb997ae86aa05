//! What is written of an upload: encodings one after the other, and block rows.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use model::Digest;

use crate::anonlink::files::Scratch;
use crate::anonlink::sort::{BUFFER, PIECE_BYTES, sort_once};

/// Bytes of a block's digest that are kept.
const BLOCK_BYTES: usize = 16;
/// A block row: digest of the block, number of the record.
pub(crate) const BLOCK_ROW: usize = BLOCK_BYTES + 4;
/// The most records of an upload.
pub(crate) const MAX_RECORDS: u32 = 1 << 28;

/// What is wrong with an upload's contents.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("encoding {0} is not valid base64")]
    NotBase64(u32),
    #[error("encoding {record} has {bytes} bytes, those before it {expected}; all must be alike")]
    Ragged {
        record: u32,
        bytes: usize,
        expected: usize,
    },
    #[error("there are more than {MAX_RECORDS} encodings; divide them over several projects")]
    TooMany,
    #[error("`blocks` has an entry for record `{0}`, which is not the number of an encoding")]
    NoRecord(String),
}

/// Encodings of an upload as they are written.
pub(crate) struct EncodingWriter {
    out: BufWriter<File>,
    pub(crate) records: u32,
    pub(crate) encoding_bytes: Option<usize>,
}

impl EncodingWriter {
    pub(crate) fn new(path: &Path) -> io::Result<Self> {
        Ok(Self {
            out: BufWriter::with_capacity(BUFFER, File::create(path)?),
            records: 0,
            encoding_bytes: None,
        })
    }

    /// Adds the next encoding; one that cannot be used is told.
    pub(crate) fn add(&mut self, encoding: &[u8]) -> io::Result<Result<(), Unusable>> {
        let record = self.records;
        if record == MAX_RECORDS {
            return Ok(Err(Unusable::TooMany));
        }
        self.records += 1;
        let (bytes, expected) = (
            encoding.len(),
            *self.encoding_bytes.get_or_insert(encoding.len()),
        );
        if bytes != expected {
            return Ok(Err(Unusable::Ragged {
                record,
                bytes,
                expected,
            }));
        }
        self.out.write_all(encoding).map(Ok)
    }

    pub(crate) fn finish(self) -> io::Result<()> {
        sync(self.out)
    }
}

/// Block rows of an upload as they come.
pub(crate) struct BlockWriter {
    out: BufWriter<File>,
    /// The last row: a record that repeats its block takes no room.
    last: Option<[u8; BLOCK_ROW]>,
    raw: Scratch,
}

impl BlockWriter {
    pub(crate) fn new(raw: Scratch) -> io::Result<Self> {
        let out = BufWriter::with_capacity(BUFFER, File::create(raw.path())?);
        let last = None;
        Ok(Self { out, last, raw })
    }

    /// Puts a record into a block.
    pub(crate) fn add(&mut self, record: u32, block: &str) -> io::Result<()> {
        let digest = Digest::of(block.as_bytes());
        let mut row = [0; BLOCK_ROW];
        row[..BLOCK_BYTES].copy_from_slice(&digest.as_bytes()[..BLOCK_BYTES]);
        row[BLOCK_BYTES..].copy_from_slice(&record.to_be_bytes());
        match self.last.replace(row) == Some(row) {
            true => Ok(()),
            false => self.out.write_all(&row),
        }
    }

    /// Writes the rows to `path`, each once, by block and record.
    pub(crate) fn finish(mut self, path: &Path) -> io::Result<()> {
        self.out.flush()?;
        let mut out = BufWriter::with_capacity(BUFFER, File::create(path)?);
        let raw = File::open(self.raw.path())?;
        let pieces = self.raw.path().with_extension("pieces");
        std::fs::create_dir(&pieces)?;
        let reader = io::BufReader::with_capacity(BUFFER, raw);
        let sorted = sort_once::<BLOCK_ROW>(reader, &pieces, PIECE_BYTES, &mut out);
        // What is left of a failed attempt goes with the directory of incoming uploads.
        drop(std::fs::remove_dir_all(&pieces));
        sorted?;
        sync(out)
    }
}

fn sync(out: BufWriter<File>) -> io::Result<()> {
    let file = out.into_inner().map_err(|error| error.into_error())?;
    file.sync_all()
}

/// The block digest and the record of a block row.
pub(crate) fn parts_of(row: &[u8; BLOCK_ROW]) -> ([u8; BLOCK_BYTES], u32) {
    let (mut block, mut record) = ([0; BLOCK_BYTES], [0; 4]);
    block.copy_from_slice(&row[..BLOCK_BYTES]);
    record.copy_from_slice(&row[BLOCK_BYTES..]);
    (block, u32::from_be_bytes(record))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_of_another_size_are_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut writer = EncodingWriter::new(file.path()).unwrap();
        assert_eq!(writer.add(&[1; 8]).unwrap(), Ok(()));
        let ragged = Unusable::Ragged {
            record: 1,
            bytes: 7,
            expected: 8,
        };
        assert_eq!(writer.add(&[2; 7]).unwrap(), Err(ragged));
        assert_eq!((writer.records, writer.encoding_bytes), (2, Some(8)));
    }

    #[test]
    fn a_repeated_block_takes_no_room() {
        let dir = tempfile::tempdir().unwrap();
        let raw = dir.path().join("raw");
        let mut writer = BlockWriter::new(Scratch::new(raw.clone())).unwrap();
        for (record, block) in [(1, "a"), (1, "a"), (1, "b"), (2, "b"), (1, "b")] {
            writer.add(record, block).unwrap();
        }
        writer.out.flush().unwrap();
        assert_eq!(std::fs::metadata(raw).unwrap().len(), 4 * BLOCK_ROW as u64);
    }

    #[test]
    fn block_rows_are_sorted_and_each_there_once() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = BlockWriter::new(Scratch::new(dir.path().join("raw"))).unwrap();
        for (record, block) in [(2, "b"), (1, "a"), (2, "b"), (0, "a")] {
            writer.add(record, block).unwrap();
        }
        let path = dir.path().join("blocks");
        writer.finish(&path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let (rows, rest) = bytes.as_chunks::<BLOCK_ROW>();
        assert!(rest.is_empty() && rows.is_sorted());
        let mut records: Vec<u32> = rows.iter().map(|row| parts_of(row).1).collect();
        assert_eq!(records.len(), 3);
        records.sort_unstable();
        assert_eq!(records, [0, 1, 2]);
    }
}
