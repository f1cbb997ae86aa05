//! Numbers that are unique, look random and say nothing about what they number.
//!
//! A Feistel network over the next power of four, walked until it lands in the range wanted (Black and Rogaway,
//! "Ciphers with arbitrary finite domains", 2002), so no set of numbers already given out has to be kept.

use super::rng::{fnv1a, scramble};
use super::verhoeff;

const ROUNDS: u64 = 4;

/// One way of numbering: the n-th thing gets the n-th number of a fixed random order of a range.
pub(super) struct Numbering {
    key: u64,
    first: u64,
    size: u64,
    half_bits: u32,
}

impl Numbering {
    /// Numbers from `first` to `first + size - 1` in an order of their own for each seed and `what`.
    pub(super) fn new(seed: u64, what: &str, first: u64, size: u64) -> Self {
        let bits = u64::BITS - size.max(2).leading_zeros();
        Self {
            key: scramble(seed ^ fnv1a(what.as_bytes())),
            first,
            size,
            half_bits: bits.div_ceil(2),
        }
    }

    /// Numbers of exactly `digits` digits, the first of them not zero.
    pub(super) fn with_digits(seed: u64, what: &str, digits: u32) -> Self {
        let first = 10_u64.pow(digits - 1);
        Self::new(seed, what, first, 9 * first)
    }

    /// The number of the `n`-th thing. Distinct for distinct `n` below the size of the range.
    pub(super) fn number(&self, n: u64) -> u64 {
        let mut value = self.permute(n % self.size);
        while value >= self.size {
            value = self.permute(value);
        }
        self.first + value
    }

    fn permute(&self, value: u64) -> u64 {
        let mask = (1 << self.half_bits) - 1;
        let (mut left, mut right) = (value >> self.half_bits, value & mask);
        for round in 0..ROUNDS {
            let mixed = scramble(self.key ^ right ^ (round << 48)) & mask;
            (left, right) = (right, left ^ mixed);
        }
        (left << self.half_bits) | right
    }
}

/// The national numbers: twelve digits, the last one a check digit.
pub(super) struct NationalNumbers(Numbering);

impl NationalNumbers {
    pub(super) fn new(seed: u64) -> Self {
        Self(Numbering::with_digits(seed, "national number", 11))
    }

    /// The `n`-th number. A person's own is the one of their place in the population; those beyond it are free.
    pub(super) fn uin(&self, n: u64) -> String {
        let stem = self.0.number(n);
        format!("{stem}{}", verhoeff::check_digit(stem))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_whole_range_is_used_once() {
        let numbering = Numbering::new(3, "test", 500, 1_000);
        let seen: HashSet<u64> = (0..1_000).map(|n| numbering.number(n)).collect();
        assert_eq!(seen.len(), 1_000);
        assert!(seen.iter().all(|number| (500..1_500).contains(number)));
    }

    #[test]
    fn neighbours_are_far_apart() {
        let numbering = Numbering::with_digits(3, "test", 9);
        let close = (0..1_000)
            .filter(|&n| numbering.number(n).abs_diff(numbering.number(n + 1)) < 1_000_000)
            .count();
        assert!(close < 10, "{close}");
    }

    #[test]
    fn national_numbers_check() {
        let numbers = NationalNumbers::new(9);
        for n in 0..1_000 {
            let uin = numbers.uin(n);
            assert_eq!(uin.len(), 12);
            assert!(verhoeff::is_valid(&uin), "{uin}");
        }
    }
}
