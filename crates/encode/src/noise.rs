//! Deterministic noise: which bits of a row are flipped, from the node's own key.
//!
//! The same record in the same block and epoch always gets the same flips: fresh noise each time
//! would average out over repeated uploads. Gaps between flips are geometric, looked up in a table of
//! integers, so that no two machines can round differently.

use bits::columns::COLUMNS;
use secret::Cipher;
use secret::cipher::{BLOCK_BYTES, Block};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The binary logarithm of the number of equally likely draws.
const DRAW_BITS: u32 = 12;
/// Draws that one block of random bytes gives.
const DRAWS: usize = BLOCK_BYTES / 2;
/// The gap that stands for no flip at all: so many bits stay, then the next draw decides.
const NONE: u16 = 64;
/// The bit of a step that says a flip is at its end. The upper byte of a step is the column's mark.
const FLIP: u16 = 0x8000;
/// Blocks whose draws are taken without asking whether the last column is passed: nearly always as many as a signature needs.
const BLIND: usize = 3;
/// What marks are written into: a byte a column, and those that steps behind the last may fall on.
pub(crate) const MARKS: usize = (COLUMNS + BLIND * DRAWS * NONE as usize).next_power_of_two();

/// The distribution of the gap to the next flip.
pub(crate) struct FlipTable {
    /// The step that a draw stands for: how far on the next flip lies, with [`FLIP`], or how far none does.
    steps: Box<[u16; 1 << DRAW_BITS]>,
    permille: usize,
}

impl FlipTable {
    /// The table for flips with this probability in permille.
    pub(crate) fn new(flip_permille: u16) -> Self {
        let keep = 1000 - u64::from(flip_permille.clamp(1, 999));
        // The probability of a longer gap, in units of 2^-32.
        let shrink = |tail: &u64| Some(tail * keep / 1000);
        let tails = std::iter::successors(shrink(&(1 << 32)), shrink).take(NONE.into());
        let mut gaps = Box::new([0; 1 << DRAW_BITS]);
        for tail in tails {
            let draws = (tail + (1 << (31 - DRAW_BITS))) >> (32 - DRAW_BITS);
            gaps[..draws as usize].iter_mut().for_each(|gap| *gap += 1);
        }
        let flips = gaps.iter_mut().filter(|gap| **gap != NONE);
        flips.for_each(|gap| *gap = FLIP | (*gap + 1));
        Self {
            steps: gaps,
            permille: flip_permille.into(),
        }
    }

    /// The blocks of random bytes that the flips of so many bits nearly always need: half as many draws again as there
    /// are flips, and four.
    pub(crate) fn blocks(&self, bits: usize) -> usize {
        (bits * self.permille * 3 / 2000 + 4).div_ceil(DRAWS)
    }

    /// Marks the flips among the first `bits` columns, drawn from the blocks of `ready` and then from those that `more` has
    /// for the numbers that follow. Behind these columns anything may be marked.
    fn mark(
        &self,
        marks: &mut [u8; MARKS],
        bits: usize,
        ready: &[Block],
        mut more: impl FnMut(u8) -> Block,
    ) {
        debug_assert!(bits <= COLUMNS);
        marks[..COLUMNS].fill(0);
        // The column of the flip before, from the one before the first.
        let mut at = usize::MAX;
        let passed = |at: usize| at.wrapping_add(1) >= bits;
        for blind in ready.chunks(BLIND) {
            for random in blind {
                at = self.mark_some(marks, at, random);
            }
            if passed(at) {
                return;
            }
        }
        // Every draw takes at least one bit, so numbers do not run out.
        for number in ready.len().. {
            at = self.mark_some(marks, at, &more(number as u8));
            if passed(at) {
                return;
            }
        }
    }

    /// Marks the flips of all draws of a block, and tells the column of the last. What is asked of processors that guess
    /// which way a branch goes is dear here, where draws decide: there is none.
    #[inline(always)]
    fn mark_some(&self, marks: &mut [u8; MARKS], mut at: usize, random: &Block) -> usize {
        for draw in random.as_chunks().0 {
            let draw = u16::from_le_bytes(*draw) >> (16 - DRAW_BITS);
            let step = self.steps[usize::from(draw)];
            at = at.wrapping_add(usize::from(step));
            // Columns only ever rise, so that no mark is written over.
            marks[at % MARKS] = (step >> 8) as u8;
        }
        // What steps say beside their length has gone into the upper bits.
        at % MARKS
    }
}

/// The value of a part, in the form that its noise derives from. Another value has other flips: with the same
/// ones, the difference of two uploads would be free of noise.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct NoiseSource(Block);

impl NoiseSource {
    /// The source of the part of this number, whose tokens have this sum.
    pub(crate) fn new(part: usize, sum: u128) -> Self {
        let mut block = sum.to_le_bytes();
        block[BLOCK_BYTES - 2] = part as u8;
        Self(block)
    }

    /// The block of this number, for the node's noise cipher.
    pub(crate) fn block(&self, number: u8) -> Block {
        let last = 8 * (BLOCK_BYTES - 1);
        let others = u128::from_le_bytes(self.0) & !(0xff << last);
        (others | u128::from(number) << last).to_le_bytes()
    }

