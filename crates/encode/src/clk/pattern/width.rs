//! How many characters a piece of a pattern matches: what looks behind needs to know exactly.

use std::fmt;

/// The fewest and the most characters; the greatest number stands for no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Width {
    least: u64,
    most: u64,
}

impl Width {
    pub(super) const NONE: Self = Self { least: 0, most: 0 };
    pub(super) const ONE: Self = Self { least: 1, most: 1 };

    /// One piece after the other.
    pub(super) fn then(self, next: Self) -> Self {
        Self {
            least: self.least.saturating_add(next.least),
            most: self.most.saturating_add(next.most),
        }
    }

    /// One piece or the other.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            least: self.least.min(other.least),
            most: self.most.max(other.most),
        }
    }

    pub(super) fn repeated(self, repeat: Repeat) -> Self {
        let most = repeat.most.map_or(u64::MAX, u64::from);
        Self {
            least: self.least.saturating_mul(u64::from(repeat.least)),
            most: self.most.saturating_mul(most),
        }
    }

    pub(super) fn is_fixed(self) -> bool {
        self.least == self.most
    }
}

/// How often a piece is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Repeat {
    pub(super) least: u32,
    /// None without end.
    pub(super) most: Option<u32>,
}

impl Repeat {
    /// What one of `*`, `+` and `?` stands for.
    pub(super) fn of(sign: char) -> Self {
        Self {
            least: u32::from(sign == '+'),
            most: (sign == '?').then_some(1),
        }
    }
}

impl fmt::Display for Repeat {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.most {
            Some(most) => write!(out, "{{{},{most}}}", self.least),
            None => write!(out, "{{{},}}", self.least),
        }
    }
}
