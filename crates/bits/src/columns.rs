//! The columns of a signature: from the places that each element of a set won ([`crate::winners`]) to one random bit a
//! column, told by the element that won the column's place.

#[cfg(target_arch = "x86_64")]
mod x86;

use std::ops::Range;

use crate::minhash::{PLACES, PlaceSet};

/// The columns of a signature.
pub const COLUMNS: usize = PLACES / 2;

/// One bit a column.
pub type Columns = [u64; COLUMNS / 64];

/// Passes of the shuffle; in each, every column meets one at each power of two's distance.
const PASSES: usize = 2;

/// Rounds of the shuffle.
pub const ROUNDS: usize = PASSES * PASS_ROUNDS;

const PASS_ROUNDS: usize = COLUMNS.ilog2() as usize;

/// The lower partners of the rounds whose distance, 1, 2, 4 and so on, lies within a word.
const LOWER: [u64; 6] = [
    0x5555_5555_5555_5555,
    0x3333_3333_3333_3333,
    0x0f0f_0f0f_0f0f_0f0f,
    0x00ff_00ff_00ff_00ff,
    0x0000_ffff_0000_ffff,
    0x0000_0000_ffff_ffff,
];

/// How the columns are dealt out over the places.
pub struct Deal {
    /// Whether a column starts from the place of its own number or, where not set, from that place in the upper
    /// half of all.
    own: Columns,
    /// In each round of the shuffle, what [`swaps_of`] makes of random bits.
    swaps: [Columns; ROUNDS],
}

impl Deal {
    /// The deal that random columns make: which half each column starts in, then for each round of the shuffle
    /// which pairs change places. The shuffle is that of Thorp (1973), which Morris, Rogaway and Stegers took for
    /// encryption (CRYPTO 2009).
    pub fn new(own: Columns, swaps: &[Columns; ROUNDS]) -> Self {
        Self {
            own,
            swaps: std::array::from_fn(|round| swaps_of(round % PASS_ROUNDS, &swaps[round])),
        }
    }

    /// Overwrites the deal.
    pub fn wipe(&mut self, wipe: impl Fn(&mut Columns)) {
        wipe(&mut self.own);
        self.swaps.iter_mut().for_each(wipe);
    }

    /// Writes the signatures of sets into `out`, one each, from the places each element won within its set and each
    /// element's random bits. The elements of all sets lie one after the other; `ends` says where those of each set end.
    pub fn signatures(
        &self,
        ends: &[usize],
        won: &[PlaceSet],
        strings: &[[u8; COLUMNS / 8]],
        out: &mut [Columns],
    ) {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected;
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("gfni")
            {
                // SAFETY: the processor has what the function needs, as was just asked.
                return unsafe { x86::signatures_avx512(self, ends, won, strings, out) };
            }
            if is_x86_feature_detected!("avx2") {
                // SAFETY: the processor has AVX2, as was just asked; the function needs nothing else.
                return unsafe { x86::signatures_avx2(self, ends, won, strings, out) };
            }
        }
        self.signatures_portable(ends, won, strings, out);
    }

    fn signatures_portable(
        &self,
        ends: &[usize],
        won: &[PlaceSet],
        strings: &[[u8; COLUMNS / 8]],
        out: &mut [Columns],
    ) {
        for (columns, set) in out.iter_mut().zip(sets(ends)) {
            *columns = Columns::default();
            for (won, string) in won[set.clone()].iter().zip(&strings[set]) {
                let string = read(string);
                for (word, column) in columns.iter_mut().enumerate() {
                    let own = self.own[word];
                    let dealt = won[word] & own | won[word + COLUMNS / 64] & !own;
                    *column |= dealt & string[word];
                }
            }
            for pass in self.swaps.as_chunks::<PASS_ROUNDS>().0 {
                for (round, swaps) in pass.iter().enumerate() {
                    swap(columns, round, swaps);
                }
            }
        }
    }
}

/// Flips columns, set by set: those whose marks, one byte a column, have their highest bit set.
pub fn flip(marks: &[[u8; COLUMNS]], columns: &mut [Columns]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected;
        if is_x86_feature_detected!("avx512bw") {
            // SAFETY: the processor has what the function needs, as was just asked.
            return unsafe { x86::flip_avx512(marks, columns) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the same.
            return unsafe { x86::flip_avx2(marks, columns) };
        }
    }
    flip_portable(marks, columns);
}

fn flip_portable(marks: &[[u8; COLUMNS]], columns: &mut [Columns]) {
    for (marks, columns) in marks.iter().zip(columns) {
        for (column, marks) in columns.iter_mut().zip(marks.as_chunks::<64>().0) {
            for (bit, mark) in marks.iter().enumerate() {
                *column ^= u64::from(mark >> 7) << bit;
            }
        }
    }
}

/// The elements of each set, by where each set ends.
fn sets(ends: &[usize]) -> impl Iterator<Item = Range<usize>> {
    let starts = std::iter::once(&0).chain(ends);
    starts.zip(ends).map(|(start, end)| *start..*end)
}

/// What a round of the shuffle makes of random bits: for every column whether it takes its partner's place, so that
/// both partners say the same. Within words the lower partner's bit decides, across words the lower word's.
fn swaps_of(round: usize, random: &Columns) -> Columns {
    match LOWER.get(round) {
        Some(lower) => random.map(|word| word & lower | (word & lower) << (1 << round)),
        None => {
            let apart = 1 << (round - LOWER.len());
            std::array::from_fn(|word| random[word & !apart])
        }
    }
}

