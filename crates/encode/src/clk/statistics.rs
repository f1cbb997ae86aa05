//! How many bits the CLKs of a file have set: filters too full or too empty link badly, and records
//! with unusual counts are easier to single out.

use serde::Serialize;

/// How many CLKs have how many bits set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Popcounts {
    /// By number of set bits.
    counts: Vec<u64>,
}

/// A distribution of set bits in few figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PopcountSummary {
    /// CLKs counted.
    pub clks: u64,
    /// Bits of a CLK.
    pub bits: usize,
    /// The fewest bits set.
    pub least: usize,
    /// The most bits set.
    pub most: usize,
    /// Bits set on average.
    pub mean: f64,
    /// The standard deviation of bits set, over all CLKs.
    pub deviation: f64,
    /// The number of CLKs in ranges of equal width from 0 to all bits.
    pub ranges: Vec<PopcountRange>,
}

/// How many CLKs have a number of bits set in some range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PopcountRange {
    /// The least number of the range.
    pub from: usize,
    /// The greatest number of the range.
    pub to: usize,
    /// CLKs in the range.
    pub clks: u64,
}

/// Ranges of a summary.
const RANGES: usize = 32;

impl Popcounts {
    /// Counts nothing yet, for CLKs of this many bits.
    pub fn new(bits: usize) -> Self {
        let counts = vec![0; bits + 1];
        Self { counts }
    }

    /// Counts one CLK.
    pub fn add(&mut self, set: u32) {
        let set = usize::try_from(set).unwrap_or(usize::MAX);
        if let Some(count) = self.counts.get_mut(set) {
            *count += 1;
        }
    }

    fn counted(&self) -> impl DoubleEndedIterator<Item = (usize, u64)> {
        let counts = self.counts.iter().copied().enumerate();
        counts.filter(|(_, clks)| *clks > 0)
    }

    /// The figures; none when nothing was counted.
    pub fn summary(&self) -> Option<PopcountSummary> {
        let (least, _) = self.counted().next()?;
        let (most, _) = self.counted().next_back()?;
        let clks: u64 = self.counts.iter().sum();
        let over_clks = |sum: f64| sum / clks as f64;
        let mean = over_clks(self.counted().map(|(set, n)| set as f64 * n as f64).sum());
        let squares = self
            .counted()
            .map(|(set, n)| (set as f64 - mean).powi(2) * n as f64);
        Some(PopcountSummary {
            clks,
            bits: self.counts.len() - 1,
            least,
            most,
            mean,
            deviation: over_clks(squares.sum()).sqrt(),
            ranges: self.ranges(),
        })
    }

    fn ranges(&self) -> Vec<PopcountRange> {
        let width = self.counts.len().div_ceil(RANGES);
        let ranges = self.counts.chunks(width).enumerate();
        ranges
            .map(|(place, counts)| PopcountRange {
                from: place * width,
                to: place * width + counts.len() - 1,
                clks: counts.iter().sum(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summarises_what_was_counted() {
        let mut popcounts = Popcounts::new(64);
        assert_eq!(popcounts.summary(), None);
        for set in [10, 20, 20, 30] {
            popcounts.add(set);
        }
        let summary = popcounts.summary().unwrap();
        assert_eq!((summary.clks, summary.bits), (4, 64));
        assert_eq!((summary.least, summary.most), (10, 30));
        assert_eq!(summary.mean, 20.0);
        assert!((summary.deviation - 50_f64.sqrt()).abs() < 1e-12);
        let ranges: u64 = summary.ranges.iter().map(|range| range.clks).sum();
        assert_eq!(ranges, 4);
        assert_eq!(summary.ranges.last().map(|range| range.to), Some(64));
    }
}
