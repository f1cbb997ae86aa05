//! From scored pairs to clusters: one cluster a person.
//!
//! Likely links first, two clusters become one when the evidence of *all* pairs between them speaks
//! for it, not only the best (greedy correlation clustering; Bansal, Blum and Chawla, 2004). So a
//! chain of half-likely links does not merge a household, and a person's poor record is still held
//! by several good ones. A party without duplicates gives a cluster one record at most. Decisions
//! from a review come before all evidence.
//!
//! Pairs between two clusters repeat one another, so their evidence is averaged. What does add up is
//! how seldom one person has two records in a registry: two clusters that both hold a record of the
//! same party must be much alike to be one person, and more so the more parties they share. Nothing
//! else tells twins from a person known by two names.

use std::collections::BTreeMap;

use model::LinkageSchema;
use rayon::prelude::*;

use super::meetings::Meetings;
use super::review::{Decisions, Verdict};
use super::scored::{ScoredPair, ScoredPairs};
use super::{Link, Records};

/// The records of one person, by number, sorted.
pub type Cluster = Vec<u32>;

/// Posterior odds a link needs, in thousandths of a bit: one to one.
pub(super) const LINK_ODDS: i32 = 0;
/// What two records that met in no pass say about being one person: evidence against, but weak, as
/// records written badly enough to be in doubt often miss each other. Chosen among four values by
/// their F1 on made-up countries (decision 0010), not learned.
pub(super) const NEVER_MET: i64 = -1_000;
/// No pair's odds count for more than this, either way.
pub(super) const MOST: i64 = 15_000;

/// Why a likely pair was not linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CutReason {
    /// A party without duplicates would have two records in one cluster.
    OneRecordPerParty,
    /// The other pairs between the two clusters speak against it, more than this one for it.
    Outweighed,
    /// People who looked said that these, or others in the two clusters, are two people.
    DecidedDifferent,
}

impl CutReason {
    /// The reason in words.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::OneRecordPerParty => {
                "a registry without duplicates would have two records in one cluster"
            }
            Self::Outweighed => "the other pairs between the two clusters speak against it",
            Self::DecidedDifferent => "a review decided that they are two people",
        }
    }
}

/// A likely pair that was not linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Its place among the scored pairs.
    pub pair: usize,
    /// Why.
    pub reason: CutReason,
}

/// How much likelier two clusters that both hold records of a party are two people than one, by what
/// is known of that party alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Repeats {
    /// By party: log2 of the share of people who have another record over the share of people who
    /// have one at all, in thousandths of a bit; at most 0.
    pub(super) millibits: Vec<i32>,
}

impl Repeats {
    /// No price at all, where no model says how rare second records are.
    pub(super) fn free(parties: usize) -> Self {
        Self {
            millibits: vec![0; parties],
        }
    }

    /// From the expected pairs of one person's records within each party. The largest party stands
    /// for all people.
    pub(super) fn of(within: &[f64], records: &Records) -> Self {
        let people = records
            .by_party
            .iter()
            .max()
            .map_or(1.0, |most| *most as f64 + 1.0);
        let price = |(pairs, records): (&f64, &u64)| {
            let records = *records as f64 + 1.0;
            let repeated = (pairs + 0.5) / records;
            let covered = records / people;
            (libm::log2((repeated / covered).min(1.0)) * 1000.0).round() as i32
        };
        Self {
            millibits: within.iter().zip(&records.by_party).map(price).collect(),
        }
    }
}

/// What clustering gives.
pub(super) struct Formed {
    /// The cluster of every record, as the number of its first record.
    pub(super) cluster_of: Vec<u32>,
    /// The accepted links, ordered by their records.
    pub(super) links: Vec<Link>,
    /// The likely pairs that were not linked, in the order of the scored pairs.
    pub(super) cuts: Vec<Cut>,
}

/// The clusters, the links inside them, and the likely pairs between them.
pub(super) fn form(
    schema: &LinkageSchema,
    records: &Records,
    scored: &ScoredPairs,
    repeats: &Repeats,
    decisions: &mut Decisions,
) -> Formed {
    let likely = scored.of_odds(|odds| odds > LINK_ODDS, |place, pair| Some((place, pair)));
    let met = Meetings::of(scored, &likely, decisions, records.list.len());
    let mut forest = Forest::new(schema, records, met, repeats, decisions);
    for (pair, verdict) in &decisions.by_pair {
        if *verdict == Verdict::Different || forest.oblige(*pair) {
            decisions.report.followed += 1;
        } else {
            decisions.report.contradicted += 1;
        }
    }
    let of_likely = likely.iter();
    let of_likely = of_likely.map(|(_, pair)| (-pair.odds_millibits, pair.pair));
    let mut order: Vec<(i32, (u32, u32))> = of_likely.collect();
    order.par_sort_unstable();
    for (_, pair) in &order {
        forest.consider(*pair);
    }
    let cut = |(place, pair): &(usize, ScoredPair)| {
        let reason = forest.refusal(pair.pair)?;
        Some(Cut {
            pair: *place,
            reason,
        })
    };
    let cuts = likely.par_iter().filter_map(cut).collect();
    let cluster_of = forest.first_of_each();
    let inside = |pair: &ScoredPair| {
        let (left, right) = pair.pair;
        cluster_of[left as usize] == cluster_of[right as usize]
    };
    // Pairs that were decided to be one person need not be likely.
    let obliged = decisions.by_pair.iter().filter_map(|(pair, verdict)| {
        let place = (*verdict == Verdict::Same).then(|| scored.place_of(*pair))?;
        Some(scored.at(place?)).filter(|pair| pair.odds_millibits <= LINK_ODDS)
    });
    let likely = likely.iter().map(|(_, pair)| *pair);
    let linked = likely.chain(obliged).filter(inside);
    let mut links: Vec<Link> = linked.map(Link::from).collect();
    links.par_sort_unstable_by_key(|link| (link.left, link.right));
    Formed {
        cluster_of,
        links,
        cuts,
    }
}

