//! A log's entries in one file.
//!
//! The file is a first line, which says what it is, and then records (see `record`).
//!
//! A crash while appending leaves a torn last record, never acknowledged, and opening cuts it.
//! Damage anywhere else is refused, for what it hit was durable and may have been promised to
//! others. The checks find accidents; that no one altered the log is what the tree is for.

mod record;

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use self::record::{HEAD_BYTES, MAX_RECORD_BYTES, body_is_whole, length_of, record};
use crate::store::{EntryStore, StoreError, check_length};

const MAGIC: &[u8; 15] = b"symbolon log 1\n";

/// Entries in a file that this program alone writes.
pub struct FileStore {
    file: File,
    path: PathBuf,
    /// Where each record starts, and last where the next will.
    starts: Vec<u64>,
    cut_bytes: u64,
    broken: bool,
}

impl FileStore {
    /// Opens the log file at `path`, or makes an empty one. Reads all of it, and cuts a torn last
    /// record.
    ///
    /// # Errors
    /// A file that another program has open, that is no log, or that is damaged; a medium that
    /// fails.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path);
        let file = opened.map_err(|source| io_error("open", path, source))?;
        lock(&file, path)?;
        let mut store = Self {
            file,
            path: path.to_owned(),
            starts: Vec::new(),
            cut_bytes: 0,
            broken: false,
        };
        store.check_magic()?;
        store.scan()?;
        Ok(store)
    }

    /// How many bytes of a torn last record opening cut off. Not 0 means the last program crashed
    /// while appending.
    pub fn cut_bytes(&self) -> u64 {
        self.cut_bytes
    }

    /// Makes sure the file starts as a log does, writing it if the file is new or was torn while
    /// new.
    fn check_magic(&mut self) -> Result<(), StoreError> {
        let mut found = [0; MAGIC.len()];
        let length =
            read_up_to(&self.file, 0, &mut found).map_err(|source| self.io("read", source))?;
        if length == MAGIC.len() && found == *MAGIC {
            return Ok(());
        }
        if length == MAGIC.len() || !MAGIC.starts_with(&found[..length]) {
            return Err(StoreError::NotALog(self.path.clone()));
        }
        let written = self
            .file
            .write_all_at(MAGIC, 0)
            .and_then(|()| self.file.sync_all());
        let durable = written.and_then(|()| sync_directory_of(&self.path));
        durable.map_err(|source| self.io("write", source))
    }

    /// Finds where every record starts, checking each.
    fn scan(&mut self) -> Result<(), StoreError> {
        let size = self
            .file
            .metadata()
            .map_err(|source| self.io("read", source))?
            .len();
        let mut at = MAGIC.len() as u64;
        self.starts.push(at);
        while at < size {
            match self.examine(at, size)? {
                Found::Whole(end) => at = end,
                Found::Torn => return self.cut(at, size),
                Found::Damaged => return Err(self.damaged(self.len(), at)),
            }
            self.starts.push(at);
        }
        Ok(())
    }

    /// Looks at the record that starts at `at`, in a file of `size` bytes.
    fn examine(&self, at: u64, size: u64) -> Result<Found, StoreError> {
        let mut head = [0; HEAD_BYTES];
        if size - at < HEAD_BYTES as u64 {
            return Ok(Found::Torn);
        }
        self.read_at(at, &mut head)?;
        let Some(length) = length_of(self.len(), &head) else {
            return Ok(if self.is_zero(at, size)? {
                Found::Torn
            } else {
                Found::Damaged
            });
        };
        let end = at + (HEAD_BYTES + length) as u64;
        if end > size {
            return Ok(Found::Torn);
        }
        let mut body = vec![0; length];
        self.read_at(at + HEAD_BYTES as u64, &mut body)?;
        if body_is_whole(self.len(), &head, &body) {
            return Ok(Found::Whole(end));
        }
        // At the very end, the length reached the disk and not all of the body did.
        Ok(if end == size {
            Found::Torn
        } else {
            Found::Damaged
        })
    }

    /// Whether the file holds nothing but zeros from `at` on, as when it grew and its content never
    /// came.
    fn is_zero(&self, at: u64, size: u64) -> Result<bool, StoreError> {
        // One append grows the file by one record; more zeros than that are not its doing.
        if size - at > MAX_RECORD_BYTES as u64 {
            return Ok(false);
        }
        let mut rest = vec![0; (size - at) as usize];
        self.read_at(at, &mut rest)?;
        Ok(rest.iter().all(|byte| *byte == 0))
    }

    fn cut(&mut self, at: u64, size: u64) -> Result<(), StoreError> {
        let cut = self.file.set_len(at).and_then(|()| self.file.sync_all());
        cut.map_err(|source| self.io("cut the torn end of", source))?;
        self.cut_bytes = size - at;
        Ok(())
    }

    fn append_record(&self, at: u64, record: &[u8]) -> io::Result<()> {
        self.file.write_all_at(record, at)?;
        self.file.sync_data()
    }

    /// Where the next record goes.
    fn end(&self) -> u64 {
        self.starts.last().copied().unwrap_or(MAGIC.len() as u64)
    }

    fn read_at(&self, at: u64, out: &mut [u8]) -> Result<(), StoreError> {
        self.file
            .read_exact_at(out, at)
            .map_err(|source| self.io("read", source))
    }

    fn damaged(&self, index: u64, offset: u64) -> StoreError {
        StoreError::Damaged {
            path: self.path.clone(),
            offset,
            index,
        }
    }

    fn io(&self, action: &'static str, source: io::Error) -> StoreError {
        io_error(action, &self.path, source)
    }
}

