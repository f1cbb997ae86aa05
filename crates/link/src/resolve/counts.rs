//! What a round of expectation counts: how often each level occurs in each class, weighted by what
//! every pattern is thought to be.

use super::levels::{Variable, Variables};
use super::mixture::{CLASSES, Class, Mixture, known, log_sum};
use super::patterns::Observed;

/// Weighted counts by variable and level.
pub(super) type LevelCounts = Vec<Vec<f64>>;

/// Weighted counts: what a round of maximisation starts from.
pub(super) struct Counts {
    pub(super) matches: LevelCounts,
    pub(super) household: LevelCounts,
    pub(super) kin: LevelCounts,
    /// By pass: strangers who met in it.
    pub(super) strangers: Vec<LevelCounts>,
    /// By pass: how many of them there are.
    pub(super) shares: Vec<f64>,
    /// By stratum: responsibility of each class.
    pub(super) strata: Vec<[f64; CLASSES]>,
}

/// What a pair is thought to be: a responsibility for each class, and for each pass a stranger may
/// have met in.
pub(super) struct Thought {
    pub(super) classes: [f64; CLASSES],
    pub(super) passes: Vec<(usize, f64)>,
}

impl Thought {
    /// The posterior of each class for a pair, by what they are `joint`ly with it, and of each pass strangers may
    /// have met in.
    pub(super) fn of(model: &Mixture, pair: Observed<'_>, joint: [f64; CLASSES]) -> Self {
        let total = log_sum(&joint);
        let mut passes: Vec<(usize, f64)> = model.as_strangers(pair).collect();
        let logs: Vec<f64> = passes.iter().map(|(_, log)| *log).collect();
        let of_strangers = log_sum(&logs);
        for (_, log) in &mut passes {
            *log = libm::exp(*log - of_strangers);
        }
        Self {
            classes: joint.map(|log| libm::exp(log - total)),
            passes,
        }
    }
}

impl Counts {
    /// Nothing counted yet, for so many passes and strata.
    pub(super) fn none(variables: &Variables, passes: usize, strata: usize) -> Self {
        let empty = || -> LevelCounts {
            let variables = variables.0.iter();
            variables.map(|v| vec![0.0; v.level_count()]).collect()
        };
        Self {
            matches: empty(),
            household: empty(),
            kin: empty(),
            strangers: (0..passes).map(|_| empty()).collect(),
            shares: vec![0.0; passes],
            strata: vec![[0.0; CLASSES]; strata],
        }
    }

    /// Counts the pairs of a pattern.
    pub(super) fn add(&mut self, variables: &Variables, pair: Observed<'_>, thought: &Thought) {
        let pairs = pair.pairs as f64;
        let classes = thought.classes.map(|share| share * pairs);
        let stratum = &mut self.strata[usize::from(pair.stratum)];
        add_all(stratum, &classes);
        let [matched, household, unrelated, twins, kin] = classes;
        for (variable, level) in known(pair) {
            let (mut m, mut h) = (matched, household);
            match twins_like(&variables.0[variable]) {
                Class::Household => h += twins,
                _ => m += twins,
            }
            self.matches[variable][level] += m;
            self.household[variable][level] += h;
            self.kin[variable][level] += kin;
        }
        for (pass, share) in &thought.passes {
            let share = share * unrelated;
            self.shares[*pass] += share;
            for (variable, level) in known(pair) {
                self.strangers[*pass][variable][level] += share;
            }
        }
    }

    /// Adds what another part counted.
    pub(super) fn join(&mut self, other: &Self) {
        add_levels(&mut self.matches, &other.matches);
        add_levels(&mut self.household, &other.household);
        add_levels(&mut self.kin, &other.kin);
        for (own, other) in self.strangers.iter_mut().zip(&other.strangers) {
            add_levels(own, other);
        }
        add_all(&mut self.shares, &other.shares);
        for (own, other) in self.strata.iter_mut().zip(&other.strata) {
            add_all(own, other);
        }
    }
}

fn add_all(sums: &mut [f64], more: &[f64]) {
    for (sum, more) in sums.iter_mut().zip(more) {
        *sum += more;
    }
}

fn add_levels(sums: &mut LevelCounts, more: &LevelCounts) {
    for (sums, more) in sums.iter_mut().zip(more) {
        add_all(sums, more);
    }
}

/// Twins differ in what is a person's own as two people of a household do, and share all else as
/// one person's records do.
pub(super) fn twins_like(variable: &Variable) -> Class {
    if variable.parts_twins() {
        Class::Household
    } else {
        Class::Match
    }
}
