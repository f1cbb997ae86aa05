//! Whole-record encodings of one party, laid out for searching.

use bits::{PANEL_ROWS, Panels};
use rayon::prelude::*;

/// The shortest and the longest encoding, in bits; a length is a multiple of the shortest.
pub const CLK_BITS: std::ops::RangeInclusive<usize> = 64..=8192;
/// The most encodings in a set.
pub const MAX_CLKS: usize = 1 << 28;
/// Rows of a shard: at 1024 bits its panels fill the second-level cache of a core.
pub(super) const SHARD_ROWS: usize = 8192;
/// Panels of a tile: the first words of so many stay in the first-level cache.
pub(super) const TILE_PANELS: usize = 32;

/// Why bytes are no set of encodings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClkSetError {
    /// A length that no encoding may have.
    #[error("encodings have {0} bits; they need a multiple of 64 bits, up to 8192")]
    Length(usize),
    /// The bytes do not divide into encodings.
    #[error("{bytes} bytes are not whole encodings of {row} bytes; send the set again")]
    Torn {
        /// Bytes given.
        bytes: usize,
        /// Bytes of an encoding.
        row: usize,
    },
    /// More encodings than a set may have.
    #[error("there are {0} encodings; a set may have {MAX_CLKS}, divide it by block")]
    TooMany(usize),
}

/// A set of whole-record encodings (CLKs) of one length. Takes twice the memory of the encodings.
pub struct ClkSet {
    pub(super) words: usize,
    /// Row after row, as given.
    pub(super) rows: Vec<u64>,
    /// Set bits of each row.
    pub(super) weights: Vec<u16>,
    pub(super) shards: Vec<Shard>,
}

/// Consecutive rows, sorted by the number of set bits.
pub(super) struct Shard {
    /// Which row of the set lies at which place.
    pub(super) order: Vec<u32>,
    pub(super) panels: Panels,
    /// The least and the most set bits in each tile.
    pub(super) tiles: Vec<(u16, u16)>,
}

impl ClkSet {
    /// The encodings of `bits` bits each that lie one after the other in `bytes`.
    ///
    /// # Errors
    /// [`ClkSetError`] when the bytes are no such encodings.
    pub fn new(bits: usize, bytes: &[u8]) -> Result<Self, ClkSetError> {
        if !CLK_BITS.contains(&bits) || !bits.is_multiple_of(64) {
            return Err(ClkSetError::Length(bits));
        }
        let (chunks, rest) = bytes.as_chunks::<8>();
        let (words, row) = (bits / 64, bits / 8);
        if !rest.is_empty() || !chunks.len().is_multiple_of(words) {
            return Err(ClkSetError::Torn {
                bytes: bytes.len(),
                row,
            });
        }
        if chunks.len() / words > MAX_CLKS {
            return Err(ClkSetError::TooMany(chunks.len() / words));
        }
        let rows: Vec<u64> = chunks
            .iter()
            .map(|word| u64::from_le_bytes(*word))
            .collect();
        Ok(Self::of_rows(words, rows))
    }

    fn of_rows(words: usize, rows: Vec<u64>) -> Self {
        let weight = |row: &[u64]| row.iter().map(|word| word.count_ones() as u16).sum();
        let weights: Vec<u16> = rows.par_chunks(words).map(weight).collect();
        let starts: Vec<usize> = (0..weights.len()).step_by(SHARD_ROWS).collect();
        let shards = starts
            .into_par_iter()
            .map(|start| Shard::new(start, words, &rows, &weights))
            .collect();
        Self {
            words,
            rows,
            weights,
            shards,
        }
    }

    /// Encodings in the set.
    pub fn len(&self) -> usize {
        self.weights.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.weights.is_empty()
    }

    /// Bits of an encoding.
    pub fn bits(&self) -> usize {
        self.words * 64
    }

    pub(super) fn row(&self, index: usize) -> &[u64] {
        &self.rows[index * self.words..][..self.words]
    }
}

impl Shard {
    fn new(start: usize, words: usize, rows: &[u64], weights: &[u16]) -> Self {
        let end = weights.len().min(start + SHARD_ROWS);
        let mut order: Vec<u32> = (start as u32..end as u32).collect();
        order.sort_by_key(|row| weights[*row as usize]);
        let in_order = order
            .iter()
            .map(|row| &rows[*row as usize * words..][..words]);
        let panels = Panels::new(words, in_order);
        let ends = |tile: &[u32]| {
            let weight = |row: Option<&u32>| row.map_or(0, |row| weights[*row as usize]);
            (weight(tile.first()), weight(tile.last()))
        };
        let tiles = order.chunks(TILE_PANELS * PANEL_ROWS).map(ends).collect();
        Self {
            order,
            panels,
            tiles,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_encodings_are_refused() {
        assert_eq!(ClkSet::new(100, &[]).err(), Some(ClkSetError::Length(100)));
        assert_eq!(ClkSet::new(0, &[]).err(), Some(ClkSetError::Length(0)));
        assert_eq!(
            ClkSet::new(8256, &[]).err(),
            Some(ClkSetError::Length(8256))
        );
        for bytes in [1, 8, 15, 17] {
            let torn = ClkSetError::Torn { bytes, row: 16 };
            assert_eq!(ClkSet::new(128, &vec![0; bytes]).err(), Some(torn));
        }
    }

    #[test]
    fn shards_hold_every_row_once_by_rising_weight() {
        let bytes: Vec<u8> = (0..SHARD_ROWS * 8 + 80)
            .map(|i| (i * i / 7) as u8)
            .collect();
        let set = ClkSet::new(64, &bytes).unwrap();
        assert_eq!(
            (set.len(), set.bits(), set.shards.len()),
            (SHARD_ROWS + 10, 64, 2)
        );
        let mut all = Vec::new();
        for shard in &set.shards {
            let weight = |row: &u32| set.row(*row as usize)[0].count_ones() as u16;
            assert!(shard.order.is_sorted_by_key(weight));
            assert_eq!(shard.tiles[0].0, weight(&shard.order[0]));
            all.extend_from_slice(&shard.order);
        }
        all.sort_unstable();
        assert!(all.iter().copied().eq(0..set.len() as u32));
    }

    #[test]
    fn an_empty_set_has_no_shards() {
        assert!(ClkSet::new(1024, &[]).unwrap().is_empty());
    }
}
