//! Whole encodings of a set of records, and how alike all of them are: what an attacker can compute of one
//! side by itself, without a key.

use bits::{Count, Kernel, Panels};
use encode::TrialRows;
use model::Layout;
use model::layout::ROW_HEADER;
use model::profile::Hardening;
use rayon::prelude::*;

/// Steps of likeness, from nothing in common to the same.
pub(crate) const LEVELS: usize = 4096;
/// The records most alike that a record's signature names one by one.
const TOP: usize = 24;
/// Places in the order of all likenesses that it names beyond.
const QUANTILES: usize = 72;
/// Numbers in a record's signature.
pub(crate) const SIGNATURE: usize = TOP + QUANTILES;

/// One encoding a record.
pub(crate) struct Encodings {
    words: usize,
    rows: Vec<u64>,
    weights: Vec<u32>,
    /// The record of each.
    pub(crate) records: Vec<u32>,
    measure: Measure,
    panels: Panels,
}

#[derive(Clone, Copy)]
enum Measure {
    /// Dice, for filters.
    Dice,
    /// The share of equal bits, for signatures.
    Equal,
}

impl Encodings {
    /// The first row of each record that has one, all of its parts.
    pub(crate) fn first_rows(rows: &TrialRows, layout: &Layout) -> Self {
        let words = (layout.row_bytes - ROW_HEADER) / 8;
        let (mut all, mut records): (Vec<u64>, Vec<u32>) = Default::default();
        for place in 0..rows.len() {
            let owner = rows.owner(place);
            if records.last() != Some(&owner) {
                let row = rows.row(place);
                let parts = layout
                    .parts
                    .iter()
                    .flat_map(|part| row.signature(part).as_chunks().0);
                all.extend(parts.map(|bytes| u64::from_le_bytes(*bytes)));
                records.push(owner);
            }
        }
        let measure = match layout.hardening {
            Hardening::Plain(_) => Measure::Dice,
            Hardening::MinHash { .. } => Measure::Equal,
        };
        let weight = |row: &[u64]| row.iter().map(|word| word.count_ones()).sum();
        Self {
            weights: all.chunks_exact(words).map(weight).collect(),
            panels: Panels::new(words, all.chunks_exact(words)),
            words,
            rows: all,
            records,
            measure,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// Words of 64 bits in one.
    pub(crate) fn words(&self) -> usize {
        self.words
    }

    /// The bits of one, as noughts and ones.
    pub(crate) fn bits(&self, place: usize) -> impl Iterator<Item = f32> + '_ {
        let bit = |place: usize| move |word: &u64| (word >> place & 1) as f32;
        self.row(place)
            .iter()
            .flat_map(move |word| (0..64).map(move |at| bit(at)(word)))
    }

    pub(crate) fn row(&self, place: usize) -> &[u64] {
        &self.rows[place * self.words..][..self.words]
    }

    /// The steps of likeness of one with each of `others`, whose rows are in `panels`.
    fn levels(
        &self,
        place: usize,
        others: impl Iterator<Item = usize>,
        panels: &Panels,
    ) -> Vec<u16> {
        let mut counts = Vec::new();
        Kernel::best().one_to_many(Count::Shared, self.row(place), panels, &mut counts);
        let own = self.weights[place];
        let level = |(other, shared): (usize, &u16)| {
            self.level(own + self.weights[other], (*shared).into())
        };
        others.zip(&counts).map(level).collect()
    }

    fn level(&self, total: u32, shared: u32) -> u16 {
        let most = LEVELS as u32 - 1;
        let (part, whole) = match self.measure {
            Measure::Dice => (2 * shared, total),
            // Bits that differ are those set in one only.
            Measure::Equal => {
                let all = self.words as u32 * 64;
                (all + 2 * shared - total, all)
            }
        };
        ((part * most + whole / 2) / whole.max(1)) as u16
    }

    /// The likeness of all with all: how often each step occurs, and each record's signature in steps.
    pub(crate) fn survey(&self) -> (Vec<u64>, Vec<[u16; SIGNATURE]>) {
        let one = |place: usize| {
            let mut counts = vec![0u32; LEVELS];
            let levels = self.levels(place, 0..self.len(), &self.panels);
            for (other, level) in levels.into_iter().enumerate() {
                counts[usize::from(level)] += u32::from(other != place);
            }
            let signature = signature(&counts);
            (counts, signature)
        };
        let empty = || (vec![0u64; LEVELS], Vec::new());
        (0..self.len())
            .into_par_iter()
            .map(one)
            .fold(empty, |mut all, (counts, signature)| {
                all.0
                    .iter_mut()
                    .zip(counts)
                    .for_each(|(sum, count)| *sum += u64::from(count));
                all.1.push(signature);
                all
            })
            .reduce(empty, |mut one, other| {
                one.0
                    .iter_mut()
                    .zip(other.0)
                    .for_each(|(sum, count)| *sum += count);
                one.1.extend(other.1);
                one
            })
    }

    /// Each record's steps of likeness with `landmarks`; none with itself.
    pub(crate) fn to_landmarks(&self, landmarks: &[u32]) -> Vec<Vec<Option<u16>>> {
        let rows = landmarks.iter().map(|place| self.row(*place as usize));
        let panels = Panels::new(self.words, rows);
        (0..self.len())
            .into_par_iter()
            .map(|place| {
                let others = landmarks.iter().map(|other| *other as usize);
                let levels = self.levels(place, others, &panels);
                let apart =
                    |(other, level): (&u32, u16)| (*other as usize != place).then_some(level);
                landmarks.iter().zip(levels).map(apart).collect()
            })
            .collect()
    }
}

/// The steps of the records most alike, then those at even places of the order of all.
fn signature(counts: &[u32]) -> [u16; SIGNATURE] {
    let all: u32 = counts.iter().sum();
    let mut wanted: Vec<u32> = (0..TOP as u32).collect();
    wanted.extend(
        (1..=QUANTILES as u32)
            .map(|k| (u64::from(all) * u64::from(k) / (QUANTILES as u64 + 1)) as u32),
    );
    let mut order: Vec<usize> = (0..SIGNATURE).collect();
    order.sort_by_key(|place| wanted[*place]);
    let mut out = [0; SIGNATURE];
    let (mut passed, mut level) = (0, counts.len() - 1);
    for place in order {
        // Down to the step at which more than the wanted number have been passed.
        while level > 0 && passed + counts[level] <= wanted[place] {
            passed += counts[level];
            level -= 1;
        }
        out[place] = level as u16;
    }
    out
}

/// Steps of likeness as the logarithm of how rare they are, so that two sides with other scales agree.
pub(crate) fn rarity(counts: &[u64]) -> Vec<f32> {
    let all = counts.iter().sum::<u64>().max(1) as f64;
    let mut below = 0;
    let one = |count: &u64| {
        let rank = (below as f64 + *count as f64 / 2.0) / all;
        below += count;
        -(1.0 - rank).max(0.5 / all).ln() as f32
    };
    counts.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_names_the_top_and_the_order_of_all() {
        let mut counts = vec![0; LEVELS];
        counts[4000] = 2;
        counts[3000] = 30;
        counts[100] = 1000;
        let signature = signature(&counts);
        assert_eq!(signature[..3], [4000, 4000, 3000]);
        assert_eq!(signature[23], 3000);
        assert_eq!(signature[TOP], 3000);
        assert_eq!(signature[SIGNATURE - 1], 100);
    }

    #[test]
    fn rarer_likeness_counts_for_more() {
        let rarity = rarity(&[500, 400, 90, 10]);
        assert!(rarity.is_sorted() && rarity[0] > 0.0);
        assert!((rarity[3] - (-(0.005f32).ln())).abs() < 1e-3);
    }
}
