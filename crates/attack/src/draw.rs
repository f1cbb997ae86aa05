//! Chance, from one seed: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014). Good enough to sample and to
//! err by, never for keys.

/// A stream of random numbers. The same seed gives the same stream everywhere.
#[derive(Debug, Clone)]
pub struct Draws(u64);

impl Draws {
    /// The stream of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A stream of its own for each `purpose`, so that what one part draws changes nothing elsewhere.
    pub fn apart(seed: u64, purpose: u64) -> Self {
        let mut draws = Self(seed ^ purpose.wrapping_mul(0xd1b5_4a32_d192_ed03));
        Self(draws.bits())
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below `limit`, which is at least 1. The bias of the remainder is below 2^-32 for any
    /// number of records.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.bits() % limit.max(1) as u64) as usize
    }

    /// True with this probability in permille.
    pub fn happens(&mut self, permille: u32) -> bool {
        self.below(1000) < permille as usize
    }

    /// Puts `items` in random order (Fisher and Yates, as Durstenfeld wrote it in 1964).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for place in (1..items.len()).rev() {
            items.swap(place, self.below(place + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_that_of_the_published_generator() {
        let mut draws = Draws::new(1_234_567);
        let expected = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973];
        assert_eq!([draws.bits(), draws.bits()], expected);
    }

    #[test]
    fn shuffling_keeps_all_and_purposes_differ() {
        let mut items: Vec<u32> = (0..100).collect();
        Draws::apart(1, 1).shuffle(&mut items);
        let mut others: Vec<u32> = (0..100).collect();
        Draws::apart(1, 2).shuffle(&mut others);
        assert_ne!(items, others);
        items.sort_unstable();
        assert!(items.into_iter().eq(0..100));
    }
}
