//! Prepare: a registry's raw records become rows for the matcher, a handle map for the resolver and
//! a vault for the node, with a report of what could not be used.

use std::collections::HashMap;
use std::error::Error;
use std::ops::Range;

use model::manifest::MAX_BATCH_BYTES;
use model::{Layout, LifeEvent, LinkageSchema, PartyIndex, PassHandle, RecordHandle};
use rayon::prelude::*;
use records::{ColumnPlan, LocalKey, NormalisedRecord, Normaliser, Problem, RawRecord};

use crate::batch::UnsortedBatch;
use crate::calibration::{CalibrationRow, Rank, Sample, Sampled};
use crate::decoys::{self, Decoy, Donor};
use crate::encoder::{AtDesk, Desk, Desks, Encoder, RecordIds};
use crate::handing_on::OfHandedOn;
use crate::keys::{EpochKeys, NodeKeys};
use crate::prepare_report::PrepareReport;
use crate::rows::SortedRows;

/// Records encoded in one go: enough that what a go sets up costs nothing, few enough to go round.
const GROUP: usize = 128;
/// Rows of a record that room is made for: as many as most have, so that they seldom have to be moved.
pub(crate) const ROWS_A_RECORD: usize = 24;
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
    /// A value that nobody asked the key server for.
    #[error(
        "row {row} has an identifier that the key server was not asked for; run `symbolon-node evaluate` with \
         this file, then prepare again"
    )]
    NotServed {
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
    /// Whoever takes the rows as they are made could not.
    #[error("the rows cannot be handed on")]
    HandingOn(#[source] Box<dyn Error + Send + Sync>),
}

/// One line of the handle map: whose row this is. Sealed to the resolver before it leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HandleEntry {
    /// The row.
    pub pass: PassHandle,
    /// The record it belongs to; [`RecordHandle::NOBODY`] for a decoy's.
    pub record: RecordHandle,
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
    /// The rows, ordered by their random handles.
    pub rows: SortedRows,
    /// The handle map, in the order of the rows.
    pub handle_map: Vec<HandleEntry>,
    /// The node's own way back from record handles to its registry, in the registry's order.
    pub vault: Vec<(RecordHandle, LocalKey)>,
    /// Records that the registry marks with a life event, in the registry's order.
    pub events: Vec<(RecordHandle, LifeEvent)>,
    /// Calibration rows of earlier batches that records of this one took the place of.
    pub gone: Vec<PassHandle>,
    /// What went in and what did not.
    pub report: PrepareReport,
}

/// Takes a party's records chunk by chunk.
pub struct Preparer<'a> {
    pub(crate) schema: &'a LinkageSchema,
    layout: &'a Layout,
    pub(crate) making: Making<'a>,
    pub(crate) kept: Kept,
}

/// What records are encoded with, on all cores at once.
pub(crate) struct Making<'a> {
    normaliser: Normaliser,
    pub(crate) encoder: Encoder<'a>,
    pub(crate) node: &'a NodeKeys,
    pub(crate) desks: Desks,
    /// About so many decoys are made for a thousand records.
    decoys_permille: u32,
}

/// What is kept of records that were encoded, one after the other.
pub(crate) struct Kept {
    pub(crate) sample: Sample,
    donors: Vec<Donor>,
    known: HashMap<RecordHandle, u64>,
    pub(crate) batch: UnsortedBatch,
    pub(crate) handed_on: OfHandedOn,
}

/// Records that one thread encodes in one go.
struct Group {
    records: Vec<(EncodedRecord, LocalKey)>,
    /// The rows of all of them, one after the other.
    rows: Vec<u8>,
    handles: Vec<PassHandle>,
}