    /// Marks the flips of `bits` columns, as [`bits::columns::flip`] reads marks. `ready` holds the first images of the
    /// source's blocks under this mask.
    pub(crate) fn mark(
        &self,
        table: &FlipTable,
        bits: usize,
        ready: &[Block],
        (cipher, mask): (&Cipher, &Block),
        marks: &mut [u8; MARKS],
    ) {
        table.mark(marks, bits, ready, |number| {
            cipher.image(mask, &self.block(number))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bits::columns::{Columns, flip};
    use bits::popcount;
    use secret::Key32;

    fn cipher(key: u8) -> Cipher {
        Cipher::new(&Key32::from_bytes(&mut [key; 32]))
    }

    fn mask(number: u64) -> Block {
        std::array::from_fn(|at| number.to_le_bytes()[at % 8])
    }

    fn flips(permille: u16, bits: usize, key: u8, row: u64, source: &NoiseSource) -> Columns {
        let table = FlipTable::new(permille);
        let (cipher, mask) = (cipher(key), mask(row));
        flips_of(bits, |marks| {
            source.mark(&table, bits, &[], (&cipher, &mask), marks)
        })
    }

    /// The first `bits` columns of what is marked.
    fn flips_of(bits: usize, mark: impl Fn(&mut [u8; MARKS])) -> Columns {
        // What was there before is of no matter.
        let mut marks = [0xff; MARKS];
        mark(&mut marks);
        marks[bits..COLUMNS].fill(0);
        let mut flips = [Columns::default()];
        flip(marks.as_chunks().0, &mut flips);
        flips[0]
    }

    fn count(flips: Columns) -> u32 {
        flips.iter().map(|word| popcount(&word.to_le_bytes())).sum()
    }

    #[test]
    fn the_share_of_flips_is_as_asked() {
        const ROWS: u64 = 2000;
        for permille in [50, 100] {
            let source = NoiseSource::new(0, 7);
            let flips = (0..ROWS).map(|row| count(flips(permille, COLUMNS, 1, row, &source)));
            let share = f64::from(flips.sum::<u32>()) / (ROWS as usize * COLUMNS) as f64;
            assert!(
                (share - f64::from(permille) / 1000.0).abs() < 0.002,
                "{share}"
            );
        }
    }

    #[test]
    fn every_column_is_flipped_as_often() {
        const ROWS: u64 = 4000;
        let source = NoiseSource::new(0, 7);
        let mut counts = [0u32; COLUMNS];
        for row in 0..ROWS {
            let flips = flips(50, COLUMNS, 1, row, &source);
            for (column, count) in counts.iter_mut().enumerate() {
                *count += (flips[column / 64] >> (column % 64) & 1) as u32;
            }
        }
        // Five standard deviations about the mean of 200.
        assert!(
            counts.iter().all(|count| (131..=269).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn flips_follow_key_row_part_and_value() {
        let base = flips(50, COLUMNS, 1, 1, &NoiseSource::new(0, 7));
        assert_eq!(flips(50, COLUMNS, 1, 1, &NoiseSource::new(0, 7)), base);
        for other in [
            flips(50, COLUMNS, 2, 1, &NoiseSource::new(0, 7)),
            flips(50, COLUMNS, 1, 2, &NoiseSource::new(0, 7)),
            flips(50, COLUMNS, 1, 1, &NoiseSource::new(1, 7)),
            flips(50, COLUMNS, 1, 1, &NoiseSource::new(0, 8)),
        ] {
            assert_ne!(other, base);
        }
    }

    #[test]
    fn a_short_part_has_the_first_flips_of_a_long_one() {
        let source = NoiseSource::new(3, 9);
        let long = flips(100, COLUMNS, 1, 1, &source);
        let short = flips(100, 64, 1, 1, &source);
        assert_eq!(short, [long[0], 0, 0, 0]);
    }

    #[test]
    fn blocks_made_ready_change_nothing() {
        let (table, cipher, source) = (FlipTable::new(50), cipher(1), NoiseSource::new(0, 7));
        let asked: Vec<Block> = (0..table.blocks(COLUMNS) as u8)
            .map(|n| source.block(n))
            .collect();
        let mut ready = vec![Block::default(); asked.len()];
        cipher.images(&mask(1), &asked, &mut ready);
        let flips = |ready: &[Block]| {
            flips_of(COLUMNS, |marks| {
                source.mark(&table, COLUMNS, ready, (&cipher, &mask(1)), marks)
            })
        };
        for ready in (0..=ready.len()).map(|len| &ready[..len]) {
            assert_eq!(flips(ready), flips(&[]));
        }
    }

    #[test]
    fn gaps_are_those_of_draws_taken_one_at_a_time() {
        let (cipher, source) = (cipher(1), NoiseSource::new(0, 7));
        for (permille, bits) in [(50, COLUMNS), (100, 64), (1, COLUMNS), (999, COLUMNS)] {
            let table = FlipTable::new(permille);
            for row in 0..200 {
                let draws = (0..=u8::MAX).flat_map(|number| {
                    let image = cipher.image(&mask(row), &source.block(number));
                    let draw = |bytes: &[u8; 2]| u16::from_le_bytes(*bytes) >> 4;
                    image.as_chunks().0.iter().map(draw).collect::<Vec<_>>()
                });
                let (mut expected, mut next) = (Columns::default(), 0);
                for draw in draws {
                    let step = table.steps[usize::from(draw)];
                    next += usize::from(step % FLIP);
                    match step >= FLIP {
                        _ if next > bits => break,
                        true => expected[(next - 1) / 64] |= 1 << ((next - 1) % 64),
                        false => {}
                    }
                }
                assert_eq!(flips(permille, bits, 1, row, &source), expected);
            }
        }
    }
}
