//! Expectation–maximisation for the [`Mixture`].

use super::levels::{UNKNOWN, Variable, Variables};
use super::mixture::{CLASSES, Class, FitReport, Mixture, TABLES, log_sum};
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

/// The starting share of twins among pairs that look like a match.
const TWINS: f64 = 0.02;

/// What two records may be to each other.
#[derive(Clone, Copy)]
enum Classes {
    /// A match or unrelated.
    Two,
    /// A match, of one household, or unrelated.
    Three,
    /// The same, or twins.
    Four,
}

/// What one fit works on.
pub(super) struct Fit<'a> {
    variables: &'a Variables,
    table: &'a PairTable,
    levels: &'a [u16],
    /// By stratum: candidate pairs.
    candidates: Vec<f64>,
    parties: usize,
    step: usize,
}

/// Weighted counts: what a round of maximisation starts from.
struct Counts {
    /// By class, variable and level.
    levels: [Vec<Vec<f64>>; TABLES],
    /// By stratum: responsibility of each class.
    strata: Vec<[f64; CLASSES]>,
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
            parties: records.by_party.len(),
            step: table.len().div_ceil(MAX_FIT_PAIRS).max(1),
        }
    }

    /// Fits two classes, three and four, and keeps what describes the pairs better for its size
    /// (Bayesian information criterion, Schwarz, 1978): where there are no households, a third class
    /// would take the matches that are badly recorded, and without households nobody's twin is told
    /// from him by what they share.
    pub(super) fn run(&self) -> Mixture {
        let two = self.fit(self.start(Classes::Two), Classes::Two);
        let three = self.fit(self.start(Classes::Three), Classes::Three);
        if self.criterion(&two, 2.0, 2.0) <= self.criterion(&three, 3.0, 3.0) {
            return two;
        }
        if !self.twins_can_be_told() {
            return three;
        }
        let four = self.fit(self.with_twins(&three), Classes::Four);
        if self.criterion(&three, 3.0, 3.0) <= self.criterion(&four, 3.0, 4.0) {
            three
        } else {
            four
        }
    }

    /// Twins share a date of birth, and more; only names, sex or numbers part them.
    fn twins_can_be_told(&self) -> bool {
        let variables = &self.variables.0;
        let shared = |variable: &&Variable| !variable.parts_twins() && !variable.is_date();
        variables.iter().any(Variable::is_date)
            && variables.iter().any(Variable::parts_twins)
            && variables.iter().any(|variable| shared(&variable))
    }

    /// Minus twice the log likelihood, and what each parameter costs. A variable has as many
    /// parameters in a table as levels that occur, less one; a pair of parties has one for each class,
    /// less one.
    fn criterion(&self, model: &Mixture, tables: f64, classes: f64) -> f64 {
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
        let levels: usize = (0..self.variables.len()).map(occurring).sum();
        let strata = self.candidates.iter().filter(|pairs| **pairs > 1.0).count();
        let parameters = tables * levels as f64 + (classes - 1.0) * strata as f64;
        parameters * libm::log(pairs().count().max(1) as f64) - 2.0 * likelihood
    }

    fn start(&self, classes: Classes) -> Mixture {
        self.maximise(&self.count(|pair| self.first_guess(pair, classes)), classes)
    }

    /// A model that knows twins, from one that does not: some of what looks like a match is not.
    fn with_twins(&self, three: &Mixture) -> Mixture {
        let mut four = three.clone();
        for priors in &mut four.log_priors {
            priors[Class::Twins as usize] = priors[Class::Match as usize] + libm::log(TWINS);
        }
        four
    }

    fn fit(&self, start: Mixture, classes: Classes) -> Mixture {
        let mut model = start;
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
    fn first_guess(&self, pair: usize, classes: Classes) -> [f64; CLASSES] {
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
            Classes::Two => [guess[0], 0.0, guess[1] + guess[2], 0.0],
            Classes::Three | Classes::Four => [guess[0], guess[1], guess[2], 0.0],
        }
    }

    fn count(&self, responsible: impl Fn(usize) -> [f64; CLASSES]) -> Counts {
        let empty = || {
            self.variables
                .0
                .iter()
                .map(|v| vec![0.0; v.level_count()])
                .collect::<Vec<_>>()
        };
        let mut counts = Counts {
            levels: [empty(), empty(), empty()],
            strata: vec![[0.0; CLASSES]; self.candidates.len()],
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
        let priors = counts
            .strata
            .iter()
            .zip(&self.candidates)
            .map(|(sums, all)| log_priors(&sums.map(|sum| sum * scale), *all, classes));
        let parties = self.parties;
        let within = |party: usize| counts.strata[party * parties + party][0] * scale;
        let expected_matches = counts.strata.iter().map(|sums| sums[0] * scale).sum();
        Mixture {
            tables,
            twins_like: self.variables.0.iter().map(twins_like).collect(),
            log_priors: priors.collect(),
            within: (0..parties).map(within).collect(),
            report: FitReport {
                rounds: 0,
                converged: false,
                expected_matches,
            },
        }
    }
}

impl Counts {
    fn add(&mut self, fit: &Fit<'_>, pair: usize, share: [f64; CLASSES]) {
        let stratum = &mut self.strata[usize::from(fit.table.strata[pair])];
        for (sum, share) in stratum.iter_mut().zip(&share) {
            *sum += share;
        }
        for (variable, level) in fit.pair(pair).iter().enumerate() {
            if *level == UNKNOWN {
                continue;
            }
            for class in Class::ALL {
                let table = match class {
                    Class::Twins => twins_like(&fit.variables.0[variable]),
                    own => own,
                };
                self.levels[table as usize][variable][usize::from(*level)] += share[class as usize];
            }
        }
    }
}

/// Twins differ in what is a person's own as two people of a household do, and share all else as
/// one person's records do.
fn twins_like(variable: &Variable) -> Class {
    if variable.parts_twins() {
        Class::Household
    } else {
        Class::Match
    }
}

/// Log priors of the classes among `all` candidate pairs of a stratum.
fn log_priors(sums: &[f64; CLASSES], all: f64, classes: Classes) -> [f64; CLASSES] {
    let share = |class: Class| (sums[class as usize].max(LEAST_PAIRS) / all).min(0.95);
    let matched = share(Class::Match);
    let household = match classes {
        Classes::Two => 0.0,
        Classes::Three | Classes::Four => share(Class::Household),
    };
    let twins = match classes {
        Classes::Two | Classes::Three => 0.0,
        Classes::Four => share(Class::Twins),
    };
    let unrelated = (1.0 - matched - household - twins).max(1e-9);
    [matched, household, unrelated, twins].map(libm::log)
}

/// The posterior of each class for a pair.
fn responsibilities(model: &Mixture, stratum: u16, levels: &[u16]) -> [f64; CLASSES] {
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
