//! The newest rows of a standing index, in memory.

use std::collections::HashMap;
use std::io;

use model::BlockToken;
use model::layout::Row;

use crate::comparison::RowId;

/// Rows by their blocks.
#[derive(Default)]
pub(super) struct Recent {
    /// By token: numbers and rows, one after the other.
    blocks: HashMap<BlockToken, Vec<u8>>,
    /// Bytes of a row with its number.
    stride: usize,
    rows: u64,
}

impl Recent {
    /// Takes a row in.
    pub(super) fn push(&mut self, id: RowId, row: &[u8]) {
        let block = self.blocks.entry(Row::new(row).token()).or_default();
        self.stride = RowId::BYTES + row.len();
        block.reserve_exact(self.stride);
        block.extend_from_slice(&id.to_bytes());
        block.extend_from_slice(row);
        self.rows += 1;
    }

    /// Bytes of all rows.
    pub(super) fn bytes(&self) -> usize {
        self.rows as usize * self.stride
    }

    /// How many there are.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Appends the rows of a block with their numbers.
    pub(super) fn read_block(&self, token: BlockToken, out: &mut Vec<u8>) {
        if let Some(block) = self.blocks.get(&token) {
            out.extend_from_slice(block);
        }
    }

    /// Hands all rows with their numbers to `take`, the blocks in any order.
    pub(super) fn for_each(&self, take: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let mut blocks = self.blocks.values();
        // Where there is a block there is a row, so the stride is known.
        blocks.try_for_each(|block| block.chunks_exact(self.stride).try_for_each(&mut *take))
    }
}
