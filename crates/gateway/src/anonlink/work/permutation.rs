//! Permutations: a new order for each of two parties' records in which matched pairs stand at the
//! same place, and a mask of which places those are. Neither order tells its party who matched.

use std::ops::Range;

use crate::anonlink::Randomness;

/// What a run of the result type permutations tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Permutations {
    /// For each of the first places whether it holds a matched pair.
    pub(super) mask: Vec<bool>,
    /// For each party the new place of each record.
    pub(super) orders: [Vec<u32>; 2],
}

impl Permutations {
    /// Draws new orders for two parties of so many records, of which these are matched.
    pub(super) fn draw(
        records: [u32; 2],
        matched: &[(u32, u32)],
        randomness: &dyn Randomness,
    ) -> Self {
        let mut draws = Draws::new(randomness);
        let rows = records[0].min(records[1]);
        let mut places: Vec<u32> = (0..rows).collect();
        draws.shuffle(&mut places);
        let (of_pairs, others) = places.split_at(matched.len());
        let mut mask = vec![false; rows as usize];
        for place in of_pairs {
            mask[*place as usize] = true;
        }
        let lefts = matched.iter().map(|pair| pair.0).collect::<Vec<_>>();
        let rights = matched.iter().map(|pair| pair.1).collect::<Vec<_>>();
        let mut order =
            |own: u32, matched: &[u32]| order(matched, of_pairs, others, rows..own, &mut draws);
        let orders = [order(records[0], &lefts), order(records[1], &rights)];
        Self { mask, orders }
    }
}

/// One party's new places: those of pairs for matched records, the others at random.
fn order(
    matched: &[u32],
    of_pairs: &[u32],
    others: &[u32],
    beyond: Range<u32>,
    draws: &mut Draws<'_>,
) -> Vec<u32> {
    const OPEN: u32 = u32::MAX;
    let mut left: Vec<u32> = others.iter().copied().chain(beyond).collect();
    draws.shuffle(&mut left);
    let mut order = vec![OPEN; matched.len() + left.len()];
    for (record, place) in matched.iter().zip(of_pairs) {
        order[*record as usize] = *place;
    }
    let open = order.iter_mut().filter(|place| **place == OPEN);
    for (place, free) in open.zip(left) {
        *place = free;
    }
    order
}

/// Even draws from a source of random bytes.
struct Draws<'a> {
    randomness: &'a dyn Randomness,
    bytes: Vec<u8>,
}

impl<'a> Draws<'a> {
    /// Bytes taken from the source at once.
    const BUFFER: usize = 4096;

    fn new(randomness: &'a dyn Randomness) -> Self {
        let bytes = Vec::new();
        Self { randomness, bytes }
    }

    fn shuffle(&mut self, items: &mut [u32]) {
        for end in (1..items.len()).rev() {
            items.swap(end, self.below(end as u32 + 1) as usize);
        }
    }

    /// An even draw from `0..bound`: draws from the incomplete last part of the range are repeated.
    fn below(&mut self, bound: u32) -> u32 {
        let most = u32::MAX - u32::MAX % bound;
        loop {
            let draw = self.word();
            if draw < most {
                return draw % bound;
            }
        }
    }

    fn word(&mut self) -> u32 {
        if self.bytes.is_empty() {
            self.bytes.resize(Self::BUFFER, 0);
            self.randomness.fill(&mut self.bytes);
        }
        let rest = self.bytes.len() - 4;
        let word = self.bytes.split_off(rest);
        word.iter()
            .fold(0, |word, byte| word << 8 | u32::from(*byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::sync::Mutex;

    /// A repeatable stream; which one does not matter.
    struct Seeded(Mutex<u64>);

    impl Randomness for Seeded {
        fn fill(&self, out: &mut [u8]) {
            let mut state = self.0.lock().unwrap();
            for byte in out {
                *state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                *byte = (*state >> 56) as u8;
            }
        }
    }

    proptest! {
        #[test]
        fn matched_records_meet_where_the_mask_says_and_nowhere_else(
            sizes in prop::array::uniform2(0u32..30),
            share in 0usize..30,
            seed: u64,
        ) {
            let rows = sizes[0].min(sizes[1]);
            let pairs = (share as u32).min(rows);
            let matched: Vec<(u32, u32)> = (0..pairs).map(|i| (i, sizes[1] - 1 - i)).collect();
            let drawn = Permutations::draw(sizes, &matched, &Seeded(Mutex::new(seed)));
            for (order, size) in drawn.orders.iter().zip(sizes) {
                let places: BTreeSet<u32> = order.iter().copied().collect();
                prop_assert!(places.into_iter().eq(0..size));
            }
            let meets: BTreeSet<u32> = matched
                .iter()
                .map(|(left, right)| {
                    let places = (drawn.orders[0][*left as usize], drawn.orders[1][*right as usize]);
                    assert_eq!(places.0, places.1);
                    places.0
                })
                .collect();
            let masked = (0..rows).filter(|place| drawn.mask[*place as usize]);
            prop_assert!(masked.eq(meets));
            prop_assert_eq!(drawn.mask.len(), rows as usize);
        }
    }

    #[test]
    fn all_orders_come_about_as_often() {
        let source = Seeded(Mutex::new(1));
        let mut draws = Draws::new(&source);
        let mut counts = std::collections::BTreeMap::new();
        for _ in 0..6000 {
            let mut items = [0, 1, 2];
            draws.shuffle(&mut items);
            *counts.entry(items).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 6);
        assert!(
            counts.values().all(|count| (850..1150).contains(count)),
            "{counts:?}"
        );
    }
}
