//! How large a block may be before it is skipped.
//!
//! Blocks grow with the registries, and pairs with the square of blocks: in a country of a million the
//! coarse passes of a small one would cost nearly all the time and find nearly nothing that finer passes
//! do not. So a run has a budget of pairs, and the largest blocks go until it is kept (block purging;
//! Papadakis, Ioannou, Niederée, Palpanas and Nejdl, 2011). The sizes of blocks are taken from those
//! whose token begins with one of a few bytes: tokens are random, so they are a fair sample, and the same
//! one however the rows are set aside.

use model::layout::Row;
use model::{BlockToken, PassIndex};

use super::MAX_BLOCK_ROWS;
use super::blocks::{Input, pairs_among};

/// Tokens that begin with a byte below this are looked at, one in sixteen.
const LOOKED_AT: u8 = 16;
/// Of so many tokens one is looked at.
const SAMPLED: u64 = 256 / LOOKED_AT as u64;
/// Pairs that any run may have.
const FREE_PAIRS: u64 = 50_000_000;
/// Pairs that a larger run may have for each of its rows. A record has some two dozen rows.
const PAIRS_A_ROW: u64 = 4;

/// The rows of a fair sample of blocks.
#[derive(Default)]
pub(super) struct BlockSizes {
    /// Pass and token of the block, and the batch of the row.
    rows: Vec<(PassIndex, BlockToken, u16)>,
}

impl BlockSizes {
    /// Whether the row is of a block that is looked at.
    pub(super) fn looks_at(row: Row<'_>) -> bool {
        row.token().as_bytes()[0] < LOOKED_AT
    }

    /// Looks at a row of batch `batch`.
    pub(super) fn see(&mut self, row: Row<'_>, batch: u16) {
        self.rows.push((row.pass(), row.token(), batch));
    }

    /// The most rows of a block that is compared, when there are so many rows in all.
    pub(super) fn limit(mut self, inputs: &[Input], rows: u64) -> usize {
        self.rows.sort_unstable();
        let mut pairs_by_size = vec![0; MAX_BLOCK_ROWS + 1];
        for block in self.rows.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            if let Some(pairs) = pairs_by_size.get_mut(block.len()) {
                *pairs += pairs_among(block.iter().map(|row| inputs[usize::from(row.2)]));
            }
        }
        let budget = FREE_PAIRS.max(rows.saturating_mul(PAIRS_A_ROW));
        let mut sum = 0u64;
        let within = |pairs: &&u64| {
            sum += **pairs * SAMPLED;
            sum <= budget
        };
        pairs_by_size.iter().take_while(within).count().max(3) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::super::RowBatch;
    use super::super::tests::{row, schema};
    use super::*;
    use model::{Layout, PartyIndex};

    /// The limit for `blocks` of so many rows each, as far as they are looked at, among `rows` in all.
    fn limit(blocks: &[usize], rows: u64) -> usize {
        let (schema, mut sizes) = (schema(), BlockSizes::default());
        let layout = Layout::of(&schema);
        let inputs = [0, 1].map(|party| Input::of(&schema, &RowBatch::new(PartyIndex(party))));
        for (block, size) in blocks.iter().enumerate() {
            for place in 0..*size {
                let bytes = row(&layout, 0, block as u8, place as u16, 0);
                if BlockSizes::looks_at(Row::new(&bytes)) {
                    sizes.see(Row::new(&bytes), (place % 2) as u16);
                }
            }
        }
        sizes.limit(&inputs, rows)
    }

    #[test]
    fn small_runs_compare_every_block_up_to_the_limit() {
        assert_eq!(limit(&[2, 30, 500], 532), MAX_BLOCK_ROWS);
        assert_eq!(limit(&[], 0), MAX_BLOCK_ROWS);
    }

    #[test]
    fn the_largest_blocks_go_until_the_budget_is_kept() {
        // Sixteen times as many blocks are there as are looked at: too many pairs together for the
        // pairs that are free, few enough without the largest.
        let blocks = [1500, 1600, 1700, 1800, 1900, 2000];
        let limit_of_few = limit(&blocks, 1000);
        assert!((1600..2000).contains(&limit_of_few), "{limit_of_few}");
        assert_eq!(limit(&blocks, 100_000_000), MAX_BLOCK_ROWS);
    }

    #[test]
    fn pairs_of_two_are_always_compared() {
        let blocks = vec![2048; 15];
        assert!(limit(&blocks, 1) >= 2);
    }
}
