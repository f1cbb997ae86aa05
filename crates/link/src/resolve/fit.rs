//! Expectation–maximisation for the [`Mixture`].

use rayon::prelude::*;

use super::counts::{Counts, grid, twins_like};
use super::guess::{Apart, Classes, guess};
use super::levels::{Variable, Variables};
use super::mixture::{CLASSES, Class, Component, FitReport, Mixture, known};
use super::patterns::{Asked, Observed, Seen};
use super::records::Records;
use super::sheet::{Grid, Sheet, Thought, column};
use super::table::{LevelTable, group_sums};

/// The most rounds.
const MAX_ROUNDS: usize = 200;
/// The fit has settled when the expected number of matches moves by less than this share a round.
const SETTLED: f64 = 1e-4;
/// Patterns are counted in so many parts at once. The number is fixed, as it decides in which order
/// real numbers are added, and so the last bit of the sums.
const PARTS: usize = 64;
/// No class has a smaller share of a stratum's pairs than this many pairs.
const LEAST_PAIRS: f64 = 0.5;
/// The starting share of twins among pairs that look like a match.
const TWINS: f64 = 0.02;
/// How often noise makes a value look different that a pass found equal. Set by judgement.
const NOISE: f64 = 0.01;
/// Pairs of strangers that must know a variable before its table is taken from them.
const LEAST_STRANGERS: f64 = 200.0;

/// What one fit works on.
pub(super) struct Fit<'a> {
    variables: &'a Variables,
    seen: &'a Seen,
    /// By variable: how alike strangers are, from the calibration; none without enough of it.
    strangers: Vec<Option<LevelTable>>,
    /// By pass, then variable it asks for: how alike strangers who met in it should be.
    expected: Vec<Vec<Option<Vec<f64>>>>,
    /// Where counts of levels stand.
    grid: Grid,
    /// By stratum: candidate pairs.
    candidates: Vec<f64>,
    /// All candidate pairs.
    pairs: f64,
    parties: usize,
    /// By pattern: whether its pairs cannot be of one person.
    apart: Vec<bool>,
}

/// A fitted model.
struct Judged {
    model: Mixture,
    classes: Classes,
    /// The less the better.
    criterion: f64,
}

impl<'a> Fit<'a> {
    pub(super) fn new(
        variables: &'a Variables,
        records: &Records,
        seen: &'a Seen,
        strangers: &[u16],
    ) -> Self {
        let strangers = stranger_tables(variables, strangers);
        let apart = Apart::of(variables);
        let holds = |pattern: Observed<'_>| apart.holds(pattern.levels);
        Self {
            variables,
            seen,
            expected: expected_tables(variables, seen, &strangers),
            strangers,
            grid: grid(variables, seen.asked.len()),
            candidates: candidates(records, seen),
            pairs: seen.patterns.counts.iter().sum::<u64>() as f64,
            parties: records.by_party.len(),
            apart: seen.patterns.iter().map(holds).collect(),
        }
    }

    /// Fits two classes, then more, and keeps what describes the pairs better for its size (Bayesian information
    /// criterion, Schwarz, 1978): where there are no households, a third class would take the matches that are badly
    /// recorded, and without households nobody's twin is told from him by what they share.
    pub(super) fn run(&self) -> (Mixture, Classes) {
        let (two, three, wider) = (Classes::TWO, Classes::HOUSEHOLD, Classes::KIN);
        let mut best = self.judged(self.fit(self.start(two), two), two);
        if !self.improves(&mut best, self.fit(self.start(three), three), three) {
            return (best.model, best.classes);
        }
        self.improves(&mut best, self.fit(self.start(wider), wider), wider);
        if self.twins_can_be_told() {
            let classes = best.classes.and_twins();
            let twins = self.fit(self.with_twins(&best.model), classes);
            self.improves(&mut best, twins, classes);
        }
        (best.model, best.classes)
    }

    fn judged(&self, model: Mixture, classes: Classes) -> Judged {
        Judged {
            criterion: self.criterion(&model),
            model,
            classes,
        }
    }

    /// Whether `model` describes the pairs better than the `best` so far. Then it is the best.
    fn improves(&self, best: &mut Judged, model: Mixture, classes: Classes) -> bool {
        let judged = self.judged(model, classes);
        let better = judged.criterion < best.criterion;
        if better {
            *best = judged;
        }
        better
    }

    /// Twins share a date of birth, and more; only names, sex or numbers part them.
    fn twins_can_be_told(&self) -> bool {
        let variables = &self.variables.0;
        let shared = |variable: &Variable| !variable.parts_twins() && !variable.is_date();
        variables.iter().any(Variable::is_date)
            && variables.iter().any(Variable::parts_twins)
            && variables.iter().any(shared)
    }

