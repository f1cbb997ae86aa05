//! The model: Fellegi–Sunter (1969), with further classes for people of one household and for people
//! born together where they describe the pairs better, fitted by
//! expectation–maximisation (Dempster, Laird and Rubin, 1977; Winkler, 1988) without truth.
//!
//! The model speaks of candidate pairs, those that met in some pass. Strangers meet because they
//! agree, by chance, in what one pass asks for; in all else they are as alike as any two strangers.
//! So their class is itself a mixture, of one component a pass, and how alike strangers are is known
//! from the calibration. Were it one component, the chance agreements of different passes would
//! multiply to make full agreement look like chance.
//!
//! Priors belong to each pair of parties, so they follow how large and how overlapping the
//! registries are. Logarithms come from a library in Rust, not from the platform, so that every
//! machine fits the same numbers.

use model::schema::MAX_PASSES;
use rayon::prelude::*;

use super::explain::millibits;
use super::fit::Fit;
use super::levels::{UNKNOWN, Variables};
use super::patterns::{Observed, Patterns, Seen};
use super::records::Records;
use super::scored::PatternWeight;
use super::sheet::{Sheet, Thought};
use super::table::LevelTable;

/// About the most patterns that classes are chosen by, and a model of them fitted to begin with.
const PATTERNS_FOR_CHOICE: usize = 50_000;
/// About the most patterns that the chosen model is fitted to in the end. With more its tables hardly change, and the
/// time grows.
const FITTED_PATTERNS: usize = 250_000;

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
    /// Records of two people of one wider family or neighbourhood: somewhat alike in what households share.
    Kin = 4,
}

impl Class {
    /// All classes, in order of their places.
    pub(super) const ALL: [Self; CLASSES] = [
        Self::Match,
        Self::Household,
        Self::Unrelated,
        Self::Twins,
        Self::Kin,
    ];
}

/// How many classes there are.
pub(super) const CLASSES: usize = 5;

/// A fitted model.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mixture {
    /// By variable: records of one person.
    pub(super) matches: Vec<LevelTable>,
    /// By variable: records of two people of one household.
    pub(super) household: Vec<LevelTable>,
    /// By variable: two people of one wider family or neighbourhood.
    pub(super) kin: Vec<LevelTable>,
    /// By variable: whose table twins use.
    pub(super) twins_like: Vec<Class>,
    /// By pass: strangers who met in it.
    pub(super) strangers: Vec<Component>,
    /// By pair of parties: log prior of each class.
    pub(super) log_priors: Vec<[f64; CLASSES]>,
    /// By party: expected pairs of one person's records among the candidate pairs within it.
    pub(super) within: Vec<f64>,
    /// How the fit went.
    pub(super) report: FitReport,
}

/// Strangers who met in one pass.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Component {
    /// Log share of all strangers among candidate pairs.
    pub(super) log_share: f64,
    /// By variable.
    pub(super) tables: Vec<LevelTable>,
}

impl Mixture {
    pub(super) fn fit(
        variables: &Variables,
        records: &Records,
        seen: &Seen,
        strangers: &[u16],
    ) -> Self {
        let few = seen.thinned(PATTERNS_FOR_CHOICE);
        let fit = |seen| Fit::new(variables, records, seen, strangers);
        let (model, classes) = fit(few.as_ref().unwrap_or(seen)).run();
        if few.is_none() {
            return model;
        }
        let many = seen.thinned(FITTED_PATTERNS);
        fit(many.as_ref().unwrap_or(seen)).fit(model, classes)
    }

    /// The log likelihood of a pair's levels in `class`.
    pub(super) fn log_likelihood(&self, class: Class, pair: Observed<'_>) -> f64 {
        match class {
            Class::Match => sum(&self.matches, pair),
            Class::Household => sum(&self.household, pair),
            Class::Kin => sum(&self.kin, pair),
            Class::Unrelated => {
                let mut parts = [0.0; MAX_PASSES];
                let of_passes = parts.iter_mut().zip(self.as_strangers(pair));
                let count = of_passes.map(|(part, (_, log))| *part = log).count();
                log_sum(&parts[..count])
            }
            Class::Twins => known(pair)
                .map(|(variable, level)| self.twins(variable).log[level])
                .sum(),
        }
    }

    /// The table of twins for `variable`.
    pub(super) fn twins(&self, variable: usize) -> &LevelTable {
        match self.twins_like[variable] {
            Class::Household => &self.household[variable],
            _ => &self.matches[variable],
        }
    }

    /// By pass the pair met in: the log likelihood of its levels were it of strangers who met there.
    pub(super) fn as_strangers(&self, pair: Observed<'_>) -> impl Iterator<Item = (usize, f64)> {
        pair.passes().map(move |pass| {
            let component = &self.strangers[pass];
            (pass, component.log_share + sum(&component.tables, pair))
        })
    }

    /// By class: the log of how likely it is that a pair of `stratum` is of it and looks as it does.
    pub(super) fn joint(
        &self,
        stratum: u16,
        log_likelihood: impl Fn(Class) -> f64,
    ) -> [f64; CLASSES] {
        let priors = &self.log_priors[usize::from(stratum)];
        Class::ALL.map(|class| match priors[class as usize] {
            f64::NEG_INFINITY => f64::NEG_INFINITY,
            prior => prior + log_likelihood(class),
        })
    }

    /// Weights and posterior odds of all patterns, in their order.
    pub(super) fn weigh(&self, patterns: &Patterns) -> Vec<PatternWeight> {
        let sheet = Sheet::of(self);
        let weigh = |thought: &mut Thought, number| sheet.weigh(patterns.get(number), thought);
        let numbers = (0..patterns.len()).into_par_iter();
        numbers.map_init(Thought::new, weigh).collect()
    }

    /// log2 of the posterior odds of a match, in thousandths.
    pub(super) fn odds_millibits(&self, pair: Observed<'_>) -> i32 {
        Self::odds_of(&self.joint(pair.stratum, |class| self.log_likelihood(class, pair)))
    }

    /// The same for a pair of which [`Mixture::joint`] is known.
    pub(super) fn odds_of(joint: &[f64; CLASSES]) -> i32 {
        millibits(joint[Class::Match as usize] - log_sum(&joint[1..]))
    }

    /// Whether `class` is part of the model.
    pub(super) fn has(&self, class: Class) -> bool {
        let mut priors = self.log_priors.iter();
        priors.any(|priors| priors[class as usize].is_finite())
    }
}

/// The variables known of a pair, with their levels.
pub(super) fn known(pair: Observed<'_>) -> impl Iterator<Item = (usize, usize)> {
    let levels = pair.levels.iter().enumerate();
    levels
        .filter(|(_, level)| **level != UNKNOWN)
        .map(|(variable, level)| (variable, usize::from(*level)))
}

fn sum(tables: &[LevelTable], pair: Observed<'_>) -> f64 {
    known(pair)
        .map(|(variable, level)| tables[variable].log[level])
        .sum()
}

pub(super) fn log_sum(logs: &[f64]) -> f64 {
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if most == f64::NEG_INFINITY {
        return most;
    }
    most + libm::log(logs.iter().map(|log| exp(log - most)).sum())
}

/// `libm::exp`, to the bit, of what is never above 0: of the two commonest values it needs no asking.
pub(super) fn exp(log: f64) -> f64 {
    if log == 0.0 {
        1.0
    } else if log == f64::NEG_INFINITY {
        0.0
    } else {
        libm::exp(log)
    }
}
