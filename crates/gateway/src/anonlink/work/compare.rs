//! The comparisons of one tile: small ones here, pair by pair; others by the linker.

use std::io;

use super::WorkError;
use super::encodings::Encodings;
use super::scored::Scored;
use super::tiles::Tile;
use crate::anonlink::linker::{Linker, Sets};

/// Comparisons up to which preparing a search costs more than it saves.
const SMALL: u64 = 1 << 14;

/// Hands every pair of a tile that reaches the threshold to `sink`.
pub(super) fn compare(
    tile: &Tile,
    parties: &[Encodings],
    (threshold, encoding_bytes): (f64, usize),
    linker: &dyn Linker,
    sink: &mut dyn FnMut(&Scored) -> io::Result<()>,
) -> Result<(), WorkError> {
    let (left, right) = tile.parties;
    let sets = [
        parties[left].gather(&tile.left)?,
        parties[right].gather(&tile.right)?,
    ];
    let sets = Sets {
        encoding_bytes,
        left: &sets[0],
        right: &sets[1],
    };
    let mut scored = |left_row: u32, right_row: u32, score: f64| {
        sink(&Scored {
            score,
            parties: (left as u32, right as u32),
            records: (
                tile.left.at(left_row as usize),
                tile.right.at(right_row as usize),
            ),
        })
    };
    if tile.comparisons() <= SMALL {
        return Ok(one_by_one(sets, threshold, &mut scored)?);
    }
    Ok(linker.pairs(sets, threshold, &mut |pairs| {
        let mut pairs = pairs.iter();
        pairs.try_for_each(|pair| scored(pair.left, pair.right, pair.score))
    })?)
}

fn one_by_one(
    sets: Sets<'_>,
    threshold: f64,
    scored: &mut dyn FnMut(u32, u32, f64) -> io::Result<()>,
) -> io::Result<()> {
    let weights = |set: &[u8]| -> Vec<u32> {
        let rows = set.chunks_exact(sets.encoding_bytes);
        rows.map(bits::popcount).collect()
    };
    let (left_weights, right_weights) = (weights(sets.left), weights(sets.right));
    let lefts = sets
        .left
        .chunks_exact(sets.encoding_bytes)
        .zip(left_weights);
    for (i, (left, left_weight)) in lefts.enumerate() {
        let rights = sets
            .right
            .chunks_exact(sets.encoding_bytes)
            .zip(&right_weights);
        for (j, (right, right_weight)) in rights.enumerate() {
            let score = dice(bits::and_count(left, right), left_weight + right_weight);
            if score >= threshold {
                scored(i as u32, j as u32, score)?;
            }
        }
    }
    Ok(())
}

/// Twice the shared bits by all set bits, rounded once; 0 where no bits are set.
fn dice(shared: u32, total: u32) -> f64 {
    match total {
        0 => 0.0,
        _ => f64::from(2 * shared) / f64::from(total),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_exact_and_nothing_is_alike_to_nothing() {
        assert_eq!(dice(0, 0), 0.0);
        assert_eq!(dice(85, 200), 0.85);
        assert_eq!(dice(3, 6), 1.0);
    }

    #[test]
    fn pairs_at_the_threshold_count() {
        let (left, right) = ([0xff; 8], [[0xff; 8], [0x0f; 8], [0; 8]].concat());
        let sets = Sets {
            encoding_bytes: 8,
            left: &left,
            right: &right,
        };
        let mut found = Vec::new();
        let mut sink = |i, j, score| {
            found.push((i, j, score));
            Ok(())
        };
        one_by_one(sets, 2.0 / 3.0, &mut sink).unwrap();
        assert_eq!(found, [(0, 0, 1.0), (0, 1, 2.0 / 3.0)]);
    }
}
