//! How alike two records in one block are, part by part: estimated from signatures by who sees rows, exact by
//! who holds the values.

use bits::{and_count, hamming, popcount};
use encode::{ClearRecord, TrialRows};
use model::layout::Row;
use model::profile::Hardening;
use model::{Layout, Slot};

/// How sure a likeness told by plain filters is, as a standard deviation: tokens that meet in one bit.
const FILTER_NOISE: f32 = 0.05;

/// Estimates the Jaccard likeness of parts.
pub(crate) struct Estimator<'a> {
    layout: &'a Layout,
}

impl<'a> Estimator<'a> {
    pub(crate) fn new(layout: &'a Layout) -> Self {
        Self { layout }
    }

    /// The standard deviation of the estimate of each slot.
    pub(crate) fn noise(&self) -> Vec<f32> {
        let noise = |slot: &Slot| match self.layout.hardening {
            Hardening::Plain(_) => FILTER_NOISE,
            // That of a share of as many bits, midway between nothing and all in common, with the flips
            // taken out.
            Hardening::MinHash { flip_permille } => {
                0.8 / (self.layout.parts[slot.left].bits as f32).sqrt() / kept(flip_permille)
            }
        };
        self.layout.slots.iter().map(noise).collect()
    }

    /// The likeness of part `left` of one row and part `right` of another.
    pub(crate) fn of_rows(
        &self,
        rows: &TrialRows,
        (one, other): (u32, u32),
        slot: Slot,
    ) -> Option<f32> {
        self.between(rows.row(one as usize), rows.row(other as usize), slot)
    }

    /// The same for rows that lie anywhere, encoded under one key.
    pub(crate) fn between(&self, one: Row<'_>, other: Row<'_>, slot: Slot) -> Option<f32> {
        if one.presence() >> slot.left & other.presence() >> slot.right & 1 == 0 {
            return None;
        }
        let (left, right) = (
            &self.layout.parts[slot.left],
            &self.layout.parts[slot.right],
        );
        let (a, b) = (one.signature(left), other.signature(right));
        Some(match self.layout.hardening {
            Hardening::MinHash { flip_permille } => {
                let differing = hamming(a, b) as f32 / left.bits as f32;
                (1.0 - 2.0 * differing) / kept(flip_permille)
            }
            Hardening::Plain(_) => filters(a, b),
        })
    }
}

/// What of a likeness flips leave on both sides.
fn kept(flip_permille: u16) -> f32 {
    (1.0 - 2.0 * f32::from(flip_permille) / 1000.0).powi(2)
}

/// The Jaccard likeness of the sets behind two filters, from the sizes that their numbers of set bits stand
/// for (Swamidass and Baldi, 2007). The number of hashes cancels.
fn filters(one: &[u8], other: &[u8]) -> f32 {
    let bits = one.len() as f32 * 8.0;
    let size = |set: u32| -(1.0 - (set as f32 / bits).min(0.999)).ln();
    let (a, b, shared) = (popcount(one), popcount(other), and_count(one, other));
    let union = size(a + b - shared);
    if union <= 0.0 {
        0.0
    } else {
        (size(a) + size(b) - union) / union
    }
}

/// The likeness of two records in clear.
pub(crate) fn of_clear(one: &ClearRecord, other: &ClearRecord, slot: Slot) -> Option<f32> {
    let overlap = one.overlap(slot.left, other, slot.right)?;
    Some(overlap.shared as f32 / (overlap.total - overlap.shared) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::Setting;
    use encode::{TrialKeys, trial_rows};
    use records::NormalisedRecord;

    /// The root mean square of the error of estimates, over what [`Estimator::noise`] says.
    fn error(profile: &str) -> f32 {
        let Setting {
            schema,
            layout,
            people,
        } = Setting::new(profile);
        let records: Vec<&NormalisedRecord> = people.records().iter().take(200).collect();
        let clear: Vec<ClearRecord> = records
            .iter()
            .map(|record| ClearRecord::of(&layout, record))
            .collect();
        let rows = trial_rows(&schema, &layout, &TrialKeys::new(&schema, 1, 2), &records);
        let blocks = crate::blocks::Blocks::of_rows(&rows);
        let estimator = Estimator::new(&layout);
        let noise = estimator.noise();
        let (mut squares, mut count) = (0.0, 0.0);
        for block in blocks.all.iter().filter(|block| block.seats.len() > 1) {
            let [one, other] = [
                blocks.seats[block.seats.start],
                blocks.seats[block.seats.start + 1],
            ];
            for (slot, noise) in layout.slots.iter().zip(&noise) {
                let estimate = estimator.of_rows(&rows, (one.row, other.row), *slot);
                let exact = of_clear(
                    &clear[one.record as usize],
                    &clear[other.record as usize],
                    *slot,
                );
                // Where patterns of missing parts are hidden, rows show parts that are made up.
                let is_as_shown = estimate.is_some() == exact.is_some();
                assert!(is_as_shown || schema.profile.hides_patterns_below().is_some());
                if let Some((estimate, exact)) = estimate.zip(exact) {
                    squares += ((estimate - exact) / noise).powi(2);
                    count += 1.0;
                }
            }
        }
        (squares / count as f32).sqrt()
    }

    #[test]
    fn estimates_err_by_about_what_they_say() {
        for profile in ["standard", "strong", "field-bloom"] {
            let error = error(profile);
            assert!((0.3..1.5).contains(&error), "{profile}: {error}");
        }
    }
}