/// One round of the shuffle, at a distance of two to the power of `round`.
fn swap(columns: &mut Columns, round: usize, swaps: &Columns) {
    let before = *columns;
    for (word, column) in columns.iter_mut().enumerate() {
        let partners = match LOWER.get(round) {
            Some(lower) => *column >> (1 << round) & lower | (*column & lower) << (1 << round),
            None => before[word ^ 1 << (round - LOWER.len())],
        };
        *column ^= (*column ^ partners) & swaps[word];
    }
}

/// Reads columns from bytes: bit `i` is bit `i % 8` of byte `i / 8`.
#[inline(always)]
pub fn read(bytes: &[u8; COLUMNS / 8]) -> Columns {
    let mut columns = Columns::default();
    for (column, bytes) in columns.iter_mut().zip(bytes.as_chunks().0) {
        *column = u64::from_le_bytes(*bytes);
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    type Flip = fn(&[[u8; COLUMNS]], &mut [Columns]);

    /// The place that each column is dealt: every place's number spelt out in single elements.
    fn places(deal: &Deal) -> Vec<usize> {
        let mut dealt = vec![0; COLUMNS];
        for bit in 0..PLACES.ilog2() {
            let mut won = PlaceSet::default();
            (0..PLACES)
                .filter(|place| place >> bit & 1 == 1)
                .for_each(|place| won[place / 64] |= 1 << (place % 64));
            let mut columns = [Columns::default()];
            deal.signatures(&[1], &[won], &[[0xff; COLUMNS / 8]], &mut columns);
            let [columns] = columns;
            for (column, place) in dealt.iter_mut().enumerate() {
                *place |= ((columns[column / 64] >> (column % 64) & 1) as usize) << bit;
            }
        }
        dealt
    }

    /// Sets of up to a few elements, more of them than a kernel takes at once.
    fn sets() -> impl Strategy<Value = (Vec<usize>, Vec<PlaceSet>, Vec<[u8; 32]>)> {
        let set = proptest::collection::vec(any::<(PlaceSet, [u8; 32])>(), 0..6);
        proptest::collection::vec(set, 0..40).prop_map(|sets| {
            let grow = |end: &mut usize, set: &Vec<_>| {
                Some({
                    *end += set.len();
                    *end
                })
            };
            let ends = sets.iter().scan(0, grow).collect();
            let (won, strings) = sets.into_iter().flatten().unzip();
            (ends, won, strings)
        })
    }

    proptest! {
        #[test]
        fn every_kernel_gives_the_portable_columns(
            (own, swaps) in any::<(Columns, [Columns; ROUNDS])>(),
            (ends, won, strings) in sets(),
        ) {
            let deal = Deal::new(own, &swaps);
            let mut portable = vec![Columns::default(); ends.len()];
            deal.signatures_portable(&ends, &won, &strings, &mut portable);
            let mut columns = vec![[1; 4]; ends.len()];
            deal.signatures(&ends, &won, &strings, &mut columns);
            prop_assert_eq!(columns, portable);
        }

        #[test]
        #[cfg(target_arch = "x86_64")]
        fn avx2_gives_the_portable_columns(
            (own, swaps) in any::<(Columns, [Columns; ROUNDS])>(),
            (ends, won, strings) in sets(),
        ) {
            if std::arch::is_x86_feature_detected!("avx2") {
                let deal = Deal::new(own, &swaps);
                let mut portable = vec![Columns::default(); ends.len()];
                deal.signatures_portable(&ends, &won, &strings, &mut portable);
                let mut columns = vec![[1; 4]; ends.len()];
                // SAFETY: the processor has AVX2, as was just asked.
                unsafe { x86::signatures_avx2(&deal, &ends, &won, &strings, &mut columns) };
                prop_assert_eq!(columns, portable);
            }
        }

        #[test]
        fn every_kernel_flips_the_columns_that_are_marked(
            marked in proptest::collection::vec(any::<([u64; 32], Columns)>(), 0..20),
        ) {
            let (marks, columns): (Vec<_>, Vec<_>) = marked.into_iter().unzip();
            let marks: Vec<[u8; COLUMNS]> =
                (marks.iter().map(|marks| marks.map(u64::to_le_bytes).as_flattened().try_into().unwrap())).collect();
            let mut flipped = columns.clone();
            for (columns, marks) in flipped.iter_mut().zip(&marks) {
                for column in (0..COLUMNS).filter(|column| marks[*column] >= 0x80) {
                    columns[column / 64] ^= 1 << (column % 64);
                }
            }
            let mut kernels: Vec<Flip> = vec![flip, flip_portable];
            #[cfg(target_arch = "x86_64")]
            if std::arch::is_x86_feature_detected!("avx2") {
                // SAFETY: the processor has AVX2, as was just asked.
                kernels.push(|marks, columns| unsafe { x86::flip_avx2(marks, columns) });
            }
            for kernel in kernels {
                let mut columns = columns.clone();
                kernel(&marks, &mut columns);
                prop_assert_eq!(&columns, &flipped);
            }
        }

        #[test]
        fn every_column_is_dealt_a_place_of_its_own((own, swaps) in any::<(Columns, [Columns; ROUNDS])>()) {
            let deal = Deal::new(own, &swaps);
            let dealt = places(&deal);
            let halves: BTreeSet<usize> = dealt.iter().map(|place| place % COLUMNS).collect();
            prop_assert_eq!(halves.len(), COLUMNS);
        }
    }

    #[test]
    fn without_swaps_columns_stay_where_they_start() {
        let start = |own| places(&Deal::new([own; 4], &[Columns::default(); ROUNDS]));
        assert!(start(u64::MAX).into_iter().eq(0..COLUMNS));
        assert!(start(0).into_iter().eq(COLUMNS..PLACES));
    }
}
