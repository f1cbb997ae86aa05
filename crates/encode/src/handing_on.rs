//! Rows handed on as they are made, for those who have node and matcher in one place: nobody is to see the order of the
//! registry in them, so they need neither be kept nor be put in another.
//!
//! Records are read first and wait until those of all parties were looked at. Then only the rows of blocks that have more
//! than one are made: a row that is alone in its block meets nobody, so that it would be made for nothing.

use std::collections::{BTreeSet, HashMap};
use std::error::Error;

use model::{PassIndex, RecordHandle};
use rayon::prelude::*;
use records::{LocalKey, PackedRecords, RawRecord};
use secret::cipher::Block;
use zeroize::ZeroizeOnDrop;

use crate::calibration::{self, CalibrationRow, Rank};
use crate::encoder::{Blocks, Desk, RecordIds};
use crate::prepare::{
    EncodedRecord, HandleEntry, Kept, Making, PrepareError, Preparer, ROWS_A_RECORD,
};
use crate::prepare_report::PrepareReport;
use crate::tally::BlockTally;

/// Records encoded in one go: few, as nothing is set up for them and all threads are to end at nearly the same time.
const GROUP: usize = 32;
/// Groups that a thread takes at once, for the same reason.
const GROUPS: usize = 2;
/// Blocks of a record that room is made for, as many as most have.
const BLOCKS_A_RECORD: usize = 18;
/// Groups encoded before it is looked which calibration rows are kept.
const GROUPS_AT_ONCE: usize = 256;

/// Rows of a record on their way to be compared.
#[derive(Debug, Clone, Copy)]
pub struct RowsOfRecord<'a> {
    /// The record's number in its batch.
    pub number: u32,
    /// The rows, one after the other.
    pub rows: &'a [u8],
    /// How many more it would have, each alone in its block.
    pub alone: u32,
}

