//! Which blocks hold more than one row, told before any row is indexed: most blocks of a fine pass
//! hold one, and need not be sorted or kept.
//!
//! A Bloom filter of set membership (Bloom, 1970). It may take a lone row for crowded, which costs a
//! place in the index, never the other way round. Its seed is fixed: it never leaves this process,
//! and the outcome does not depend on it.

use bloomfilter::Bloom;
use model::layout::Row;

/// Lone rows taken for crowded, as a share.
const FALSE_POSITIVES: f64 = 0.01;

/// The blocks that were met at least twice.
pub(super) struct Crowded(Option<Bloom<[u8; 17]>>);

impl Crowded {
    /// Looks at the blocks of `rows`, of which there are `count`.
    pub(super) fn of<'a>(rows: impl Iterator<Item = Row<'a>>, count: usize) -> Self {
        let filter = |seed| {
            Bloom::new_for_fp_rate_with_seed(count.max(1), FALSE_POSITIVES, &[seed; 32]).ok()
        };
        // Without filters, for want of memory say, every block counts as crowded.
        let (Some(mut once), Some(mut twice)) = (filter(1), filter(2)) else {
            return Self(None);
        };
        for row in rows {
            let block = block_of(row);
            if once.check_and_set(&block) {
                twice.set(&block);
            }
        }
        Self(Some(twice))
    }

    /// Whether the row's block may hold another row.
    pub(super) fn holds(&self, row: Row<'_>) -> bool {
        self.0
            .as_ref()
            .is_none_or(|twice| twice.check(&block_of(row)))
    }
}

fn block_of(row: Row<'_>) -> [u8; 17] {
    let mut block = [0; 17];
    block[0] = row.pass().0;
    block[1..].copy_from_slice(row.token().as_bytes());
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::layout::{ROW_HEADER, write_header};
    use model::{BlockToken, PassHandle, PassIndex};

    fn row(pass: u8, block: u32) -> Vec<u8> {
        let mut token = [0; 16];
        token[..4].copy_from_slice(&block.to_le_bytes());
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
        assert!(lone.len() < 100, "{}", lone.len());
    }
}
