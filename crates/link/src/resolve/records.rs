//! The records of a run, numbered, and which of its rows belong to which.

use model::digest::Digester;
use model::{Digest, LinkageSchema, PartyIndex, PassHandle, RecordHandle};
use rayon::prelude::*;

use super::{HandlePair, ResolveError};
use crate::comparison::RowId;

/// The handle map of one batch of a party, in the order of its rows.
#[derive(Debug, Clone)]
pub struct RecordSet {
    /// Whose.
    pub party: PartyIndex,
    /// Which row belongs to which record.
    pub handles: Vec<HandlePair>,
}

impl RecordSet {
    /// The digest of the rows' handles in their order, to be held against that of
    /// [`PartyRows::handles_digest`](crate::PartyRows::handles_digest).
    pub fn handles_digest(&self) -> Digest {
        let mut digester = Digester::new();
        let rows = self.handles.iter();
        rows.for_each(|(row, _): &(PassHandle, _)| digester.update(row.as_bytes()));
        digester.finish()
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
        let mut list: Vec<(PartyIndex, RecordHandle)> = Vec::new();
        for set in sets {
            let records = set.handles.par_iter().map(|(_, record)| *record);
            let mut own: Vec<RecordHandle> = records.collect();
            own.par_sort_unstable();
            own.dedup();
            list.extend(own.into_iter().map(|record| (set.party, record)));
        }
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
        let (low, high) = (self.party(left).0, self.party(right).0);
        u16::from(low.min(high)) * self.by_party.len() as u16 + u16::from(low.max(high))
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
pub(super) struct Rows(Vec<Vec<u32>>);

impl Rows {
    pub(super) fn of(records: &Records, sets: &[RecordSet]) -> Self {
        let of_set = |set: &RecordSet| {
            // Every record of a set was numbered from this very set.
            let number = |(_, record): &HandlePair| records.number(set.party, *record);
            let rows = set.handles.par_iter();
            rows.map(|pair| number(pair).unwrap_or_default()).collect()
        };
        Self(sets.iter().map(of_set).collect())
    }

    /// The number of the record a row belongs to.
    pub(super) fn record(&self, id: RowId) -> Result<u32, ResolveError> {
        let RowId { batch, row } = id;
        let rows = self.0.get(usize::from(batch));
        let record = rows.and_then(|rows| rows.get(row as usize));
        record
            .copied()
            .ok_or(ResolveError::UnknownRow { batch, row })
    }
}