impl EntryStore for FileStore {
    fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        check_length(bytes)?;
        if self.broken {
            return Err(StoreError::Broken);
        }
        let (at, record) = (self.end(), record(self.len(), bytes));
        if let Err(source) = self.append_record(at, &record) {
            // What reached the disk is unknown, and a second sync would not say: only opening again
            // can tell.
            self.broken = true;
            return Err(self.io("append to", source));
        }
        self.starts.push(at + record.len() as u64);
        Ok(())
    }

    fn len(&self) -> u64 {
        (self.starts.len() as u64).saturating_sub(1)
    }

    fn read(&self, index: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let place = usize::try_from(index).ok();
        let Some(&[at, end]) =
            place.and_then(|place| self.starts.get(place..place.checked_add(2)?))
        else {
            return Ok(None);
        };
        // The difference is that of one record, which opening or appending held to its limit.
        let mut record = vec![0; (end - at) as usize];
        self.read_at(at, &mut record)?;
        let body = record.split_off(HEAD_BYTES);
        match body_is_whole(index, &record, &body) {
            true => Ok(Some(body)),
            false => Err(self.damaged(index, at)),
        }
    }
}

/// What stands where a record should.
enum Found {
    /// A record that ends here.
    Whole(u64),
    /// The beginning of one that was never acknowledged.
    Torn,
    /// Something else.
    Damaged,
}

/// How often, and how long after one another, a lock is asked for. A program that starts another
/// shares its open files with it for a moment, locks included, so one that was just let go may still
/// seem held.
const LOCK_TRIES: usize = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

fn lock(file: &File, path: &Path) -> Result<(), StoreError> {
    for _ in 1..LOCK_TRIES {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            _ => break,
        }
    }
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => StoreError::InUse(path.to_owned()),
        TryLockError::Error(source) => io_error("lock", path, source),
    })
}

fn read_up_to(file: &File, at: u64, out: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < out.len() {
        match file.read_at(&mut out[length..], at + length as u64)? {
            0 => break,
            more => length += more,
        }
    }
    Ok(length)
}