/// What encoding made of one record.
pub(crate) struct EncodedRecord {
    pub(crate) row: u64,
    pub(crate) handle: RecordHandle,
    event: Option<LifeEvent>,
    /// Its rows within its group.
    pub(crate) rows: Range<usize>,
    calibration: Option<CalibrationRow>,
    donor: Option<Donor>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) present: u64,
    /// Whether the key server was asked for all of its values.
    is_served: bool,
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
        Self {
            schema,
            layout,
            making: Making {
                normaliser: Normaliser::new(schema, party, plan),
                encoder: Encoder::new(schema, layout, epoch, node),
                node,
                desks: Desks::default(),
                decoys_permille: 0,
            },
            kept: Kept {
                sample: Sample::default(),
                donors: Vec::new(),
                known: HashMap::new(),
                batch: UnsortedBatch::new(layout.row_bytes, schema.fields.len()),
                handed_on: OfHandedOn::default(),
            },
        }
    }

    /// Prepares a batch that is added to earlier ones of the run, made under the same keys.
    #[must_use]
    pub fn after(mut self, standing: Standing) -> Self {
        self.kept.known = standing.records;
        self.kept.sample = Sample::of(standing.sample);
        self
    }

    /// Has about so many decoys made for a thousand records.
    #[must_use]
    pub fn with_decoys(mut self, permille: u32) -> Self {
        self.making.decoys_permille = permille;
        self
    }

    /// Bytes of the rows of this batch so far.
    pub fn bytes(&self) -> usize {
        self.kept.batch.handles.len() * self.layout.row_bytes
    }

    /// Encodes a chunk of records on all cores; each record's raw values are wiped as soon as it is
    /// encoded.
    ///
    /// # Errors
    /// [`PrepareError`] when a record id is empty or comes twice.
    pub fn add(&mut self, chunk: Vec<RawRecord>) -> Result<(), PrepareError> {
        let (making, sampled) = (&self.making, self.kept.sample.bound());
        let row_bytes = self.layout.row_bytes;
        let encode =
            |at: &mut AtDesk<'_>, raw| making.encode_group(raw, sampled, at.desk(), row_bytes);
        let groups = chunk.into_par_iter().chunks(GROUP);
        let groups: Vec<Group> = groups.map_init(|| making.desks.take(), encode).collect();
        for group in groups {
            for (record, key) in group.records {
                self.kept.batch.keep(&record, &group.handles)?;
                self.kept.keep(record, key)?;
            }
            self.kept.batch.rows.push(group.rows);
        }
        Ok(())
    }

    /// Ends the batch; what is added after it goes into another of the same run.
    pub fn cut(&mut self) -> UnsortedBatch {
        let kept = &mut self.kept;
        let sampled = Sample::of(kept.sample.sampled());
        let (of_sample, gone) = std::mem::replace(&mut kept.sample, sampled).into_rows();
        let next = UnsortedBatch::new(self.layout.row_bytes, self.schema.fields.len());
        let mut batch = std::mem::replace(&mut kept.batch, next);
        self.add_decoys(&mut batch);
        let patterns = batch.patterns();
        batch.make_nobodys();
        batch.calibrate(of_sample, gone);
        if let Some(few) = self.schema.profile.hides_patterns_below() {
            let shown = patterns.shown(few);
            let groups = batch.rows.par_iter_mut();
            groups.for_each(|rows| shown.apply(self.layout, rows));
        }
        batch
    }

    /// Makes the decoys of the batch, as many groups as there are cores for them.
    fn add_decoys(&mut self, batch: &mut UnsortedBatch) {
        let donors = std::mem::take(&mut self.kept.donors);
        let decoys = decoys::make(donors, self.making.node);
        let encode = |decoys: &[Decoy]| {
            let (mut rows, mut handles, mut owners) = (Vec::new(), Vec::new(), Vec::new());
            let mut at = self.making.desks.take();
            let desk = at.desk();
            for Decoy {
                handle,
                ids,
                record,
            } in decoys
            {
                (self.making.encoder).encode(record, ids, None, desk, &mut rows, &mut handles);
                owners.resize(handles.len(), *handle);
            }
            (rows, handles, owners)
        };
        let groups: Vec<_> = decoys.par_chunks(GROUP).map(encode).collect();
        let first = batch.rows.len() as u32;
        batch.decoys = first..first + groups.len() as u32;
        for (rows, handles, owners) in groups {
            batch.add_decoys(rows, &handles, owners);
        }
    }

    /// Ends the only or last batch.
    pub fn finish(mut self) -> Prepared {
        self.cut().sort()
    }

    /// What the batches leave behind for those that come after them.
    pub fn into_standing(self) -> Standing {
        Standing {
            records: self.kept.known,
            sample: self.kept.sample.sampled(),
        }
    }
}

