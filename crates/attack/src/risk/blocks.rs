//! M1 to M4: what block tokens show by their frequencies and by who sits with whom.

use std::collections::BTreeMap;

use super::{FEW, Light, Metric, Own, percent};
use crate::colours::{Sight, unique};

/// The most rows of one block.
const MOST_ROWS: f64 = 200.0;
/// The largest share of all records one block may hold, and the rows below which that says nothing, since
/// half a per cent of a small registry is a handful.
const SHARE: (f64, f64) = (0.005, 50.0);
/// Records in a block whose size few other blocks have.
const LONE: f64 = 0.02;
/// Records whose block value frequency alone tells.
const ALIGNED: f64 = 0.01;
/// Records that their company alone singles out, passes apart.
const SINGLED: f64 = 0.02;

impl Own<'_> {
    /// The name of each pass and the sizes of its blocks, the largest first.
    fn passes(&self) -> Vec<(String, Vec<usize>)> {
        let of_pass = |(number, pass): (u8, &model::schema::Pass)| {
            let sizes = self.blocks.of_pass(number).map(|block| block.seats.len());
            let mut sizes: Vec<usize> = sizes.collect();
            sizes.sort_unstable_by(|a, b| b.cmp(a));
            (pass.name.to_string(), sizes)
        };
        (0..).zip(&self.trial.schema.passes).map(of_pass).collect()
    }

    /// The pass for which a figure is largest.
    fn worst(&self, figure: impl Fn(&[usize]) -> f64) -> (String, f64) {
        let figures = self
            .passes()
            .into_iter()
            .map(|(name, sizes)| (name, figure(&sizes)));
        figures
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .unwrap_or_default()
    }
}

/// M1: how much sits in few blocks.
pub(super) fn concentration(own: &Own<'_>) -> Metric {
    let (pass, most) = own.worst(|sizes| sizes.first().copied().unwrap_or(0) as f64);
    let share = most / own.count();
    let (_, fewest) = own.worst(|sizes| -effective(sizes));
    let most = (most * own.scale).round();
    let light = match () {
        () if most > MOST_ROWS || (share > SHARE.0 && most > SHARE.1) => Light::Red,
        () if share > SHARE.0 => Light::Amber,
        () => Light::Green,
    };
    let sentence = format!(
        "The largest block, in the pass {pass}, holds {most} rows, {} of the registry; the coarsest pass is worth {:.0} equal blocks.",
        percent(share),
        -fewest
    );
    let figures = [
        ("largest block", most),
        ("largest share", share),
        ("fewest effective blocks", -fewest),
    ];
    Metric::new("M1", "Block concentration", light, sentence, &figures)
}

/// Two to the power of the entropy: as many blocks of one size would be as hard to tell apart.
fn effective(sizes: &[usize]) -> f64 {
    let all: usize = sizes.iter().sum();
    let entropy: f64 = sizes
        .iter()
        .map(|size| *size as f64 / all.max(1) as f64)
        .map(|share| -share * share.log2())
        .sum();
    entropy.exp2()
}

/// M2: blocks that their size singles out.
pub(super) fn lone_sizes(own: &Own<'_>) -> Metric {
    let records = own.count();
    let (pass, share) = own.worst(|sizes| {
        let mut blocks: BTreeMap<usize, usize> = BTreeMap::new();
        sizes
            .iter()
            .for_each(|size| *blocks.entry(*size).or_default() += 1);
        let lone = blocks.iter().filter(|(_, count)| **count < FEW);
        lone.map(|(size, count)| size * count).sum::<usize>() as f64 / records
    });
    let sentence = format!(
        "In the pass {pass}, {} of records sit in a block of a size that fewer than {FEW} blocks have.",
        percent(share)
    );
    let light = Light::of(share, LONE, f64::INFINITY);
    Metric::new(
        "M2",
        "Blocks of a size of their own",
        light,
        sentence,
        &[("records", share)],
    )
}

/// M3: block values that frequency alone tells, for who has a public list.
pub(super) fn alignment(own: &Own<'_>) -> Metric {
    let (pass, share) = own.worst(aligned);
    let sentence = format!(
        "Frequencies alone are expected to tell the block value of {} of records in the pass {pass}, to someone with a perfect public list.",
        percent(share)
    );
    let light = Light::of(share, ALIGNED / 2.0, ALIGNED);
    Metric::new(
        "M3",
        "Frequency alignment of blocks",
        light,
        sentence,
        &[("records", share)],
    )
}

/// The share of rows in blocks whose rank is two standard deviations clear of both neighbours.
fn aligned(sizes: &[usize]) -> f64 {
    let all = sizes.iter().sum::<usize>().max(1) as f64;
    let clear = |rank: usize| {
        let one = sizes[rank] as f64;
        let next = sizes.get(rank + 1).copied().unwrap_or(0) as f64;
        (one - next) / (one + next).sqrt() > 2.0
    };
    // What occurs a few times only is told by no list.
    let counted = (0..sizes.len()).filter(|rank| sizes[*rank] >= 2 * FEW);
    let told = counted.filter(|rank| clear(*rank) && (*rank == 0 || clear(rank - 1)));
    told.map(|rank| sizes[rank] as f64).sum::<f64>() / all
}

/// M4: records that their company alone singles out.
pub(super) fn colours(own: &Own<'_>) -> Metric {
    let share = |joined, presence| {
        let records = unique(&own.blocks, Sight { joined, presence });
        records.last().copied().unwrap_or(0) as f64 / own.count()
    };
    let (apart, joined, missing) = (share(false, false), share(true, false), share(false, true));
    let sentence = format!(
        "Who sits with whom singles out {} of records as the matcher sees it ({} with the pattern of missing parts), and {} for someone who joins the passes.",
        percent(apart),
        percent(missing),
        percent(joined)
    );
    let figures = [
        ("passes apart", apart),
        ("passes apart, with missing parts", missing),
        ("passes joined", joined),
    ];
    let light = Light::of(apart, SINGLED / 2.0, SINGLED);
    Metric::new("M4", "Company that singles out", light, sentence, &figures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_blocks_are_those_of_the_definition() {
        assert!((effective(&[10, 10, 10, 10]) - 4.0).abs() < 1e-9);
        assert!(effective(&[37, 1, 1, 1]) < 2.0);
        // 100 is clear of 40, and 40 of 10 and of 100; 10 is not clear of the next 10.
        assert!((aligned(&[100, 40, 10, 10]) - 140.0 / 160.0).abs() < 1e-9);
        assert_eq!(aligned(&[10, 10, 9, 9, 8]), 0.0);
    }
}
