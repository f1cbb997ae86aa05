//! The model laid out for the many patterns of a fit: one line a level, and in it what every class and every pass of
//! strangers gives the level. What a pair's levels come to is then the sum of a few lines, as far as they are of the
//! classes and of the passes it met in, and what a round counts goes back into lines of the same form.

use model::schema::MAX_PASSES;

use super::explain::millibits;
use super::mixture::{CLASSES, Class, Mixture, exp, known, log_sum};
use super::patterns::Observed;
use super::scored::PatternWeight;

/// Columns before those of the passes: the classes other than strangers. They are added up side by side.
const BEFORE_PASSES: usize = CLASSES - 1;

/// The column of a class; strangers have one a pass instead.
pub(super) fn column(class: Class) -> Option<usize> {
    match class {
        Class::Match => Some(0),
        Class::Household => Some(1),
        Class::Kin => Some(2),
        Class::Twins => Some(3),
        Class::Unrelated => None,
    }
}

/// The column of strangers who met in `pass`.
pub(super) fn column_of_pass(pass: usize) -> usize {
    BEFORE_PASSES + pass
}

/// One number for each way a pair may be: by class, and of strangers by the pass they met in. What it holds of one pair
/// is written over by the next.
pub(super) struct Thought {
    /// Where the lines of the known levels begin.
    starts: Vec<usize>,
    /// By column of a class.
    pub(super) classes: [f64; BEFORE_PASSES],
    /// The passes met in.
    passes: [usize; MAX_PASSES],
    /// By place among the passes met in.
    strangers: [f64; MAX_PASSES],
    /// How many passes the pair met in.
    met: usize,
}

impl Thought {
    /// Of no pair yet.
    pub(super) fn new() -> Self {
        Self {
            starts: Vec::new(),
            classes: [0.0; BEFORE_PASSES],
            passes: [0; MAX_PASSES],
            strangers: [0.0; MAX_PASSES],
            met: 0,
        }
    }

    /// Turns to a pair: nothing is thought of it so far.
    pub(super) fn turn_to(&mut self, grid: &Grid, pair: Observed<'_>) {
        self.starts.clear();
        let start = |(variable, level)| (grid.starts[variable] + level) * grid.width;
        self.starts.extend(known(pair).map(start));
        self.classes = [0.0; BEFORE_PASSES];
        self.met = 0;
        for (place, pass) in self.passes.iter_mut().zip(pair.passes()) {
            *place = pass;
            self.strangers[self.met] = 0.0;
            self.met += 1;
        }
    }

    /// Of strangers: the passes met in, and the number of each.
    pub(super) fn strangers(&self) -> impl Iterator<Item = (usize, f64)> {
        let passes = self.passes[..self.met].iter().copied();
        passes.zip(self.strangers[..self.met].iter().copied())
    }

    /// The same, to be changed.
    pub(super) fn strangers_mut(&mut self) -> impl Iterator<Item = (usize, &mut f64)> {
        let passes = self.passes[..self.met].iter().copied();
        passes.zip(&mut self.strangers[..self.met])
    }

    /// All numbers: those of the classes first.
    fn all_mut(&mut self) -> impl Iterator<Item = &mut f64> {
        let strangers = self.strangers[..self.met].iter_mut();
        self.classes.iter_mut().chain(strangers)
    }
}

/// Where the lines of a model's levels stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grid {
    /// By variable: its first line; then the number of all.
    starts: Vec<usize>,
    /// How many numbers a line has.
    width: usize,
}

impl Grid {
    /// The grid of variables with these numbers of levels, and of so many passes.
    pub(super) fn of(levels: impl Iterator<Item = usize>, passes: usize) -> Self {
        let mut starts = vec![0];
        for levels in levels {
            starts.push(starts[starts.len() - 1] + levels);
        }
        Self {
            starts,
            width: column_of_pass(passes),
        }
    }

    /// A line of zeros for every level.
    pub(super) fn zeros(&self) -> Vec<f64> {
        vec![0.0; self.starts[self.starts.len() - 1] * self.width]
    }

    /// Makes what is thought of one pair stand for so many, and adds it to the lines of all its known levels.
    pub(super) fn add(&self, lines: &mut [f64], pairs: u64, thought: &mut Thought) {
        let pairs = pairs as f64;
        thought.all_mut().for_each(|share| *share *= pairs);
        for start in &thought.starts {
            let line = &mut lines[*start..*start + self.width];
            for (sum, share) in line.iter_mut().zip(&thought.classes) {
                *sum += share;
            }
            for (pass, share) in thought.strangers() {
                line[column_of_pass(pass)] += share;
            }
        }
    }

