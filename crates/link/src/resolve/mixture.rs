//! The model: Fellegi–Sunter (1969), with a third class for people of one household where that
//! describes the pairs better, fitted by
//! expectation–maximisation (Dempster, Laird and Rubin, 1977; Winkler, 1988) without truth.
//!
//! The model speaks of candidate pairs, those that met in some pass. Priors belong to each pair of
//! parties, so they follow how large and how overlapping the registries are. Logarithms come from a
//! library in Rust, not from the platform, so that every machine fits the same numbers.

use super::explain::millibits;
use super::fit::Fit;
use super::levels::{UNKNOWN, Variables};
use super::pairs::{PairTable, Records};
use super::table::LevelTable;

/// How the fit went.
#[derive(Debug, Clone, PartialEq)]
pub struct FitReport {
    /// Rounds until it settled.
    pub rounds: usize,
    /// Whether it settled at all.
    pub converged: bool,
    /// Matches expected among the candidate pairs.
    pub expected_matches: f64,
}

/// What two records may be to each other. The numbers are places in arrays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Records of one person.
    Match = 0,
    /// Records of two people of one household.
    Household = 1,
    /// Records of two people who have nothing to do with each other.
    Unrelated = 2,
    /// Records of two people born together: alike in all but what is a person's own.
    Twins = 3,
}

impl Class {
    /// All classes, in order of their places.
    pub(super) const ALL: [Self; CLASSES] =
        [Self::Match, Self::Household, Self::Unrelated, Self::Twins];
}

/// How many classes there are.
pub(super) const CLASSES: usize = 4;
/// The classes that have tables of their own; twins borrow theirs.
pub(super) const TABLES: usize = 3;

/// A fitted model.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mixture {
    /// By class, then variable.
    pub(super) tables: [Vec<LevelTable>; TABLES],
    /// By variable: whose table twins use.
    pub(super) twins_like: Vec<Class>,
    /// By pair of parties: log prior of each class.
    pub(super) log_priors: Vec<[f64; CLASSES]>,
    /// By party: expected pairs of one person's records among the candidate pairs within it.
    pub(super) within: Vec<f64>,
    /// How the fit went.
    pub(super) report: FitReport,
}

/// A compared pair of records with its weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScoredPair {
    /// The numbers of its records, the smaller first.
    pub pair: (u32, u32),
    /// The match weight: log2 of the likelihood ratio of match against unrelated, in thousandths.
    pub weight_millibits: i32,
    /// log2 of the posterior odds of a match, in thousandths.
    pub odds_millibits: i32,
}

impl ScoredPair {
    /// The posterior probability of a match, in millionths.
    pub fn probability_ppm(&self) -> u32 {
        let odds = libm::exp2(f64::from(self.odds_millibits) / 1000.0);
        (odds / (1.0 + odds) * 1e6).round() as u32
    }
}

impl Mixture {
    pub(super) fn fit(
        variables: &Variables,
        records: &Records,
        table: &PairTable,
        levels: &[u16],
    ) -> Self {
        Fit::new(variables, records, table, levels).run()
    }

    /// The log likelihood of a pair's levels in `class`.
    fn log_likelihood(&self, class: Class, levels: &[u16]) -> f64 {
        let known = levels
            .iter()
            .enumerate()
            .filter(|(_, level)| **level != UNKNOWN);
        known
            .map(|(variable, level)| {
                let table = match class {
                    Class::Twins => self.twins_like[variable],
                    own => own,
                };
                self.tables[table as usize][variable].log[usize::from(*level)]
            })
            .sum()
    }

    pub(super) fn log_joint(&self, stratum: u16, levels: &[u16]) -> [f64; CLASSES] {
        let priors = &self.log_priors[usize::from(stratum)];
        Class::ALL.map(|class| match priors[class as usize] {
            f64::NEG_INFINITY => f64::NEG_INFINITY,
            prior => prior + self.log_likelihood(class, levels),
        })
    }

    /// Weights and posterior odds of all pairs, in the table's order.
    pub(super) fn weigh(&self, table: &PairTable, levels: &[u16]) -> Vec<ScoredPair> {
        let width = self.tables[0].len();
        (0..table.len())
            .map(|pair| {
                let levels = &levels[pair * width..(pair + 1) * width];
                let weight = self.log_likelihood(Class::Match, levels)
                    - self.log_likelihood(Class::Unrelated, levels);
                ScoredPair {
                    pair: table.pairs[pair],
                    weight_millibits: millibits(weight),
                    odds_millibits: self.odds_millibits(table.strata[pair], levels),
                }
            })
            .collect()
    }

    /// log2 of the posterior odds of a match, in thousandths.
    pub(super) fn odds_millibits(&self, stratum: u16, levels: &[u16]) -> i32 {
        let joint = self.log_joint(stratum, levels);
        millibits(joint[Class::Match as usize] - log_sum(&joint[1..]))
    }
}

pub(super) fn log_sum(logs: &[f64]) -> f64 {
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    most + libm::log(logs.iter().map(|log| libm::exp(log - most)).sum())
}
