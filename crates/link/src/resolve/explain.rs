//! What the model says, for people: its tables in words, and why a pair got its weight.

use super::levels::{UNKNOWN, Variables};
use super::mixture::{Class, Mixture};
use super::pairs::PairTable;

/// A fitted model in words and probabilities.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ModelTables {
    /// What is compared, each with its levels.
    pub variables: Vec<VariableTable>,
    /// Whether records of one household are a class of their own.
    pub households: bool,
    /// Whether people born together are a class of their own.
    pub twins: bool,
}

/// One graded outcome of a comparison, with the probability of every level.
#[derive(Debug, Clone, PartialEq)]
pub struct VariableTable {
    /// The field or fields it speaks of.
    pub name: String,
    /// Its levels, as far as they occur.
    pub levels: Vec<LevelRow>,
}

/// One level of a variable.
#[derive(Debug, Clone, PartialEq)]
pub struct LevelRow {
    /// What the level means.
    pub label: String,
    /// Pairs at this level.
    pub pairs: u64,
    /// The m-probability: how often records of one person are at this level.
    pub m: f64,
    /// The u-probability: how often records of unrelated people are.
    pub u: f64,
    /// How often records of two people of one household are, where the model has that class.
    pub household: Option<f64>,
}

/// Why a pair of records has its weight.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// log2 of the prior odds of a match between the two parties, in thousandths of a bit.
    pub prior_millibits: i32,
    /// What each variable adds.
    pub steps: Vec<Step>,
    /// What the other classes than unrelated take away: a household or twins would explain the pair
    /// too.
    pub alternatives_millibits: i32,
    /// log2 of the posterior odds, in thousandths of a bit.
    pub odds_millibits: i32,
}

/// What one variable adds to a match weight.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The variable.
    pub variable: String,
    /// The level of the pair in words.
    pub level: String,
    /// log2 of m over u, in thousandths of a bit; 0 where nothing is known.
    pub weight_millibits: i32,
}

/// Everything an explanation needs: the model, and the levels of every pair.
pub(super) struct Explainer {
    pub(super) variables: Variables,
    pub(super) model: Mixture,
    pub(super) levels: Vec<u16>,
}

impl Explainer {
    fn of_pair(&self, pair: usize) -> &[u16] {
        let width = self.variables.len();
        &self.levels[pair * width..(pair + 1) * width]
    }

    /// Why pair `pair` of the table has its weight.
    pub(super) fn explain(&self, pair: usize, stratum: u16) -> Explanation {
        let levels = self.of_pair(pair);
        let priors = &self.model.log_priors[usize::from(stratum)];
        let prior = millibits(priors[Class::Match as usize] - priors[Class::Unrelated as usize]);
        let steps: Vec<Step> = (0..levels.len()).map(|v| self.step(v, levels[v])).collect();
        let odds = self.model.odds_millibits(stratum, levels);
        let against_unrelated = prior + steps.iter().map(|s| s.weight_millibits).sum::<i32>();
        Explanation {
            prior_millibits: prior,
            steps,
            alternatives_millibits: odds - against_unrelated,
            odds_millibits: odds,
        }
    }

    fn step(&self, variable: usize, level: u16) -> Step {
        let of = |class: Class| self.model.tables[class as usize][variable].log[usize::from(level)];
        let known = &self.variables.0[variable];
        let unknown = level == UNKNOWN;
        Step {
            variable: known.name.clone(),
            level: if unknown {
                "not known of both".to_owned()
            } else {
                known.label(usize::from(level))
            },
            weight_millibits: if unknown {
                0
            } else {
                millibits(of(Class::Match) - of(Class::Unrelated))
            },
        }
    }

    /// The model's tables, with how many pairs are at each level.
    pub(super) fn tables(&self, table: &PairTable) -> ModelTables {
        let has = |class: Class| {
            let share = |priors: &[f64; super::mixture::CLASSES]| priors[class as usize];
            self.model.log_priors.iter().any(|p| share(p).is_finite())
        };
        let households = has(Class::Household);
        let variables = self
            .variables
            .0
            .iter()
            .enumerate()
            .map(|(place, variable)| {
                let mut pairs = vec![0u64; variable.level_count()];
                for pair in 0..table.len() {
                    if let Some(count) = pairs.get_mut(usize::from(self.of_pair(pair)[place])) {
                        *count += 1;
                    }
                }
                let row = |level: usize| {
                    let of = |class: Class| {
                        libm::exp(self.model.tables[class as usize][place].log[level])
                    };
                    LevelRow {
                        label: variable.label(level),
                        pairs: pairs[level],
                        m: of(Class::Match),
                        u: of(Class::Unrelated),
                        household: households.then(|| of(Class::Household)),
                    }
                };
                VariableTable {
                    name: variable.name.clone(),
                    levels: (0..pairs.len())
                        .filter(|l| pairs[*l] > 0)
                        .map(row)
                        .collect(),
                }
            });
        ModelTables {
            variables: variables.collect(),
            households,
            twins: has(Class::Twins),
        }
    }
}

/// Natural logarithm to thousandths of a bit: the one place where real numbers become decisions.
pub(super) fn millibits(natural: f64) -> i32 {
    (natural * 1000.0 / std::f64::consts::LN_2)
        .round()
        .clamp(-1e9, 1e9) as i32
}
