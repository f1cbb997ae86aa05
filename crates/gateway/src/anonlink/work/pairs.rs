//! Stage 2: all comparisons of a run, tile by tile. After each tile its pairs are durable, and then the
//! count of tiles is, so a restart loses one tile's work at most and never a pair.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Seek as _, SeekFrom, Write as _};

use service::files::{create_dir_private, sync_dir};
use service::{Shutdown, Stopwatch};

use super::WorkError;
use super::compare::compare;
use super::encodings::Encodings;
use super::scored::ROW;
use super::tiles::{Block, CommonBlocks, Tile};
use crate::anonlink::files::{Draft, RunFiles};
use crate::anonlink::id::ProjectId;
use crate::anonlink::project::Project;
use crate::anonlink::run::{Checkpoint, Run};
use crate::anonlink::serve::Shared;
use crate::anonlink::sort::{BUFFER, PIECE_BYTES, sort_once};

/// The most pairs of a run: 48 GB as they are found, and as much again sorted.
const MOST_PAIRS: u64 = 2_000_000_000;
/// Comparisons after which pairs are made durable, where tiles are small.
const STEP: u64 = 1 << 24;

/// What is compared: the parties' encodings, and which share a block.
pub(super) struct Inputs<'a> {
    shared: &'a Shared,
    project: ProjectId,
    uses_blocking: bool,
    encoding_bytes: usize,
    parties: Vec<Encodings>,
}

impl<'a> Inputs<'a> {
    /// Opens the data of a project whose parties' data are all in.
    pub(super) fn open(shared: &'a Shared, project: &Project) -> io::Result<Self> {
        let encoding_bytes = project.encoding_bytes().unwrap_or_default() as usize;
        let open = |(index, upload): (usize, crate::anonlink::Upload)| {
            let path = shared.files.encodings(&project.id, index);
            let parties = project.parties.len();
            Encodings::open(&path, upload.records, encoding_bytes, parties)
        };
        let uploads = project.parties.iter().filter_map(|party| party.upload);
        Ok(Self {
            shared,
            project: project.id,
            uses_blocking: project.uses_blocking,
            encoding_bytes,
            parties: uploads.enumerate().map(open).collect::<io::Result<_>>()?,
        })
    }

    /// How many comparisons there are.
    pub(super) fn comparisons(&self) -> io::Result<u64> {
        self.blocks()?
            .try_fold(0, |sum, block| Ok(sum + block?.comparisons()))
    }

    fn blocks(&self) -> io::Result<Box<dyn Iterator<Item = io::Result<Block>>>> {
        if !self.uses_blocking {
            let all = Block::of_all(self.parties.iter().map(Encodings::all));
            return Ok(Box::new(std::iter::once(Ok(all))));
        }
        let open = |party| File::open(self.shared.files.blocks(&self.project, party));
        let files = (0..self.parties.len())
            .map(open)
            .collect::<io::Result<_>>()?;
        Ok(Box::new(CommonBlocks::new(files)?))
    }

    /// Makes all comparisons that are left, and counts them in `run`.
    pub(super) fn compare(&self, run: &mut Run, shutdown: &Shutdown) -> Result<(), WorkError> {
        let files = self.shared.files.run(&self.project, &run.id);
        let mut out = Raw::open(&files, run.checkpoint)?;
        run.checkpoint = out.checkpoint;
        let watch = Stopwatch::start();
        let before = run.checkpoint.comparisons;
        for block in self.blocks()? {
            for tile in block?.tiles() {
                if !out.skips() {
                    self.compare_tile(&tile, run.threshold, &mut out)?;
                    if out.pending >= STEP {
                        self.save(run, &mut out, shutdown)?;
                    }
                }
            }
        }
        self.save(run, &mut out, shutdown)?;
        let seconds = watch.elapsed().as_secs_f64().max(1e-6);
        let rate = (run.checkpoint.comparisons - before) as f64 / seconds;
        if rate >= 1.0 {
            let order = std::sync::atomic::Ordering::Relaxed;
            self.shared.rate.store(rate as u64, order);
        }
        Ok(())
    }

    fn compare_tile(&self, tile: &Tile, threshold: f64, out: &mut Raw) -> Result<(), WorkError> {
        let linker = self.shared.parts.linker.as_ref();
        let sizes = (threshold, self.encoding_bytes);
        let mut write = |pair: &super::scored::Scored| out.add(&pair.to_row());
        let compared = compare(tile, &self.parties, sizes, linker, &mut write);
        if out.overflows {
            return Err(WorkError::TooManyPairs(MOST_PAIRS));
        }
        compared?;
        out.checkpoint.tiles += 1;
        out.checkpoint.comparisons += tile.comparisons();
        out.pending += tile.comparisons();
        Ok(())
    }

