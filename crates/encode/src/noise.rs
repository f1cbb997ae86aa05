//! Deterministic noise: which bits of a row are flipped, from the node's own key.
//!
//! The same record in the same block and epoch always gets the same flips: fresh noise each time
//! would average out over repeated uploads. Gaps between flips are geometric, drawn from an integer
//! table, so that no two machines can round differently.

use std::hash::Hasher;

use siphasher::sip::SipHasher24;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The distribution of the gap to the next flip.
pub(crate) struct FlipTable {
    /// `tail[k]` is the probability, in units of 2^-32, of a gap longer than `k`.
    tail: Vec<u32>,
}

impl FlipTable {
    /// The table for flips with this probability in permille.
    pub(crate) fn new(flip_permille: u16) -> Self {
        let keep = 1000 - u64::from(flip_permille.clamp(1, 999));
        let shrink = |tail: &u64| Some(tail * keep / 1000).filter(|tail| *tail > 0);
        let tails = std::iter::successors(shrink(&(1 << 32)), shrink);
        Self {
            tail: tails.map(|tail| tail as u32).collect(),
        }
    }
}

/// What the flips of one row derive from.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct NoiseKey([u8; 16]);

impl NoiseKey {
    /// Takes a key over that belongs to one record and block.
    pub(crate) fn new(key: [u8; 16]) -> Self {
        Self(key)
    }

    /// The flips of one part holding these positions. Another value has other flips: with the same
    /// ones, the difference of two uploads would be free of noise.
    pub(crate) fn of_part<'a>(
        &'a self,
        table: &'a FlipTable,
        part: usize,
        filter: &[u32],
    ) -> Noise<'a> {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        hasher.write_u64(part as u64);
        filter
            .iter()
            .for_each(|position| hasher.write_u32(*position));
        Noise {
            table,
            key: self,
            part: hasher.finish(),
            counter: 0,
        }
    }
}

/// The flips of one part of a row.
pub(crate) struct Noise<'a> {
    table: &'a FlipTable,
    key: &'a NoiseKey,
    part: u64,
    counter: u32,
}

impl Noise<'_> {
    /// How many bits stay before the next flip.
    pub(crate) fn gap(&mut self) -> usize {
        let mut hasher = SipHasher24::new_with_key(&self.key.0);
        hasher.write_u64(self.part);
        hasher.write_u32(self.counter);
        self.counter += 1;
        let drawn = hasher.finish() as u32;
        self.table.tail.partition_point(|tail| drawn < *tail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::flip;
    use bits::popcount;

    fn flips(permille: u16, key: u8, part: usize, filter: &[u32]) -> Vec<u8> {
        let table = FlipTable::new(permille);
        let mut vector = vec![0; 1 << 16];
        flip(
            &mut vector,
            &mut NoiseKey::new([key; 16]).of_part(&table, part, filter),
        );
        vector
    }

    #[test]
    fn the_share_of_flips_is_as_asked() {
        for permille in [50, 100] {
            let share = f64::from(popcount(&flips(permille, 1, 0, &[1]))) / f64::from(1u32 << 19);
            let wanted = f64::from(permille) / 1000.0;
            assert!((share - wanted).abs() < 0.002, "{share}");
        }
    }

    #[test]
    fn flips_follow_key_part_and_value() {
        let base = flips(50, 1, 0, &[1, 2]);
        assert_eq!(flips(50, 1, 0, &[1, 2]), base);
        for other in [
            flips(50, 2, 0, &[1, 2]),
            flips(50, 1, 1, &[1, 2]),
            flips(50, 1, 0, &[1, 3]),
        ] {
            assert_ne!(other, base);
        }
    }
}
