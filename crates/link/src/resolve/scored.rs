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
        self.parts().flat_map_iter(|(start, end)| {
            let pairs = (start..end).zip(self.pairs.part(start, end));
            pairs.map(|(place, pair)| self.scored(place, pair))
        })
    }

    /// What `make` makes of those that `wanted` are by their records, in order.
    pub fn between<T: Clone + Send + Sync>(
        &self,
        wanted: impl Fn((u32, u32)) -> bool + Sync,
        make: impl Fn(ScoredPair) -> T + Sync,
    ) -> Vec<T> {
        // Weights lie anywhere, and are looked up for those alone.
        self.in_parts(|start, end| {
            let pairs = (start..end).zip(self.pairs.part(start, end));
            let pairs = pairs.filter(|(_, pair)| wanted(*pair));
            pairs
                .map(|(place, pair)| make(self.scored(place, pair)))
                .collect()
        })
    }

    /// What `make` makes of those whose odds are `wanted`, and of their places, in order, as far as it makes anything of them.
    pub(super) fn of_odds<T: Clone + Send + Sync>(
        &self,
        wanted: impl Fn(i32) -> bool,
        make: impl Fn(usize, ScoredPair) -> Option<T> + Sync,
    ) -> Vec<T> {
        // One bit a pattern stays near the processor while it goes through the pairs; the weights themselves do not.
        let mut patterns = vec![0; self.weights.len().div_ceil(8)];
        for (pattern, weight) in self.weights.iter().enumerate() {
            if wanted(weight.odds_millibits) {
                bits::set_bit(&mut patterns, pattern);
            }
        }
        self.in_parts(|start, end| {
            let mut pairs = self.pairs.part(start, end);
            let found = (start..end).filter_map(|place| {
                if !bits::get_bit(&patterns, self.pattern_of[place] as usize) {
                    return None;
                }
                make(place, self.scored(place, pairs.skip_to(place)?))
            });
            found.collect()
        })
    }

    /// What `of_part` makes of the pairs between two places, one part after the other, on several threads.
    fn in_parts<T: Clone + Send + Sync>(
        &self,
        of_part: impl Fn(usize, usize) -> Vec<T> + Sync,
    ) -> Vec<T> {
        let parts = self.parts().map(|(start, end)| of_part(start, end));
        parts.collect::<Vec<_>>().concat()
    }

    /// Where each part of the pairs begins and ends.
    fn parts(&self) -> impl IndexedParallelIterator<Item = (usize, usize)> {
        let starts = (0..self.len()).into_par_iter().step_by(AT_ONCE);
        starts.map(|start| (start, (start + AT_ONCE).min(self.len())))
    }
}

#[cfg(test)]
mod tests {
    use super::super::pairs::PairsBuilder;
    use super::*;

    /// Pairs in several parts: record `n` with some of those behind it, some records with none.
    fn scored() -> ScoredPairs {
        const RECORDS: u32 = 3000;
        let of_left = |left: u32| (1..=left % 97).map(move |step| (left, left + step));
        let list: Vec<(u32, u32)> = (0..RECORDS - 97).flat_map(of_left).collect();
        assert!(list.len() > 3 * AT_ONCE);
        let mut pairs = PairsBuilder::new(RECORDS as usize);
        pairs.extend(&list);
        let weight = |pattern: i32| PatternWeight {
            weight_millibits: pattern,
            odds_millibits: pattern * 7919 % 211 - 100,
            passes: pattern as u64,
        };
        ScoredPairs {
            pattern_of: (0..list.len() as u32).map(|pair| pair * 31 % 211).collect(),
            pairs: pairs.finish(),
            weights: (0..211).map(weight).collect(),
        }
    }

    #[test]
    fn pairs_are_found_by_their_odds_with_their_places() {
        let scored = scored();
        for least in [-1000, 0, 95, 1000] {
            let found = scored.of_odds(
                |odds| odds > least,
                |place, pair| (place % 5 != 0).then_some((place, pair)),
            );
            let all = scored.iter().enumerate();
            let wanted = all.filter(|(place, pair)| pair.odds_millibits > least && place % 5 != 0);
            assert!(wanted.eq(found), "{least}");
        }
    }

    #[test]
    fn pairs_are_found_by_their_records() {
        let scored = scored();
        let wanted = |(left, right): (u32, u32)| left / 10 == right / 10;
        let all = scored.iter().filter(|pair| wanted(pair.pair));
        assert!(all.eq(scored.between(wanted, |pair| pair)));
        let counted = scored.par_iter().map(|pair| u64::from(pair.pair.1));
        let all = scored.iter().map(|pair| u64::from(pair.pair.1));
        assert_eq!(counted.sum::<u64>(), all.sum());
    }
}
