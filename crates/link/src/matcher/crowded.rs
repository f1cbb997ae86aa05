//! Which blocks hold more than one row, told before any row is indexed: most blocks of a fine pass
//! hold one, and need not be sorted or kept.
//!
//! Two sets of bits, for blocks met once and for blocks met twice, in which a block's own token says where its bit
//! is: tokens are random (a Bloom filter of one hash; Bloom, 1970). It may take a lone row for crowded, which costs a
//! place in the index, never the other way round; tokens that are not random cost no more.

use model::layout::Row;

/// Bits for each row: one lone row in so many, about, is taken for crowded.
const BITS_A_ROW: usize = 32;

/// The blocks that were met at least twice.
pub(super) struct Crowded {
    twice: Vec<u64>,
}

impl Crowded {
    /// Looks at the blocks of `rows`, of which there are `count`.
    pub(super) fn of<'a>(rows: impl Iterator<Item = Row<'a>>, count: usize) -> Self {
        let words = (count * BITS_A_ROW / 64).next_power_of_two();
        let (mut once, mut twice) = (vec![0u64; words], vec![0u64; words]);
        for row in rows {
            let (word, bit) = place_of(row, words);
            twice[word] |= once[word] & bit;
            once[word] |= bit;
        }
        Self { twice }
    }

    /// Whether the row's block may hold another row.
    pub(super) fn holds(&self, row: Row<'_>) -> bool {
        let (word, bit) = place_of(row, self.twice.len());
        self.twice[word] & bit != 0
    }
}

/// The bit of a row's block among so many words, a power of two.
fn place_of(row: Row<'_>, words: usize) -> (usize, u64) {
    let token = u128::from_le_bytes(*row.token().as_bytes());
    // The upper half: the first bytes decide which partition the row is in.
    let place = ((token >> 64) as u64).rotate_left(u32::from(row.pass().0));
    ((place >> 6) as usize & (words - 1), 1 << (place & 63))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::layout::{ROW_HEADER, write_header};
    use model::{BlockToken, Digest, PassHandle, PassIndex};

    fn row(pass: u8, block: u32) -> Vec<u8> {
        let token = Digest::of(&block.to_le_bytes()).as_bytes()[..16]
            .try_into()
            .unwrap();
        let mut row = vec![0; ROW_HEADER];
        write_header(
            &mut row,
            PassIndex(pass),
            PassHandle::new([0; 16]),
            BlockToken::new(token),
            0,
        );
        row
    }

    #[test]
    fn every_crowded_block_is_found_and_few_lone_ones() {
        let lone = (0..2000).map(|block| row(0, block));
        let shared = (0..500).flat_map(|block| [row(1, block), row(1, block)]);
        let rows: Vec<Vec<u8>> = lone.chain(shared).collect();
        let crowded = Crowded::of(rows.iter().map(|row| Row::new(row)), rows.len());
        let held = rows
            .iter()
            .map(|row| Row::new(row))
            .filter(|row| crowded.holds(*row));
        let (shared, lone): (Vec<_>, Vec<_>) = held.partition(|row| row.pass().0 == 1);
        assert_eq!(shared.len(), 1000);
        assert!(lone.len() < 120, "{}", lone.len());
    }
}