/// Makes a new file's name as durable as its content.
fn sync_directory_of(path: &Path) -> io::Result<()> {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::suite;
    use std::cell::Cell;
    use std::fs;
    use tempfile::TempDir;

    const ENTRIES: [&[u8]; 3] = [b"first", b"second entry", b"third"];

    /// A closed log file of three entries, and where each record starts and the last ends.
    fn three() -> (TempDir, PathBuf, Vec<u64>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let mut store = FileStore::open(&path).unwrap();
        ENTRIES
            .iter()
            .for_each(|entry| store.append(entry).unwrap());
        let starts = store.starts.clone();
        (directory, path, starts)
    }

    fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut content = fs::read(path).unwrap();
        change(&mut content);
        fs::write(path, content).unwrap();
    }

    fn content(store: &FileStore) -> Vec<Vec<u8>> {
        (0..store.len())
            .map(|index| store.read(index).unwrap().unwrap())
            .collect()
    }

    #[test]
    fn the_file_store_passes_the_suite() {
        let directory = tempfile::tempdir().unwrap();
        let stores = Cell::new(0);
        suite::run(|held: Option<FileStore>| {
            let path = held.map_or_else(
                || {
                    stores.set(stores.get() + 1);
                    directory.path().join(stores.get().to_string())
                },
                |store| store.path.clone(),
            );
            FileStore::open(&path).unwrap()
        });
    }

    #[test]
    fn a_file_cut_anywhere_in_the_last_record_keeps_the_others_and_goes_on() {
        let (_directory, path, starts) = three();
        let whole = fs::read(&path).unwrap();
        for length in starts[2]..starts[3] {
            fs::write(&path, &whole[..length as usize]).unwrap();
            let mut store = FileStore::open(&path).unwrap();
            assert_eq!(store.cut_bytes(), length - starts[2]);
            assert_eq!(content(&store), ENTRIES[..2]);
            store.append(ENTRIES[2]).unwrap();
            assert_eq!(content(&store), ENTRIES);
            drop(store);
            assert_eq!(FileStore::open(&path).unwrap().cut_bytes(), 0);
        }
    }

    #[test]
    fn a_file_cut_in_its_first_line_starts_anew() {
        let (_directory, path, _) = three();
        for length in 0..MAGIC.len() {
            fs::write(&path, &MAGIC[..length]).unwrap();
            assert!(FileStore::open(&path).unwrap().is_empty());
            assert_eq!(fs::read(&path).unwrap(), MAGIC);
        }
    }

    #[test]
    fn a_body_or_record_that_never_reached_the_disk_is_cut() {
        let (_directory, path, starts) = three();
        let body = starts[2] as usize + HEAD_BYTES;
        change(&path, |content| content[body..].fill(0));
        assert_eq!(FileStore::open(&path).unwrap().len(), 2);
        change(&path, |content| content.extend([0; 500]));
        let store = FileStore::open(&path).unwrap();
        assert_eq!((store.len(), store.cut_bytes()), (2, 500));
    }

    #[test]
    fn any_damage_before_the_last_record_is_refused_and_left_as_it_is() {
        let (_directory, path, starts) = three();
        let whole = fs::read(&path).unwrap();
        for at in MAGIC.len()..starts[2] as usize {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x40;
            fs::write(&path, &damaged).unwrap();
            let index = u64::from(at as u64 >= starts[1]);
            let refusal = FileStore::open(&path).err().unwrap();
            assert!(matches!(refusal, StoreError::Damaged { index: found, .. } if found == index));
            assert_eq!(fs::read(&path).unwrap(), damaged);
        }
    }

    #[test]
    fn a_damaged_length_in_the_last_record_is_refused() {
        let (_directory, path, starts) = three();
        change(&path, |content| content[starts[2] as usize] ^= 1);
        assert!(matches!(
            FileStore::open(&path),
            Err(StoreError::Damaged { index: 2, .. })
        ));
    }

    #[test]
    fn swapped_and_repeated_records_are_refused() {
        let (_directory, path, starts) = three();
        let whole = fs::read(&path).unwrap();
        let part = |n: usize| &whole[starts[n] as usize..starts[n + 1] as usize];
        for wrong in [
            [part(1), part(0), part(2)].concat(),
            [part(0), part(0), part(1)].concat(),
        ] {
            fs::write(&path, [&MAGIC[..], &wrong].concat()).unwrap();
            assert!(matches!(
                FileStore::open(&path),
                Err(StoreError::Damaged { .. })
            ));
        }
    }

    #[test]
    fn damage_while_open_is_seen_on_reading() {
        let (_directory, path, starts) = three();
        let store = FileStore::open(&path).unwrap();
        change(&path, |content| content[starts[1] as usize - 1] ^= 1);
        assert!(matches!(
            store.read(0),
            Err(StoreError::Damaged { index: 0, .. })
        ));
        assert_eq!(store.read(1).unwrap().unwrap(), ENTRIES[1]);
    }

    #[test]
    fn other_files_and_second_writers_are_refused() {
        let (directory, path, _) = three();
        let other = directory.path().join("other");
        fs::write(&other, "name,birth date\n").unwrap();
        assert!(matches!(
            FileStore::open(&other),
            Err(StoreError::NotALog(_))
        ));
        let _first = FileStore::open(&path).unwrap();
        assert!(matches!(FileStore::open(&path), Err(StoreError::InUse(_))));
    }
}
