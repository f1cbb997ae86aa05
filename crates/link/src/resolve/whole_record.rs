//! Weights for records that are one vector each (CLKs): with one similarity a pair there is nothing to
//! tell classes apart by, so the odds follow the similarity around a threshold set by convention.

use super::join::FINENESS;
use super::levels::UNKNOWN;
use super::mixture::FitReport;
use super::patterns::{Observed, Patterns};
use super::scored::PatternWeight;
use crate::comparison::GRADES;

/// The Dice similarity, in hundredths, at which a link is as likely as not. CLKs of names, date and
/// place are commonly linked at 0.8; it does not transfer between schemas, which is why the other
/// profiles are fitted.
const THRESHOLD: i32 = 80;
/// Thousandths of a bit per hundredth of Dice.
const SLOPE: i32 = 500;

/// Weighs all patterns, in their order.
pub(super) fn weigh(patterns: &Patterns) -> (Vec<PatternWeight>, FitReport) {
    let weighed: Vec<PatternWeight> = patterns.iter().map(weighed).collect();
    let likely = patterns
        .iter()
        .zip(&weighed)
        .filter(|(_, weight)| weight.odds_millibits > 0);
    let expected_matches = likely.map(|(pattern, _)| pattern.pairs as f64).sum();
    (
        weighed,
        FitReport {
            rounds: 0,
            converged: true,
            expected_matches,
        },
    )
}

fn weighed(pattern: Observed<'_>) -> PatternWeight {
    let hundredths = match pattern.levels[0] {
        UNKNOWN => 0,
        grade => i32::from(grade) * 100 / (i32::from(GRADES) * i32::from(FINENESS)),
    };
    let odds = (hundredths - THRESHOLD) * SLOPE;
    PatternWeight {
        weight_millibits: odds,
        odds_millibits: odds,
        passes: pattern.met_in(),
    }
}
