//! Dice thresholds decided in integers, with the outcome a division in double precision would have.
//!
//! The Dice similarity of two encodings is `2c / s`: `c` bits set in both, `s` bits set in either,
//! counted twice where set in both. For each `s` the least `c` that reaches the threshold is worked
//! out once with the very division a reader of scores would do; from then on only integers are compared.

use std::cmp::Ordering;

/// A Dice similarity above 0 and at most 1 that pairs must reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold(f64);

/// A number that is no threshold.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("the threshold is {0}; give a number above 0 and at most 1")]
pub struct NoThreshold(f64);

impl Threshold {
    /// # Errors
    /// [`NoThreshold`] for a number out of range.
    pub fn new(similarity: f64) -> Result<Self, NoThreshold> {
        if similarity > 0.0 && similarity <= 1.0 {
            Ok(Self(similarity))
        } else {
            Err(NoThreshold(similarity))
        }
    }

    /// The similarity that pairs must reach.
    pub fn similarity(self) -> f64 {
        self.0
    }
}

/// The Dice similarity of a pair, exactly: `2 * shared / total`.
#[derive(Debug, Clone, Copy)]
pub struct Score {
    /// Bits set in both.
    pub shared: u16,
    /// Bits set in one plus bits set in the other.
    pub total: u16,
}

impl Score {
    /// The similarity in double precision, rounded once; 0 where no bits are set.
    pub fn dice(self) -> f64 {
        if self.total == 0 {
            return 0.0;
        }
        2.0 * f64::from(self.shared) / f64::from(self.total)
    }
}

// Fractions are compared by cross-multiplication. Two different ones of at most 14 bits are further
// apart than a rounding, so this is also the order of their values in double precision.
impl Ord for Score {
    fn cmp(&self, other: &Self) -> Ordering {
        let [a, b] =
            [self, other].map(|score| (u32::from(score.shared), u32::from(score.total).max(1)));
        (a.0 * b.1).cmp(&(b.0 * a.1))
    }
}

impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Score {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Score {}

/// What a threshold asks of encodings of one length.
pub(super) struct Demand {
    /// The least shared bits by total.
    shared: Vec<u16>,
    /// The most differing bits of any pair with up to this total; none where no pair can reach it.
    differing: Vec<Option<u16>>,
}

impl Demand {
    pub(super) fn new(threshold: Threshold, bits: usize) -> Self {
        let shared: Vec<u16> = (0..=2 * bits as u16)
            .map(|total| least_shared(threshold, total))
            .collect();
        let mut most = None;
        let differing = (0..=2 * bits as u16)
            .zip(&shared)
            .map(|(total, shared)| {
                most = most.max(total.checked_sub(shared.saturating_mul(2)));
                most.map(|most| most.min(bits as u16))
            })
            .collect();
        Self { shared, differing }
    }

    /// Whether a pair reaches the threshold.
    pub(super) fn is_met(&self, score: Score) -> bool {
        score.shared >= self.shared[usize::from(score.total)]
    }

    /// In how many bits pairs with up to `total` set bits may differ; none where no pair reaches the
    /// threshold.
    pub(super) fn most_differing(&self, total: u16) -> Option<u16> {
        self.differing[usize::from(total)]
    }

    /// The set bits a partner of an encoding with `own` set bits may have: no pair shares more bits
    /// than either has.
    pub(super) fn partners(&self, own: u16) -> std::ops::Range<u16> {
        let bits = (self.shared.len() - 1) / 2;
        let reached =
            |other: usize| self.shared[usize::from(own) + other] as usize <= other.min(own.into());
        let own = usize::from(own);
        // Up to `own`, more bits only help; beyond it they only hurt.
        let first = partition(0..own, |other| !reached(other));
        let end = partition(own..bits + 1, reached);
        first as u16..end as u16
    }
}

/// The first number in `range` for which `holds` is false, given that it never becomes true again.
fn partition(range: std::ops::Range<usize>, holds: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (range.start, range.end);
    while low < high {
        let middle = usize::midpoint(low, high);
        if holds(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// The least `c` with `2c / total >= threshold`; more than any encoding has where nothing is set.
fn least_shared(threshold: Threshold, total: u16) -> u16 {
    if total == 0 {
        return u16::MAX;
    }
    let reaches = |shared: u16| Score { shared, total }.dice() >= threshold.0;
    // Next to the product, which may be off by a rounding either way.
    let mut shared = (threshold.0 * f64::from(total) / 2.0) as u16;
    while shared > 0 && reaches(shared - 1) {
        shared -= 1;
    }
    while !reaches(shared) {
        shared += 1;
    }
    shared
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn thresholds() -> impl Strategy<Value = f64> {
        // Fractions that pairs hit exactly, and any others.
        prop_oneof![
            (1u16..=2048, 1u16..=2048).prop_map(|(a, b)| f64::from(a.min(b)) / f64::from(a.max(b))),
            (1u8..=20).prop_map(|twentieths| f64::from(twentieths) / 20.0),
            0.01f64..=1.0,
        ]
    }

    proptest! {
        #[test]
        fn integers_decide_as_the_division_does(threshold in thresholds(), total in 0u16..=2048, shared in 0u16..=1024) {
            let demand = Demand::new(Threshold::new(threshold).unwrap(), 1024);
            let score = Score { shared: shared.min(total / 2), total };
            prop_assert_eq!(demand.is_met(score), score.dice() >= threshold);
        }

        #[test]
        fn no_pair_that_reaches_the_threshold_is_out_of_bounds(threshold in thresholds(), own in 0u16..=256, other in 0u16..=256) {
            let demand = Demand::new(Threshold::new(threshold).unwrap(), 256);
            let total = own + other;
            let alike = Score { shared: own.min(other), total };
            prop_assert_eq!(demand.is_met(alike), demand.partners(own).contains(&other));
            for shared in total.saturating_sub(256)..=own.min(other) {
                if demand.is_met(Score { shared, total }) {
                    prop_assert!(Some(total - 2 * shared) <= demand.most_differing(total));
                }
            }
        }

        #[test]
        fn scores_are_in_the_order_of_their_values(a in (0u16..=8192, 1u16..=16384), b in (0u16..=8192, 1u16..=16384)) {
            let [a, b] = [a, b].map(|(shared, total)| Score { shared: shared.min(total / 2), total });
            prop_assert_eq!(Some(a.cmp(&b)), a.dice().partial_cmp(&b.dice()));
        }
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        for number in [0.0, -0.5, 1.0001, f64::NAN, f64::INFINITY] {
            assert!(Threshold::new(number).is_err(), "{number}");
        }
    }
}
