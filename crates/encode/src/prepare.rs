//! Prepare: a registry's raw records become rows for the matcher, a handle map for the resolver and
//! a vault for the node, with a report of what could not be used.

use std::collections::{BTreeMap, HashMap};

use model::manifest::MAX_BATCH_BYTES;
use model::{Layout, LinkageSchema, PartyIndex, PassHandle, RecordHandle};
use rayon::prelude::*;
use records::{ColumnPlan, LocalKey, Normaliser, Problem, ProblemKind, RawRecord};

use crate::calibration::{self, CalibrationRow, Rank, Sample, Sampled};
use crate::encoder::{Encoder, RecordIds};
use crate::keys::{EpochKeys, NodeKeys};

/// Rows remembered as examples of a problem.
const EXAMPLES: usize = 5;
/// The most records a batch may have.
pub const MAX_RECORDS: u64 = 200_000_000;

/// Why preparing stopped.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// Two rows with one local key: links could not be told apart when they come back.
    #[error("row {row} has the same record id as row {first}; record ids must be unique")]
    DuplicateRecordId {
        /// The second row.
        row: u64,
        /// The row that had it first.
        first: u64,
    },
    /// A row without a local key.
    #[error("row {row} has an empty record id; every row needs one")]
    EmptyRecordId {
        /// The row.
        row: u64,
    },
    /// A row with the local key of a record that an earlier batch of the run brought.
    #[error(
        "row {row} has the record id of a record of an earlier batch; a batch that is added holds new records only"
    )]
    KnownRecordId {
        /// The row.
        row: u64,
    },
    /// More records than any registry has.
    #[error("the registry has more than {MAX_RECORDS} records")]
    TooManyRecords,
    /// More bytes than one batch may have.
    #[error(
        "the batch is over the limit of {MAX_BATCH_BYTES} bytes at row {row}; drop blocking passes or split the registry"
    )]
    BatchTooLarge {
        /// The row at which the limit was passed.
        row: u64,
    },
}

/// One line of the handle map: whose row this is. Sealed to the resolver before it leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HandleEntry {
    /// The row.
    pub pass: PassHandle,
    /// The record it belongs to.
    pub record: RecordHandle,
}

/// How often one problem occurred in one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProblemCount {
    /// The field of the schema, as an index.
    pub field: usize,
    /// What was wrong.
    pub kind: ProblemKind,
    /// In how many rows.
    pub rows: u64,
    /// The first few of these rows.
    pub examples: Vec<u64>,
}

/// What went in, and what could not be used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PrepareReport {
    /// Records read.
    pub records: u64,
    /// Records without any block, which can meet nobody.
    pub set_aside: u64,
    /// The first few rows set aside.
    pub set_aside_examples: Vec<u64>,
    /// Rows made.
    pub rows: u64,
    /// How many of them calibrate: records sampled to show how alike strangers are.
    pub calibration_rows: u64,
    /// Values that could not be used as they stood, by field and kind.
    pub problems: Vec<ProblemCount>,
    /// Values present, by field.
    pub present: Vec<u64>,
}

impl PrepareReport {
    /// Counts calibration rows out that records which came later took the place of.
    pub fn forget_rows(&mut self, calibration: u64) {
        self.rows -= calibration;
        self.calibration_rows -= calibration;
    }

    /// Adds what another batch of the same party tells.
    pub fn join(&mut self, other: Self) {
        self.records += other.records;
        self.set_aside += other.set_aside;
        self.set_aside_examples.extend(other.set_aside_examples);
        self.set_aside_examples.truncate(EXAMPLES);
        self.rows += other.rows;
        self.calibration_rows += other.calibration_rows;
        self.present
            .resize(self.present.len().max(other.present.len()), 0);
        for (own, other) in self.present.iter_mut().zip(other.present) {
            *own += other;
        }
        for problem in other.problems {
            let same =
                |own: &&mut ProblemCount| (own.field, own.kind) == (problem.field, problem.kind);
            if let Some(own) = self.problems.iter_mut().find(same) {
                own.rows += problem.rows;
                own.examples.extend(problem.examples);
                own.examples.truncate(EXAMPLES);
            } else {
                self.problems.push(problem);
            }
        }
        self.problems
            .sort_by_key(|problem| (problem.field, problem.kind));
    }
}

