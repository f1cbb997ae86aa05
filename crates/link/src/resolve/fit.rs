//! Expectation–maximisation for the [`Mixture`].

use super::levels::{UNKNOWN, Variables};
use super::mixture::{FitReport, Mixture, log_sum};
use super::pairs::{PairTable, Records};
use super::table::LevelTable;

/// The most rounds.
const MAX_ROUNDS: usize = 200;
/// The fit has settled when the expected number of matches moves by less than this share a round.
const SETTLED: f64 = 1e-4;
/// The most pairs the fit looks at; of more, every n-th is taken.
const MAX_FIT_PAIRS: usize = 1_000_000;
/// Starting responsibilities for a class a pair is not thought to be in.
const DOUBT: f64 = 0.02;
/// No class has a smaller share of a stratum's pairs than this many pairs.
const LEAST_PAIRS: f64 = 0.5;

/// What two records may be to each other.
#[derive(Clone, Copy)]
enum Classes {
    /// A match or unrelated.
    Two,
    /// A match, of one household, or unrelated.
    Three,
}

/// What one fit works on.
pub(super) struct Fit<'a> {
    variables: &'a Variables,
    table: &'a PairTable,
    levels: &'a [u16],
    /// By stratum: candidate pairs.
    candidates: Vec<f64>,
    step: usize,
}

/// Weighted counts: what a round of maximisation starts from.
struct Counts {
    /// By class, variable and level.
    levels: [Vec<Vec<f64>>; 3],
    /// By stratum: responsibility of match and household.
    strata: Vec<[f64; 2]>,
}

impl<'a> Fit<'a> {
    pub(super) fn new(
        variables: &'a Variables,
        records: &Records,
        table: &'a PairTable,
        levels: &'a [u16],
    ) -> Self {
        Self {
            variables,
            table,
            levels,
            candidates: candidates(records, table),
            step: table.len().div_ceil(MAX_FIT_PAIRS).max(1),
        }
    }

    /// Fits two classes and three, and keeps what describes the pairs better for its size (Bayesian
    /// information criterion, Schwarz, 1978): where there are no households, a third class would
    /// take the matches that are badly recorded.
    pub(super) fn run(&self) -> Mixture {
        let (two, three) = (self.fit(Classes::Two), self.fit(Classes::Three));
        if self.criterion(&two, 2.0) <= self.criterion(&three, 3.0) {
            two
        } else {
            three
        }
    }

    /// Minus twice the log likelihood, and what each parameter costs. A variable has as many
    /// parameters in a class as levels that occur, less one.
    fn criterion(&self, model: &Mixture, classes: f64) -> f64 {
        let pairs = || (0..self.table.len()).step_by(self.step);
        let of_pair = |pair| log_sum(&model.log_joint(self.table.strata[pair], self.pair(pair)));
        let likelihood: f64 = pairs().map(of_pair).sum();
        let occurring = |variable: usize| {
            let mut seen: Vec<u16> = pairs().map(|pair| self.pair(pair)[variable]).collect();
            seen.sort_unstable();
            seen.dedup();
            seen.iter()
                .filter(|level| **level != UNKNOWN)
                .count()
                .saturating_sub(1)
        };
        let parameters: usize = (0..self.variables.len()).map(occurring).sum();
        let cost = libm::log(pairs().count().max(1) as f64);
        classes * parameters as f64 * cost - 2.0 * likelihood
    }

    fn fit(&self, classes: Classes) -> Mixture {
        let mut model = self.maximise(&self.count(|pair| self.first_guess(pair, classes)), classes);
        let mut before = 0.0;
        for round in 1..=MAX_ROUNDS {
            let counts = self
                .count(|pair| responsibilities(&model, self.table.strata[pair], self.pair(pair)));
            model = self.maximise(&counts, classes);
            let matches = model.report.expected_matches;
            model.report.rounds = round;
            if (matches - before).abs() <= SETTLED * matches {
                model.report.converged = true;
                break;
            }
            before = matches;
        }
        model
    }

    fn pair(&self, pair: usize) -> &[u16] {
        let width = self.variables.len();
        &self.levels[pair * width..(pair + 1) * width]
    }

