//! A party's encodings as they lie on disk, by record.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// Bytes of encodings that are held in memory, for all parties together.
const HELD_BYTES: u64 = 1 << 30;

/// Which records: a run of them, or a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Records {
    /// One after the other.
    Run(Range<u32>),
    /// These.
    List(Vec<u32>),
}

impl Records {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Run(range) => range.len(),
            Self::List(records) => records.len(),
        }
    }

    /// The record at a place.
    pub(super) fn at(&self, place: usize) -> u32 {
        match self {
            Self::Run(range) => range.start + place as u32,
            Self::List(records) => records[place],
        }
    }

    /// Those at some places.
    pub(super) fn part(&self, places: Range<usize>) -> Self {
        match self {
            Self::Run(range) => {
                Self::Run(range.start + places.start as u32..range.start + places.end as u32)
            }
            Self::List(records) => Self::List(records[places].to_vec()),
        }
    }
}

/// One party's encodings.
pub(super) struct Encodings {
    bytes: usize,
    records: u32,
    source: Source,
}

enum Source {
    Held(Vec<u8>),
    OnDisk(File),
}

impl Encodings {
    /// Opens a file of encodings, one of so many parties' files.
    pub(super) fn open(
        path: &Path,
        records: u32,
        bytes: usize,
        parties: usize,
    ) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        if length != u64::from(records) * bytes as u64 {
            let wrong = format!("{} has {length} bytes", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, wrong));
        }
        let source = if length <= HELD_BYTES / parties.max(1) as u64 {
            Source::Held(std::fs::read(path)?)
        } else {
            Source::OnDisk(file)
        };
        Ok(Self {
            bytes,
            records,
            source,
        })
    }

    /// All records.
    pub(super) fn all(&self) -> Records {
        Records::Run(0..self.records)
    }

    /// The encodings of some records, one after the other.
    pub(super) fn gather(&self, records: &Records) -> io::Result<Vec<u8>> {
        let mut out = vec![0; records.len() * self.bytes];
        match records {
            Records::Run(range) => self.read(range.start, &mut out)?,
            Records::List(records) => {
                for (record, out) in records.iter().zip(out.chunks_exact_mut(self.bytes)) {
                    self.read(*record, out)?;
                }
            }
        }
        Ok(out)
    }

    fn read(&self, first: u32, out: &mut [u8]) -> io::Result<()> {
        let start = u64::from(first) * self.bytes as u64;
        match &self.source {
            Source::OnDisk(file) => file.read_exact_at(out, start),
            Source::Held(held) => {
                let held = held
                    .get(start as usize..)
                    .and_then(|held| held.get(..out.len()));
                out.copy_from_slice(held.ok_or(io::ErrorKind::UnexpectedEof)?);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_gathered_from_memory_and_disk_alike() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), [0, 0, 1, 1, 2, 2, 3, 3]).unwrap();
        let held = Encodings::open(file.path(), 4, 2, 2).unwrap();
        let on_disk = Encodings {
            source: Source::OnDisk(File::open(file.path()).unwrap()),
            ..Encodings::open(file.path(), 4, 2, 2).unwrap()
        };
        for encodings in [held, on_disk] {
            let part = encodings.all().part(1..3);
            assert_eq!(encodings.gather(&part).unwrap(), [1, 1, 2, 2]);
            let list = Records::List(vec![3, 0, 1]).part(0..2);
            assert_eq!(encodings.gather(&list).unwrap(), [3, 3, 0, 0]);
            assert!(encodings.gather(&Records::List(vec![4])).is_err());
        }
        assert!(Encodings::open(file.path(), 3, 2, 2).is_err());
    }
}