impl Making<'_> {
    fn encode_group(
        &self,
        raw: Vec<RawRecord>,
        sampled: Option<Rank>,
        desk: &mut Desk,
        row_bytes: usize,
    ) -> Group {
        let rows = raw.len() * ROWS_A_RECORD;
        let mut group = Group {
            records: Vec::with_capacity(raw.len()),
            rows: Vec::with_capacity(rows * row_bytes),
            handles: Vec::new(),
        };
        for raw in raw {
            self.encode(raw, sampled, desk, &mut group);
        }
        group.rows.shrink_to_fit();
        group
    }

    /// Encodes a record as the next of `group`; it calibrates if its rank is below `sampled`.
    fn encode(&self, raw: RawRecord, sampled: Option<Rank>, desk: &mut Desk, group: &mut Group) {
        let (mut encoded, ids, record) = self.read(&raw);
        let is_sampled = |rank: &Rank| sampled.is_none_or(|bound| *rank < bound);
        let rank = Some(Rank::of(self.node, &ids)).filter(is_sampled);
        let first = group.handles.len();
        encoded.calibration = self.encoder.encode(
            &record,
            &ids,
            rank,
            desk,
            &mut group.rows,
            &mut group.handles,
        );
        encoded.rows = first..group.handles.len();
        encoded.donor = Donor::of(self.decoys_permille, self.node, &ids, record);
        group.records.push((encoded, raw.key));
    }

    /// What there is of a record before it has rows.
    pub(crate) fn read(&self, raw: &RawRecord) -> (EncodedRecord, RecordIds, NormalisedRecord) {
        let handle = self.node.record_handle(&raw.key);
        let ids = RecordIds {
            passes: self.node.record_passes(handle),
            noise: self.node.record_noise(&raw.key),
        };
        let mut problems = Vec::new();
        let record = self.normaliser.normalise(raw, &mut problems);
        let present =
            |bits, (field, value): (usize, &Option<_>)| bits | u64::from(value.is_some()) << field;
        let encoded = EncodedRecord {
            row: raw.row,
            handle,
            event: self.normaliser.event(raw),
            rows: 0..0,
            calibration: None,
            donor: None,
            problems,
            present: record.values.iter().enumerate().fold(0, present),
            is_served: self.encoder.has_outputs(&record),
        };
        (encoded, ids, record)
    }
}

impl Kept {
    #[expect(
        clippy::disallowed_methods,
        reason = "only whether the key is empty is looked at"
    )]
    pub(crate) fn keep(
        &mut self,
        record: EncodedRecord,
        key: LocalKey,
    ) -> Result<(), PrepareError> {
        let row = record.row;
        if key.expose().trim().is_empty() {
            return Err(PrepareError::EmptyRecordId { row });
        }
        if !record.is_served {
            return Err(PrepareError::NotServed { row });
        }
        match self.known.insert(record.handle, row) {
            Some(0) => return Err(PrepareError::KnownRecordId { row }),
            Some(first) => return Err(PrepareError::DuplicateRecordId { row, first }),
            None => {}
        }
        self.batch.vault.push((record.handle, key));
        let event = record.event.map(|event| (record.handle, event));
        self.batch.events.extend(event);
        self.donors.extend(record.donor);
        if let Some(CalibrationRow { rank, row, handle }) = record.calibration {
            let (pass, record) = (handle, record.handle);
            self.sample.add(rank, row, HandleEntry { pass, record });
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "prepare_tests.rs"]
pub(crate) mod tests;
