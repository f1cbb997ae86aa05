//! Probability tables over the levels of one variable, estimated from weighted counts.

use super::levels::Variable;

/// How many observations the smoothing is worth.
const STRENGTH: f64 = 10.0;
/// How many observations an expectation of strangers is worth. Set by judgement: it decides where a
/// pass has tens of strangers, and is nothing beside thousands.
const EXPECTED_STRENGTH: f64 = 100.0;
/// No probability is smaller: nothing is impossible in a registry.
const LEAST: f64 = 1e-6;

/// Log probabilities of the levels of one variable within one class.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LevelTable {
    pub(crate) log: Vec<f64>,
}

impl LevelTable {
    /// The table for weighted `counts` of the levels of `variable`.
    ///
    /// A joint variable is smoothed towards the product of its axes' own distributions, so that a
    /// combination never seen gets what its parts suggest. Levels that know less than others are
    /// normalised among themselves: what is missing says nothing.
    pub(crate) fn estimate(variable: &Variable, counts: &[f64]) -> Self {
        Self::of_weights(variable, &smooth(variable, counts))
    }

    /// The table for weighted `counts`, drawn towards what is `expected` of it: in proportion, and
    /// among levels that know the same.
    pub(crate) fn towards(variable: &Variable, counts: &[f64], expected: &[f64]) -> Self {
        let sum_of = group_sums(variable, expected);
        let weigh = |(level, count): (usize, &f64)| {
            count + EXPECTED_STRENGTH * expected[level] / sum_of(level).max(f64::MIN_POSITIVE)
        };
        let weights: Vec<f64> = counts.iter().enumerate().map(weigh).collect();
        Self::of_weights(variable, &weights)
    }

    fn of_weights(variable: &Variable, weights: &[f64]) -> Self {
        let sum_of = group_sums(variable, weights);
        let log = weights
            .iter()
            .enumerate()
            .map(|(level, weight)| libm::log((weight / sum_of(level)).max(LEAST)));
        Self { log: log.collect() }
    }
}

/// The sum of weights over the levels that know the same as a level.
pub(super) fn group_sums(variable: &Variable, weights: &[f64]) -> impl Fn(usize) -> f64 {
    let mut sums = vec![0.0; 1 << variable.axes.len()];
    for (level, weight) in weights.iter().enumerate() {
        sums[variable.unknown_axes(level) as usize] += weight;
    }
    move |level| sums[variable.unknown_axes(level) as usize]
}

fn smooth(variable: &Variable, counts: &[f64]) -> Vec<f64> {
    let total: f64 = counts.iter().sum();
    let marginals = marginals(variable, counts, total);
    let backoff = |level: usize| -> f64 {
        let places = variable.places(level);
        places
            .iter()
            .zip(&marginals)
            .map(|(place, marginal)| marginal[usize::from(*place)])
            .product()
    };
    counts
        .iter()
        .enumerate()
        .map(|(level, count)| count + STRENGTH * backoff(level))
        .collect()
}

/// Each axis's own distribution, itself smoothed by one observation spread evenly.
fn marginals(variable: &Variable, counts: &[f64], total: f64) -> Vec<Vec<f64>> {
    let mut marginals: Vec<Vec<f64>> = variable
        .axes
        .iter()
        .map(|axis| vec![1.0 / f64::from(*axis); usize::from(*axis)])
        .collect();
    for (level, count) in counts.iter().enumerate() {
        for (marginal, place) in marginals.iter_mut().zip(variable.places(level)) {
            marginal[usize::from(*place)] += count;
        }
    }
    marginals
        .iter_mut()
        .flatten()
        .for_each(|share| *share /= total + 1.0);
    marginals
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolve::levels::Variables;
    use model::{Layout, LinkageSchema};
    use proptest::prelude::*;

    fn names() -> Variable {
        let schema: LinkageSchema = crate::matcher::tests::schema();
        Variables::of(&schema, &Layout::of(&schema)).0.remove(0)
    }

    proptest! {
        #[test]
        fn levels_that_know_the_same_sum_to_one(counts in proptest::collection::vec(0.0f64..100.0, 432)) {
            let variable = names();
            prop_assert_eq!(variable.level_count(), counts.len());
            let table = LevelTable::estimate(&variable, &counts);
            let mut sums = std::collections::BTreeMap::new();
            for (level, log) in table.log.iter().enumerate() {
                *sums.entry(variable.unknown_axes(level)).or_insert(0.0) += log.exp();
            }
            for (unknown, sum) in sums {
                prop_assert!((sum - 1.0f64).abs() < 1e-3, "{unknown:b}: {sum}");
            }
        }
    }

    #[test]
    fn more_counts_mean_more_probability() {
        let variable = names();
        let mut counts = vec![1.0; variable.level_count()];
        counts[0] = 50.0;
        let table = LevelTable::estimate(&variable, &counts);
        assert!(table.log[0] > table.log[1]);
    }
}
