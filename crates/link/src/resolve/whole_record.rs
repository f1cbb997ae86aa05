//! Weights for records that are one vector each (CLKs): with one similarity a pair there is nothing to
//! tell classes apart by, so the odds follow the similarity around a threshold set by convention.

use super::mixture::{FitReport, ScoredPair};
use super::pairs::{FINENESS, PairTable};
use crate::comparison::{GRADES, MISSING};

/// The Dice similarity, in hundredths, at which a link is as likely as not. CLKs of names, date and
/// place are commonly linked at 0.8; it does not transfer between schemas, which is why the other
/// profiles are fitted.
const THRESHOLD: i32 = 80;
/// Thousandths of a bit per hundredth of Dice.
const SLOPE: i32 = 500;

/// Weighs all pairs, in the table's order.
pub(super) fn weigh(table: &PairTable) -> (Vec<ScoredPair>, FitReport) {
    let weighed: Vec<ScoredPair> = (0..table.len()).map(|pair| weighed(table, pair)).collect();
    let expected_matches = weighed
        .iter()
        .filter(|pair| pair.odds_millibits > 0)
        .count() as f64;
    (
        weighed,
        FitReport {
            rounds: 0,
            converged: true,
            expected_matches,
        },
    )
}

fn weighed(table: &PairTable, pair: usize) -> ScoredPair {
    let grade = table.grades(pair)[0];
    let hundredths = if grade == MISSING {
        0
    } else {
        i32::from(grade) * 100 / (i32::from(GRADES) * i32::from(FINENESS))
    };
    let odds = (hundredths - THRESHOLD) * SLOPE;
    ScoredPair {
        pair: table.pairs[pair],
        weight_millibits: odds,
        odds_millibits: odds,
    }
}
