//! From two signatures to a grade: the estimated Dice similarity of the filters behind them, with
//! the known flip rate taken out.

use bits::{Stretch, and_count, popcount};
use model::Layout;
use model::layout::{self, Row};
use model::profile::Hardening;

use crate::comparison::{GRADES, MISSING};

/// Grades similarities under one hardening.
pub(crate) struct Grader {
    slots: Vec<Slot>,
    /// Where in a row each slot's signatures are.
    stretches: Vec<Stretch>,
    form: Form,
}

/// One slot of a pair of rows.
struct Slot {
    /// The parts, as bits of the rows' presence.
    left: u32,
    right: u32,
    /// The table its distances are looked up in.
    table: usize,
}

/// What parts are.
enum Form {
    /// Signatures, with the grade by Hamming distance, one table for each length.
    Signatures(Vec<Vec<u8>>),
    Filters,
}

/// Grades of so many slots are worked out at once.
const AT_ONCE: usize = 32;

impl Grader {
    pub(crate) fn new(layout: &Layout) -> Self {
        let mut lengths: Vec<u32> = layout.parts.iter().map(|part| part.bits).collect();
        lengths.sort_unstable();
        lengths.dedup();
        let form = match layout.hardening {
            Hardening::MinHash { flip_permille } => {
                let grade = |differing, bits| estimate(differing, bits, flip_permille);
                let table = |bits: &u32| (0..=*bits).map(|at| grade(at, *bits)).collect();
                Form::Signatures(lengths.iter().map(table).collect())
            }
            Hardening::Plain(_) => Form::Filters,
        };
        let parts = |slot: &layout::Slot| (&layout.parts[slot.left], &layout.parts[slot.right]);
        let stretch = |slot| {
            let (left, right) = parts(slot);
            Stretch {
                left: left.offset,
                right: right.offset,
                words: left.bits as usize / 64,
            }
        };
        let slot = |slot: &layout::Slot| Slot {
            left: slot.left as u32,
            right: slot.right as u32,
            table: lengths.partition_point(|length| *length < parts(slot).0.bits),
        };
        Self {
            slots: layout.slots.iter().map(slot).collect(),
            stretches: layout.slots.iter().map(stretch).collect(),
            form,
        }
    }

    /// Writes the grade of every slot of two rows.
    #[inline]
    pub(crate) fn push_grades(&self, left: Row<'_>, right: Row<'_>, out: &mut Vec<u8>) {
        let (of_left, of_right) = (left.presence(), right.presence());
        let (left, right) = (left.bytes(), right.bytes());
        let stretches = self.stretches.chunks(AT_ONCE);
        for (slots, stretches) in self.slots.chunks(AT_ONCE).zip(stretches) {
            let (mut counts, mut grades) = ([0; AT_ONCE], [0; AT_ONCE]);
            if let Form::Signatures(_) = &self.form {
                bits::hamming_each(left, right, stretches, &mut counts[..stretches.len()]);
            }
            let each = slots.iter().zip(stretches).zip(counts);
            for (((slot, stretch), count), grade) in each.zip(&mut grades) {
                let is_there = of_left >> slot.left & of_right >> slot.right & 1 == 1;
                let known = match &self.form {
                    Form::Signatures(tables) => tables[slot.table][count as usize],
                    Form::Filters => {
                        let bytes = stretch.words * 8;
                        let (left, right) = (&left[stretch.left..], &right[stretch.right..]);
                        plain(&left[..bytes], &right[..bytes])
                    }
                };
                *grade = if is_there { known } else { MISSING };
            }
            out.extend_from_slice(&grades[..slots.len()]);
        }
    }
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