    /// Minus twice the log likelihood, and what each parameter costs that models differ in: a table
    /// of households has one for each level that occurs, less one a variable, and a pair of parties
    /// has one for each class.
    fn criterion(&self, model: &Mixture) -> f64 {
        let patterns = &self.seen.patterns;
        let sheet = Sheet::of(model);
        let of_pattern = |thought: &mut Thought, number| {
            let pattern = patterns.get(number);
            pattern.pairs as f64 * sheet.log_likelihood(pattern, thought)
        };
        let numbers = (0..patterns.len()).into_par_iter();
        let likelihoods = numbers.map_init(Thought::new, of_pattern);
        let likelihood: f64 = likelihoods.collect::<Vec<f64>>().iter().sum();
        let levels = self.variables.0.iter();
        let mut occurs: Vec<Vec<bool>> = levels.map(|v| vec![false; v.level_count()]).collect();
        for (variable, level) in patterns.iter().flat_map(known) {
            occurs[variable][level] = true;
        }
        let occurring = occurs.iter().flatten().filter(|occurs| **occurs).count();
        let variables = occurs
            .iter()
            .filter(|levels| levels.contains(&true))
            .count();
        let strata = self.candidates.iter().filter(|pairs| **pairs > 1.0).count();
        let mut parameters = 0;
        for class in [Class::Household, Class::Kin] {
            if model.has(class) {
                parameters += occurring - variables + strata;
            }
        }
        if model.has(Class::Twins) {
            parameters += strata;
        }
        parameters as f64 * libm::log(self.pairs.max(1.0)) - 2.0 * likelihood
    }

