//! Near neighbours among many points: a k-d tree (Bentley, 1975) searched best bin first (Beis and Lowe, CVPR
//! 1997), which looks at the nearest cells and stops after a fixed number. What it finds is near, not proven
//! nearest; that costs an attacker little.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Points in a leaf.
const LEAF: usize = 16;
/// Leaves looked at for one query.
const LEAVES: usize = 48;
/// Points by which the widest side of a cell is judged.
const SAMPLE: usize = 64;

/// Points of one width, ready to be searched.
pub(crate) struct Tree {
    width: usize,
    points: Vec<f32>,
    order: Vec<u32>,
    cells: Vec<Cell>,
}

enum Cell {
    Leaf(usize, usize),
    Split {
        side: usize,
        at: f32,
        below: usize,
        above: usize,
    },
}

/// A distance that can be ordered: as bits, which for numbers not below nought is the order of the numbers.
fn ordered(distance: f32) -> u32 {
    distance.max(0.0).to_bits()
}

impl Tree {
    /// Takes points of `width` numbers, one after the other.
    pub(crate) fn new(width: usize, points: Vec<f32>) -> Self {
        let count = points.len().checked_div(width).unwrap_or(0);
        let mut tree = Self {
            width,
            points,
            order: (0..count as u32).collect(),
            cells: Vec::new(),
        };
        let mut order = std::mem::take(&mut tree.order);
        tree.cell(&mut order, 0);
        tree.order = order;
        tree
    }

    fn point(&self, place: u32) -> &[f32] {
        &self.points[place as usize * self.width..][..self.width]
    }

    /// Makes the cell of the points in `order`, which begin at `start` of all.
    fn cell(&mut self, order: &mut [u32], start: usize) -> usize {
        let number = self.cells.len();
        self.cells.push(Cell::Leaf(start, start + order.len()));
        if order.len() <= LEAF {
            return number;
        }
        let side = self.widest(order);
        let middle = order.len() / 2;
        let value = |place: &u32| self.point(*place)[side];
        order.select_nth_unstable_by(middle, |a, b| value(a).total_cmp(&value(b)).then(a.cmp(b)));
        let at = value(&order[middle]);
        let (low, high) = order.split_at_mut(middle);
        let below = self.cell(low, start);
        let above = self.cell(high, start + middle);
        self.cells[number] = Cell::Split {
            side,
            at,
            below,
            above,
        };
        number
    }

    /// The side along which the points differ most.
    fn widest(&self, order: &[u32]) -> usize {
        let step = order.len().div_ceil(SAMPLE);
        let sample: Vec<u32> = order.iter().copied().step_by(step).collect();
        let spread = |side: &usize| {
            let values = sample.iter().map(|place| self.point(*place)[*side]);
            let (sum, squares) = values.fold((0.0, 0.0), |(s, q), v| (s + v, q + v * v));
            squares - sum * sum / sample.len() as f32
        };
        let spreads: Vec<f32> = (0..self.width).map(|side| spread(&side)).collect();
        let widest = (0..self.width).max_by(|a, b| spreads[*a].total_cmp(&spreads[*b]));
        widest.unwrap_or(0)
    }

    /// About the `wanted` points nearest to `query`, nearest first, with their squared distances.
    pub(crate) fn near(&self, query: &[f32], wanted: usize) -> Vec<(f32, u32)> {
        let mut ahead = BinaryHeap::from([Reverse((0, 0))]);
        let (mut found, mut leaves): (Vec<(f32, u32)>, _) = (Vec::with_capacity(wanted + 1), 0);
        while let Some(Reverse((bound, mut cell))) = ahead.pop() {
            let full = found.len() == wanted
                && found.last().is_some_and(|(far, _)| ordered(*far) <= bound);
            if full || leaves == LEAVES {
                break;
            }
            while let Cell::Split {
                side,
                at,
                below,
                above,
            } = self.cells[cell]
            {
                let apart = query[side] - at;
                let (near, far) = if apart < 0.0 {
                    (below, above)
                } else {
                    (above, below)
                };
                ahead.push(Reverse((bound.max(ordered(apart * apart)), far)));
                cell = near;
            }
            leaves += 1;
            if let Cell::Leaf(start, end) = self.cells[cell] {
                self.look(query, &self.order[start..end], wanted, &mut found);
            }
        }
        found
    }

    fn look(&self, query: &[f32], places: &[u32], wanted: usize, found: &mut Vec<(f32, u32)>) {
        for place in places {
            let pairs = query.iter().zip(self.point(*place));
            let distance: f32 = pairs.map(|(a, b)| (a - b) * (a - b)).sum();
            let worst = found.last().map_or(f32::INFINITY, |(far, _)| *far);
            if found.len() < wanted || distance < worst {
                let at = found.partition_point(|known| (known.0, known.1) < (distance, *place));
                found.insert(at, (distance, *place));
                found.truncate(wanted);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::Draws;

    #[test]
    fn the_tree_finds_nearly_all_of_the_nearest() {
        let mut draws = Draws::new(3);
        let mut point = || {
            (0..12)
                .map(|_| draws.below(1000) as f32)
                .collect::<Vec<f32>>()
        };
        let points: Vec<Vec<f32>> = (0..3000).map(|_| point()).collect();
        let tree = Tree::new(12, points.concat());
        let mut right = 0;
        for query in points.iter().step_by(10) {
            let near: Vec<f32> = query.iter().map(|value| value + 3.0).collect();
            let found = tree.near(&near, 8);
            assert!(found.len() == 8 && found.is_sorted_by(|a, b| a.0 <= b.0));
            right += usize::from(points[found[0].1 as usize] == *query);
        }
        assert!(right >= 297, "{right} of 300");
        assert!(Tree::new(3, Vec::new()).near(&[0.0; 3], 4).is_empty());
    }
}