/// What the earlier batches of a run leave behind for one that is added to them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// The records they brought, each with its row in the registry where that is the one still being
    /// read, and 0 where it is another.
    pub records: HashMap<RecordHandle, u64>,
    /// The records that calibrate.
    pub sample: Vec<Sampled>,
}

/// A batch, ready to be written, sealed and sent.
pub struct Prepared {
    /// The rows, one after the other, ordered by their random handles.
    pub rows: Vec<u8>,
    /// The handle map, in the order of the rows.
    pub handle_map: Vec<HandleEntry>,
    /// The node's own way back from record handles to its registry, in the registry's order.
    pub vault: Vec<(RecordHandle, LocalKey)>,
    /// Calibration rows of earlier batches that records of this one took the place of.
    pub gone: Vec<PassHandle>,
    /// What this batch and earlier ones leave behind for the next.
    pub standing: Standing,
    /// What went in and what did not.
    pub report: PrepareReport,
}

/// Takes a party's records chunk by chunk.
pub struct Preparer<'a> {
    normaliser: Normaliser,
    encoder: Encoder<'a>,
    node: &'a NodeKeys,
    row_bytes: usize,
    rows: Vec<u8>,
    handle_map: Vec<HandleEntry>,
    vault: Vec<(RecordHandle, LocalKey)>,
    sample: Sample,
    known: HashMap<RecordHandle, u64>,
    report: PrepareReport,
    problems: BTreeMap<(usize, ProblemKind), ProblemCount>,
}

struct EncodedRecord {
    row: u64,
    handle: RecordHandle,
    rows: Vec<u8>,
    handles: Vec<PassHandle>,
    calibration: Option<CalibrationRow>,
    problems: Vec<Problem>,
    present: Vec<bool>,
}

impl<'a> Preparer<'a> {
    /// Prepares records of `party`, which hold the columns of `plan`.
    pub fn new(
        schema: &'a LinkageSchema,
        layout: &'a Layout,
        party: PartyIndex,
        plan: &ColumnPlan,
        epoch: &'a EpochKeys,
        node: &'a NodeKeys,
    ) -> Self {
        let present = vec![0; schema.fields.len()];
        Self {
            normaliser: Normaliser::new(schema, party, plan),
            encoder: Encoder::new(schema, layout, epoch, node),
            node,
            row_bytes: layout.row_bytes,
            rows: Vec::new(),
            handle_map: Vec::new(),
            vault: Vec::new(),
            sample: Sample::default(),
            known: HashMap::new(),
            report: PrepareReport {
                present,
                ..PrepareReport::default()
            },
            problems: BTreeMap::new(),
        }
    }

    /// Prepares a batch that is added to earlier ones of the run, made under the same keys.
    #[must_use]
    pub fn after(mut self, standing: Standing) -> Self {
        self.known = standing.records;
        self.sample = Sample::of(standing.sample);
        self
    }

    /// Bytes of the rows so far.
    pub fn bytes(&self) -> usize {
        self.rows.len()
    }

    /// Encodes a chunk of records on all cores; each record's raw values are wiped as soon as it is
    /// encoded.
    ///
    /// # Errors
    /// [`PrepareError`] when a record id is empty or comes twice.
    pub fn add(&mut self, chunk: Vec<RawRecord>) -> Result<(), PrepareError> {
        let encoded: Vec<(EncodedRecord, LocalKey)> =
            chunk.into_par_iter().map(|raw| self.encode(raw)).collect();
        for (record, key) in encoded {
            self.keep(record, key)?;
        }
        Ok(())
    }