    fn start(&self, classes: Classes) -> Mixture {
        let think = |_, pair: Observed<'_>, thought: &mut Thought| {
            thought.turn_to(&self.grid, pair);
            let guess = guess(self.variables, pair, classes);
            for class in Class::ALL {
                if let Some(column) = column(class) {
                    thought.classes[column] = guess[class as usize];
                }
            }
            let even = guess[Class::Unrelated as usize] / pair.passes().count().max(1) as f64;
            let strangers = thought.strangers_mut();
            strangers.for_each(|(_, share)| *share = even);
        };
        self.maximise(&self.count(think), classes)
    }

    /// A model that knows twins, from one that does not: some of what looks like a match is not.
    fn with_twins(&self, without: &Mixture) -> Mixture {
        let mut with = without.clone();
        for priors in &mut with.log_priors {
            priors[Class::Twins as usize] = priors[Class::Match as usize] + libm::log(TWINS);
        }
        with
    }

    /// Fits a model of these classes from another.
    pub(super) fn fit(&self, start: Mixture, classes: Classes) -> Mixture {
        let mut model = start;
        let mut before = 0.0;
        for round in 1..=MAX_ROUNDS {
            let counts = self.expect(&model, classes);
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

    /// What all pairs are thought to be under `model`, counted. Where there are households, those who are surely two
    /// people teach nothing about what one person's records look like: there are so many more brothers and sisters
    /// than records of one person that the fit would sooner or later take them for the matches.
    fn expect(&self, model: &Mixture, classes: Classes) -> Counts<'_> {
        let sheet = Sheet::of(model);
        self.count(|number, pair, thought| {
            let may = !classes.household || !self.apart[number];
            sheet.responsibilities(pair, may, thought);
        })
    }

    /// Counts all pairs by what `think` makes of each pattern.
    fn count(&self, think: impl Fn(usize, Observed<'_>, &mut Thought) + Sync) -> Counts<'_> {
        let patterns = &self.seen.patterns;
        let part = patterns.len().div_ceil(PARTS).max(1);
        let count = |start: usize| {
            let (mut counts, mut thought) = (self.no_counts(), Thought::new());
            for number in start..(start + part).min(patterns.len()) {
                let pattern = patterns.get(number);
                think(number, pattern, &mut thought);
                counts.add(pattern, &mut thought);
            }
            counts
        };
        let starts = (0..patterns.len()).into_par_iter().step_by(part);
        let parts: Vec<Counts<'_>> = starts.map(count).collect();
        let mut all = self.no_counts();
        all.join(&parts);
        all
    }

    fn no_counts(&self) -> Counts<'_> {
        Counts::none(&self.grid, self.seen.asked.len(), self.candidates.len())
    }

    fn maximise(&self, counts: &Counts<'_>, classes: Classes) -> Mixture {
        let priors = counts
            .strata
            .iter()
            .zip(&self.candidates)
            .map(|(sums, all)| log_priors(sums, *all, classes));
        let parties = self.parties;
        let within = |party: usize| counts.strata[party * parties + party][0];
        Mixture {
            matches: self.tables(counts, Class::Match),
            household: self.tables(counts, Class::Household),
            kin: self.tables(counts, Class::Kin),
            twins_like: self.variables.0.iter().map(twins_like).collect(),
            strangers: self.components(counts),
            log_priors: priors.collect(),
            within: (0..parties).map(within).collect(),
            report: FitReport {
                rounds: 0,
                converged: false,
                expected_matches: counts.strata.iter().map(|sums| sums[0]).sum(),
            },
        }
    }

    fn tables(&self, counts: &Counts<'_>, class: Class) -> Vec<LevelTable> {
        let table = |(place, variable): (usize, &Variable)| {
            LevelTable::estimate(variable, &counts.of_class(class, place, variable))
        };
        let variables = self.variables.0.par_iter().enumerate();
        variables.map(table).collect()
    }

    /// One component a pass: what the pass asks for is estimated, all else is as the calibration
    /// has it, or as it is over all passes that do not ask for it.
    fn components(&self, counts: &Counts<'_>) -> Vec<Component> {
        let variables = (0..self.variables.len()).into_par_iter();
        let free: Vec<LevelTable> = variables.map(|v| self.free_table(v, counts)).collect();
        let total: f64 = counts.shares.iter().sum();
        let passes = counts.shares.len() as f64;
        let table = |pass: usize, variable: usize| {
            if self.seen.asked[pass][variable].is_empty() {
                return free[variable].clone();
            }
            let counts = counts.of_strangers(pass, variable);
            let own = &self.variables.0[variable];
            match &self.expected[pass][variable] {
                Some(expected) => LevelTable::towards(own, &counts, expected),
                None => LevelTable::estimate(own, &counts),
            }
        };
        let component = |pass: usize| Component {
            log_share: libm::log((counts.shares[pass] + 1.0) / (total + passes)),
            tables: (0..self.variables.len()).map(|v| table(pass, v)).collect(),
        };
        let passes = (0..counts.shares.len()).into_par_iter();
        passes.map(component).collect()
    }

    fn free_table(&self, variable: usize, counts: &Counts<'_>) -> LevelTable {
        if let Some(known) = &self.strangers[variable] {
            return known.clone();
        }
        let own = &self.variables.0[variable];
        let mut pooled = vec![0.0; own.level_count()];
        for (pass, asked) in self.seen.asked.iter().enumerate() {
            if asked[variable].is_empty() {
                let levels = pooled.iter_mut().zip(counts.of_strangers(pass, variable));
                levels.for_each(|(sum, count)| *sum += count);
            }
        }
        LevelTable::estimate(own, &pooled)
    }
}

/// How alike strangers are, by variable, where at least [`LEAST_STRANGERS`] pairs show it.
fn stranger_tables(variables: &Variables, levels: &[u16]) -> Vec<Option<LevelTable>> {
    let width = variables.len();
    let table = |(place, variable): (usize, &Variable)| {
        let mut counts = vec![0.0; variable.level_count()];
        for level in levels.chunks(width).map(|pair| pair[place]) {
            if let Some(count) = counts.get_mut(usize::from(level)) {
                *count += 1.0;
            }
        }
        let enough = counts.iter().sum::<f64>() >= LEAST_STRANGERS;
        enough.then(|| LevelTable::estimate(variable, &counts))
    };
    variables.0.iter().enumerate().map(table).collect()
}

/// How alike strangers who met in a pass should be in what it asks for: as any strangers, but for
/// what they had to agree in.
fn expected_tables(
    variables: &Variables,
    seen: &Seen,
    strangers: &[Option<LevelTable>],
) -> Vec<Vec<Option<Vec<f64>>>> {
    let of = |(place, asked): (usize, &Vec<Asked>)| {
        let known = strangers[place].as_ref().filter(|_| !asked.is_empty())?;
        let variable = &variables.0[place];
        let free: Vec<f64> = known.log.iter().map(|log| libm::exp(*log)).collect();
        let agree = |level: usize| -> f64 {
            let asked = asked.iter();
            asked
                .map(|component| variable.agrees(component, level))
                .product()
        };
        let agreeing: Vec<f64> = free.iter().enumerate().map(|(l, u)| u * agree(l)).collect();
        let (of_agreeing, of_free) = (group_sums(variable, &agreeing), group_sums(variable, &free));
        let expected = |level: usize| {
            let share = |weight: f64, sum: f64| if sum > 0.0 { weight / sum } else { 0.0 };
            (1.0 - NOISE) * share(agreeing[level], of_agreeing(level))
                + NOISE * share(free[level], of_free(level))
        };
        Some((0..free.len()).map(expected).collect())
    };
    let by_pass = seen.asked.iter();
    by_pass
        .map(|asked| asked.iter().enumerate().map(of).collect())
        .collect()
}

/// Log priors of the classes among `all` candidate pairs of a stratum.
fn log_priors(sums: &[f64; CLASSES], all: f64, classes: Classes) -> [f64; CLASSES] {
    let share = |class: Class| (sums[class as usize].max(LEAST_PAIRS) / all).min(0.95);
    let when = |part: bool, class: Class| if part { share(class) } else { 0.0 };
    let mut shares = [0.0; CLASSES];
    shares[Class::Match as usize] = share(Class::Match);
    shares[Class::Household as usize] = when(classes.household, Class::Household);
    shares[Class::Kin as usize] = when(classes.kin, Class::Kin);
    shares[Class::Twins as usize] = when(classes.twins, Class::Twins);
    shares[Class::Unrelated as usize] = (1.0 - shares.iter().sum::<f64>()).max(1e-9);
    shares.map(libm::log)
}

fn candidates(records: &Records, seen: &Seen) -> Vec<f64> {
    let mut candidates = vec![1.0; records.by_party.len().pow(2)];
    for pattern in seen.patterns.iter() {
        candidates[usize::from(pattern.stratum)] += pattern.pairs as f64;
    }
    candidates
}

#[cfg(test)]
#[path = "fit_tests.rs"]
mod tests;
