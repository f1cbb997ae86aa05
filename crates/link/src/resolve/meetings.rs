//! Who met whom, with which odds, as far as clusters can depend on it: two records that no chain of
//! likely pairs connects never come near one cluster, and most pairs are of such records.

use super::review::{Decisions, Verdict};
use super::scored::{ScoredPair, ScoredPairs};

/// By record: the records it met and the odds, one after the other.
pub(super) struct Meetings {
    /// By record: where its own begin, and where the last ones end.
    starts: Vec<u64>,
    met: Vec<(u32, i32)>,
}

impl Meetings {
    /// The meetings among `scored` of records that likely pairs, which these are, or decisions connect.
    pub(super) fn of(
        scored: &ScoredPairs,
        likely: &[(usize, ScoredPair)],
        decisions: &Decisions,
        records: usize,
    ) -> Self {
        let connected = connected(likely, decisions, records);
        let met_near = scored.between(
            |(left, right)| connected[left as usize] == connected[right as usize],
            |pair| (pair.pair.0, pair.pair.1, pair.odds_millibits),
        );
        let mut starts = vec![0u64; records + 1];
        for (left, right, _) in &met_near {
            starts[*left as usize + 1] += 1;
            starts[*right as usize + 1] += 1;
        }
        for record in 0..records {
            starts[record + 1] += starts[record];
        }
        let mut next = starts.clone();
        let mut met = vec![(0, 0); starts[records] as usize];
        for (left, right, odds) in met_near {
            for (own, other) in [(left, right), (right, left)] {
                met[next[own as usize] as usize] = (other, odds);
                next[own as usize] += 1;
            }
        }
        Self { starts, met }
    }

    /// The records that `record` met, and the odds.
    pub(super) fn of_record(&self, record: u32) -> &[(u32, i32)] {
        let record = record as usize;
        &self.met[self.starts[record] as usize..self.starts[record + 1] as usize]
    }
}

/// By record: one name for all that likely pairs connect.
fn connected(likely: &[(usize, ScoredPair)], decisions: &Decisions, records: usize) -> Vec<u32> {
    let mut parent: Vec<u32> = (0..records as u32).collect();
    let decided = decisions.by_pair.iter();
    let obliged = decided.filter(|(_, verdict)| **verdict == Verdict::Same);
    let likely = likely.iter().map(|(_, pair)| pair.pair);
    let pairs = likely.chain(obliged.map(|(pair, _)| *pair));
    for (left, right) in pairs {
        let (a, b) = (root(&mut parent, left), root(&mut parent, right));
        parent[a.max(b) as usize] = a.min(b);
    }
    (0..records as u32)
        .map(|record| root(&mut parent, record))
        .collect()
}

/// The root of a record's tree, halving the way to it (van Leeuwen and van der Weide, 1977).
fn root(parent: &mut [u32], mut record: u32) -> u32 {
    while parent[record as usize] != record {
        let above = parent[parent[record as usize] as usize];
        parent[record as usize] = above;
        record = above;
    }
    record
}
