//! The records of a run, numbered, and which of its rows belong to which.

use std::collections::HashMap;

use model::digest::Digester;
use model::{Digest, LinkageSchema, PartyIndex, RecordHandle};
use rayon::prelude::*;

use super::{HandlePair, ResolveError};
use crate::comparison::RowId;

/// The place of what is no record.
const NOBODY: u32 = u32::MAX;

/// The handle map of one batch of a party: which record each of its rows belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordSet {
    /// Whose.
    pub party: PartyIndex,
    /// The records, in the order they first occur.
    records: Vec<RecordHandle>,
    /// By row: its record, as a place in `records`; [`NOBODY`] for a decoy's.
    rows: Vec<u32>,
    handles_digest: Digest,
}

impl RecordSet {
    /// The map that `handles` tell, row after row. A row of [`RecordHandle::NOBODY`] is a decoy: no comparison
    /// with it counts.
    pub fn of(party: PartyIndex, handles: impl IntoIterator<Item = HandlePair>) -> Self {
        let mut digester = Digester::new();
        let mut places: HashMap<RecordHandle, u32> = HashMap::new();
        let (mut records, mut rows) = (Vec::new(), Vec::new());
        for (row, record) in handles {
            digester.update(row.as_bytes());
            if record == RecordHandle::NOBODY {
                rows.push(NOBODY);
                continue;
            }
            let place = *places.entry(record).or_insert_with(|| {
                records.push(record);
                records.len() as u32 - 1
            });
            rows.push(place);
        }
        Self {
            party,
            records,
            rows,
            handles_digest: digester.finish(),
        }
    }

    /// The map of a batch whose rows are known by their record's number: `records` tells each one's handle,
    /// [`RecordHandle::NOBODY`] for one that has no row. For those who have matcher and resolver in one place: rows have
    /// no order, and [`Self::handles_digest`] is that of none.
    pub fn by_record(party: PartyIndex, records: impl IntoIterator<Item = RecordHandle>) -> Self {
        let mut set = Self::of(party, []);
        for record in records {
            let place = set.records.len() as u32;
            let is_somebody = record != RecordHandle::NOBODY;
            set.rows.push(if is_somebody { place } else { NOBODY });
            set.records.extend(is_somebody.then_some(record));
        }
        set
    }

    /// With records of the party that have no row: they are alone, and get a number all the same.
    #[must_use]
    pub fn with_lone(mut self, records: Vec<RecordHandle>) -> Self {
        self.records.extend(records);
        self
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The record of row `row`.
    pub fn record(&self, row: u32) -> Option<RecordHandle> {
        let place = *self.rows.get(row as usize)?;
        self.records.get(place as usize).copied()
    }

    /// The digest of the rows' handles in their order, to be held against that which
    /// [`Comparer::add`](crate::Comparer::add) tells.
    pub fn handles_digest(&self) -> Digest {
        self.handles_digest
    }
}

/// All records of a run, numbered by party and then handle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Records {
    /// Whose each record is, and its handle, by number.
    pub list: Vec<(PartyIndex, RecordHandle)>,
    /// Records of each party, by party index.
    pub by_party: Vec<u64>,
}

impl Records {
    pub(super) fn of(schema: &LinkageSchema, sets: &[RecordSet]) -> Result<Self, ResolveError> {
        let of_set = |set: &'_ RecordSet| {
            let party = set.party;
            set.records.clone().into_iter().map(move |r| (party, r))
        };
        let mut list: Vec<(PartyIndex, RecordHandle)> = sets.iter().flat_map(of_set).collect();
        list.par_sort_unstable();
        list.dedup();
        if list.len() > u32::MAX as usize {
            return Err(ResolveError::TooManyRecords);
        }
        let mut by_party = vec![0; schema.parties.len()];
        list.iter()
            .for_each(|(party, _)| by_party[party.index()] += 1);
        Ok(Self { list, by_party })
    }

    /// The party of record `number`.
    pub fn party(&self, number: u32) -> PartyIndex {
        self.list[number as usize].0
    }

    /// Which two parties a pair of records belongs to.
    pub(super) fn stratum(&self, (left, right): (u32, u32)) -> u16 {
        // Records are numbered by party: few counts tell what would have to be looked up among many records.
        let party = |number: u32| {
            let mut after = 0;
            let earlier = self.by_party.iter().take_while(|records| {
                after += **records;
                after <= u64::from(number)
            });
            PartyIndex(earlier.count() as u8)
        };
        self.stratum_of((party(left), party(right)))
    }

    /// The stratum of pairs between two parties.
    pub(super) fn stratum_of(&self, (left, right): (PartyIndex, PartyIndex)) -> u16 {
        let (low, high) = (left.0.min(right.0), left.0.max(right.0));
        u16::from(low) * self.by_party.len() as u16 + u16::from(high)
    }

    /// The number of a record.
    pub fn number(&self, party: PartyIndex, handle: RecordHandle) -> Option<u32> {
        self.list
            .binary_search(&(party, handle))
            .ok()
            .map(|number| number as u32)
    }
}

/// The record of every row.
pub(super) struct Rows {
    /// By set, then row: the record's number; [`NOBODY`] for a decoy's.
    records: Vec<Vec<u32>>,
}

impl Rows {
    pub(super) fn of(records: &Records, sets: &[RecordSet]) -> Self {
        let of_set = |set: &RecordSet| -> Vec<u32> {
            // Every record of a set was numbered from this very set.
            let number = |record: &RecordHandle| records.number(set.party, *record);
            let own = set.records.par_iter();
            let numbers: Vec<u32> = own
                .map(|record| number(record).unwrap_or_default())
                .collect();
            let of_row = |place: &u32| numbers.get(*place as usize).copied().unwrap_or(NOBODY);
            set.rows.par_iter().map(of_row).collect()
        };
        Self {
            records: sets.iter().map(of_set).collect(),
        }
    }

    /// The number of the record a row belongs to; none for a decoy's.
    pub(super) fn record(&self, id: RowId) -> Result<Option<u32>, ResolveError> {
        let RowId { batch, row } = id;
        let set = self.records.get(usize::from(batch));
        let record = set.and_then(|set| set.get(row as usize));
        let record = *record.ok_or(ResolveError::UnknownRow { batch, row })?;
        Ok((record != NOBODY).then_some(record))
    }
}