    /// One column of `lines`, by level of `variable`.
    pub(super) fn column<'l>(
        &self,
        lines: &'l [f64],
        variable: usize,
        column: usize,
    ) -> impl Iterator<Item = f64> + use<'l> {
        let lines =
            &lines[self.starts[variable] * self.width..self.starts[variable + 1] * self.width];
        lines.chunks_exact(self.width).map(move |line| line[column])
    }
}

/// A model laid out by level.
pub(super) struct Sheet<'a> {
    model: &'a Mixture,
    grid: Grid,
    /// Log probabilities.
    lines: Vec<f64>,
}

impl<'a> Sheet<'a> {
    pub(super) fn of(model: &'a Mixture) -> Self {
        let levels = model.matches.iter().map(|table| table.log.len());
        let grid = Grid::of(levels, model.strangers.len());
        let mut lines = grid.zeros();
        let tables = [&model.matches, &model.household, &model.kin];
        for (variable, start) in grid.starts[..model.matches.len()].iter().enumerate() {
            let own = lines[start * grid.width..].chunks_exact_mut(grid.width);
            for (level, line) in own.take(model.matches[variable].log.len()).enumerate() {
                for (column, tables) in tables.iter().enumerate() {
                    line[column] = tables[variable].log[level];
                }
                line[tables.len()] = model.twins(variable).log[level];
                for (pass, strangers) in model.strangers.iter().enumerate() {
                    line[column_of_pass(pass)] = strangers.tables[variable].log[level];
                }
            }
        }
        Self { model, grid, lines }
    }

    /// The log likelihood of a pair's levels in every class, and as strangers of every pass it met in, with the log
    /// share of the strangers who met there.
    fn likelihoods(&self, pair: Observed<'_>, thought: &mut Thought) {
        thought.turn_to(&self.grid, pair);
        let mut sums = [0.0; BEFORE_PASSES];
        for start in &thought.starts {
            let line = &self.lines[*start..*start + BEFORE_PASSES];
            for (sum, log) in sums.iter_mut().zip(line) {
                *sum += log;
            }
        }
        thought.classes = sums;
        let passes = thought.passes[..thought.met].iter();
        for (pass, strangers) in passes.zip(&mut thought.strangers) {
            let logs = thought.starts.iter();
            let logs = logs.map(|start| self.lines[start + column_of_pass(*pass)]);
            *strangers =
                logs.fold(0.0, |sum, log| sum + log) + self.model.strangers[*pass].log_share;
        }
    }

    /// How likely the pair belongs to every class, a match only where it `may` be one, and to the strangers of every
    /// pass. They are to be divided by their sum, which is told after the log of what they were divided by so far.
    fn shares(&self, pair: Observed<'_>, may: bool, thought: &mut Thought) -> (f64, f64) {
        self.likelihoods(pair, thought);
        let priors = &self.model.log_priors[usize::from(pair.stratum)];
        for class in Class::ALL {
            if let Some(column) = column(class) {
                thought.classes[column] = match class {
                    Class::Match if !may => f64::NEG_INFINITY,
                    _ => thought.classes[column] + priors[class as usize],
                };
            }
        }
        let of_strangers = priors[Class::Unrelated as usize];
        let strangers = thought.strangers_mut();
        strangers.for_each(|(_, log)| *log += of_strangers);
        let most = thought
            .all_mut()
            .fold(f64::NEG_INFINITY, |most, log| most.max(*log));
        let mut sum = 0.0;
        for value in thought.all_mut() {
            *value = exp(*value - most);
            sum += *value;
        }
        (most, sum)
    }

    /// Turns to a pair, and to how likely it belongs to every class, a match only where it `may` be one, and to the
    /// strangers of every pass.
    pub(super) fn responsibilities(&self, pair: Observed<'_>, may: bool, thought: &mut Thought) {
        let (_, sum) = self.shares(pair, may, thought);
        thought.all_mut().for_each(|value| *value /= sum);
    }

    /// The log likelihood of a pair.
    pub(super) fn log_likelihood(&self, pair: Observed<'_>, thought: &mut Thought) -> f64 {
        let (most, sum) = self.shares(pair, true, thought);
        most + libm::log(sum)
    }

    /// The weight and the odds of pairs of a pattern, to the bit those of
    /// [`Mixture::log_likelihood`] and [`Mixture::odds_millibits`].
    pub(super) fn weigh(&self, pair: Observed<'_>, thought: &mut Thought) -> PatternWeight {
        self.likelihoods(pair, thought);
        let strangers = log_sum(&thought.strangers[..thought.met]);
        let likelihood = |class| column(class).map_or(strangers, |column| thought.classes[column]);
        let joint = self.model.joint(pair.stratum, likelihood);
        PatternWeight {
            weight_millibits: millibits(likelihood(Class::Match) - strangers),
            odds_millibits: Mixture::odds_of(&joint),
            passes: pair.met_in(),
        }
    }
}
