//! Quality against truth: precision, recall and F1 over all pairs that two partitions put together.

use std::collections::HashMap;
use std::hash::Hash;

/// Pairs in common and apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quality {
    /// Pairs together in both.
    pub true_positives: u64,
    /// Pairs that only the clusters put together.
    pub false_positives: u64,
    /// Pairs that only the truth puts together.
    pub false_negatives: u64,
}

impl Quality {
    /// The share of found pairs that are true; 1 when none was found.
    pub fn precision(&self) -> f64 {
        share(
            self.true_positives,
            self.true_positives + self.false_positives,
        )
    }

    /// The share of true pairs that were found; 1 when there is none.
    pub fn recall(&self) -> f64 {
        share(
            self.true_positives,
            self.true_positives + self.false_negatives,
        )
    }

    /// The harmonic mean of precision and recall.
    pub fn f1(&self) -> f64 {
        share(
            2 * self.true_positives,
            2 * self.true_positives + self.false_positives + self.false_negatives,
        )
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        1.0
    } else {
        part as f64 / whole as f64
    }
}

/// Compares two partitions of the same records, given as each record's cluster and true person.
pub fn evaluate<C: Hash + Eq, T: Hash + Eq>(records: impl IntoIterator<Item = (C, T)>) -> Quality {
    let mut cells: HashMap<(usize, usize), u64> = HashMap::new();
    let (mut clusters, mut persons) = (Numbering::default(), Numbering::default());
    for (cluster, person) in records {
        *cells
            .entry((clusters.number(cluster), persons.number(person)))
            .or_default() += 1;
    }
    let both: u64 = cells.values().map(|n| pairs(*n)).sum();
    Quality {
        true_positives: both,
        false_positives: clusters.pairs() - both,
        false_negatives: persons.pairs() - both,
    }
}

fn pairs(records: u64) -> u64 {
    records * records.saturating_sub(1) / 2
}

struct Numbering<K> {
    numbers: HashMap<K, usize>,
    sizes: Vec<u64>,
}

impl<K> Default for Numbering<K> {
    fn default() -> Self {
        Self {
            numbers: HashMap::new(),
            sizes: Vec::new(),
        }
    }
}

impl<K: Hash + Eq> Numbering<K> {
    fn number(&mut self, key: K) -> usize {
        let next = self.sizes.len();
        let number = *self.numbers.entry(key).or_insert(next);
        if number == next {
            self.sizes.push(0);
        }
        self.sizes[number] += 1;
        number
    }

    fn pairs(&self) -> u64 {
        self.sizes.iter().map(|size| pairs(*size)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_merged_and_a_split_person_cost_what_they_should() {
        // Clusters {1,2,3} {4}; persons {1,2} {3,4}.
        let quality = evaluate([('a', 'x'), ('a', 'x'), ('a', 'y'), ('b', 'y')]);
        assert_eq!(
            quality,
            Quality {
                true_positives: 1,
                false_positives: 2,
                false_negatives: 1
            }
        );
        assert!((quality.precision() - 1.0 / 3.0).abs() < 1e-12);
        assert!((quality.f1() - 0.4).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn counting_cells_equals_counting_pairs(records in proptest::collection::vec((0u8..5, 0u8..5), 0..40)) {
            let mut naive = Quality::default();
            for (place, a) in records.iter().enumerate() {
                for b in &records[place + 1..] {
                    match (a.0 == b.0, a.1 == b.1) {
                        (true, true) => naive.true_positives += 1,
                        (true, false) => naive.false_positives += 1,
                        (false, true) => naive.false_negatives += 1,
                        (false, false) => {}
                    }
                }
            }
            prop_assert_eq!(evaluate(records), naive);
        }
    }
}
