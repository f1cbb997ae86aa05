//! What a pass costs: block sizes of each party, and the pairs they make between parties.

use link::matcher::MAX_BLOCK_ROWS;

use super::blocks::PartyBlocks;

/// One value may hold this share of a party's records, no more.
const MAX_SHARE: f64 = 0.05;
/// A block of so few rows is not skewed, however small the registry.
const SMALL_BLOCK: u64 = 30;

/// How one party's records fall into the blocks of one pass. Counts only: a node can take them
/// alone and hand them over.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LocalCounts {
    /// Records with a block.
    pub(crate) covered: u64,
    /// Rows, over all blocks.
    pub(crate) rows: u64,
    /// Pairs of rows within one block.
    pub(crate) collisions: u64,
    /// Rows of the largest block.
    pub(crate) largest: u64,
    /// Records there are.
    pub(crate) records: u64,
    /// Each stands for so many of the registry's.
    pub(crate) stride: u64,
}

/// A pass over all parties, from their local counts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cost {
    /// Pairs expected to meet by chance. True pairs come on top, few against them in a wide pass.
    pub(crate) pairs: f64,
    /// Rows of all parties.
    pub(crate) rows: u64,
    /// The share of records with a block, over all parties.
    pub(crate) covered: f64,
    /// Rows of the largest block, were it the same value in every party.
    pub(crate) largest: u64,
    /// The largest share of one party's records that one value holds.
    pub(crate) largest_share: f64,
}

impl LocalCounts {
    /// Counts the blocks of `pass` in one party.
    pub(crate) fn of(party: &PartyBlocks, pass: &[usize]) -> Self {
        let mut values = Vec::new();
        let mut covered = 0;
        for record in 0..party.records {
            let own = party.values(pass, record);
            covered += u64::from(!own.is_empty());
            values.extend(own);
        }
        values.sort_unstable();
        let sizes = values
            .chunk_by(|a, b| a == b)
            .map(|block| block.len() as u64);
        Self {
            covered,
            rows: values.len() as u64,
            collisions: sizes.clone().map(|size| size * (size - 1) / 2).sum(),
            largest: sizes.max().unwrap_or(0),
            records: party.records as u64,
            stride: party.stride,
        }
    }

    fn size(&self) -> f64 {
        (self.records * self.stride) as f64
    }

    /// The number of blocks that two records chosen at random share, without bias from the
    /// records chosen: pairs within blocks over pairs (Good, 1953, on Simpson's index).
    fn collision(&self) -> f64 {
        let pairs = self.records * self.records.saturating_sub(1) / 2;
        self.collisions as f64 / pairs.max(1) as f64
    }
}

impl Cost {
    /// The cost of a pass from what each party counted; by party whether it may hold duplicates.
    ///
    /// Were both parties drawn from one population, their records would share blocks as often as
    /// records within a party do. Where they differ the geometric mean is the most they can
    /// (Cauchy and Schwarz).
    pub(crate) fn of(parties: &[(bool, LocalCounts)]) -> Self {
        let mut pairs = 0.0;
        for (place, (duplicates, left)) in parties.iter().enumerate() {
            if *duplicates {
                pairs += left.collision() * left.size() * (left.size() - 1.0) / 2.0;
            }
            for (_, right) in &parties[place + 1..] {
                let shared = (left.collision() * right.collision()).sqrt();
                pairs += shared * left.size() * right.size();
            }
        }
        let sum = |of: fn(&LocalCounts) -> u64| parties.iter().map(|(_, counts)| of(counts)).sum();
        let (covered, records): (u64, u64) =
            (sum(|counts| counts.covered), sum(|counts| counts.records));
        Self {
            pairs,
            rows: sum(|counts| counts.rows * counts.stride),
            covered: covered as f64 / records.max(1) as f64,
            largest: sum(|counts| counts.largest * counts.stride),
            largest_share: parties
                .iter()
                .map(|(_, counts)| counts.largest as f64 / counts.records.max(1) as f64)
                .fold(0.0, f64::max),
        }
    }

    /// Why the pass may not be used: one value is too common.
    pub(crate) fn refusal(&self) -> Option<String> {
        if self.largest_share > MAX_SHARE && self.largest > SMALL_BLOCK {
            Some(format!(
                "the commonest value holds {:.0} % of a party's records",
                100.0 * self.largest_share
            ))
        } else if self.largest > MAX_BLOCK_ROWS as u64 {
            Some(format!(
                "the largest block has about {} rows, the matcher skips those over {MAX_BLOCK_ROWS}",
                self.largest
            ))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(records: u64, blocks: &[u64]) -> LocalCounts {
        LocalCounts {
            covered: blocks.iter().sum(),
            rows: blocks.iter().sum(),
            collisions: blocks.iter().map(|size| size * (size - 1) / 2).sum(),
            largest: blocks.iter().copied().max().unwrap_or(0),
            records,
            stride: 1,
        }
    }

    #[test]
    fn pairs_within_a_party_are_counted_and_across_parties_expected() {
        let party = counts(100, &[20; 5]);
        let within = Cost::of(&[(true, party.clone())]);
        assert!((within.pairs - 5.0 * 190.0).abs() < 1e-6);
        let across = Cost::of(&[(false, party.clone()), (false, party)]);
        assert!((across.pairs - 100.0 * 100.0 * 190.0 / 990.0).abs() < 1e-6);
    }

    #[test]
    fn a_sample_stands_for_its_registry() {
        let whole = Cost::of(&[(true, counts(1000, &[100; 10]))]).pairs;
        let sample = LocalCounts {
            stride: 10,
            ..counts(100, &[10; 10])
        };
        let scaled = Cost::of(&[(true, sample)]).pairs;
        assert!((scaled / whole - 0.92).abs() < 0.01, "{scaled} {whole}");
    }

    #[test]
    fn a_common_value_is_refused_and_a_small_registry_is_not() {
        let refusal =
            |records, blocks: &[u64]| Cost::of(&[(true, counts(records, blocks))]).refusal();
        let reason = refusal(1000, &[310, 5, 5]).unwrap();
        assert!(reason.contains("31 %"), "{reason}");
        assert!(refusal(1000, &[50, 50, 50]).is_none());
        assert!(refusal(100_000, &[2100]).unwrap().contains("2100 rows"));
        assert!(refusal(40, &[10, 10, 10]).is_none());
        assert!(refusal(0, &[]).is_none());
    }
}
