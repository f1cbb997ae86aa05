//! Rows handed on as they are made, for those who have node and matcher in one place: nobody is to see the order of the
//! registry in them, so they need neither be kept nor be put in another.

use std::collections::HashMap;
use std::error::Error;

use model::RecordHandle;
use rayon::prelude::*;
use records::{LocalKey, RawRecord};

use crate::encoder::Desk;
use crate::prepare::{EncodedRecord, Group, PrepareError, Preparer};
use crate::prepare_report::PrepareReport;

/// Records encoded in one go: few, as nothing is set up for them and all threads are to end at nearly the same time.
const GROUP: usize = 32;

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
}

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
    /// As for [`Preparer::add`], and when `take` fails.
    pub fn hand_on(
        &mut self,
        chunk: Vec<RawRecord>,
        take: &TakeRows<'_>,
    ) -> Result<(), PrepareError> {
        debug_assert!(self.schema.profile.hides_patterns_below().is_none());
        let first = self.batch.report.records;
        let groups = chunk.into_par_iter().chunks(GROUP).enumerate();
        let encode = |desk: &mut Desk, (group, records): (usize, Vec<RawRecord>)| {
            // There are at most `MAX_RECORDS`.
            let first = first + (group * GROUP) as u64;
            self.encode_on(records, first as u32, desk, take)
        };
        let groups = groups.map_init(Desk::default, encode);
        for records in groups.collect::<Result<Vec<_>, _>>()? {
            for (record, key) in records {
                self.batch.count(&record)?;
                self.handed_on.count(&record);
                self.keep(record, key)?;
            }
        }
        Ok(())
    }

    /// Encodes records of which the first has the number `number`, and hands the rows of each on.
    fn encode_on(
        &self,
        raw: Vec<RawRecord>,
        number: u32,
        desk: &mut Desk,
        take: &TakeRows<'_>,
    ) -> Result<Vec<(EncodedRecord, LocalKey)>, PrepareError> {
        let mut group = Group::default();
        for (number, raw) in (number..).zip(raw) {
            group.rows.clear();
            group.handles.clear();
            self.encode(raw, desk, &mut group);
            take(number, &group.rows).map_err(PrepareError::HandingOn)?;
        }
        Ok(group.records)
    }

    /// Ends a batch whose rows were handed on.
    pub fn finish_handed_on(self) -> HandedOn {
        let (sample, _) = self.sample.into_rows();
        let sample = sample.into_iter().map(|(row, entry)| (entry.record, row));
        let mut sample: HashMap<RecordHandle, Vec<u8>> = sample.collect();
        let numbered = (0..).zip(&self.batch.vault);
        let calibration =
            numbered.filter_map(|(number, (handle, _))| Some((number, sample.remove(handle)?)));
        let calibration: Vec<_> = calibration.collect();
        let mut batch = self.batch;
        batch.report.calibration_rows = calibration.len() as u64;
        HandedOn {
            handles: self.handed_on.handles,
            vault: std::mem::take(&mut batch.vault),
            report: batch.into_report(self.handed_on.rows + calibration.len() as u64),
            calibration,
        }
    }
}
