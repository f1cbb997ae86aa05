//! Where work that outgrows memory goes: byte records sorted into buckets, kept in memory as long as
//! they fit and in nameless files beyond.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Bytes read from a file at once.
const BUFFER: usize = 1 << 20;
/// The most bytes that a bucket with a file gathers before they go there: few enough that those of all buckets stay in a
/// processor's cache.
const GATHERED: usize = 1 << 16;

/// How much memory to use for what may grow, and where the rest goes.
#[derive(Debug, Clone)]
pub struct Scratch {
    directory: Option<PathBuf>,
    memory: usize,
}

impl Scratch {
    /// Everything stays in memory.
    pub fn in_memory() -> Self {
        Self {
            directory: None,
            memory: usize::MAX,
        }
    }

    /// What does not fit `memory` bytes goes to files in `directory`. They have no names, so nothing
    /// is left of them when the program ends, however it ends.
    pub fn in_directory(directory: &Path, memory: usize) -> Self {
        Self {
            directory: Some(directory.to_owned()),
            memory,
        }
    }

    /// The bytes that may be held at one time.
    pub fn memory(&self) -> usize {
        self.memory
    }

    /// A nameless file, where there is a directory for one.
    pub(crate) fn file(&self) -> io::Result<Option<File>> {
        let directory = self.directory.as_deref();
        directory.map(tempfile::tempfile_in).transpose()
    }
}

/// Bytes written once and read from the start: in a nameless file where there is a directory for it.
#[derive(Debug, Default)]
pub struct Spool {
    held: Vec<u8>,
    file: Option<File>,
}

impl Spool {
    /// Nothing yet.
    ///
    /// # Errors
    /// No file can be made.
    pub fn new(scratch: &Scratch) -> io::Result<Self> {
        Ok(Self {
            held: Vec::new(),
            file: scratch.file()?,
        })
    }

    /// Reads all of it from the start.
    ///
    /// # Errors
    /// The file cannot be gone back to.
    pub fn read(&mut self) -> io::Result<Box<dyn Read + '_>> {
        Ok(match &mut self.file {
            None => Box::new(self.held.as_slice()),
            Some(file) => {
                file.seek(SeekFrom::Start(0))?;
                Box::new(BufReader::with_capacity(BUFFER, file))
            }
        })
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.file {
            None => self.held.write(bytes),
            Some(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), File::flush)
    }
}

/// Byte records sorted into buckets, by several threads at once.
pub(crate) struct Buckets<'a> {
    scratch: &'a Scratch,
    /// Bytes that one bucket may hold; what comes after them goes to its file.
    limit: usize,
    buckets: Vec<Mutex<Bucket>>,
}

/// One of them.
#[derive(Default)]
pub(crate) struct Bucket {
    /// What came first, and stays in memory.
    held: Vec<u8>,
    /// Where the rest goes.
    file: Option<File>,
    /// What is on its way there.
    gathered: Vec<u8>,
}

impl<'a> Buckets<'a> {
    /// So many buckets, which together hold at most `limit` bytes in memory while they are filled.
    pub(crate) fn new(scratch: &'a Scratch, count: usize, limit: usize) -> Self {
        Self {
            scratch,
            limit: limit / count,
            buckets: (0..count).map(|_| Mutex::default()).collect(),
        }
    }

    /// Adds to a bucket what these parts are one after the other.
    pub(crate) fn push(&self, bucket: usize, parts: &[&[u8]]) -> io::Result<()> {
        let bucket = self.buckets[bucket].lock();
        let mut bucket = bucket.unwrap_or_else(PoisonError::into_inner);
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let is_full = bucket.file.is_some() || bucket.held.len() + length > self.limit;
        // Where there is no directory for files, all is held.
        if is_full && bucket.has_file(self.scratch)? {
            if bucket.gathered.len() + length > GATHERED.min(self.limit) {
                bucket.write_out()?;
            }
            let gathered = &mut bucket.gathered;
            parts
                .iter()
                .for_each(|part| gathered.extend_from_slice(part));
            return Ok(());
        }
        bucket.make_room(length, self.limit);
        parts
            .iter()
            .for_each(|part| bucket.held.extend_from_slice(part));
        Ok(())
    }