    fn encode(&self, raw: RawRecord) -> (EncodedRecord, LocalKey) {
        let ids = RecordIds {
            handle: self.node.record_handle(&raw.key),
            noise: self.node.record_noise(&raw.key),
        };
        let (mut rows, mut handles, mut problems) = (Vec::new(), Vec::new(), Vec::new());
        let record = self.normaliser.normalise(&raw, &mut problems);
        let present = record.values.iter().map(Option::is_some).collect();
        self.encoder.encode(&record, &ids, &mut rows, &mut handles);
        let rank = Rank::of(self.node, &ids);
        // A record that can meet nobody stays out of the sample too: nobody is to know of it.
        let calibration = if !handles.is_empty() && self.sample.takes(rank) {
            self.encoder.calibration_row(&record, &ids, rank)
        } else {
            None
        };
        let encoded = EncodedRecord {
            row: raw.row,
            handle: ids.handle,
            rows,
            handles,
            calibration,
            problems,
            present,
        };
        (encoded, raw.key)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "only whether the key is empty is looked at"
    )]
    fn keep(&mut self, record: EncodedRecord, key: LocalKey) -> Result<(), PrepareError> {
        let row = record.row;
        if key.expose().trim().is_empty() {
            return Err(PrepareError::EmptyRecordId { row });
        }
        match self.known.insert(record.handle, row) {
            Some(0) => return Err(PrepareError::KnownRecordId { row }),
            Some(first) => return Err(PrepareError::DuplicateRecordId { row, first }),
            None => {}
        }
        if self.report.records == MAX_RECORDS {
            return Err(PrepareError::TooManyRecords);
        }
        let calibration = calibration::MAX_RECORDS * self.row_bytes;
        if (self.rows.len() + record.rows.len() + calibration) as u64 > MAX_BATCH_BYTES {
            return Err(PrepareError::BatchTooLarge { row });
        }
        self.count(&record);
        self.rows.extend_from_slice(&record.rows);
        let entry = |pass| HandleEntry {
            pass,
            record: record.handle,
        };
        self.handle_map
            .extend(record.handles.into_iter().map(entry));
        if let Some(CalibrationRow { rank, row, handle }) = record.calibration {
            self.sample.add(rank, row, entry(handle));
        }
        self.vault.push((record.handle, key));
        Ok(())
    }

    fn count(&mut self, record: &EncodedRecord) {
        self.report.records += 1;
        if record.handles.is_empty() {
            self.report.set_aside += 1;
            push_example(&mut self.report.set_aside_examples, record.row);
        }
        for (count, present) in self.report.present.iter_mut().zip(&record.present) {
            *count += u64::from(*present);
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
    }

    /// Shuffles: rows leave in the order of their random handles, which says nothing about the
    /// registry's.
    pub fn finish(mut self) -> Prepared {
        let standing = Standing {
            records: self.known,
            sample: self.sample.sampled(),
        };
        let (calibration, gone) = std::mem::take(&mut self.sample).into_rows();
        for (row, entry) in calibration {
            self.rows.extend_from_slice(&row);
            self.handle_map.push(entry);
            self.report.calibration_rows += 1;
        }
        let mut order: Vec<usize> = (0..self.handle_map.len()).collect();
        order.par_sort_unstable_by_key(|row| self.handle_map[*row].pass);
        let mut rows = Vec::with_capacity(self.rows.len());
        for row in &order {
            rows.extend_from_slice(&self.rows[row * self.row_bytes..(row + 1) * self.row_bytes]);
        }
        self.report.rows = order.len() as u64;
        self.report.problems = self.problems.into_values().collect();
        Prepared {
            rows,
            handle_map: order.iter().map(|row| self.handle_map[*row]).collect(),
            vault: self.vault,
            gone,
            standing,
            report: self.report,
        }
    }
}

fn push_example(examples: &mut Vec<u64>, row: u64) {
    if examples.len() < EXAMPLES {
        examples.push(row);
    }
}

#[cfg(test)]
#[path = "prepare_tests.rs"]
pub(crate) mod tests;