    /// Which class a pair looks like before anything is known: agreement in what is a person's own
    /// makes a match, agreement in what households share without it a household.
    fn first_guess(&self, pair: usize, classes: Classes) -> [f64; 3] {
        let (mut personal, mut shared) = (Mean::default(), Mean::default());
        for (variable, level) in self.variables.0.iter().zip(self.pair(pair)) {
            if *level != UNKNOWN {
                let agreement = variable.prior_agreement(usize::from(*level));
                personal.add(agreement.personal);
                shared.add(agreement.shared);
            }
        }
        let (personal, shared) = (personal.value(), shared.value());
        let class = if personal >= 0.75 && personal + shared >= 1.25 {
            0
        } else if shared >= 0.7 && personal <= 0.6 {
            1
        } else {
            2
        };
        let mut guess = [DOUBT; 3];
        guess[class] = 1.0 - 2.0 * DOUBT;
        // A doubtful match is nearly always unrelated: there are so many more of them.
        if class == 2 {
            guess[0] = DOUBT * DOUBT;
        }
        match classes {
            Classes::Two => [guess[0], 0.0, guess[1] + guess[2]],
            Classes::Three => guess,
        }
    }

    fn count(&self, responsible: impl Fn(usize) -> [f64; 3]) -> Counts {
        let empty = || {
            self.variables
                .0
                .iter()
                .map(|v| vec![0.0; v.level_count()])
                .collect::<Vec<_>>()
        };
        let mut counts = Counts {
            levels: [empty(), empty(), empty()],
            strata: vec![[0.0; 2]; self.candidates.len()],
        };
        for pair in (0..self.table.len()).step_by(self.step) {
            counts.add(self, pair, responsible(pair));
        }
        counts
    }

    fn maximise(&self, counts: &Counts, classes: Classes) -> Mixture {
        let tables = counts.levels.each_ref().map(|class| {
            let variables = self.variables.0.iter().zip(class);
            variables
                .map(|(variable, counts)| LevelTable::estimate(variable, counts))
                .collect::<Vec<_>>()
        });
        let scale = self.step as f64;
        let priors =
            counts
                .strata
                .iter()
                .zip(&self.candidates)
                .map(|([matched, household], all)| {
                    let share = |sum: &f64| ((sum * scale).max(LEAST_PAIRS) / all).min(0.95);
                    let matched = share(matched);
                    let household = match classes {
                        Classes::Two => 0.0,
                        Classes::Three => share(household),
                    };
                    [
                        libm::log(matched),
                        libm::log(household),
                        libm::log((1.0 - matched - household).max(1e-9)),
                    ]
                });
        let expected_matches = counts
            .strata
            .iter()
            .map(|[matched, _]| matched * scale)
            .sum();
        Mixture {
            tables,
            log_priors: priors.collect(),
            report: FitReport {
                rounds: 0,
                converged: false,
                expected_matches,
            },
        }
    }
}

impl Counts {
    fn add(&mut self, fit: &Fit<'_>, pair: usize, share: [f64; 3]) {
        let stratum = &mut self.strata[usize::from(fit.table.strata[pair])];
        stratum[0] += share[0];
        stratum[1] += share[1];
        for (variable, level) in fit.pair(pair).iter().enumerate() {
            if *level == UNKNOWN {
                continue;
            }
            for (class, share) in share.iter().enumerate() {
                self.levels[class][variable][usize::from(*level)] += share;
            }
        }
    }
}

/// The posterior of each class for a pair.
fn responsibilities(model: &Mixture, stratum: u16, levels: &[u16]) -> [f64; 3] {
    let joint = model.log_joint(stratum, levels);
    let total = log_sum(&joint);
    joint.map(|log| libm::exp(log - total))
}

/// The mean of what is known.
#[derive(Default)]
struct Mean {
    sum: f64,
    count: f64,
}

impl Mean {
    fn add(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.sum += value;
            self.count += 1.0;
        }
    }

    fn value(&self) -> f64 {
        if self.count > 0.0 {
            self.sum / self.count
        } else {
            0.5
        }
    }
}

fn candidates(records: &Records, table: &PairTable) -> Vec<f64> {
    let mut candidates = vec![1.0; records.by_party.len().pow(2)];
    table
        .strata
        .iter()
        .for_each(|stratum| candidates[usize::from(*stratum)] += 1.0);
    candidates
}