    /// The buckets in order, each to be read where there is room for it.
    pub(crate) fn into_buckets(self) -> Vec<Bucket> {
        let buckets = self.buckets.into_iter();
        let buckets = buckets.map(|bucket| bucket.into_inner());
        buckets
            .map(|bucket| bucket.unwrap_or_else(PoisonError::into_inner))
            .collect()
    }
}

impl Bucket {
    /// Makes room for so many bytes, in no more memory than `limit` unless these alone are more.
    fn make_room(&mut self, length: usize, limit: usize) {
        let needed = self.held.len() + length;
        if needed > self.held.capacity() {
            let room = (self.held.capacity() * 2).clamp(needed, limit.max(needed));
            self.held.reserve_exact(room - self.held.len());
        }
    }

    /// Whether there is a file for it; makes one where there may be one.
    fn has_file(&mut self, scratch: &Scratch) -> io::Result<bool> {
        if self.file.is_none() {
            self.file = scratch.file()?;
        }
        Ok(self.file.is_some())
    }

    /// Writes what was gathered to the bucket's file.
    fn write_out(&mut self) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            file.write_all(&self.gathered)?;
            self.gathered.clear();
        }
        Ok(())
    }

    /// All that was added, in the order it came.
    pub(crate) fn read(self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.read_into(&mut bytes)?;
        Ok(bytes)
    }

    /// The same, in place of what is in `bytes`, whose memory is used again.
    pub(crate) fn read_into(self, bytes: &mut Vec<u8>) -> io::Result<()> {
        let Some(mut file) = self.file else {
            *bytes = self.held;
            return Ok(());
        };
        let length = file.stream_position()? as usize;
        file.seek(SeekFrom::Start(0))?;
        bytes.clear();
        bytes.reserve(self.held.len() + length + self.gathered.len());
        bytes.extend_from_slice(&self.held);
        drop(self.held);
        file.read_to_end(bytes)?;
        bytes.extend_from_slice(&self.gathered);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filled(scratch: &Scratch, limit: usize, records: &[(usize, [u8; 3])]) -> Vec<Vec<u8>> {
        let buckets = Buckets::new(scratch, 5, limit);
        for (bucket, bytes) in records {
            buckets.push(*bucket, &[&bytes[..1], &bytes[1..]]).unwrap();
        }
        let buckets = buckets.into_buckets().into_iter();
        buckets.map(|bucket| bucket.read().unwrap()).collect()
    }

    #[test]
    fn a_spool_gives_back_what_was_written_as_often_as_asked() {
        let directory = tempfile::tempdir().unwrap();
        for scratch in [
            Scratch::in_memory(),
            Scratch::in_directory(directory.path(), 0),
        ] {
            let mut spool = Spool::new(&scratch).unwrap();
            spool.write_all(b"some bytes").unwrap();
            for _ in 0..2 {
                let mut read = String::new();
                spool.read().unwrap().read_to_string(&mut read).unwrap();
                assert_eq!(read, "some bytes");
            }
        }
    }

    proptest! {
        #[test]
        fn the_memory_there_is_changes_nothing(records in proptest::collection::vec((0usize..5, any::<[u8; 3]>()), 0..60), limit in 0usize..50) {
            let directory = tempfile::tempdir().unwrap();
            let scratch = Scratch::in_directory(directory.path(), 0);
            let in_files = filled(&scratch, limit, &records);
            let in_memory = Scratch::in_memory();
            prop_assert_eq!(in_files, filled(&in_memory, in_memory.memory(), &records));
            prop_assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
        }
    }
}