/// Gathers records by cluster.
pub(super) fn collect(cluster_of: &[u32]) -> Vec<Cluster> {
    let mut clusters: Vec<Cluster> = vec![Vec::new(); cluster_of.len()];
    for (record, first) in cluster_of.iter().enumerate() {
        clusters[*first as usize].push(record as u32);
    }
    clusters.retain(|cluster| !cluster.is_empty());
    clusters
}

struct Forest<'a> {
    records: &'a Records,
    /// By party: whether a cluster may hold several of its records.
    duplicates: Vec<bool>,
    root: Vec<u32>,
    members: Vec<Vec<u32>>,
    met: Meetings,
    repeats: &'a Repeats,
    /// By record with any: the records it was decided to differ from.
    apart: BTreeMap<u32, Vec<u32>>,
}

impl<'a> Forest<'a> {
    fn new(
        schema: &LinkageSchema,
        records: &'a Records,
        met: Meetings,
        repeats: &'a Repeats,
        decisions: &Decisions,
    ) -> Self {
        let count = records.list.len();
        let mut apart: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for ((left, right), verdict) in &decisions.by_pair {
            if *verdict == Verdict::Different {
                apart.entry(*left).or_default().push(*right);
                apart.entry(*right).or_default().push(*left);
            }
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
            repeats,
            apart,
        }
    }

    fn roots(&self, (left, right): (u32, u32)) -> (u32, u32) {
        (self.root[left as usize], self.root[right as usize])
    }

    /// Joins the clusters of a pair that was decided to be one person; says whether it could.
    fn oblige(&mut self, pair: (u32, u32)) -> bool {
        let (a, b) = self.roots(pair);
        let possible = a == b || !self.are_apart(a, b);
        if a != b && possible {
            self.merge(a, b);
        }
        possible
    }

    /// Joins the clusters of a likely pair unless something speaks against it.
    fn consider(&mut self, pair: (u32, u32)) {
        let (a, b) = self.roots(pair);
        if a != b && self.refusal(pair).is_none() {
            self.merge(a, b);
        }
    }

    /// Why the clusters of a likely pair stay two; none when they are one, or could be.
    fn refusal(&self, pair: (u32, u32)) -> Option<CutReason> {
        let (a, b) = self.roots(pair);
        if a == b {
            None
        } else if self.are_apart(a, b) {
            Some(CutReason::DecidedDifferent)
        } else if !self.may_share(a, b) {
            Some(CutReason::OneRecordPerParty)
        } else {
            (self.evidence(a, b) <= 0).then_some(CutReason::Outweighed)
        }
    }

    fn are_apart(&self, a: u32, b: u32) -> bool {
        let from = |record: &u32| self.apart.get(record).into_iter().flatten();
        !self.apart.is_empty()
            && self.members[a as usize]
                .iter()
                .flat_map(from)
                .any(|other| self.root[*other as usize] == b)
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

    /// What speaks for two clusters being one person, in thousandths of a bit: the mean over all
    /// pairs between them, and the price of every party that both hold records of.
    fn evidence(&self, a: u32, b: u32) -> i64 {
        let (few, many) = if self.members[a as usize].len() <= self.members[b as usize].len() {
            (a, b)
        } else {
            (b, a)
        };
        let all = (self.members[few as usize].len() * self.members[many as usize].len()) as i64;
        let (mut sum, mut met) = (0, 0);
        for record in &self.members[few as usize] {
            for (other, odds) in self.met.of_record(*record) {
                if self.root[*other as usize] == many {
                    sum += i64::from(*odds).clamp(-MOST, MOST) - self.within(*record, *other);
                    met += 1;
                }
            }
        }
        (sum + (all - met) * NEVER_MET) / all + self.shared(few, many)
    }

    /// What the odds of a pair of one party already say about second records.
    fn within(&self, left: u32, right: u32) -> i64 {
        let (party, other) = (self.records.party(left), self.records.party(right));
        if party == other {
            i64::from(self.repeats.millibits[party.index()])
        } else {
            0
        }
    }

    /// The price of the parties that two clusters both hold records of.
    fn shared(&self, a: u32, b: u32) -> i64 {
        let holds = |cluster: u32, party: usize| {
            let members = &self.members[cluster as usize];
            members
                .iter()
                .any(|record| self.records.party(*record).index() == party)
        };
        (0..self.duplicates.len())
            .filter(|party| holds(a, *party) && holds(b, *party))
            .map(|party| i64::from(self.repeats.millibits[party]))
            .sum()
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
