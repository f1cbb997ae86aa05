//! What passes do in truth, where truth is known: to judge the estimates by.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use link::matcher::MAX_BLOCK_ROWS;
use rayon::prelude::*;

use super::blocks::PartyBlocks;
use super::draws::Bits;
use crate::truth::Truth;

/// A record: the party's place and its own in it.
type At = (u8, u32);

/// All pairs of records of one person that could be compared.
pub(crate) struct TruePairs(pub(crate) Vec<(At, At)>);

/// One pass in truth.
pub(crate) struct Actual {
    /// Pairs compared.
    pub(crate) pairs: u64,
    /// Which true pairs are among them.
    pub(crate) meets: Bits,
}

impl TruePairs {
    /// The pairs of these parties' records.
    pub(crate) fn of(parties: &[PartyBlocks], truth: &Truth) -> Self {
        let mut persons: BTreeMap<&str, Vec<At>> = BTreeMap::new();
        for (place, party) in parties.iter().enumerate() {
            let label = party.label.to_lowercase();
            for (record, id) in party.ids.iter().enumerate() {
                if let Some(person) = truth.0.get(&(label.clone(), id.clone())) {
                    persons
                        .entry(person)
                        .or_default()
                        .push((place as u8, record as u32));
                }
            }
        }
        let mut pairs = Vec::new();
        for records in persons.values() {
            for (place, left) in records.iter().enumerate() {
                let others = records[place + 1..].iter();
                let compared =
                    |right: &&At| left.0 != right.0 || parties[usize::from(left.0)].duplicates;
                pairs.extend(others.filter(compared).map(|right| (*left, *right)));
            }
        }
        Self(pairs)
    }

    /// The share of pairs in `bits`.
    pub(crate) fn share(&self, bits: &Bits) -> f64 {
        bits.count() as f64 / self.0.len().max(1) as f64
    }

    /// What `pass` does.
    pub(crate) fn measure(&self, parties: &[PartyBlocks], pass: &[usize]) -> Actual {
        let mut rows: Vec<(u64, u8)> = Vec::new();
        for (place, party) in parties.iter().enumerate() {
            let values = (0..party.records).flat_map(|record| party.values(pass, record));
            rows.extend(values.map(|value| (value, place as u8)));
        }
        rows.par_sort_unstable();
        let mut pairs = 0;
        let mut skipped = BTreeSet::new();
        for block in rows.chunk_by(|a, b| a.0 == b.0) {
            if block.len() > MAX_BLOCK_ROWS {
                skipped.insert(block[0].0);
            } else {
                pairs += pairs_in(block, parties);
            }
        }
        let meet = |pair: usize| {
            let (left, right) = self.0[pair];
            let right = values(parties, pass, right);
            let left = values(parties, pass, left);
            left.iter()
                .any(|value| right.contains(value) && !skipped.contains(value))
        };
        Actual {
            pairs,
            meets: Bits::of(self.0.len(), meet),
        }
    }

    /// The share of pairs that agree in the component at `place`.
    pub(crate) fn agreement(&self, parties: &[PartyBlocks], place: usize) -> f64 {
        let agrees = |(left, right): &&(At, At)| {
            let right = values(parties, &[place], *right);
            let left = values(parties, &[place], *left);
            left.iter().any(|value| right.contains(value))
        };
        let agreeing = self.0.par_iter().filter(agrees).count();
        agreeing as f64 / self.0.len().max(1) as f64
    }
}

fn values(parties: &[PartyBlocks], pass: &[usize], (party, record): At) -> Vec<u64> {
    parties[usize::from(party)].values(pass, record as usize)
}

fn pairs_in(block: &[(u64, u8)], parties: &[PartyBlocks]) -> u64 {
    let choose = |n: usize| (n * n.saturating_sub(1) / 2) as u64;
    let mut sizes: HashMap<u8, usize> = HashMap::new();
    for (_, party) in block {
        *sizes.entry(*party).or_default() += 1;
    }
    let within = |(party, size): (&u8, &usize)| {
        if parties[usize::from(*party)].duplicates {
            0
        } else {
            choose(*size)
        }
    };
    choose(block.len()) - sizes.iter().map(within).sum::<u64>()
}