/// Takes the rows of a record as they are made, on whichever thread.
pub type TakeRows<'a> =
    dyn Fn(RowsOfRecord<'_>) -> Result<(), Box<dyn Error + Send + Sync>> + Sync + 'a;

/// What is left of a batch whose rows were handed on as they were made.
pub struct HandedOn {
    /// The calibration rows, each with its record's number.
    pub calibration: Vec<(u32, Vec<u8>)>,
    /// By number: the record; [`RecordHandle::NOBODY`] for one that has no row.
    pub handles: Vec<RecordHandle>,
    /// As in [`Prepared`](crate::Prepared); records stand at their numbers.
    pub vault: Vec<(RecordHandle, LocalKey)>,
    /// What went in and what did not. Rows that are alone in their block count as made.
    pub report: PrepareReport,
}

/// Of a batch whose rows are handed on.
#[derive(Default)]
pub(crate) struct OfHandedOn {
    /// By number, who has any rows.
    handles: Vec<RecordHandle>,
    /// How many rows there are.
    rows: u64,
    /// Records read so far.
    read: u64,
    /// The last of these, group by group, which are kept while the next are read.
    unkept: Vec<Vec<ReadRecord>>,
    /// The ranks of those that calibrate.
    sampled: BTreeSet<Rank>,
    waiting: Vec<WaitingGroup>,
    waiting_bytes: usize,
}

/// What is kept of a record that was read, and its rank.
type ReadRecord = (EncodedRecord, LocalKey, Rank);

/// Records that wait for their rows to be made. Wiped on drop.
#[derive(Default, ZeroizeOnDrop)]
struct WaitingGroup {
    /// The number of the first.
    #[zeroize(skip)]
    first: u32,
    #[zeroize(skip)]
    records: Vec<WaitingRecord>,
    /// Their values.
    values: PackedRecords,
    /// The blocks of all of them, one after the other.
    #[zeroize(skip)]
    passes: Vec<PassIndex>,
    tokens: Vec<Block>,
    masks: Vec<Block>,
    /// About how much memory all that takes.
    #[zeroize(skip)]
    bytes: usize,
}

/// One of them, but for its values. Its ids are wiped on drop.
struct WaitingRecord {
    ids: RecordIds,
    rank: Rank,
    handle: RecordHandle,
    /// Where its blocks end in its group.
    end: usize,
}

impl WaitingGroup {
    /// Room for so many records.
    fn of(first: u32, records: usize) -> Self {
        let blocks = records * BLOCKS_A_RECORD;
        let mut group = Self::default();
        group.first = first;
        group.records.reserve_exact(records);
        group.passes.reserve_exact(blocks);
        group.tokens.reserve_exact(blocks);
        group.masks.reserve_exact(blocks);
        group
    }

    fn push(&mut self, blocks: &Blocks, waiting: impl FnOnce(usize) -> WaitingRecord) {
        self.passes.extend_from_slice(&blocks.passes);
        self.tokens.extend_from_slice(&blocks.tokens);
        self.masks.extend_from_slice(&blocks.masks);
        self.records.push(waiting(self.passes.len()));
    }

    /// Reckons how much memory it takes.
    fn reckon(&mut self) {
        self.bytes = self.values.bytes()
            + self.records.capacity() * size_of::<WaitingRecord>()
            + self.tokens.capacity() * (2 * size_of::<Block>() + size_of::<PassIndex>());
    }
}

impl Preparer<'_> {
    /// Reads a chunk of records, which then wait for [`Preparer::hand_on`], and counts them in `tally`. A batch is either
    /// [added](Preparer::add) or handed on as a whole, and one that is handed on has no decoys. Under a profile that hides
    /// rare patterns of missing parts it has to be added, since all rows decide together what each shows.
    ///
    /// # Errors
    /// As for [`Preparer::add`], though maybe of an earlier chunk.
    pub fn read(&mut self, chunk: Vec<RawRecord>, tally: &BlockTally) -> Result<(), PrepareError> {
        debug_assert!(self.schema.profile.hides_patterns_below().is_none());
        let making = &self.making;
        let handed_on = &mut self.kept.handed_on;
        let first = handed_on.read;
        handed_on.read += chunk.len() as u64;
        let groups = chunk.into_par_iter().chunks(GROUP).enumerate();
        let read = |desk: &mut Desk, (group, records): (usize, Vec<RawRecord>)| {
            // There are at most `MAX_RECORDS`, or what is kept of them is refused.
            let first = first + (group * GROUP) as u64;
            making.read_group(records, first as u32, desk, tally)
        };
        let groups = groups.with_max_len(GROUPS);
        let groups = groups.map_init(|| making.desks.take(), |at, group| read(at.desk(), group));
        // Kept one at a time, and so beside the work that all cores do.
        let (groups, kept) = rayon::join(|| groups.collect::<Vec<_>>(), || self.kept.keep_unkept());
        kept?;
        let handed_on = &mut self.kept.handed_on;
        for (waiting, read) in groups {
            handed_on.waiting_bytes += waiting.bytes;
            handed_on.waiting.push(waiting);
            handed_on.unkept.push(read);
        }
        Ok(())
    }

    /// About how much memory the records take that wait.
    pub fn waiting_bytes(&self) -> usize {
        self.kept.handed_on.waiting_bytes
    }

    /// Makes the rows of all records that wait, and hands them on as they are made. With a tally of all parties' records, only
    /// rows of blocks that may have more than one are made.
    ///
    /// # Errors
    /// As for [`Preparer::add`], and when `take` fails.
    pub fn hand_on(
        &mut self,
        tally: Option<&BlockTally>,
        take: &TakeRows<'_>,
    ) -> Result<(), PrepareError> {
        self.kept.keep_unkept()?;
        let waiting = std::mem::take(&mut self.kept.handed_on.waiting);
        self.kept.handed_on.waiting_bytes = 0;
        let mut waiting = waiting.into_iter();
        loop {
            let groups: Vec<WaitingGroup> = waiting.by_ref().take(GROUPS_AT_ONCE).collect();
            if groups.is_empty() {
                return Ok(());
            }
            let (making, sampled) = (&self.making, &self.kept.handed_on.sampled);
            let encode =
                |desk: &mut Desk, group| making.encode_waiting(group, sampled, tally, desk, take);
            let groups = groups.into_par_iter().with_max_len(GROUPS);
            let made =
                groups.map_init(|| making.desks.take(), |at, group| encode(at.desk(), group));
            for of_group in made.collect::<Result<Vec<_>, _>>()? {
                for (CalibrationRow { rank, row, handle }, record) in of_group {
                    let pass = handle;
                    (self.kept.sample).add(rank, row, HandleEntry { pass, record });
                }
            }
        }
    }

    /// Ends a batch whose rows were handed on.
    pub fn finish_handed_on(self) -> HandedOn {
        let Kept {
            sample,
            mut batch,
            handed_on,
            ..
        } = self.kept;
        debug_assert!(handed_on.waiting.is_empty() && handed_on.unkept.is_empty());
        let (sample, _) = sample.into_rows();
        let sample = sample.into_iter().map(|(row, entry)| (entry.record, row));
        let mut sample: HashMap<RecordHandle, Vec<u8>> = sample.collect();
        let numbered = (0..).zip(&batch.vault);
        let calibration =
            numbered.filter_map(|(number, (handle, _))| Some((number, sample.remove(handle)?)));
        let calibration: Vec<_> = calibration.collect();
        batch.report.calibration_rows = calibration.len() as u64;
        HandedOn {
            handles: handed_on.handles,
            vault: std::mem::take(&mut batch.vault),
            report: batch.into_report(handed_on.rows + calibration.len() as u64),
            calibration,
        }
    }
}

