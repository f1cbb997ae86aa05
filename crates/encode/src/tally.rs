//! Which blocks more than one record is in, before any row is made: a row that is alone in its block meets nobody.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use secret::cipher::Block;

/// Places in one word, of two bits each.
const PLACES: u64 = u64::BITS as u64 / 2;

/// A table of blocks by their tokens: at each of many places, whether a block was seen once, and whether again. Blocks share
/// places, so one that is alone may look as if it were not; never the other way round.
pub struct BlockTally(Box<[AtomicU64]>);

impl BlockTally {
    /// Nothing seen yet, in so many bytes.
    pub fn new(bytes: usize) -> Self {
        let words = (bytes / size_of::<u64>()).max(1);
        Self((0..words).map(|_| AtomicU64::new(0)).collect())
    }

    /// Counts a record for the block of `token`.
    pub(crate) fn see(&self, token: &Block) {
        let (word, once) = self.place(token);
        if word.fetch_or(once, Relaxed) & once != 0 {
            word.fetch_or(once << 1, Relaxed);
        }
    }

    /// Whether more than one record may be in the block of `token`.
    pub(crate) fn is_shared(&self, token: &Block) -> bool {
        let (word, once) = self.place(token);
        word.load(Relaxed) & once << 1 != 0
    }

    /// The word where `token` stands, and its first bit there. Tokens are random, so places are taken alike.
    fn place(&self, token: &Block) -> (&AtomicU64, u64) {
        let random = u128::from_le_bytes(*token) >> 64;
        let place = (random * (self.0.len() as u128 * u128::from(PLACES))) >> 64;
        let place = place as u64;
        (
            &self.0[(place / PLACES) as usize],
            1 << (place % PLACES * 2),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secret::{Cipher, Key32};

    fn token(number: u64) -> Block {
        let mut block = Block::default();
        block[..8].copy_from_slice(&number.to_le_bytes());
        Cipher::new(&Key32::from_bytes(&mut [1; 32])).image(&Block::default(), &block)
    }

    #[test]
    fn a_block_seen_twice_is_shared_and_most_of_those_seen_once_are_not() {
        const BLOCKS: u64 = 1000;
        let tally = BlockTally::new(10_000);
        for number in 0..BLOCKS {
            tally.see(&token(number));
        }
        let shared = |numbers: std::ops::Range<u64>| {
            numbers
                .filter(|number| tally.is_shared(&token(*number)))
                .count()
        };
        // About one in 40 places is taken.
        assert!(
            (5..50).contains(&shared(0..BLOCKS)),
            "{}",
            shared(0..BLOCKS)
        );
        for number in 0..BLOCKS / 2 {
            tally.see(&token(number));
        }
        assert_eq!(shared(0..BLOCKS / 2), 500);
    }

    #[test]
    fn the_smallest_table_takes_every_block() {
        let tally = BlockTally::new(0);
        (0..1000).for_each(|number| tally.see(&token(number)));
        assert!((0..1000).all(|number| tally.is_shared(&token(number))));
    }
}
