//! What is looked at of every pair before it is dropped or compared to the end. Any glance is
//! right; this chooses a fast one from how far apart a sample of pairs is.

use bits::{Fold, Glance};
use rayon::prelude::*;

use super::set::ClkSet;

/// The most pairs in the sample.
const MAX_SAMPLE: usize = 1 << 14;
/// The fewest.
const MIN_SAMPLE: usize = 1 << 8;
/// Of so many pairs one is in the sample, until there are enough.
const PAIRS_PER_SAMPLE: usize = 64;
/// What comparing a pair to the end costs, in operations on lanes.
const COST_OF_HIT: usize = 600;
/// Numbers of words that are tried.
const CHOICES: usize = 16;

/// What to look at first, by the most bits in which a pair may differ.
pub(super) struct Plan(Vec<Glance>);

/// A glance and how many pairs of the sample are no further apart at it than each distance.
struct Choice {
    glance: Glance,
    near: Vec<u32>,
}

impl Plan {
    /// The best plan for pairs of these sets.
    pub(super) fn new(left: &ClkSet, right: &ClkSet) -> Self {
        let pairs = left.len().saturating_mul(right.len());
        let sample = (pairs / PAIRS_PER_SAMPLE).clamp(MIN_SAMPLE, MAX_SAMPLE);
        let choices: Vec<Choice> = [Fold::None, Fold::Pairs, Fold::Triples]
            .into_par_iter()
            .flat_map_iter(|fold| choices(fold, sample, left, right))
            .collect();
        let best = |limit: usize| {
            let choice = choices
                .iter()
                .min_by_key(|choice| choice.cost(limit, sample));
            choice.map_or(whole(left), |choice| choice.glance)
        };
        Self((0..=left.bits()).map(best).collect())
    }

    /// A plan that compares every pair to the end.
    pub(super) fn whole(set: &ClkSet) -> Self {
        Self(vec![whole(set); set.bits() + 1])
    }

    /// What to look at of pairs that may differ in `limit` bits.
    pub(super) fn glance(&self, limit: u16) -> Glance {
        self.0[usize::from(limit)]
    }
}

fn whole(set: &ClkSet) -> Glance {
    Glance {
        words: set.words as u16,
        fold: Fold::None,
    }
}

/// All glances that are tried with one way of folding.
fn glances(fold: Fold, words: usize) -> impl Iterator<Item = Glance> {
    let step = words.div_ceil(CHOICES);
    let numbers = (step..words).step_by(step).chain([words]);
    numbers
        .filter(move |words| words.is_multiple_of(fold.group()))
        .map(move |words| Glance {
            words: words as u16,
            fold,
        })
}

/// The same with the distances of a sample.
fn choices(fold: Fold, sample: usize, left: &ClkSet, right: &ClkSet) -> Vec<Choice> {
    let choice = |glance| Choice {
        glance,
        near: vec![0; left.bits() + 1],
    };
    let mut choices: Vec<Choice> = glances(fold, left.words).map(choice).collect();
    if left.is_empty() || right.is_empty() {
        return choices;
    }
    for index in 0..sample {
        let (left, right) = pair(index, left, right);
        let (mut seen, mut sum) = (0, 0);
        for choice in &mut choices {
            let words = usize::from(choice.glance.words);
            sum += distance(fold, &left[seen..words], &right[seen..words]);
            choice.near[sum as usize] += 1;
            seen = words;
        }
    }
    choices.iter_mut().for_each(Choice::accumulate);
    choices
}

impl Choice {
    /// From pairs at each distance to pairs up to each distance.
    fn accumulate(&mut self) {
        let mut sum = 0;
        for count in &mut self.near {
            sum += *count;
            *count = sum;
        }
    }

    /// Of all pairs of the sample, in operations: one for each word to join, two for each group to
    /// count.
    fn cost(&self, limit: usize, sample: usize) -> usize {
        let group = self.glance.fold.group();
        let groups = usize::from(self.glance.words) / group;
        groups * (group + 2) * sample + self.near[limit] as usize * COST_OF_HIT
    }
}

/// One of many pairs spread over both sets: steps by the golden ratio and by another irrational fall
/// evenly and do not run in parallel.
fn pair<'a>(index: usize, left: &'a ClkSet, right: &'a ClkSet) -> (&'a [u64], &'a [u64]) {
    let place = |step: u64, len: usize| {
        let fraction = (index as u64 + 1).wrapping_mul(step) >> 32;
        ((fraction * len as u64) >> 32) as usize
    };
    (
        left.row(place(0x9e37_79b9_7f4a_7c15, left.len())),
        right.row(place(0xd1b5_4a32_d192_ed03, right.len())),
    )
}

/// The distance of two rows when folded.
fn distance(fold: Fold, left: &[u64], right: &[u64]) -> u32 {
    let left = left.chunks_exact(fold.group());
    let groups = left.zip(right.chunks_exact(fold.group()));
    let differing = groups.map(|(left, right)| {
        let words = left.iter().zip(right);
        words.fold(0, |any, (left, right)| any | (left ^ right))
    });
    differing.map(u64::count_ones).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(rows: usize) -> ClkSet {
        let mut state = 7u64;
        let word = |_| {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            ((state >> 33) as u32).to_le_bytes()
        };
        let bytes: Vec<u8> = (0..rows * 32).flat_map(word).collect();
        ClkSet::new(1024, &bytes).unwrap()
    }

    #[test]
    fn pairs_that_may_differ_more_are_looked_at_further() {
        let set = noise(300);
        let plan = Plan::new(&set, &set);
        let words = [0, 50, 100, 150, 200, 250].map(|limit| plan.glance(limit).words);
        assert!(words.is_sorted(), "{words:?}");
        assert!(words[1] < words[3] && words[3] < 16, "{words:?}");
    }

    #[test]
    fn where_all_are_near_no_words_are_lost_on_dropping_them() {
        let set = noise(300);
        assert_eq!(Plan::new(&set, &set).glance(1024).words, 1);
        assert_eq!(Plan::whole(&set).glance(3), whole(&set));
        assert_eq!(Plan::new(&set, &noise(0)).glance(100).words, 1);
    }

    #[test]
    fn a_sample_is_counted_at_every_glance() {
        let set = noise(50);
        for fold in [Fold::None, Fold::Pairs, Fold::Triples] {
            let choices = choices(fold, 40, &set, &set);
            assert_eq!(choices.len(), 16 / fold.group());
            for choice in choices {
                let words = usize::from(choice.glance.words);
                let far = |index: &usize| {
                    let (left, right) = pair(*index, &set, &set);
                    distance(fold, &left[..words], &right[..words]) > 150
                };
                let far = (0..40).filter(far).count() as u32;
                assert_eq!((choice.near[150], choice.near[1024]), (40 - far, 40));
            }
        }
    }
}
