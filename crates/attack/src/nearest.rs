//! Nearest neighbours among dense vectors, by comparing all with all.
//!
//! Both sides' best and second best come from one sweep, since an attacker trusts only pairs that are best
//! both ways. Sums are taken in a fixed order and ties go to the lower number, so that threads do not show.

use rayon::prelude::*;

/// Numbers added side by side.
const LANES: usize = 8;
/// Rows of the right side that are taken at once; a whole number of times in a tile.
const SIDE: usize = 4;
/// Rows of the left side that one thread takes at a time.
const CHUNK: usize = 64;
/// Rows of the right side that stay in cache for a chunk.
const TILE: usize = 32;

/// Vectors of one length, one after the other.
pub(crate) struct Vectors {
    width: usize,
    values: Vec<f32>,
    halves: Vec<f32>,
}

impl Vectors {
    /// Takes rows of `width` numbers; what is shorter is filled up with noughts.
    pub(crate) fn new(width: usize, rows: impl ExactSizeIterator<Item = Vec<f32>>) -> Self {
        let padded = width.next_multiple_of(LANES);
        let mut values = Vec::with_capacity(rows.len() * padded);
        let mut halves = Vec::with_capacity(rows.len());
        for mut row in rows {
            row.resize(padded, 0.0);
            halves.push(dot(&row, &row) / 2.0);
            values.extend(row);
        }
        Self {
            width: padded,
            values,
            halves,
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.halves.len()
    }

    fn row(&self, place: usize) -> &[f32] {
        &self.values[place * self.width..][..self.width]
    }
}

/// The nearest of the other side and how near the second is, as squared distances.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Nearest {
    pub(crate) place: u32,
    pub(crate) distance: f32,
    pub(crate) second: f32,
}

impl Nearest {
    const NONE: Self = Self {
        place: u32::MAX,
        distance: f32::INFINITY,
        second: f32::INFINITY,
    };

    fn take(&mut self, place: u32, distance: f32) {
        if (distance, place) < (self.distance, self.place) {
            self.second = self.distance;
            (self.distance, self.place) = (distance, place);
        } else if distance < self.second {
            self.second = distance;
        }
    }

    fn join(&mut self, other: Self) {
        self.take(other.place, other.distance);
        self.second = self.second.min(other.second);
    }

    /// How much nearer the nearest is than the second, between nought and one.
    pub(crate) fn margin(self) -> f32 {
        if self.second.is_finite() && self.second > 0.0 {
            1.0 - self.distance.max(0.0) / self.second
        } else {
            0.0
        }
    }
}

/// For each vector of either side its nearest on the other.
pub(crate) fn both_ways(left: &Vectors, right: &Vectors) -> (Vec<Nearest>, Vec<Nearest>) {
    let chunks = left.len().div_ceil(CHUNK);
    let sweep = |chunk: usize| {
        sweep(
            left,
            right,
            chunk * CHUNK..left.len().min((chunk + 1) * CHUNK),
        )
    };
    let empty = || (Vec::new(), vec![Nearest::NONE; right.len()]);
    // Chunks stay in order within a fold and between folds, so the left side comes out in order.
    let (of_left, of_right) = (0..chunks)
        .into_par_iter()
        .map(sweep)
        .fold(empty, joined)
        .reduce(empty, joined);
    (of_left, of_right)
}

type Both = (Vec<Nearest>, Vec<Nearest>);

fn joined(mut one: Both, other: Both) -> Both {
    one.0.extend(other.0);
    for (best, other) in one.1.iter_mut().zip(other.1) {
        best.join(other);
    }
    one
}

fn sweep(left: &Vectors, right: &Vectors, rows: std::ops::Range<usize>) -> Both {
    let mut of_left = vec![Nearest::NONE; rows.len()];
    let mut of_right = vec![Nearest::NONE; right.len()];
    for tile in (0..right.len()).step_by(TILE) {
        for (best, row) in of_left.iter_mut().zip(rows.clone()) {
            for first in (tile..right.len().min(tile + TILE)).step_by(SIDE) {
                let rights = std::array::from_fn(|at| right.row((first + at).min(right.len() - 1)));
                let dots: [f32; SIDE] = dots(left.row(row), rights);
                let others = of_right.iter_mut().enumerate().skip(first);
                for ((place, other), dot) in others.zip(dots) {
                    let distance = 2.0 * (left.halves[row] + right.halves[place] - dot);
                    best.take(place as u32, distance);
                    other.take(row as u32, distance);
                }
            }
        }
    }
    (of_left, of_right)
}

fn dot(left: &[f32], right: &[f32]) -> f32 {
    let [dot] = dots(left, [right]);
    dot
}

/// Inner products of one vector with several, so that it is loaded once.
fn dots<const N: usize>(left: &[f32], right: [&[f32]; N]) -> [f32; N] {
    let mut sums = [[0.0; LANES]; N];
    let left = left.as_chunks::<LANES>().0;
    let right = right.map(|right| &right.as_chunks::<LANES>().0[..left.len()]);
    for (at, left) in left.iter().enumerate() {
        for (sums, right) in sums.iter_mut().zip(right) {
            let pairs = left.iter().zip(&right[at]);
            sums.iter_mut()
                .zip(pairs)
                .for_each(|(sum, (left, right))| *sum += left * right);
        }
    }
    sums.map(|sums| sums.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::Draws;

    fn random(rows: usize, width: usize, seed: u64) -> Vectors {
        let mut draws = Draws::new(seed);
        let row = |_| {
            (0..width)
                .map(|_| draws.below(1000) as f32 / 1000.0)
                .collect::<Vec<f32>>()
        };
        let rows: Vec<Vec<f32>> = (0..rows).map(row).collect();
        Vectors::new(width, rows.into_iter())
    }

    /// The slow way.
    fn nearest(of: &[f32], all: &Vectors) -> (u32, f32, f32) {
        let distance = |place| {
            let pairs = of.iter().zip(all.row(place));
            pairs.map(|(a, b)| (a - b) * (a - b)).sum::<f32>()
        };
        let mut distances: Vec<(f32, u32)> =
            (0..all.len()).map(|p| (distance(p), p as u32)).collect();
        distances.sort_by(|a, b| a.0.total_cmp(&b.0));
        (distances[0].1, distances[0].0, distances[1].0)
    }

    #[test]
    fn both_sides_find_what_the_slow_way_finds() {
        let (left, right) = (random(150, 21, 1), random(97, 21, 2));
        let (of_left, of_right) = both_ways(&left, &right);
        assert_eq!((of_left.len(), of_right.len()), (150, 97));
        for (own, (found, others)) in [(&left, (&of_left, &right)), (&right, (&of_right, &left))] {
            for (place, found) in found.iter().enumerate() {
                let (best, distance, second) = nearest(own.row(place), others);
                assert_eq!(found.place, best);
                assert!((found.distance - distance).abs() < 1e-3);
                assert!((found.second - second).abs() < 1e-3);
                assert!((0.0..=1.0).contains(&found.margin()));
            }
        }
    }
}
