//! The choice of passes: greedy, most completeness for the pairs it costs, then exchanged one by one
//! while that makes the set better.

use super::draws::Bits;
use super::explore::Measured;

/// What a set of passes may cost.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// Pairs compared, over all passes.
    pub(crate) pairs: f64,
    /// Records of all parties.
    pub(crate) records: f64,
    /// Passes.
    pub(crate) passes: usize,
}

/// A pass that adds less completeness than this is not taken.
const MIN_GAIN: f64 = 0.001;
/// What one pair compared a record must add, to be worth its while: a tenth of a point for ten.
const PAIR_PRICE: f64 = 0.0001;
/// The same of one row a record, which is encoded, sent and kept.
const ROW_PRICE: f64 = 0.0002;
/// Exchanges of one pass for another; far more than are ever made.
const MAX_EXCHANGES: usize = 100;

/// Chooses from `candidates`, of which each has a bit for each of `count` true pairs; the places of
/// the chosen, best first.
pub(crate) fn choose(candidates: &[Measured], count: usize, limits: Limits) -> Vec<usize> {
    let chooser = Chooser {
        candidates,
        count,
        limits,
    };
    let all: Vec<usize> = (0..candidates.len()).collect();
    let mut chosen = chooser.greedy(&all);
    for _ in 0..MAX_EXCHANGES {
        chooser.drop_superfluous(&mut chosen);
        if !chooser.exchange(&mut chosen) {
            break;
        }
    }
    chooser.greedy(&chosen)
}

struct Chooser<'a> {
    candidates: &'a [Measured],
    count: usize,
    limits: Limits,
}

impl Chooser<'_> {
    /// Takes the pass that adds most for its price, again and again.
    fn greedy(&self, from: &[usize]) -> Vec<usize> {
        let mut chosen: Vec<usize> = Vec::new();
        let mut met = Bits::none(self.count);
        while chosen.len() < self.limits.passes {
            let left = self.left(&chosen);
            let worth = |place: &usize| {
                let gain = self.share(self.candidates[*place].meets.beyond(&met));
                let fits = self.candidates[*place].cost.pairs <= left && gain >= MIN_GAIN;
                (fits && gain > self.price(*place)).then(|| (*place, gain / self.logarithm(*place)))
            };
            let best = from.iter().filter_map(worth);
            let best = best.max_by(|(p, a), (q, b)| a.total_cmp(b).then(q.cmp(p)));
            let Some((place, _)) = best else {
                break;
            };
            met.add(&self.candidates[place].meets);
            chosen.push(place);
        }
        chosen
    }

    /// Later passes may cover what an earlier one was taken for; the dearest goes first.
    fn drop_superfluous(&self, chosen: &mut Vec<usize>) {
        let mut by_price = chosen.clone();
        by_price.sort_by(|a, b| self.price(*b).total_cmp(&self.price(*a)).then(a.cmp(b)));
        for place in by_price {
            let adds = self.candidates[place]
                .meets
                .beyond(&self.others(chosen, place));
            if self.share(adds) < MIN_GAIN.max(self.price(place)) {
                chosen.retain(|other| *other != place);
            }
        }
    }

    /// Makes the one exchange that gains most; false when none gains.
    fn exchange(&self, chosen: &mut [usize]) -> bool {
        let mut best = (0.0, None);
        for (at, out) in chosen.iter().enumerate() {
            let others = self.others(chosen, *out);
            let left = self.left(chosen) + self.candidates[*out].cost.pairs;
            let worth = |place: usize| {
                self.share(self.candidates[place].meets.beyond(&others)) - self.price(place)
            };
            let kept = worth(*out);
            let fits = |place: &usize| self.candidates[*place].cost.pairs <= left;
            for place in (0..self.candidates.len()).filter(fits) {
                let gain = worth(place) - kept;
                if gain > best.0 && !chosen.contains(&place) {
                    best = (gain, Some((at, place)));
                }
            }
        }
        if let (_, Some((at, place))) = best {
            chosen[at] = place;
        }
        best.1.is_some()
    }

    /// The pairs that meet in any chosen pass but `out`.
    fn others(&self, chosen: &[usize], out: usize) -> Bits {
        let others = chosen.iter().filter(|other| **other != out);
        united(
            others.map(|other| &self.candidates[*other].meets),
            self.count,
        )
    }

    fn left(&self, chosen: &[usize]) -> f64 {
        let pairs = |place: &usize| self.candidates[*place].cost.pairs;
        self.limits.pairs - chosen.iter().map(pairs).sum::<f64>()
    }

    fn share(&self, pairs: u64) -> f64 {
        pairs as f64 / self.count.max(1) as f64
    }

    /// What a pass must add to be worth what it costs.
    fn price(&self, place: usize) -> f64 {
        let cost = &self.candidates[place].cost;
        (PAIR_PRICE * cost.pairs + ROW_PRICE * cost.rows as f64) / self.limits.records.max(1.0)
    }

    /// In which order passes are taken: twice the pairs is one step worse, from one a record on.
    fn logarithm(&self, place: usize) -> f64 {
        (2.0 + self.candidates[place].cost.pairs / self.limits.records.max(1.0)).ln()
    }
}

/// The pairs that meet in any of the passes.
pub(crate) fn united<'a>(passes: impl Iterator<Item = &'a Bits>, count: usize) -> Bits {
    let mut met = Bits::none(count);
    passes.for_each(|bits| met.add(bits));
    met
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::cost::Cost;

    fn candidate(place: usize, pairs: f64, met: std::ops::Range<usize>) -> Measured {
        Measured {
            components: vec![place],
            cost: Cost {
                pairs,
                rows: 0,
                covered: 1.0,
                largest: 2,
                largest_share: 0.01,
            },
            meets: Bits::of(1000, |pair| met.contains(&pair)),
        }
    }

    const LIMITS: Limits = Limits {
        pairs: 1000.0,
        records: 10.0,
        passes: 8,
    };

    #[test]
    fn of_equal_gain_the_cheaper_is_taken_and_the_rest_left() {
        let all = [
            candidate(0, 900.0, 0..900),
            candidate(1, 10.0, 0..900),
            candidate(2, 10.0, 899..901),
            candidate(3, 10.0, 900..901),
        ];
        assert_eq!(choose(&all, 1000, LIMITS), [1, 2]);
    }

    #[test]
    fn the_budget_is_kept() {
        let all = [
            candidate(0, 2000.0, 0..999),
            candidate(1, 600.0, 0..500),
            candidate(2, 600.0, 500..900),
        ];
        assert_eq!(choose(&all, 1000, LIMITS), [1]);
        let one = Limits {
            passes: 0,
            ..LIMITS
        };
        assert!(choose(&all, 1000, one).is_empty());
    }

    #[test]
    fn what_later_passes_cover_is_dropped() {
        let all = [
            candidate(0, 1.0, 300..700),
            candidate(1, 300.0, 0..500),
            candidate(2, 300.0, 500..1000),
        ];
        assert_eq!(choose(&all, 1000, LIMITS), [1, 2]);
    }

    #[test]
    fn a_pass_is_exchanged_for_one_that_fits_the_others_better() {
        let all = [
            candidate(0, 1.0, 200..800),
            candidate(1, 1.0, 0..400),
            candidate(2, 1.0, 600..1000),
            candidate(3, 1.0, 400..650),
        ];
        let two = Limits {
            passes: 2,
            ..LIMITS
        };
        let chosen = choose(&all, 1000, two);
        assert_eq!(chosen.len(), 2);
        let met = united(chosen.iter().map(|place| &all[*place].meets), 1000);
        assert_eq!(met.count(), 800);
    }
}