impl Kept {
    /// Keeps what was read last.
    fn keep_unkept(&mut self) -> Result<(), PrepareError> {
        let unkept = std::mem::take(&mut self.handed_on.unkept);
        for (record, key, rank) in unkept.into_iter().flatten() {
            self.batch.count(&record)?;
            let OfHandedOn {
                handles,
                rows,
                sampled,
                ..
            } = &mut self.handed_on;
            *rows += record.rows.len() as u64;
            if record.rows.is_empty() {
                handles.push(RecordHandle::NOBODY);
            } else {
                handles.push(record.handle);
                sampled.insert(rank);
                if sampled.len() > calibration::MAX_RECORDS {
                    sampled.pop_last();
                }
            }
            self.keep(record, key)?;
        }
        Ok(())
    }
}

impl Making<'_> {
    /// Reads records of which the first has the number `first`.
    fn read_group(
        &self,
        raw: Vec<RawRecord>,
        first: u32,
        desk: &mut Desk,
        tally: &BlockTally,
    ) -> (WaitingGroup, Vec<ReadRecord>) {
        let mut waiting = WaitingGroup::of(first, raw.len());
        let mut read = Vec::with_capacity(raw.len());
        let mut records = Vec::with_capacity(raw.len());
        for raw in raw {
            let (mut encoded, ids, record) = self.read(&raw);
            self.encoder.find_blocks(&record, &mut desk.blocks);
            desk.blocks.tokens.iter().for_each(|token| tally.see(token));
            let rank = Rank::of(self.node, &ids);
            let (handle, start) = (encoded.handle, waiting.passes.len());
            waiting.push(&desk.blocks, |end| WaitingRecord {
                ids,
                rank,
                handle,
                end,
            });
            records.push(record);
            encoded.rows = start..waiting.passes.len();
            read.push((encoded, raw.key, rank));
        }
        waiting.values = PackedRecords::of(&records);
        waiting.reckon();
        (waiting, read)
    }

    /// Makes the rows of records that wait, and hands those of each on. Returns the calibration rows, and whose they are.
    fn encode_waiting(
        &self,
        group: WaitingGroup,
        sampled: &BTreeSet<Rank>,
        tally: Option<&BlockTally>,
        desk: &mut Desk,
        take: &TakeRows<'_>,
    ) -> Result<Vec<(CalibrationRow, RecordHandle)>, PrepareError> {
        let (mut rows, mut handles, mut calibration) = (Vec::new(), Vec::new(), Vec::new());
        let mut start = 0;
        rows.reserve_exact(ROWS_A_RECORD * self.encoder.row_bytes());
        let records = group.records.iter().zip(group.values.iter());
        for (number, (waiting, record)) in (group.first..).zip(records) {
            rows.clear();
            handles.clear();
            desk.blocks.clear();
            let mut alone = 0;
            for place in start..waiting.end {
                let token = &group.tokens[place];
                if tally.is_none_or(|tally| tally.is_shared(token)) {
                    desk.blocks.passes.push(group.passes[place]);
                    desk.blocks.tokens.push(*token);
                    desk.blocks.masks.push(group.masks[place]);
                } else {
                    alone += 1;
                }
            }
            start = waiting.end;
            let rank = Some(waiting.rank).filter(|rank| sampled.contains(rank));
            let ids = &waiting.ids;
            let row =
                (self.encoder).encode_in_blocks(&record, ids, rank, desk, &mut rows, &mut handles);
            calibration.extend(row.map(|row| (row, waiting.handle)));
            let rows = RowsOfRecord {
                number,
                rows: &rows,
                alone,
            };
            take(rows).map_err(PrepareError::HandingOn)?;
        }
        Ok(calibration)
    }
}
