//! Rows handed on as they are made, for those who have node and matcher in one place: nobody is to see the order of the
//! registry in them, so they need neither be kept nor be put in another.

use std::collections::HashMap;
use std::error::Error;

use model::RecordHandle;
use rayon::prelude::*;
use records::{LocalKey, RawRecord};

use crate::calibration::Rank;
use crate::encoder::Desk;
use crate::prepare::{EncodedRecord, Group, Kept, Making, PrepareError, Preparer};
use crate::prepare_report::PrepareReport;

/// Records encoded in one go: few, as nothing is set up for them and all threads are to end at nearly the same time.
const GROUP: usize = 32;

/// Groups that a thread takes at once, for the same reason.
const GROUPS: usize = 2;

/// Takes the rows of a record as they are made, on whichever thread, with the record's number in its batch.
pub type TakeRows<'a> = dyn Fn(u32, &[u8]) -> Result<(), Box<dyn Error + Send + Sync>> + Sync + 'a;

/// What is left of a batch whose rows were handed on as they were made.
pub struct HandedOn {
    /// The calibration rows, each with its record's number.
    pub calibration: Vec<(u32, Vec<u8>)>,
    /// By number: the record; [`RecordHandle::NOBODY`] for one that has no row.
    pub handles: Vec<RecordHandle>,
    /// As in [`Prepared`](crate::Prepared); records stand at their numbers.
    pub vault: Vec<(RecordHandle, LocalKey)>,
    /// What went in and what did not.
    pub report: PrepareReport,
}

/// Of a batch whose rows are handed on: by number, who has any, and how many there are.
#[derive(Default)]
pub(crate) struct OfHandedOn {
    handles: Vec<RecordHandle>,
    rows: u64,
    /// Records of which rows were handed on so far.
    encoded: u64,
    /// The last of these, group by group, which are kept while the next are encoded.
    waiting: Vec<EncodedGroup>,
}

type EncodedGroup = Vec<(EncodedRecord, LocalKey)>;

impl OfHandedOn {
    fn count(&mut self, record: &EncodedRecord) {
        self.rows += record.rows.len() as u64;
        self.handles.push(match record.rows.is_empty() {
            true => RecordHandle::NOBODY,
            false => record.handle,
        });
    }
}

impl Preparer<'_> {
    /// As [`Preparer::add`], and hands the rows on as they are made instead of keeping them. A batch is either kept
    /// or handed on as a whole, and one that is handed on has no decoys. Under a profile that hides rare patterns of
    /// missing parts it has to be kept, since all rows decide together what each shows.
    ///
    /// # Errors
    /// As for [`Preparer::add`], though maybe of an earlier chunk, and when `take` fails.
    pub fn hand_on(
        &mut self,
        chunk: Vec<RawRecord>,
        take: &TakeRows<'_>,
    ) -> Result<(), PrepareError> {
        debug_assert!(self.schema.profile.hides_patterns_below().is_none());
        let (making, sampled) = (&self.making, self.kept.sample.bound());
        let handed_on = &mut self.kept.handed_on;
        let first = handed_on.encoded;
        handed_on.encoded += chunk.len() as u64;
        let groups = chunk.into_par_iter().chunks(GROUP).enumerate();
        let groups = groups.with_max_len(GROUPS);
        let encode = |desk: &mut Desk, (group, records): (usize, Vec<RawRecord>)| {
            // There are at most `MAX_RECORDS`, or what is kept of them is refused.
            let first = first + (group * GROUP) as u64;
            making.encode_on(records, first as u32, sampled, desk, take)
        };
        let groups = groups.map_init(Desk::default, encode);
        // One at a time, and so beside the work that all cores do.
        let (encoded, kept) = rayon::join(
            || groups.collect::<Result<Vec<_>, _>>(),
            || self.kept.keep_waiting(),
        );
        kept?;
        self.kept.handed_on.waiting = encoded?;
        Ok(())
    }

    /// Ends a batch whose rows were handed on.
    ///
    /// # Errors
    /// As for [`Preparer::add`].
    pub fn finish_handed_on(mut self) -> Result<HandedOn, PrepareError> {
        self.kept.keep_waiting()?;
        let Kept {
            sample,
            mut batch,
            handed_on,
            ..
        } = self.kept;
        let (sample, _) = sample.into_rows();
        let sample = sample.into_iter().map(|(row, entry)| (entry.record, row));
        let mut sample: HashMap<RecordHandle, Vec<u8>> = sample.collect();
        let numbered = (0..).zip(&batch.vault);
        let calibration =
            numbered.filter_map(|(number, (handle, _))| Some((number, sample.remove(handle)?)));
        let calibration: Vec<_> = calibration.collect();
        batch.report.calibration_rows = calibration.len() as u64;
        Ok(HandedOn {
            handles: handed_on.handles,
            vault: std::mem::take(&mut batch.vault),
            report: batch.into_report(handed_on.rows + calibration.len() as u64),
            calibration,
        })
    }
}

impl Kept {
    /// Keeps what waits.
    fn keep_waiting(&mut self) -> Result<(), PrepareError> {
        let waiting = std::mem::take(&mut self.handed_on.waiting);
        for (record, key) in waiting.into_iter().flatten() {
            self.batch.count(&record)?;
            self.handed_on.count(&record);
            self.keep(record, key)?;
        }
        Ok(())
    }
}

impl Making<'_> {
    /// Encodes records of which the first has the number `number`, and hands the rows of each on.
    fn encode_on(
        &self,
        raw: Vec<RawRecord>,
        number: u32,
        sampled: Option<Rank>,
        desk: &mut Desk,
        take: &TakeRows<'_>,
    ) -> Result<EncodedGroup, PrepareError> {
        let mut group = Group::default();
        for (number, raw) in (number..).zip(raw) {
            group.rows.clear();
            group.handles.clear();
            self.encode(raw, sampled, desk, &mut group);
            take(number, &group.rows).map_err(PrepareError::HandingOn)?;
        }
        Ok(group.records)
    }
}
