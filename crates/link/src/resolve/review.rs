//! Clerical review: which pairs people should look at, and what their verdicts change.

use std::collections::BTreeMap;

use model::{PartyIndex, RecordHandle};

use super::records::Records;
use super::scored::ScoredPairs;

/// Pairs whose posterior odds lie within this many thousandths of a bit of even are for review:
/// between one to nine and nine to one.
pub const REVIEW_BAND: i32 = 3_170;
/// The most pairs one run asks people to look at; those nearest to even odds come first.
pub const MAX_REVIEW: usize = 10_000;
/// How far the threshold is thought to be off before anybody has looked, as a standard deviation in
/// bits.
const DOUBT_BITS: f64 = 2.0;
/// The farthest verdicts move the threshold, in bits.
const MOST_SHIFT: f64 = 10.0;

/// What people who know the records say of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// One person: the records must be linked.
    Same,
    /// Two people: the records cannot be linked.
    Different,
}

/// A verdict on two records, kept from an earlier review.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// One record: whose, and its handle in this run.
    pub left: (PartyIndex, RecordHandle),
    /// The other.
    pub right: (PartyIndex, RecordHandle),
    /// What was decided.
    pub verdict: Verdict,
}

/// What became of the decisions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DecisionReport {
    /// Decisions that were followed.
    pub followed: u64,
    /// Decisions about a record that is not in this run, or about one record alone.
    pub unknown: u64,
    /// Decisions that others contradict; records decided to be two people were kept apart.
    pub contradicted: u64,
    /// How far verdicts moved the posterior odds, in thousandths of a bit; above 0, more is linked.
    pub shift_millibits: i32,
}

/// The decisions of a run, by the numbers of their records.
#[derive(Default)]
pub(super) struct Decisions {
    pub(super) by_pair: BTreeMap<(u32, u32), Verdict>,
    pub(super) report: DecisionReport,
}

impl Decisions {
    /// Numbers the records of `decisions`. Of two verdicts on one pair, "different" counts.
    pub(super) fn of(decisions: &[Decision], records: &Records) -> Self {
        let mut numbered = Self::default();
        for decision in decisions {
            let number = |(party, handle)| records.number(party, handle);
            let pair = number(decision.left).zip(number(decision.right));
            let Some((left, right)) = pair.filter(|(left, right)| left != right) else {
                numbered.report.unknown += 1;
                continue;
            };
            let kept = numbered
                .by_pair
                .entry((left.min(right), left.max(right)))
                .or_insert(decision.verdict);
            if *kept != decision.verdict {
                *kept = Verdict::Different;
                numbered.report.contradicted += 1;
            }
        }
        numbered
    }

    /// Moves the odds of all pairs by what the verdicts say of pairs with known odds.
    pub(super) fn recalibrate(&mut self, scored: &mut ScoredPairs) {
        let decided = self.by_pair.iter().filter_map(|(pair, verdict)| {
            let odds = scored.at(scored.place_of(*pair)?).odds_millibits;
            Some((f64::from(odds) / 1000.0, *verdict))
        });
        let seen: Vec<(f64, Verdict)> = decided.collect();
        let shift = (shift_bits(&seen) * 1000.0).round() as i32;
        self.report.shift_millibits = shift;
        for pattern in &mut scored.weights {
            pattern.odds_millibits += shift;
        }
    }

    /// Places in `scored` of the pairs people should look at, nearest to even odds first. To be asked
    /// before verdicts move the odds: else the order would tell owners how far they moved.
    pub(super) fn queue(&self, scored: &ScoredPairs) -> Vec<usize> {
        let in_doubt = |odds: i32| odds.abs() <= REVIEW_BAND;
        let mut queue = scored.of_odds(in_doubt, |place, pair| {
            let open = !self.by_pair.contains_key(&pair.pair);
            open.then(|| (pair.odds_millibits.abs(), pair.pair, place))
        });
        queue.sort_unstable();
        queue.truncate(MAX_REVIEW);
        queue.into_iter().map(|(.., place)| place).collect()
    }
}

/// The shift of the log odds that best explains the verdicts: the mode of its posterior under a
/// normal prior around none (logistic calibration of the intercept; Platt, 1999). Which pairs were
/// looked at depends on their odds alone, so the choice does not bend it.
fn shift_bits(seen: &[(f64, Verdict)]) -> f64 {
    let slope = |shift: f64| -> f64 {
        let of = |(odds, verdict): &(f64, Verdict)| {
            let expected = 1.0 / (1.0 + libm::exp2(-(odds + shift)));
            f64::from(*verdict == Verdict::Same) - expected
        };
        let told: f64 = seen.iter().map(of).sum();
        told * std::f64::consts::LN_2 - shift / (DOUBT_BITS * DOUBT_BITS)
    };
    let (mut low, mut high) = (-MOST_SHIFT, MOST_SHIFT);
    // The slope falls throughout, so halving finds where it is 0; forty times leave nothing of a
    // millibit.
    for _ in 0..40 {
        let middle = (low + high) / 2.0;
        if slope(middle) > 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    (low + high) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_verdicts_nothing_moves() {
        assert!(shift_bits(&[]).abs() < 1e-6);
    }

    #[test]
    fn verdicts_move_the_threshold_their_way_and_more_of_them_move_it_further() {
        let same = |count| shift_bits(&vec![(0.0, Verdict::Same); count]);
        assert!(same(1) > 0.1 && same(20) > same(5));
        assert!(shift_bits(&[(0.0, Verdict::Different); 5]) < -0.5);
        assert!(same(10_000) <= MOST_SHIFT);
    }

    #[test]
    fn verdicts_as_expected_move_little() {
        let seen: Vec<_> = (0..40)
            .map(|n| {
                if n % 4 == 0 {
                    Verdict::Different
                } else {
                    Verdict::Same
                }
            })
            .map(|verdict| (1.585, verdict))
            .collect();
        assert!(shift_bits(&seen).abs() < 0.05, "{}", shift_bits(&seen));
    }
}
