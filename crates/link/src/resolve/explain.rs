//! What the model says, for people: its tables in words, and why a pair got its weight.

use super::levels::{UNKNOWN, Variables};
use super::mixture::{Class, Mixture};
use super::patterns::{Observed, Seen};

/// A fitted model in words and probabilities.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ModelTables {
    /// What is compared, each with its levels.
    pub variables: Vec<VariableTable>,
    /// Whether records of one household are a class of their own.
    pub households: bool,
    /// Whether records of one wider family or neighbourhood are a class of their own.
    pub kin: bool,
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
    /// How often records of two people of one wider family or neighbourhood are, where the model has that class.
    pub kin: Option<f64>,
}

/// Why a pair of records has its weight.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// log2 of the prior odds of a match between the two parties, in thousandths of a bit.
    pub prior_millibits: i32,
    /// What meeting at all adds.
    pub meeting: Meeting,
    /// What each variable adds.
    pub steps: Vec<Step>,
    /// What the other classes than unrelated take away: a household, kin or twins would explain the
    /// pair too.
    pub alternatives_millibits: i32,
    /// log2 of the posterior odds, in thousandths of a bit.
    pub odds_millibits: i32,
}

/// What it adds to a match weight that two records met where they did: strangers are rare in some
/// passes, and few meet in several.
#[derive(Debug, Clone, PartialEq)]
pub struct Meeting {
    /// The passes in words. They tell which block values the two records share.
    pub passes: String,
    /// The weight, in thousandths of a bit.
    pub weight_millibits: i32,
}

/// What one variable adds to a match weight.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The variable.
    pub variable: String,
    /// The level of the pair in words.
    pub level: String,
    /// log2 of m over u, in thousandths of a bit, u being that of strangers who met in the pass
    /// where strangers so alike most likely meet; 0 where nothing is known.
    pub weight_millibits: i32,
}

/// Everything an explanation needs: the model, and the levels of every pattern.
pub(super) struct Explainer {
    pub(super) variables: Variables,
    pub(super) model: Mixture,
    pub(super) seen: Seen,
    /// The names of the passes.
    pub(super) passes: Vec<String>,
}

impl Explainer {
    /// Why pairs of pattern `number` have their weight.
    pub(super) fn explain(&self, number: u32) -> Explanation {
        let pair = self.seen.patterns.get(number as usize);
        let priors = &self.model.log_priors[usize::from(pair.stratum)];
        let prior = millibits(priors[Class::Match as usize] - priors[Class::Unrelated as usize]);
        let likelihood = |class| self.model.log_likelihood(class, pair);
        let weight = millibits(likelihood(Class::Match) - likelihood(Class::Unrelated));
        let met = self.most_likely_pass(pair);
        let steps: Vec<Step> = (0..pair.levels.len())
            .map(|variable| self.step(pair, variable, met))
            .collect();
        let told: i32 = steps.iter().map(|step| step.weight_millibits).sum();
        let odds = self.model.odds_millibits(pair);
        Explanation {
            prior_millibits: prior,
            meeting: Meeting {
                passes: self.passes_in_words(pair, met),
                weight_millibits: weight - told,
            },
            steps,
            alternatives_millibits: odds - prior - weight,
            odds_millibits: odds,
        }
    }

    /// The pass in which strangers so alike would most likely have met.
    fn most_likely_pass(&self, pair: Observed<'_>) -> usize {
        let parts = self.model.as_strangers(pair);
        let best = parts.max_by(|(_, a), (_, b)| a.total_cmp(b));
        best.map_or(0, |(pass, _)| pass)
    }

    fn passes_in_words(&self, pair: Observed<'_>, likeliest: usize) -> String {
        let all: Vec<&str> = pair
            .passes()
            .map(|pass| self.passes[pass].as_str())
            .collect();
        let met = match all.len() {
            0..=2 => all.join(", "),
            several => format!("{several} passes"),
        };
        let likeliest = &self.passes[likeliest];
        format!("met in {met}; as strangers most likely in {likeliest}")
    }

    fn step(&self, pair: Observed<'_>, variable: usize, pass: usize) -> Step {
        let known = &self.variables.0[variable];
        let (level, weight_millibits) = match pair.levels[variable] {
            UNKNOWN => ("not known of both".to_owned(), 0),
            level => {
                let level = usize::from(level);
                let u = self.model.strangers[pass].tables[variable].log[level];
                let m = self.model.matches[variable].log[level];
                (known.label(level), millibits(m - u))
            }
        };
        Step {
            variable: known.name.clone(),
            level,
            weight_millibits,
        }
    }

    /// The model's tables, with how many pairs are at each level.
    pub(super) fn tables(&self) -> ModelTables {
        let (households, kin) = (self.model.has(Class::Household), self.model.has(Class::Kin));
        let table = |variable| self.level_table(variable, households, kin);
        ModelTables {
            variables: (0..self.variables.len()).map(table).collect(),
            households,
            kin,
            twins: self.model.has(Class::Twins),
        }
    }

    fn level_table(&self, place: usize, households: bool, kin: bool) -> VariableTable {
        let variable = &self.variables.0[place];
        let mut pairs = vec![0u64; variable.level_count()];
        for pattern in self.seen.patterns.iter() {
            if let Some(count) = pairs.get_mut(usize::from(pattern.levels[place])) {
                *count += pattern.pairs;
            }
        }
        let u = |level: usize| {
            let parts = self.model.strangers.iter();
            parts
                .map(|part| libm::exp(part.log_share + part.tables[place].log[level]))
                .sum()
        };
        let row = |level: usize| LevelRow {
            label: variable.label(level),
            pairs: pairs[level],
            m: libm::exp(self.model.matches[place].log[level]),
            u: u(level),
            household: households.then(|| libm::exp(self.model.household[place].log[level])),
            kin: kin.then(|| libm::exp(self.model.kin[place].log[level])),
        };
        VariableTable {
            name: variable.name.clone(),
            levels: (0..pairs.len())
                .filter(|l| pairs[*l] > 0)
                .map(row)
                .collect(),
        }
    }
}

/// Natural logarithm to thousandths of a bit: the one place where real numbers become decisions.
pub(super) fn millibits(natural: f64) -> i32 {
    (natural * 1000.0 / std::f64::consts::LN_2)
        .round()
        .clamp(-1e9, 1e9) as i32
}
