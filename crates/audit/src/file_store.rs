//! A log's entries in one file.
//!
//! The file is a first line, which says what it is, and then groups of entries that were appended
//! together (see `record`). Each group is made durable before the next is begun.
//!
//! A crash while appending leaves a torn last group, never acknowledged, and opening cuts it.
//! Damage anywhere else is refused, for what it hit was durable and may have been promised to
//! others. The checks find accidents; that no one altered the log is what the tree is for.

mod record;

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use self::record::{
    FRAME_HEAD_BYTES, GROUP_HEAD_BYTES, Group, MAX_FRAMES_BYTES, bodies, frame, frames_length,
};
use crate::files::{io_error, sync_directory_of};
use crate::store::{EntryStore, StoreError, check_length};

const MAGIC: &[u8; 15] = b"symbolon log 2\n";

/// Entries in a file that this program alone writes.
pub struct FileStore {
    file: File,
    path: PathBuf,
    /// Where each entry's frame is.
    frames: Vec<Frame>,
    /// Where the next group goes.
    end: u64,
    cut_bytes: u64,
    broken: bool,
}

impl FileStore {
    /// Opens the log file at `path`, or makes an empty one. Reads all of it, and cuts a torn last
    /// group.
    ///
    /// # Errors
    /// A file that another program has open, that is no log, or that is damaged; a medium that
    /// fails.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_with(path, 0)
    }

    /// As [`Self::open`], of a log that is known to have had `acknowledged` entries: what is torn before
    /// them is damage, and is not cut.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(path: &Path, acknowledged: u64) -> Result<Self, StoreError> {
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path);
        let file = opened.map_err(|source| io_error("open", path, source))?;
        lock(&file, path)?;
        let mut store = Self {
            file,
            path: path.to_owned(),
            frames: Vec::new(),
            end: MAGIC.len() as u64,
            cut_bytes: 0,
            broken: false,
        };
        store.check_magic()?;
        store.scan(acknowledged)?;
        Ok(store)
    }

    /// How many bytes of a torn last group opening cut off. Not 0 means the last program crashed
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

    /// Finds where every entry is, checking each.
    fn scan(&mut self, acknowledged: u64) -> Result<(), StoreError> {
        let size = self
            .file
            .metadata()
            .map_err(|source| self.io("read", source))?
            .len();
        while self.end < size || self.len() < acknowledged {
            match self.examine(size)? {
                Found::Whole(places) => self.take(&places),
                Found::Torn if self.len() < acknowledged => {
                    return Err(self.damaged(self.len(), self.end));
                }
                Found::Torn => return self.cut(size),
                Found::Damaged(index) => return Err(self.damaged(index, self.end)),
            }
        }
        Ok(())
    }

    /// Looks at the group that starts where the last one ended, in a file of `size` bytes.
    fn examine(&self, size: u64) -> Result<Found, StoreError> {
        let mut head = [0; GROUP_HEAD_BYTES];
        if size - self.end < GROUP_HEAD_BYTES as u64 {
            return Ok(Found::Torn);
        }
        self.read_at(self.end, &mut head)?;
        let Some(length) = frames_length(self.len(), &head) else {
            return Ok(match self.is_zero(size)? {
                true => Found::Torn,
                false => Found::Damaged(self.len()),
            });
        };
        let start = self.end + GROUP_HEAD_BYTES as u64;
        let end = start + length as u64;
        if end > size {
            return Ok(Found::Torn);
        }
        let mut frames = vec![0; length];
        self.read_at(start, &mut frames)?;
        Ok(match bodies(self.len(), &frames) {
            Ok(places) => Found::Whole(places),
            // At the very end, the length reached the disk and not all of the frames did.
            Err(_) if end == size => Found::Torn,
            Err(index) => Found::Damaged(index),
        })
    }

    /// Takes up a whole group, whose bodies are at `places` behind its head.
    fn take(&mut self, places: &[Range<usize>]) {
        let start = self.end + GROUP_HEAD_BYTES as u64;
        for place in places {
            self.frames.push(Frame {
                at: start + (place.start - FRAME_HEAD_BYTES) as u64,
                length: place.len() as u32,
            });
        }
        self.end = start + places.last().map_or(0, |place| place.end) as u64;
    }

    /// Whether the file holds nothing but zeros from its last whole group on, as when it grew and
    /// its content never came.
    fn is_zero(&self, size: u64) -> Result<bool, StoreError> {
        // One append grows the file by one group; more zeros than that are not its doing.
        let rest = size - self.end;
        if rest > (GROUP_HEAD_BYTES + MAX_FRAMES_BYTES) as u64 {
            return Ok(false);
        }
        let mut bytes = vec![0; rest as usize];
        self.read_at(self.end, &mut bytes)?;
        Ok(bytes.iter().all(|byte| *byte == 0))
    }

    fn cut(&mut self, size: u64) -> Result<(), StoreError> {
        let cut = self.file.set_len(self.end);
        let cut = cut.and_then(|()| self.file.sync_all());
        cut.map_err(|source| self.io("cut the torn end of", source))?;
        self.cut_bytes = size - self.end;
        Ok(())
    }

    /// Makes a group durable.
    fn append_group(&mut self, group: Group) -> Result<(), StoreError> {
        let (bytes, places) = group.finish();
        let written = self.file.write_all_at(&bytes, self.end);
        if let Err(source) = written.and_then(|()| self.file.sync_data()) {
            // What reached the disk is unknown, and a second sync would not say: only opening again
            // can tell.
            self.broken = true;
            return Err(self.io("append to", source));
        }
        let behind_head =
            |place: &Range<usize>| place.start - GROUP_HEAD_BYTES..place.end - GROUP_HEAD_BYTES;
        self.take(&places.iter().map(behind_head).collect::<Vec<_>>());
        Ok(())
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
    fn append_all(&mut self, entries: &[Vec<u8>]) -> Result<(), StoreError> {
        entries.iter().try_for_each(|entry| check_length(entry))?;
        if self.broken {
            return Err(StoreError::Broken);
        }
        let mut group = Group::new(self.len());
        for entry in entries {
            if !group.add(entry) {
                let next = Group::new(self.len() + group.len() as u64);
                self.append_group(std::mem::replace(&mut group, next))?;
                group.add(entry);
            }
        }
        match group.len() {
            0 => Ok(()),
            _ => self.append_group(group),
        }
    }

    fn len(&self) -> u64 {
        self.frames.len() as u64
    }

    fn read(&self, index: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let place = usize::try_from(index).ok();
        let Some(place) = place.and_then(|place| self.frames.get(place)) else {
            return Ok(None);
        };
        let mut bytes = vec![0; FRAME_HEAD_BYTES + place.length as usize];
        self.read_at(place.at, &mut bytes)?;
        match frame(index, &bytes) {
            Some(body) => Ok(Some(body.to_vec())),
            None => Err(self.damaged(index, place.at)),
        }
    }
}

