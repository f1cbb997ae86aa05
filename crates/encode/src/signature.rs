//! Hardening: the tokens of a part become a signature of fixed length and weight near one half, whatever the length of
//! the value.
//!
//! Once a record, [`bits::winners`] finds for each of 512 places the one token of the part that has the smallest rank
//! there. In a block every column of the signature takes one of these places and tells one random bit of
//! the token that won it: a bit of the string that token and block determine. Two signatures agree in a
//! column with probability `(1 + J) / 2`, where `J` is the Jaccard similarity of the token sets (b-bit
//! minwise hashing with b = 1, Li and König, WWW 2010).
//!
//! Which place a column takes is the block's secret: else two records that differ in one block would
//! differ in the same columns of the next. `docs/decisions/0013-signatures-from-a-pool.md` has the reasons.

use bits::PlaceSet;
use bits::columns::{COLUMNS, Columns, Deal, ROUNDS, read};
use secret::cipher::{BLOCK_BYTES, Block};
use zeroize::Zeroize;

/// Blocks of random bytes that one bit a column takes.
pub(crate) const COLUMN_BLOCKS: usize = COLUMNS / 8 / BLOCK_BYTES;

/// Blocks of random bytes that a deal takes.
pub(crate) const DEAL_BLOCKS: usize = COLUMN_BLOCKS * (1 + ROUNDS);

/// A block's deal and the random strings of one record's tokens. The deal is wiped on drop.
pub(crate) struct Strings<'a> {
    deal: Deal,
    strings: &'a [[u8; COLUMNS / 8]],
}

impl<'a> Strings<'a> {
    /// Reads a deal from the first [`DEAL_BLOCKS`] of `random`; the strings follow.
    pub(crate) fn read(random: &'a [Block]) -> Self {
        let (deal, strings) = random.split_at(DEAL_BLOCKS);
        let mut deal = deal.as_flattened().as_chunks().0.iter().map(read);
        let mut next = || deal.next().unwrap_or_default();
        let (own, swaps) = (next(), std::array::from_fn(|_| next()));
        Self {
            deal: Deal::new(own, &swaps),
            strings: strings.as_flattened().as_chunks().0,
        }
    }

    /// Writes the signature of each part into `out`, by where the tokens of each part end and the places they won.
    pub(crate) fn signatures(&self, ends: &[usize], won: &[PlaceSet], out: &mut [Columns]) {
        self.deal.signatures(ends, won, self.strings, out);
    }
}

impl Drop for Strings<'_> {
    fn drop(&mut self) {
        self.deal.wipe(Columns::zeroize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bits::{hamming, popcount, winners};
    use proptest::prelude::*;
    use secret::{Cipher, Key32};

    /// A random block of the test's own.
    fn random(of: u8, number: u32) -> Block {
        let cipher = Cipher::new(&Key32::from_bytes(&mut [of; 32]));
        cipher.image(
            &Block::default(),
            &[number.to_le_bytes(); 4].concat().try_into().unwrap(),
        )
    }

    /// The signature of a set of tokens in a block, without flips.
    fn signature(tokens: impl Iterator<Item = u32>, block: u32) -> [u8; COLUMNS / 8] {
        let tokens: Vec<u32> = tokens.collect();
        let element = |token: &u32| random(1, *token)[0..4].try_into().map(u32::from_le_bytes);
        let elements: Vec<u32> = tokens.iter().map(|token| element(token).unwrap()).collect();
        let mut won = vec![PlaceSet::default(); tokens.len()];
        winners(&elements, &mut won);
        let own = |number| random(2, block.wrapping_mul(1 << 16) ^ number);
        let deal = (0..DEAL_BLOCKS as u32).map(own);
        let strings = tokens
            .iter()
            .flat_map(|token| [1 << 14, 1 << 15].map(|half| own(half | token)));
        let random: Vec<Block> = deal.chain(strings).collect();
        let mut columns = [Columns::default()];
        Strings::read(&random).signatures(&[tokens.len()], &won, &mut columns);
        columns[0]
            .map(u64::to_le_bytes)
            .as_flattened()
            .try_into()
            .unwrap()
    }

    proptest! {
        #[test]
        fn agreement_estimates_jaccard(shared in 0u32..30, own in 1u32..20, block: u32) {
            let blocks = (0..8).map(|more| block.wrapping_add(more));
            let differing = blocks.map(|block| hamming(
                &signature(0..shared + own, block),
                &signature((0..shared).chain(500..500 + own), block),
            ));
            let agreement = 1.0 - f64::from(differing.sum::<u32>()) / (8 * COLUMNS) as f64;
            let jaccard = f64::from(shared) / f64::from(shared + 2 * own);
            // Five standard deviations: of a share of 2,048 bits, and of one of 512 places.
            prop_assert!((2.0 * agreement - 1.0 - jaccard).abs() < 0.16);
        }

        #[test]
        fn weight_says_nothing_about_length(len in 1u32..60, block: u32) {
            let weight = popcount(&signature(0..len, block));
            // Five standard deviations about the half.
            prop_assert!((88..=168).contains(&weight), "{}", weight);
        }
    }

    #[test]
    fn two_sets_differ_in_other_columns_in_every_block() {
        const BLOCKS: u32 = 400;
        let differing = |block| {
            let (left, right) = (signature(0..20, block), signature(10..30, block));
            std::array::from_fn::<u8, 32, _>(|at| left[at] ^ right[at])
        };
        let patterns: Vec<_> = (0..BLOCKS).map(differing).collect();
        let (mut agreement, mut pairs) = (0.0, 0.0);
        for pair in patterns.windows(2) {
            agreement += 128.0 - f64::from(hamming(&pair[0], &pair[1]));
            let share = |pattern| f64::from(popcount(pattern)) / 256.0;
            let (left, right) = (share(&pair[0]), share(&pair[1]));
            // What agreement two patterns of these weights have by chance.
            agreement -= 256.0 * (left * right + (1.0 - left) * (1.0 - right)) - 128.0;
            pairs += 1.0;
        }
        // With places kept from block to block it would be 14 bits; five standard deviations of the
        // mean of 399 pairs of patterns are 2.
        assert!((agreement / pairs).abs() < 2.0, "{}", agreement / pairs);
    }
}
