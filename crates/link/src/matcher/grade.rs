//! From two signatures to a grade: the estimated Dice similarity of the filters behind them, with
//! the known flip rate taken out.

use bits::{and_count, hamming, popcount};
use model::Layout;
use model::layout::Row;
use model::profile::Hardening;

use crate::comparison::{GRADES, MISSING};

/// Grades similarities under one hardening.
pub(crate) struct Grader {
    /// For signatures: the grade by Hamming distance, one table a length in bits (index: bits / 64).
    tables: Vec<Vec<u8>>,
}

impl Grader {
    pub(crate) fn new(layout: &Layout) -> Self {
        let Hardening::MinHash { flip_permille } = layout.hardening else {
            return Self { tables: Vec::new() };
        };
        let mut tables = vec![Vec::new(); 1 + layout.parts.iter().map(words).max().unwrap_or(0)];
        for part in &layout.parts {
            tables[words(part)] = (0..=part.bits)
                .map(|differing| estimate(differing, part.bits, flip_permille))
                .collect();
        }
        Self { tables }
    }

    /// Writes the grade of every slot of two rows.
    pub(crate) fn push_grades(
        &self,
        layout: &Layout,
        left: Row<'_>,
        right: Row<'_>,
        out: &mut Vec<u8>,
    ) {
        let (of_left, of_right) = (left.presence(), right.presence());
        for slot in &layout.slots {
            let present = of_left >> slot.left & of_right >> slot.right & 1 == 1;
            out.push(if present {
                let (l, r) = (&layout.parts[slot.left], &layout.parts[slot.right]);
                self.grade(left.signature(l), right.signature(r))
            } else {
                MISSING
            });
        }
    }

    /// The grade of two present signatures of one length.
    pub(crate) fn grade(&self, left: &[u8], right: &[u8]) -> u8 {
        if self.tables.is_empty() {
            return plain(left, right);
        }
        self.tables[left.len() / 8][hamming(left, right) as usize]
    }
}

fn words(part: &model::Part) -> usize {
    part.bits as usize / 64
}

/// Dice from the bits in which two 1-bit MinHash signatures differ, each flipped with probability f:
/// they agree with probability `1/2 + J (1 - 2f)² / 2`, and Dice is `2J / (1 + J)`. Integers only.
fn estimate(differing: u32, bits: u32, flip_permille: u16) -> u8 {
    let (differing, bits) = (i64::from(differing), i64::from(bits));
    let keep = 1000 - 2 * i64::from(flip_permille);
    // J as the fraction numerator / denominator.
    let numerator = (bits - 2 * differing) * 1_000_000;
    let denominator = bits * keep * keep;
    let numerator = numerator.clamp(0, denominator);
    let dice_numerator = 2 * numerator * i64::from(GRADES);
    let dice_denominator = numerator + denominator;
    ((dice_numerator + dice_denominator / 2) / dice_denominator) as u8
}

/// Dice of two plain filters.
fn plain(left: &[u8], right: &[u8]) -> u8 {
    let total = popcount(left) + popcount(right);
    let shared = 2 * and_count(left, right) * u32::from(GRADES);
    ((shared + total / 2).checked_div(total).unwrap_or(0)) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expected_distance_of_a_similarity_gives_it_back() {
        for flip in [0u16, 50, 100] {
            let f = f64::from(flip) / 1000.0;
            for jaccard in [0.0, 0.25, 0.5, 0.75, 1.0] {
                let agree = 0.5 + jaccard * (1.0 - 2.0 * f).powi(2) / 2.0;
                let differing = ((1.0 - agree) * 256.0).round() as u32;
                let dice = 2.0 * jaccard / (1.0 + jaccard);
                let grade = f64::from(estimate(differing, 256, flip)) / f64::from(GRADES);
                assert!(
                    (grade - dice).abs() <= 0.05,
                    "flip {flip} jaccard {jaccard}: {grade}"
                );
            }
        }
    }

    #[test]
    fn estimates_fall_as_distance_grows_and_stay_in_range() {
        let grades: Vec<u8> = (0..=128)
            .map(|differing| estimate(differing, 128, 100))
            .collect();
        assert!(grades.is_sorted_by(|a, b| a >= b));
        assert_eq!((grades[0], grades[128]), (GRADES, 0));
    }

    #[test]
    fn plain_filters_are_compared_exactly() {
        assert_eq!(plain(&[0xff; 8], &[0xff; 8]), GRADES);
        assert_eq!(plain(&[0x0f; 8], &[0xff; 8]), 13);
        assert_eq!(plain(&[0x0f; 8], &[0xf0; 8]), 0);
        assert_eq!(plain(&[0; 8], &[0; 8]), 0);
    }
}
