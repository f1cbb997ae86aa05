//! A batch while it is made: rows in the order of the registry, with whose each is, until they are put in the order they
//! leave in.

use std::collections::BTreeMap;
use std::ops::Range;

use model::layout::Row;
use model::manifest::MAX_BATCH_BYTES;
use model::{LifeEvent, PassHandle, RecordHandle};
use rayon::prelude::*;
use records::{LocalKey, Problem, ProblemKind};

use crate::calibration;
use crate::patterns::Patterns;
use crate::prepare::{EncodedRecord, HandleEntry, MAX_RECORDS, PrepareError, Prepared};
use crate::prepare_report::{PrepareReport, ProblemCount, push_example};
use crate::rows::SortedRows;

/// A batch whose rows stand in the order of the registry yet.
pub struct UnsortedBatch {
    pub(crate) row_bytes: usize,
    /// The rows of one group after the other.
    pub(crate) rows: Vec<Vec<u8>>,
    /// Whose each row is, with its group and its place there.
    pub(crate) handles: Vec<(HandleEntry, u32, u32)>,
    pub(crate) vault: Vec<(RecordHandle, LocalKey)>,
    pub(crate) events: Vec<(RecordHandle, LifeEvent)>,
    /// The groups with the rows of decoys.
    pub(crate) decoys: Range<u32>,
    gone: Vec<PassHandle>,
    pub(crate) report: PrepareReport,
    problems: BTreeMap<(usize, ProblemKind), ProblemCount>,
}

impl UnsortedBatch {
    /// Nothing yet, of rows of so many bytes and records of so many fields.
    pub(crate) fn new(row_bytes: usize, fields: usize) -> Self {
        Self {
            row_bytes,
            rows: Vec::new(),
            handles: Vec::new(),
            vault: Vec::new(),
            events: Vec::new(),
            decoys: 0..0,
            gone: Vec::new(),
            report: PrepareReport {
                present: vec![0; fields],
                ..PrepareReport::default()
            },
            problems: BTreeMap::new(),
        }
    }

    /// Takes in whose rows those of `record` are, in the group that is pushed next.
    pub(crate) fn keep(
        &mut self,
        record: &EncodedRecord,
        handles: &[PassHandle],
    ) -> Result<(), PrepareError> {
        let rows = self.handles.len() + record.rows.len() + calibration::MAX_RECORDS;
        if (rows * self.row_bytes) as u64 > MAX_BATCH_BYTES {
            return Err(PrepareError::BatchTooLarge { row: record.row });
        }
        self.count(record)?;
        let group = self.rows.len() as u32;
        let placed = |place: usize| {
            let (pass, record) = (handles[place], record.handle);
            (HandleEntry { pass, record }, group, place as u32)
        };
        self.handles.extend(record.rows.clone().map(placed));
        Ok(())
    }

    /// Counts a record, whose rows may be kept or not.
    pub(crate) fn count(&mut self, record: &EncodedRecord) -> Result<(), PrepareError> {
        if self.report.records == MAX_RECORDS {
            return Err(PrepareError::TooManyRecords);
        }
        self.report.records += 1;
        if record.rows.is_empty() {
            self.report.set_aside += 1;
            push_example(&mut self.report.set_aside_examples, record.row);
        }
        for (field, count) in self.report.present.iter_mut().enumerate() {
            *count += record.present >> field & 1;
        }
        for Problem { field, kind } in &record.problems {
            let count = self
                .problems
                .entry((*field, *kind))
                .or_insert_with(|| ProblemCount {
                    field: *field,
                    kind: *kind,
                    rows: 0,
                    examples: Vec::new(),
                });
            count.rows += 1;
            push_example(&mut count.examples, record.row);
        }
        Ok(())
    }

    /// Adds a group of decoys' rows, with the handle of each row's decoy.
    pub(crate) fn add_decoys(
        &mut self,
        rows: Vec<u8>,
        handles: &[PassHandle],
        mut owners: Vec<RecordHandle>,
    ) {
        let group = self.rows.len() as u32;
        for (place, (pass, record)) in (0..).zip(handles.iter().zip(&owners)) {
            let (pass, record) = (*pass, *record);
            self.handles
                .push((HandleEntry { pass, record }, group, place));
        }
        self.rows.push(rows);
        owners.dedup();
        self.report.decoys += owners.len() as u64;
    }

    /// Says of the rows of decoys that they are nobody's.
    pub(crate) fn make_nobodys(&mut self) {
        for (entry, group, _) in &mut self.handles {
            if self.decoys.contains(group) {
                entry.record = RecordHandle::NOBODY;
            }
        }
    }

    /// Which parts each record has, before calibration rows tell it again. Decoys make no pattern common: what
    /// a record is shown with, and so its links, do not depend on them.
    pub(crate) fn patterns(&self) -> Patterns {
        let (mut patterns, mut last) = (Patterns::default(), None);
        for (HandleEntry { record, .. }, group, place) in &self.handles {
            if last != Some(record) {
                let start = *place as usize * self.row_bytes;
                let row = &self.rows[*group as usize][start..start + self.row_bytes];
                let parts = Row::new(row).presence();
                match self.decoys.contains(group) {
                    true => patterns.see(parts),
                    false => patterns.count(parts),
                }
                last = Some(record);
            }
        }
        patterns
    }

    /// Adds the calibration rows, which no record that comes later can take the place of any more.
    pub(crate) fn calibrate(
        &mut self,
        of_sample: Vec<(Vec<u8>, HandleEntry)>,
        gone: Vec<PassHandle>,
    ) {
        let (group, mut rows) = (self.rows.len() as u32, Vec::new());
        for (place, (row, entry)) in (0..).zip(of_sample) {
            rows.extend_from_slice(&row);
            self.handles.push((entry, group, place));
            self.report.calibration_rows += 1;
        }
        self.rows.push(rows);
        self.gone = gone;
    }

    /// The report of a batch whose rows were not kept but handed on, so many of them.
    pub(crate) fn into_report(mut self, rows: u64) -> PrepareReport {
        self.report.rows = rows;
        self.report.problems = self.problems.into_values().collect();
        self.report
    }

    /// Shuffles: rows leave in the order of their random handles, which says nothing about the
    /// registry's.
    pub fn sort(mut self) -> Prepared {
        let mut handles = self.handles;
        handles.par_sort_unstable_by_key(|(entry, ..)| entry.pass);
        self.report.rows = handles.len() as u64;
        self.report.problems = self.problems.into_values().collect();
        let order = handles.iter().map(|(_, group, place)| (*group, *place));
        Prepared {
            rows: SortedRows::new(self.row_bytes, self.rows, order.collect()),
            handle_map: handles.into_iter().map(|(entry, ..)| entry).collect(),
            vault: self.vault,
            events: self.events,
            gone: self.gone,
            report: self.report,
        }
    }
}
