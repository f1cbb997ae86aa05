//! The model laid out for the many patterns of a fit: one line a level, and in it what every class and every pass of
//! strangers gives the level. What a pair's levels come to in all of them at once is then the sum of a few
//! lines, and what a round counts goes back into lines of the same form.

use model::schema::MAX_PASSES;

use super::explain::millibits;
use super::mixture::{CLASSES, Class, Mixture, known, log_sum};
use super::patterns::Observed;
use super::scored::PatternWeight;

/// Columns before those of the passes: the classes other than strangers.
const BEFORE_PASSES: usize = CLASSES - 1;
/// Columns are added up so many at once.
const STEP: usize = 4;
/// The most columns.
pub(super) const MAX_WIDTH: usize = (BEFORE_PASSES + MAX_PASSES).next_multiple_of(STEP);

/// One number a column, of which a sheet looks at the first few.
pub(super) type Line = [f64; MAX_WIDTH];

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
            width: (BEFORE_PASSES + passes).next_multiple_of(STEP),
        }
    }

    /// A line of zeros for every level.
    pub(super) fn zeros(&self) -> Vec<f64> {
        vec![0.0; self.starts[self.starts.len() - 1] * self.width]
    }

    /// The line of a level in `lines`.
    fn line<'l>(&self, lines: &'l [f64], (variable, level): (usize, usize)) -> &'l [f64] {
        let start = (self.starts[variable] + level) * self.width;
        &lines[start..start + self.width]
    }

    /// Adds `line`, which stands for so many pairs, to the lines of all known levels of a pair.
    pub(super) fn add(&self, lines: &mut [f64], pair: Observed<'_>, line: &mut Line) {
        let pairs = pair.pairs as f64;
        let line = &mut line[..self.width];
        line.iter_mut().for_each(|share| *share *= pairs);
        for (variable, level) in known(pair) {
            let start = (self.starts[variable] + level) * self.width;
            add(&mut lines[start..start + self.width], line);
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

/// Adds in steps of a fixed size, which the compiler does side by side.
fn add(sums: &mut [f64], more: &[f64]) {
    let steps = sums.as_chunks_mut::<STEP>().0.iter_mut();
    for (sums, more) in steps.zip(more.as_chunks::<STEP>().0) {
        for (sum, more) in sums.iter_mut().zip(more) {
            *sum += more;
        }
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

    /// The log likelihood of a pair's levels in every column; of a pass with the log share of the strangers who
    /// met in it.
    fn likelihoods(&self, pair: Observed<'_>, line: &mut Line) {
        let sums = &mut line[..self.grid.width];
        sums.fill(0.0);
        for known in known(pair) {
            add(sums, self.grid.line(&self.lines, known));
        }
        for (pass, strangers) in self.model.strangers.iter().enumerate() {
            line[column_of_pass(pass)] += strangers.log_share;
        }
    }

    /// Turns what a pair's levels are in every column into how likely the pair belongs there; a match only where it
    /// `may` be one. Returns the log likelihood of the pair.
    pub(super) fn responsibilities(&self, pair: Observed<'_>, may: bool, line: &mut Line) -> f64 {
        self.likelihoods(pair, line);
        let priors = &self.model.log_priors[usize::from(pair.stratum)];
        for class in Class::ALL {
            if let Some(column) = column(class) {
                line[column] = match class {
                    Class::Match if !may => f64::NEG_INFINITY,
                    _ => line[column] + priors[class as usize],
                };
            }
        }
        let of_strangers = priors[Class::Unrelated as usize];
        let passes = self.model.strangers.len();
        for pass in 0..passes {
            line[column_of_pass(pass)] = match pair.met_in() >> pass & 1 {
                1 => line[column_of_pass(pass)] + of_strangers,
                _ => f64::NEG_INFINITY,
            };
        }
        let used = &mut line[..column_of_pass(passes)];
        let most = used.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut sum = 0.0;
        for value in used.iter_mut() {
            *value = match *value == f64::NEG_INFINITY {
                true => 0.0,
                false => libm::exp(*value - most),
            };
            sum += *value;
        }
        used.iter_mut().for_each(|value| *value /= sum);
        most + libm::log(sum)
    }

    /// The weight and the odds of pairs of a pattern, to the bit those of
    /// [`Mixture::log_likelihood`] and [`Mixture::odds_millibits`].
    pub(super) fn weigh(&self, pair: Observed<'_>, line: &mut Line) -> PatternWeight {
        self.likelihoods(pair, line);
        let mut of_passes = [0.0; MAX_PASSES];
        let met = of_passes.iter_mut().zip(pair.passes());
        let met = met.map(|(log, pass)| *log = line[column_of_pass(pass)]);
        let count = met.count();
        let strangers = log_sum(&of_passes[..count]);
        let likelihood = |class| column(class).map_or(strangers, |column| line[column]);
        let joint = self.model.joint(pair.stratum, likelihood);
        PatternWeight {
            weight_millibits: millibits(likelihood(Class::Match) - strangers),
            odds_millibits: Mixture::odds_of(&joint),
            passes: pair.met_in(),
        }
    }
}