/// Where an entry is in the file.
#[derive(Clone, Copy)]
struct Frame {
    at: u64,
    /// Of its body.
    length: u32,
}

/// What stands where a group should.
enum Found {
    /// A group, whose bodies are here behind its head.
    Whole(Vec<Range<usize>>),
    /// The beginning of one that was never acknowledged.
    Torn,
    /// Something else, from this entry on.
    Damaged(u64),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::suite;
    use std::cell::Cell;
    use std::fs;
    use tempfile::TempDir;

    const ENTRIES: [&[u8]; 3] = [b"first", b"second entry", b"third"];

    /// A closed log file of three entries, and where each one's group starts and the last ends.
    fn three() -> (TempDir, PathBuf, Vec<u64>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let mut store = FileStore::open(&path).unwrap();
        ENTRIES
            .iter()
            .for_each(|entry| store.append(entry).unwrap());
        let groups = store.frames.iter();
        let mut starts: Vec<u64> = groups
            .map(|frame| frame.at - GROUP_HEAD_BYTES as u64)
            .collect();
        starts.push(store.end);
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
    fn a_file_cut_anywhere_in_the_last_group_keeps_the_others_and_goes_on() {
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
    fn a_torn_group_is_cut_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let entries = ENTRIES.map(<[u8]>::to_vec);
        FileStore::open(&path)
            .unwrap()
            .append_all(&entries)
            .unwrap();
        let whole = fs::read(&path).unwrap();
        for length in MAGIC.len()..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            assert!(FileStore::open(&path).unwrap().is_empty());
        }
        fs::write(&path, &whole).unwrap();
        assert_eq!(content(&FileStore::open(&path).unwrap()), ENTRIES);
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
    fn a_body_or_group_that_never_reached_the_disk_is_cut() {
        let (_directory, path, starts) = three();
        let body = starts[2] as usize + GROUP_HEAD_BYTES;
        change(&path, |content| content[body..].fill(0));
        assert_eq!(FileStore::open(&path).unwrap().len(), 2);
        change(&path, |content| content.extend([0; 500]));
        let store = FileStore::open(&path).unwrap();
        assert_eq!((store.len(), store.cut_bytes()), (2, 500));
    }

    #[test]
    fn any_damage_before_the_last_group_is_refused_and_left_as_it_is() {
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
    fn a_damaged_length_in_the_last_group_is_refused() {
        let (_directory, path, starts) = three();
        change(&path, |content| content[starts[2] as usize] ^= 1);
        assert!(matches!(
            FileStore::open(&path),
            Err(StoreError::Damaged { index: 2, .. })
        ));
    }

    #[test]
    fn swapped_and_repeated_groups_are_refused() {
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
