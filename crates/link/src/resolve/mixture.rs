//! The model: Fellegi–Sunter (1969), with a third class for people of one household where that
//! describes the pairs better, fitted by
//! expectation–maximisation (Dempster, Laird and Rubin, 1977; Winkler, 1988) without truth.
//!
//! The model speaks of candidate pairs, those that met in some pass. Priors belong to each pair of
//! parties, so they follow how large and how overlapping the registries are. Logarithms come from a
//! library in Rust, not from the platform, so that every machine fits the same numbers.

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

/// A fitted model.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mixture {
    /// By class, then variable.
    pub(super) tables: [Vec<LevelTable>; 3],
    /// By pair of parties: log prior of each class.
    pub(super) log_priors: Vec<[f64; 3]>,
    /// How the fit went.
    pub(super) report: FitReport,
}

/// A compared pair with its weight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Weighed {
    pub(crate) pair: (u32, u32),
    /// log2 of the likelihood ratio of match against unrelated, in thousandths.
    pub(crate) weight_millibits: i32,
    /// log2 of the posterior odds of a match, in thousandths.
    pub(crate) odds_millibits: i32,
}

impl Weighed {
    /// The posterior probability of a match, in millionths.
    pub(crate) fn probability_ppm(&self) -> u32 {
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
    fn log_likelihood(&self, class: usize, levels: &[u16]) -> f64 {
        let known = levels
            .iter()
            .zip(&self.tables[class])
            .filter(|(level, _)| **level != UNKNOWN);
        known
            .map(|(level, table)| table.log[usize::from(*level)])
            .sum()
    }

    pub(super) fn log_joint(&self, stratum: u16, levels: &[u16]) -> [f64; 3] {
        let priors = &self.log_priors[usize::from(stratum)];
        std::array::from_fn(|class| priors[class] + self.log_likelihood(class, levels))
    }

    /// Weights and posterior odds of all pairs, in the table's order.
    pub(super) fn weigh(&self, table: &PairTable, levels: &[u16]) -> Vec<Weighed> {
        let width = self.tables[0].len();
        (0..table.len())
            .map(|pair| {
                let levels = &levels[pair * width..(pair + 1) * width];
                let joint = self.log_joint(table.strata[pair], levels);
                let against = log_sum(&joint[1..]);
                let weight = self.log_likelihood(0, levels) - self.log_likelihood(2, levels);
                Weighed {
                    pair: table.pairs[pair],
                    weight_millibits: millibits(weight),
                    odds_millibits: millibits(joint[0] - against),
                }
            })
            .collect()
    }
}

/// Natural logarithm to thousandths of a bit: the one place where real numbers become decisions.
fn millibits(natural: f64) -> i32 {
    (natural * 1000.0 / std::f64::consts::LN_2)
        .round()
        .clamp(-1e9, 1e9) as i32
}

pub(super) fn log_sum(logs: &[f64]) -> f64 {
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    most + libm::log(logs.iter().map(|log| libm::exp(log - most)).sum())
}
