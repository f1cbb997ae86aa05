//! The best partners of each row.

use std::cmp::Ordering;

use super::Pair;
use super::threshold::Score;

/// By left row, then the best first, then by right row.
pub(super) fn order(a: &Pair, b: &Pair) -> Ordering {
    let by_score = || b.score.cmp(&a.score);
    let by_right = || a.right.cmp(&b.right);
    a.left.cmp(&b.left).then_with(by_score).then_with(by_right)
}

/// Keeps the `partners` best pairs of each left row, in order.
pub(super) fn keep(partners: usize, pairs: &mut Vec<Pair>) {
    pairs.sort_unstable_by(order);
    let (mut left, mut kept) = (None, 0);
    pairs.retain(|pair| {
        if left != Some(pair.left) {
            (left, kept) = (Some(pair.left), 0);
        }
        kept += 1;
        kept <= partners
    });
}

/// The least score among the pairs of `row`, which are in order, if there are as many as `partners`.
pub(super) fn floor(partners: usize, pairs: &[Pair], row: u32) -> Option<Score> {
    let start = pairs.partition_point(|pair| pair.left < row);
    let last = pairs.get(start.checked_add(partners)? - 1)?;
    (last.left == row).then_some(last.score)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(left: u32, right: u32, shared: u16) -> Pair {
        let score = Score { shared, total: 100 };
        Pair { left, right, score }
    }

    #[test]
    fn the_best_are_kept_and_the_first_of_equals() {
        let mut pairs = vec![
            pair(2, 0, 30),
            pair(1, 9, 40),
            pair(1, 3, 45),
            pair(1, 2, 40),
            pair(1, 1, 39),
        ];
        keep(2, &mut pairs);
        let kept: Vec<(u32, u32)> = pairs.iter().map(|pair| (pair.left, pair.right)).collect();
        assert_eq!(kept, [(1, 3), (1, 2), (2, 0)]);
        assert_eq!(
            floor(2, &pairs, 1),
            Some(Score {
                shared: 40,
                total: 100
            })
        );
        assert_eq!(floor(2, &pairs, 2), None);
        assert_eq!(floor(2, &pairs, 3), None);
    }
}
