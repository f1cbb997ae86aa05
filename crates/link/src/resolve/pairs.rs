//! Joining the passes: comparisons of rows become pairs of records, each with the mean of the grades
//! its passes gave.
//!
//! Every pass has its own keys, so its grades carry independent noise; the mean is sharper than any
//! of them.

use std::collections::HashMap;

use model::{Layout, LinkageSchema, PartyIndex, PassHandle, RecordHandle};
use rayon::prelude::*;

use super::{HandlePair, ResolveError, Variables};
use crate::comparison::{Comparison, ComparisonLayout, GRADES, MISSING};

/// Steps of a mean grade per step of a grade.
pub(super) const FINENESS: u16 = 8;

/// One party's handle map.
#[derive(Debug, Clone)]
pub struct RecordSet {
    /// Whose.
    pub party: PartyIndex,
    /// Which row belongs to which record.
    pub handles: Vec<HandlePair>,
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
        let mut list: Vec<(PartyIndex, RecordHandle)> = sets
            .iter()
            .flat_map(|set| set.handles.iter().map(|(_, record)| (set.party, *record)))
            .collect();
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
    pub(super) fn stratum(&self, left: u32, right: u32) -> u16 {
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

/// One compared pair of records.
struct Met<'a> {
    pair: (u32, u32),
    turned: bool,
    comparison: Comparison<'a>,
}

/// All compared pairs of records, ordered by their numbers.
pub(super) struct PairTable {
    pub(super) pairs: Vec<(u32, u32)>,
    /// Mean grades in units of 1/[`FINENESS`], pair after pair.
    grades: Vec<u8>,
    slots: usize,
    /// Each pair's stratum: which two parties its records belong to.
    pub(super) strata: Vec<u16>,
    /// The passes each pair met in, one bit a pass.
    pub(super) passes: Vec<u64>,
}

/// What the comparisons come to.
pub(super) struct Joined {
    /// Pairs that met in a pass.
    pub(super) candidates: PairTable,
    /// Pairs of the calibration that met nowhere else.
    pub(super) strangers: PairTable,
}

impl PairTable {
    /// Joins `comparisons` by the records their handles belong to.
    ///
    /// # Errors
    /// [`ResolveError`] when a handle is unknown or comes twice, or bytes are missing.
    pub(super) fn join<'a>(
        schema: &LinkageSchema,
        layout: &Layout,
        records: &Records,
        sets: &[RecordSet],
        comparisons: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Joined, ResolveError> {
        let rows = ComparisonLayout::of(layout);
        let numbers = numbers(schema, records, sets)?;
        let mut met: Vec<Met<'a>> = Vec::new();
        for bytes in comparisons {
            if !bytes.len().is_multiple_of(rows.row_bytes()) {
                return Err(ResolveError::TornComparisons);
            }
            for comparison in rows.iter(bytes) {
                let sound = |grade: &u8| *grade <= GRADES || *grade == MISSING;
                if !comparison.grades().iter().all(sound) {
                    return Err(ResolveError::BadGrade);
                }
                let pass = comparison.pass();
                let known = usize::from(pass.0) < schema.passes.len();
                if !known && schema.calibration_pass() != Some(pass) {
                    return Err(ResolveError::BadPass { pass: pass.0 });
                }
                met.extend(Met::of(comparison, &numbers)?);
            }
        }
        // Within a pair the order does not matter: a mean of integers does not depend on it.
        met.par_sort_unstable_by_key(|met| met.pair);
        let calibration = 1u64 << schema.passes.len();
        let (mirrored, slots) = (layout.mirrored(), rows.slots());
        let (mut candidates, mut strangers) = (Self::empty(slots), Self::empty(slots));
        for same in met.chunk_by(|a, b| a.pair == b.pair) {
            let bit = |met: &Met<'_>| 1u64 << met.comparison.pass().0;
            let passes = same.iter().map(bit).fold(0, |all, one| all | one);
            // Two records that met in a pass too need not be strangers.
            if passes == calibration {
                strangers.push(same, passes, &mirrored);
            } else {
                candidates.push(same, passes & !calibration, &mirrored);
            }
        }
        for table in [&mut candidates, &mut strangers] {
            let pairs = table.pairs.iter();
            table.strata = pairs.map(|(a, b)| records.stratum(*a, *b)).collect();
        }
        Ok(Joined {
            candidates,
            strangers,
        })
    }

    fn empty(slots: usize) -> Self {
        Self {
            pairs: Vec::new(),
            grades: Vec::new(),
            slots,
            strata: Vec::new(),
            passes: Vec::new(),
        }
    }

    /// Adds a pair that met in `passes`, with the mean of each grade.
    fn push(&mut self, same: &[Met<'_>], passes: u64, mirrored: &[usize]) {
        self.pairs.push(same[0].pair);
        self.passes.push(passes);
        self.grades.extend((0..self.slots).map(|slot| {
            let graded = same
                .iter()
                .map(|met| met.grade(slot, mirrored))
                .filter(|grade| *grade != MISSING);
            let (sum, count) = graded.fold((0u32, 0u32), |(sum, count), grade| {
                (sum + u32::from(grade), count + 1)
            });
            let fine = sum * u32::from(FINENESS);
            (fine + count / 2)
                .checked_div(count)
                .map_or(MISSING, |mean| mean as u8)
        }));
    }

    /// How many pairs there are.
    pub(super) fn len(&self) -> usize {
        self.pairs.len()
    }

    /// The mean grades of pair `index`.
    pub(super) fn grades(&self, index: usize) -> &[u8] {
        &self.grades[index * self.slots..(index + 1) * self.slots]
    }

    /// The level of every variable for every pair, pair after pair.
    pub(super) fn levels(&self, variables: &Variables) -> Vec<u16> {
        (0..self.len())
            .into_par_iter()
            .flat_map_iter(|pair| variables.levels(self.grades(pair)))
            .collect()
    }
}

impl<'a> Met<'a> {
    /// The pair of records behind a comparison; none when both rows are of the same record.
    fn of(comparison: Comparison<'a>, numbers: &Numbers) -> Result<Option<Self>, ResolveError> {
        let number = |(party, handle): (PartyIndex, PassHandle)| {
            let known = numbers.get(party.index()).and_then(|map| map.get(&handle));
            known.copied().ok_or(ResolveError::UnknownHandle { party })
        };
        let (left, right) = (number(comparison.left())?, number(comparison.right())?);
        let pair = (left.min(right), left.max(right));
        let met = Self {
            pair,
            turned: left > right,
            comparison,
        };
        Ok(Some(met).filter(|_| left != right))
    }

    fn grade(&self, slot: usize, mirrored: &[usize]) -> u8 {
        self.comparison.grades()[if self.turned { mirrored[slot] } else { slot }]
    }
}

type Numbers = Vec<HashMap<PassHandle, u32>>;

fn numbers(
    schema: &LinkageSchema,
    records: &Records,
    sets: &[RecordSet],
) -> Result<Numbers, ResolveError> {
    let mut numbers: Numbers = vec![HashMap::new(); schema.parties.len()];
    for set in sets {
        let map = &mut numbers[set.party.index()];
        map.reserve(set.handles.len());
        for (pass, record) in &set.handles {
            // Every record of a set was numbered from this very set.
            let Some(number) = records.number(set.party, *record) else {
                continue;
            };
            if map.insert(*pass, number).is_some() {
                return Err(ResolveError::RepeatedHandle { party: set.party });
            }
        }
    }
    Ok(numbers)
}
