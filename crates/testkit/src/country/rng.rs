//! The generator's own source of chance: one seed in, the same country out, on every machine and with every version.
//!
//! xoshiro256** (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2018), seeded through
//! splitmix64 as its authors advise. Not for secrets.

/// A stream of random numbers for one job.
pub(super) struct Rng {
    state: [u64; 4],
}

impl Rng {
    /// A stream of its own for each job, so that a change in one job leaves the others' draws as they were.
    pub(super) fn for_job(seed: u64, job: &str) -> Self {
        let mut mix = seed ^ fnv1a(job.as_bytes());
        let mut state = [0; 4];
        for word in &mut state {
            mix = mix.wrapping_add(0x9e37_79b9_7f4a_7c15);
            *word = scramble(mix);
        }
        Self { state }
    }

    /// The next 64 bits.
    pub(super) fn bits(&mut self) -> u64 {
        let result = self.state[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = self.state[1] << 17;
        self.state[2] ^= self.state[0];
        self.state[3] ^= self.state[1];
        self.state[1] ^= self.state[2];
        self.state[0] ^= self.state[3];
        self.state[2] ^= shifted;
        self.state[3] = self.state[3].rotate_left(45);
        result
    }

    /// A number below `bound`; 0 if `bound` is 0. One multiplication favours some numbers, by under one in 2^28 for
    /// the bounds used here.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// A position in something `len` long.
    pub(super) fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// A number from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: i32, high: i32) -> i32 {
        let span = (i64::from(high) - i64::from(low) + 1).max(1) as u64;
        low + self.below(span) as i32
    }

    /// True with probability `p`.
    pub(super) fn chance(&mut self, p: f64) -> bool {
        ((self.bits() >> 11) as f64) < p * (1_u64 << 53) as f64
    }

    /// One of `items`, which must not be empty.
    pub(super) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.index(items.len())]
    }

    /// A position drawn in proportion to `weights`.
    pub(super) fn weighted(&mut self, weights: &[u32]) -> usize {
        let total: u64 = weights.iter().map(|&weight| u64::from(weight)).sum();
        let mut left = self.below(total);
        for (position, &weight) in weights.iter().enumerate() {
            if left < u64::from(weight) {
                return position;
            }
            left -= u64::from(weight);
        }
        0
    }

    /// A number from a distribution given by equally likely steps: between two neighbours of `steps` every number is
    /// as likely as the next. Whole numbers throughout, so that no machine's floating point changes the country.
    pub(super) fn quantile(&mut self, steps: &[i32]) -> i32 {
        let step = self.index(steps.len() - 1);
        self.between(steps[step], (steps[step + 1] - 1).max(steps[step]))
    }

    /// Puts `items` in a random order (Fisher–Yates).
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.index(last + 1);
            items.swap(last, other);
        }
    }
}

/// The output function of splitmix64: every bit of the result depends on every bit of `word`.
pub(super) fn scramble(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// FNV-1a, 64 bits: turns the name of a job into a number.
pub(super) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_and_a_job_give_one_stream() {
        let draw = |seed, job| Rng::for_job(seed, job).bits();
        assert_eq!(draw(1, "births"), draw(1, "births"));
        assert_ne!(draw(1, "births"), draw(2, "births"));
        assert_ne!(draw(1, "births"), draw(1, "deaths"));
    }

    #[test]
    fn the_stream_stays_what_it_is() {
        let mut rng = Rng {
            state: [1, 2, 3, 4],
        };
        // The first outputs of the reference implementation from this state.
        assert_eq!(
            [rng.bits(), rng.bits(), rng.bits()],
            [11520, 0, 1_509_978_240]
        );
    }

    #[test]
    fn chance_and_bounds_hold() {
        let mut rng = Rng::for_job(7, "test");
        let hits = (0..10_000).filter(|_| rng.chance(0.3)).count();
        assert!((2_800..3_200).contains(&hits), "{hits}");
        assert!((0..1_000).all(|_| (3..=5).contains(&rng.between(3, 5))));
        assert!((0..1_000).all(|_| rng.weighted(&[0, 5, 0]) == 1));
        assert!((0..1_000).all(|_| (1..9).contains(&rng.quantile(&[1, 4, 9]))));
    }

    #[test]
    fn a_shuffle_loses_nothing() {
        let mut items: Vec<u32> = (0..100).collect();
        Rng::for_job(7, "test").shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
