//! From weighed pairs to clusters: one cluster a person.
//!
//! Likely links first, two clusters become one when the evidence of *all* pairs between them speaks
//! for it, not only the best (greedy correlation clustering; Bansal, Blum and Chawla, 2004). So a
//! chain of half-likely links does not merge a household, and a person's poor record is still held
//! by several good ones. A party without duplicates gives a cluster one record at most.

use std::collections::BTreeMap;

use model::LinkageSchema;

use super::mixture::Weighed;
use super::{Link, Records};

/// The records of one person, by number, sorted.
pub type Cluster = Vec<u32>;

/// Posterior odds a link needs, in thousandths of a bit: one to one.
const LINK_ODDS: i32 = 0;
/// What two records that met in no pass say about being one person: about one in ten true pairs
/// never meet, so it is evidence against, but weak.
const NEVER_MET: i64 = -3_300;
/// No pair counts for more than this, either way.
const MOST: i64 = 15_000;

/// The clusters as the number of each record's first, and the links inside them.
pub(super) fn form(
    schema: &LinkageSchema,
    records: &Records,
    weighed: &[Weighed],
) -> (Vec<u32>, Vec<Link>) {
    let mut forest = Forest::new(schema, records, weighed);
    let mut order: Vec<&Weighed> = weighed
        .iter()
        .filter(|pair| pair.odds_millibits > LINK_ODDS)
        .collect();
    order.sort_unstable_by_key(|pair| (-pair.odds_millibits, pair.pair));
    for link in &order {
        forest.consider(link.pair);
    }
    let cluster_of = forest.first_of_each();
    let mut links: Vec<Link> = order
        .into_iter()
        .filter(|link| cluster_of[link.pair.0 as usize] == cluster_of[link.pair.1 as usize])
        .map(|link| Link {
            left: link.pair.0,
            right: link.pair.1,
            weight_millibits: link.weight_millibits,
            probability_ppm: link.probability_ppm(),
        })
        .collect();
    links.sort_unstable_by_key(|link| (link.left, link.right));
    (cluster_of, links)
}

/// Gathers records by cluster.
pub(super) fn collect(cluster_of: &[u32]) -> Vec<Cluster> {
    let mut clusters: BTreeMap<u32, Cluster> = BTreeMap::new();
    for (record, first) in cluster_of.iter().enumerate() {
        clusters.entry(*first).or_default().push(record as u32);
    }
    clusters.into_values().collect()
}

struct Forest<'a> {
    records: &'a Records,
    /// By party: whether a cluster may hold several of its records.
    duplicates: Vec<bool>,
    root: Vec<u32>,
    members: Vec<Vec<u32>>,
    /// By record: the records it met, and the odds.
    met: Vec<Vec<(u32, i32)>>,
}

impl<'a> Forest<'a> {
    fn new(schema: &LinkageSchema, records: &'a Records, weighed: &[Weighed]) -> Self {
        let count = records.list.len();
        let mut met = vec![Vec::new(); count];
        for pair in weighed {
            met[pair.pair.0 as usize].push((pair.pair.1, pair.odds_millibits));
            met[pair.pair.1 as usize].push((pair.pair.0, pair.odds_millibits));
        }
        Self {
            records,
            duplicates: schema
                .parties
                .iter()
                .map(|party| party.duplicates)
                .collect(),
            root: (0..count as u32).collect(),
            members: (0..count as u32).map(|record| vec![record]).collect(),
            met,
        }
    }

    fn consider(&mut self, (left, right): (u32, u32)) {
        let (a, b) = (self.root[left as usize], self.root[right as usize]);
        if a != b && self.may_share(a, b) && self.evidence(a, b) > 0 {
            self.merge(a, b);
        }
    }

    fn may_share(&self, a: u32, b: u32) -> bool {
        let parties = |cluster: u32| {
            self.members[cluster as usize]
                .iter()
                .map(|r| self.records.party(*r))
        };
        parties(a)
            .all(|party| self.duplicates[party.index()] || !parties(b).any(|other| other == party))
    }

    /// The sum over all pairs between two clusters, in thousandths of a bit.
    fn evidence(&self, a: u32, b: u32) -> i64 {
        let (few, many) = if self.members[a as usize].len() <= self.members[b as usize].len() {
            (a, b)
        } else {
            (b, a)
        };
        let all = (self.members[few as usize].len() * self.members[many as usize].len()) as i64;
        let (mut sum, mut met) = (0, 0);
        for record in &self.members[few as usize] {
            for (other, odds) in &self.met[*record as usize] {
                if self.root[*other as usize] == many {
                    sum += i64::from(*odds).clamp(-MOST, MOST);
                    met += 1;
                }
            }
        }
        sum + (all - met) * NEVER_MET
    }

    fn merge(&mut self, a: u32, b: u32) {
        let (keep, gone) = (a.min(b), a.max(b));
        let moved = std::mem::take(&mut self.members[gone as usize]);
        moved
            .iter()
            .for_each(|record| self.root[*record as usize] = keep);
        self.members[keep as usize].extend(moved);
    }

    fn first_of_each(&self) -> Vec<u32> {
        let first = |root: &u32| {
            self.members[*root as usize]
                .iter()
                .copied()
                .min()
                .unwrap_or(*root)
        };
        self.root.iter().map(first).collect()
    }
}
