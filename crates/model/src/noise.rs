//! Noise on published counts: the discrete Laplace distribution, sampled exactly with integers
//! (C. L. Canonne, G. Kamath, T. Steinke, "The Discrete Gaussian for Differential Privacy", NeurIPS
//! 2020, algorithms 1 and 2). Randomness is passed in.
//!
//! A count that changes by at most one when one record is added or removed, and that is published
//! with this noise, is epsilon-differentially private in that record; several counts add up.

/// Gives random bytes.
pub trait Bytes {
    /// Overwrites all of `out` with fresh random bytes.
    fn fill(&mut self, out: &mut [u8]);
}

impl<F: FnMut(&mut [u8])> Bytes for F {
    fn fill(&mut self, out: &mut [u8]) {
        self(out);
    }
}

/// The most thousandths an epsilon may have here; far beyond any use.
const MAX_PERMILLE: u32 = 1_000_000;
/// The furthest a sample may lie from 0. That it lies further has a chance below 2^-1000 for every
/// epsilon from a thousandth on.
const FURTHEST: i64 = 1_000_000;

/// A whole number x with a chance proportional to exp(-epsilon |x|), for an epsilon in thousandths.
/// An epsilon of 0 counts as one thousandth: there is no noise without end.
pub fn discrete_laplace(epsilon_permille: u32, bytes: &mut dyn Bytes) -> i64 {
    let s = u64::from(epsilon_permille.clamp(1, MAX_PERMILLE));
    let t = 1000;
    loop {
        let low = below(t, bytes);
        if !is_exp(low, t, bytes) {
            continue;
        }
        let mut high = 0;
        while is_exp(1, 1, bytes) {
            high += 1;
        }
        let magnitude = ((low + t * high) / s) as i64;
        let is_negative = below(2, bytes) == 1;
        // Zero would come up twice as often as it should, once with each sign.
        if is_negative && magnitude == 0 {
            continue;
        }
        let magnitude = magnitude.min(FURTHEST);
        return if is_negative { -magnitude } else { magnitude };
    }
}

/// `count` with noise, never below 0.
pub fn noisy(count: u64, epsilon_permille: u32, bytes: &mut dyn Bytes) -> u64 {
    count.saturating_add_signed(discrete_laplace(epsilon_permille, bytes))
}

/// True with a chance of exp(-n/d), for n at most d (algorithm 1).
fn is_exp(n: u64, d: u64, bytes: &mut dyn Bytes) -> bool {
    let mut k = 1;
    while below(d * k, bytes) < n {
        k += 1;
    }
    k % 2 == 1
}

/// A number below `limit`, each with the same chance: as many bits as it takes, until they fit.
fn below(limit: u64, bytes: &mut dyn Bytes) -> u64 {
    let mask = u64::MAX
        .checked_shr(limit.saturating_sub(1).leading_zeros())
        .unwrap_or(0);
    loop {
        let mut word = [0; 8];
        bytes.fill(&mut word);
        let drawn = u64::from_le_bytes(word) & mask;
        if drawn < limit {
            return drawn;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digester;

    /// A repeatable stream.
    fn stream(seed: u64) -> impl FnMut(&mut [u8]) {
        let mut counter = 0_u64;
        move |out: &mut [u8]| {
            let mut digester = Digester::new();
            digester.field(&seed.to_le_bytes());
            digester.field(&counter.to_le_bytes());
            counter += 1;
            out.copy_from_slice(&digester.finish().as_bytes()[..out.len()]);
        }
    }

    /// By how many standard deviations the number of `hits` in `tries` is off for a chance of `p`.
    fn off(hits: usize, tries: usize, p: f64) -> f64 {
        let (hits, tries) = (hits as f64, tries as f64);
        (hits - tries * p).abs() / (tries * p * (1.0 - p)).sqrt()
    }

    #[test]
    fn every_value_comes_up_as_often_as_it_should() {
        const TRIES: usize = 100_000;
        for (permille, seed) in [(200, 1), (500, 2), (1000, 3), (2000, 4)] {
            let mut bytes = stream(seed);
            let samples: Vec<i64> = (0..TRIES)
                .map(|_| discrete_laplace(permille, &mut bytes))
                .collect();
            let epsilon = f64::from(permille) / 1000.0;
            let whole = (epsilon.exp() - 1.0) / (epsilon.exp() + 1.0);
            for x in -3_i64..=3 {
                let p = whole * (-epsilon * x.abs() as f64).exp();
                let hits = samples.iter().filter(|sample| **sample == x).count();
                let off = off(hits, TRIES, p);
                assert!(off < 5.0, "epsilon {epsilon}, {x}: {hits} hits, {off} off");
            }
        }
    }

    #[test]
    fn chances_of_exponentials_are_exact() {
        const TRIES: usize = 100_000;
        let mut bytes = stream(5);
        for (n, d) in [(0, 1), (1, 3), (1, 1), (999, 1000)] {
            let hits = (0..TRIES).filter(|_| is_exp(n, d, &mut bytes)).count();
            let p = (-(n as f64) / d as f64).exp();
            match n {
                0 => assert_eq!(hits, TRIES),
                _ => assert!(off(hits, TRIES, p) < 5.0, "{n}/{d}: {hits}"),
            }
        }
    }

    #[test]
    fn numbers_below_a_limit_are_all_as_likely() {
        const TRIES: usize = 60_000;
        let mut bytes = stream(6);
        let mut hits = [0; 6];
        (0..TRIES).for_each(|_| hits[below(6, &mut bytes) as usize] += 1);
        assert!(
            hits.iter().all(|hits| off(*hits, TRIES, 1.0 / 6.0) < 5.0),
            "{hits:?}"
        );
        assert_eq!(below(1, &mut bytes), 0);
    }

    #[test]
    fn the_same_randomness_gives_the_same_count_and_none_is_negative() {
        for seed in 0..200 {
            let once = noisy(3, 100, &mut stream(seed));
            assert_eq!(once, noisy(3, 100, &mut stream(seed)));
        }
        let all: Vec<u64> = (0..200)
            .map(|seed| noisy(3, 100, &mut stream(seed)))
            .collect();
        assert!(all.contains(&0) && all.iter().any(|count| *count > 10));
        assert!(all.iter().all(|count| *count < 1000));
    }
}
