//! Hiding rare patterns of missing parts: every row shows which parts its record has, and a pattern that few
//! records share would join the rows of each of them.
//!
//! What a missing part would be is filled in with random bits when a row is made, the same in every run of an
//! epoch. Which rows show that as if it were there is settled when the patterns of all records of the batch are
//! counted: a rare pattern is shown as a common one, with the fewest parts made up.

use std::collections::BTreeMap;

use model::Layout;
use model::layout::{Row, set_presence};

/// Leaving a part out that is there costs as much as making up this many.
const LEFT_OUT: u32 = 4;

/// How many records have each pattern of parts.
#[derive(Default)]
pub(crate) struct Patterns(BTreeMap<u64, u32>);

impl Patterns {
    /// Counts a record that has these parts.
    pub(crate) fn count(&mut self, presence: u64) {
        *self.0.entry(presence).or_default() += 1;
    }

    /// Takes note of these parts without counting anybody: what has them is shown as a record would be.
    pub(crate) fn see(&mut self, presence: u64) {
        self.0.entry(presence).or_default();
    }

    /// What each pattern is shown as, so that none is shown by fewer than `few` records; where no pattern is
    /// common, all are shown as one that has every part any record has.
    pub(crate) fn shown(&self, few: u32) -> Shown {
        let common = self.0.iter().filter(|(_, records)| **records >= few);
        let common: Vec<(u64, u32)> = common.map(|(parts, records)| (*parts, *records)).collect();
        let counted = self.0.iter().filter(|(_, records)| **records > 0);
        let all = counted.fold(0, |all, (parts, _)| all | parts);
        let as_what = |parts: u64| {
            let nearest = common.iter().min_by_key(|(other, records)| {
                let made_up = (other & !parts).count_ones();
                let left_out = (parts & !other).count_ones();
                // The more common of two as near, and of two as common the first.
                (made_up + LEFT_OUT * left_out, u32::MAX - records, *other)
            });
            nearest.map_or(all, |(other, _)| *other)
        };
        Shown(
            self.0
                .keys()
                .map(|parts| (*parts, as_what(*parts)))
                .collect(),
        )
    }
}

/// What each pattern is shown as.
pub(crate) struct Shown(BTreeMap<u64, u64>);

impl Shown {
    /// Gives every row of `rows` the pattern it is shown with, and clears the parts that it does not show.
    pub(crate) fn apply(&self, layout: &Layout, rows: &mut [u8]) {
        for row in rows.chunks_exact_mut(layout.row_bytes) {
            let parts = Row::new(row).presence();
            let shown = self.0.get(&parts).copied().unwrap_or(parts);
            set_presence(row, shown);
            for (part, of) in layout.parts.iter().enumerate() {
                if shown >> part & 1 == 0 {
                    row[of.range()].fill(0);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn patterns(counts: &[(u64, u32)]) -> Patterns {
        Patterns(counts.iter().copied().collect())
    }

    #[test]
    fn a_rare_pattern_is_shown_as_the_nearest_common_one() {
        let patterns = patterns(&[
            (0b1111, 50),
            (0b0111, 20),
            (0b0011, 9),
            (0b0001, 1),
            (0b1000, 2),
        ]);
        let Shown(shown) = patterns.shown(5);
        assert_eq!(shown[&0b0011], 0b0011);
        assert_eq!(shown[&0b0001], 0b0011);
        // All others have too much to be left out.
        assert_eq!(shown[&0b1000], 0b1111);
    }

    #[test]
    fn what_is_seen_and_not_counted_is_shown_as_others_and_changes_nothing() {
        let mut patterns = patterns(&[(0b011, 4), (0b111, 9)]);
        let before = patterns.shown(5).0;
        patterns.see(0b011);
        patterns.see(0b001);
        let mut after = patterns.shown(5).0;
        assert_eq!(after.remove(&0b001), Some(0b111));
        assert_eq!(after, before);
        let mut rare = self::patterns(&[(0b001, 1), (0b010, 1)]);
        rare.see(0b100);
        assert!(rare.shown(5).0.values().all(|shown| *shown == 0b011));
    }

    #[test]
    fn without_a_common_one_all_look_as_if_nothing_were_missing() {
        let Shown(shown) = patterns(&[(0b001, 1), (0b110, 2)]).shown(5);
        assert!(shown.values().all(|shown| *shown == 0b111));
    }

    proptest! {
        #[test]
        fn no_pattern_is_shown_by_few(counts in prop::collection::btree_map(0u64..64, 1u32..30, 1..20)) {
            let Shown(shown) = Patterns(counts.clone()).shown(5);
            let mut by: BTreeMap<u64, u32> = BTreeMap::new();
            counts.iter().for_each(|(parts, records)| *by.entry(shown[parts]).or_default() += records);
            let all: u32 = counts.values().sum();
            prop_assert!(by.values().all(|records| *records >= 5.min(all)));
        }
    }
}