    fn save(&self, run: &mut Run, out: &mut Raw, shutdown: &Shutdown) -> Result<(), WorkError> {
        let before = std::mem::replace(&mut run.checkpoint, out.sync()?);
        if run.checkpoint.tiles > before.tiles || shutdown.is_requested() {
            run.attempts = 0;
        }
        if !self.shared.catalogue().save_run(&self.project, run)? {
            return Err(WorkError::Gone);
        }
        match shutdown.is_requested() {
            true => Err(WorkError::Stopped),
            false => Ok(()),
        }
    }
}

/// Pairs as they are found.
struct Raw {
    file: BufWriter<File>,
    checkpoint: Checkpoint,
    /// Tiles still to be passed over, since they were compared before.
    passed: u64,
    /// Comparisons since pairs were last made durable.
    pending: u64,
    /// Pairs there is room for.
    room: u64,
    /// Whether there was no room for a pair.
    overflows: bool,
}

impl Raw {
    /// Opens the file behind the last durable tile, or at its start where not all that was durable is
    /// there any more.
    fn open(files: &RunFiles, checkpoint: Checkpoint) -> io::Result<Self> {
        create_dir_private(files.directory())?;
        let mut options = OpenOptions::new();
        let options = options.create(true).write(true).truncate(false);
        let mut file = options.open(files.raw())?;
        let checkpoint = match file.metadata()?.len() < checkpoint.bytes {
            true => Checkpoint::default(),
            false => checkpoint,
        };
        file.set_len(checkpoint.bytes)?;
        file.seek(SeekFrom::Start(checkpoint.bytes))?;
        sync_dir(files.directory())?;
        Ok(Self {
            file: BufWriter::with_capacity(BUFFER, file),
            checkpoint,
            passed: checkpoint.tiles,
            pending: 0,
            room: MOST_PAIRS.saturating_sub(checkpoint.bytes / ROW as u64),
            overflows: false,
        })
    }

    /// Adds a pair, if there is room.
    fn add(&mut self, row: &[u8; ROW]) -> io::Result<()> {
        let Some(room) = self.room.checked_sub(1) else {
            self.overflows = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        };
        self.room = room;
        self.file.write_all(row)
    }

    fn skips(&mut self) -> bool {
        let skips = self.passed > 0;
        self.passed = self.passed.saturating_sub(1);
        skips
    }

    fn sync(&mut self) -> io::Result<Checkpoint> {
        self.file.flush()?;
        let file = self.file.get_mut();
        file.sync_data()?;
        self.checkpoint.bytes = file.stream_position()?;
        self.pending = 0;
        Ok(self.checkpoint)
    }
}

/// Puts a run's pairs in anonlink's order, each once.
pub(super) fn sort(files: &RunFiles) -> io::Result<()> {
    let raw = BufReader::with_capacity(BUFFER, File::open(files.raw())?);
    let mut pairs = Draft::new(files.pairs())?;
    sort_once::<ROW>(raw, files.directory(), PIECE_BYTES, &mut pairs)?;
    pairs.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anonlink::files::Files;

    fn run_files(dir: &std::path::Path) -> RunFiles {
        let ids = ("0".repeat(48), "1".repeat(48));
        let files = Files::open(dir).unwrap();
        let files = files.run(&ids.0.parse().unwrap(), &ids.1.parse().unwrap());
        std::fs::create_dir_all(files.directory()).unwrap();
        files
    }

    #[test]
    fn a_run_has_room_for_so_many_pairs() {
        let dir = tempfile::tempdir().unwrap();
        let files = run_files(dir.path());
        std::fs::write(files.raw(), [7; 3 * ROW]).unwrap();
        let checkpoint = Checkpoint {
            bytes: 3 * ROW as u64,
            ..Checkpoint::default()
        };
        let mut raw = Raw::open(&files, checkpoint).unwrap();
        assert_eq!(raw.room, MOST_PAIRS - 3);
        raw.room = 1;
        raw.add(&[8; ROW]).unwrap();
        assert!(!raw.overflows);
        assert!(raw.add(&[9; ROW]).is_err());
        assert!(raw.overflows);
        assert_eq!(raw.sync().unwrap().bytes, 4 * ROW as u64);
    }

    #[test]
    fn pairs_that_are_gone_are_looked_for_again() {
        let dir = tempfile::tempdir().unwrap();
        let files = run_files(dir.path());
        std::fs::write(files.raw(), [7; 5]).unwrap();
        let checkpoint = |bytes| Checkpoint {
            tiles: 2,
            comparisons: 9,
            bytes,
        };
        let kept = Raw::open(&files, checkpoint(4)).unwrap();
        assert_eq!((kept.checkpoint, kept.passed), (checkpoint(4), 2));
        assert_eq!(std::fs::read(files.raw()).unwrap(), [7; 4]);
        let lost = Raw::open(&files, checkpoint(5)).unwrap();
        assert_eq!((lost.checkpoint, lost.passed), (Checkpoint::default(), 0));
        assert_eq!(std::fs::metadata(files.raw()).unwrap().len(), 0);
    }
}
