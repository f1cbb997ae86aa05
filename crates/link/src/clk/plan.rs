//! How many words of a pair are compared before it is dropped or compared to the end. Any number is
//! right; this chooses a fast one from how far apart a sample of pairs is.

use super::set::ClkSet;

/// Pairs in the sample.
const SAMPLE: usize = 2048;
/// What comparing one pair to the end costs, in words of pairs compared in lanes.
const COST_OF_HIT: usize = 256;
/// Numbers of words that are tried.
const CHOICES: usize = 16;

/// The number of words to compare first, by the most bits in which a pair may differ.
pub(super) struct Plan(Vec<u16>);

impl Plan {
    /// The best plan for pairs of these sets.
    pub(super) fn new(left: &ClkSet, right: &ClkSet) -> Self {
        let step = left.words.div_ceil(CHOICES);
        let choices: Vec<usize> = (step..left.words)
            .step_by(step)
            .chain([left.words])
            .collect();
        let distances: Vec<Vec<u32>> = choices
            .iter()
            .map(|words| sampled_distances(left, right, *words))
            .collect();
        let best = |limit: u32| {
            let cost = |choice: usize| {
                let hits = distances[choice].partition_point(|distance| *distance <= limit);
                choices[choice] * SAMPLE + hits * COST_OF_HIT
            };
            let choice = (0..choices.len()).min_by_key(|choice| cost(*choice));
            choice.map_or(left.words, |choice| choices[choice]) as u16
        };
        Self((0..=left.bits() as u32).map(best).collect())
    }

    /// A plan that compares every pair to the end.
    pub(super) fn whole(set: &ClkSet) -> Self {
        Self(vec![set.words as u16; set.bits() + 1])
    }

    /// Words to compare of pairs that may differ in `limit` bits.
    pub(super) fn words(&self, limit: u16) -> usize {
        usize::from(self.0[usize::from(limit)])
    }
}

/// Over their first `words` words, the distances of pairs spread over both sets, in rising order.
fn sampled_distances(left: &ClkSet, right: &ClkSet, words: usize) -> Vec<u32> {
    if left.is_empty() || right.is_empty() {
        return Vec::new();
    }
    // Steps by the golden ratio and by its square fall evenly and do not run in parallel.
    let place = |index: usize, step: u64, len: usize| {
        let fraction = (index as u64 + 1).wrapping_mul(step) >> 32;
        ((fraction * len as u64) >> 32) as usize
    };
    let distance = |index: usize| {
        let left = left.row(place(index, 0x9e37_79b9_7f4a_7c15, left.len()));
        let right = right.row(place(index, 0xd1b5_4a32_d192_ed03, right.len()));
        let pairs = left[..words].iter().zip(&right[..words]);
        pairs.map(|(left, right)| (left ^ right).count_ones()).sum()
    };
    let mut distances: Vec<u32> = (0..SAMPLE).map(distance).collect();
    distances.sort_unstable();
    distances
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
    fn pairs_that_may_differ_more_are_compared_further() {
        let set = noise(300);
        let plan = Plan::new(&set, &set);
        let words: Vec<usize> = [0, 50, 100, 150, 300].map(|limit| plan.words(limit)).into();
        assert!(words.is_sorted(), "{words:?}");
        assert!(words[1] < words[3] && words[3] < 16, "{words:?}");
    }

    #[test]
    fn where_all_are_near_no_words_are_lost_on_dropping_them() {
        let set = noise(300);
        assert_eq!(Plan::new(&set, &set).words(1024), 1);
        assert_eq!(Plan::whole(&set).words(3), 16);
        assert_eq!(Plan::new(&set, &noise(0)).words(100), 1);
    }
}
