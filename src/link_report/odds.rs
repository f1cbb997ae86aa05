//! How the odds of the compared pairs are spread, and what another threshold would have given.

use link::resolve::REVIEW_BAND;

use super::People;
use crate::rehearsal::Linked;
use crate::report::data::{Curve, CurvePoint, Threshold, WeightBin, WeightHistogram};

/// Odds beyond these many bits stand in the outermost bins.
const FARTHEST: i32 = 40;
/// Thresholds tried, in bits, at both sides of even odds.
const TRIED: i32 = 20;

/// Pairs by the bits of their posterior odds. Even odds are the threshold of every pair of parties.
pub(super) fn histogram(linked: &Linked) -> WeightHistogram {
    let resolution = &linked.resolution;
    let bin_of = |millibits: i32| millibits.div_euclid(1000).clamp(-FARTHEST, FARTHEST - 1);
    let all = resolution.scored.iter();
    let bins = all.clone().map(|pair| bin_of(pair.odds_millibits));
    let Some((least, most)) = bins.clone().min().zip(bins.max()) else {
        return WeightHistogram::default();
    };
    let empty = |bin: i32| WeightBin {
        from_bits: f64::from(bin),
        to_bits: f64::from(bin + 1),
        ..WeightBin::default()
    };
    let mut bins: Vec<WeightBin> = (least..=most).map(empty).collect();
    for pair in all {
        let bin = &mut bins[(bin_of(pair.odds_millibits) - least) as usize];
        if super::is_together(resolution, pair.pair) {
            bin.linked += 1;
        } else {
            bin.not_linked += 1;
        }
    }
    WeightHistogram {
        bins,
        thresholds: thresholds(),
    }
}

fn thresholds() -> Vec<Threshold> {
    let band = super::bits(REVIEW_BAND);
    let named = [("review from", -band), ("link", 0.0), ("review to", band)];
    let threshold = |(name, bits): (&str, f64)| Threshold {
        name: name.to_owned(),
        bits,
    };
    named.map(threshold).to_vec()
}

/// Quality had every pair from a threshold on been linked, and no other: before clusters were formed.
pub(super) fn curve(linked: &Linked, people: &People) -> Curve {
    let all = people.true_pairs();
    let mut pairs: Vec<(f64, bool)> = linked
        .resolution
        .scored
        .iter()
        .filter_map(|pair| {
            let is_true = people.are_one(pair.pair)?;
            Some((super::bits(pair.odds_millibits), is_true))
        })
        .collect();
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut taken, mut right) = (0, 0u64);
    let mut points: Vec<CurvePoint> = (-TRIED..=TRIED)
        .rev()
        .map(|threshold| {
            let bits = f64::from(threshold);
            while taken < pairs.len() && pairs[taken].0 >= bits {
                right += u64::from(pairs[taken].1);
                taken += 1;
            }
            CurvePoint {
                bits,
                precision: share(right, taken as u64),
                recall: share(right, all),
            }
        })
        .collect();
    points.reverse();
    Curve {
        points,
        chosen_bits: 0.0,
    }
}

/// Nothing of nothing is all of it.
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        1.0
    } else {
        part as f64 / whole as f64
    }
}
