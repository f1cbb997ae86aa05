//! All compared pairs of records with their weights: a pattern of levels a pair, and the weight of
//! each pattern.

use rayon::prelude::*;

use super::pairs::Pairs;

/// Pairs that one thread goes through at once.
const AT_ONCE: usize = 1 << 15;

/// A compared pair of records with its weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScoredPair {
    /// The numbers of its records, the smaller first.
    pub pair: (u32, u32),
    /// The match weight: log2 of the likelihood ratio of match against unrelated, in thousandths.
    pub weight_millibits: i32,
    /// log2 of the posterior odds of a match, in thousandths.
    pub odds_millibits: i32,
    /// The passes it met in, one bit a pass.
    pub passes: u64,
}

impl ScoredPair {
    /// The posterior probability of a match, in millionths.
    pub fn probability_ppm(&self) -> u32 {
        let odds = libm::exp2(f64::from(self.odds_millibits) / 1000.0);
        (odds / (1.0 + odds) * 1e6).round() as u32
    }
}

/// What pairs of one pattern weigh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PatternWeight {
    pub(super) weight_millibits: i32,
    pub(super) odds_millibits: i32,
    pub(super) passes: u64,
}

/// All pairs of records that were compared, ordered by their records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScoredPairs {
    pub(super) pairs: Pairs,
    /// By pair: its pattern.
    pub(super) pattern_of: Vec<u32>,
    /// By pattern.
    pub(super) weights: Vec<PatternWeight>,
}

impl ScoredPairs {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.pairs.len() == 0
    }

    /// The pair at `place`, which must be below [`ScoredPairs::len`].
    pub fn at(&self, place: usize) -> ScoredPair {
        self.scored(place, self.pairs.at(place))
    }

    fn scored(&self, place: usize, pair: (u32, u32)) -> ScoredPair {
        let PatternWeight {
            weight_millibits,
            odds_millibits,
            passes,
        } = self.weights[self.pattern_of[place] as usize];
        ScoredPair {
            pair,
            weight_millibits,
            odds_millibits,
            passes,
        }
    }

    /// Where the pair of these two records stands, the smaller first; none when they were not compared.
    pub fn place_of(&self, pair: (u32, u32)) -> Option<usize> {
        self.pairs.place_of(pair)
    }

    /// All pairs in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = ScoredPair> + Clone {
        let pairs = self.pairs.iter().enumerate();
        pairs.map(|(place, pair)| self.scored(place, pair))
    }

    /// All pairs, on several threads, in order where the order is kept.
    pub fn par_iter(&self) -> impl ParallelIterator<Item = ScoredPair> {
        self.parts()
            .flat_map_iter(|part| part.map(|(_, pair)| pair))
    }

    /// What `wanted` makes of pairs and their places, in order, as far as it makes anything of them.
    pub(super) fn find<T: Clone + Send + Sync>(
        &self,
        wanted: impl Fn(usize, ScoredPair) -> Option<T> + Sync,
    ) -> Vec<T> {
        let found = self.parts().map(|part| {
            let found = part.filter_map(|(place, pair)| wanted(place, pair));
            found.collect::<Vec<T>>()
        });
        found.collect::<Vec<_>>().concat()
    }

    /// All pairs with their places, in parts.
    fn parts(
        &self,
    ) -> impl IndexedParallelIterator<Item = impl Iterator<Item = (usize, ScoredPair)>> {
        let parts = self.len().div_ceil(AT_ONCE);
        (0..parts).into_par_iter().map(|part| {
            let start = part * AT_ONCE;
            let end = (start + AT_ONCE).min(self.len());
            let pairs = (start..end).zip(self.pairs.part(start, end));
            pairs.map(|(place, pair)| (place, self.scored(place, pair)))
        })
    }
}
