//! The edges of one side: pairs of records that share a block, each a point whose coordinates are how alike the
//! two are and what else shows of them.

use std::collections::BTreeMap;

use encode::{ClearRecord, TrialRows};
use model::Slot;
use rayon::prelude::*;

use crate::blocks::{Block, Blocks};
use crate::likeness::{Estimator, of_clear};

/// Blocks with more seats are left out: their pairs say little and cost most.
const MOST_SEATS: usize = 300;
/// Where a likeness stands that is missing, in units of its noise.
const MISSING: f32 = -3.0;
/// What one logarithm of the size of the block weighs.
const SIZE: f32 = 2.0;
/// What a part weighs that one record has and the other has not; and a shared pass.
const PRESENCE: f32 = 1.5;

/// What an attacker has of one side.
pub(crate) enum Values<'a> {
    /// Rows.
    Rows(&'a TrialRows, Estimator<'a>),
    /// Records in clear.
    Clear(&'a [ClearRecord]),
}

impl Values<'_> {
    /// The likeness of two seats, which for rows are named by row.
    fn likeness(&self, pair: (u32, u32), slot: Slot) -> Option<f32> {
        match self {
            Self::Rows(rows, estimator) => estimator.of_rows(rows, pair, slot),
            Self::Clear(records) => {
                of_clear(&records[pair.0 as usize], &records[pair.1 as usize], slot)
            }
        }
    }
}

/// One side of the attack.
pub(crate) struct Side<'a> {
    pub(crate) blocks: Blocks,
    pub(crate) values: Values<'a>,
}

/// What both sides measure edges by.
pub(crate) struct Frame {
    pub(crate) slots: Vec<Slot>,
    /// The noise of each slot on the target's side.
    pub(crate) noise: Vec<f32>,
    /// Parts that some rows of the target lack.
    pub(crate) varying: Vec<u32>,
    pub(crate) passes: u8,
    /// Whether the attacker sees which rows are of one record.
    pub(crate) linked: bool,
    /// Steps that likenesses are told in; none for those that see encodings.
    pub(crate) grades: Option<f32>,
}

/// An edge between two nodes, which are seats or, with passes linked, records.
pub(crate) type Edge = (u32, u32);

/// Edges that may be the same as each other, and their points in both directions: that of edge `e` at `2e`, the
/// way back after it.
pub(crate) struct Group {
    pub(crate) edges: Vec<Edge>,
    pub(crate) points: Vec<f32>,
}

/// What was seen of one edge, in one block or more.
#[derive(Default, Clone)]
struct Seen {
    /// By slot: sum and number.
    likeness: Vec<(f32, f32)>,
    log_size: f32,
    blocks: f32,
    passes: u64,
    presence: [u64; 2],
    own: [Vec<f32>; 2],
}

impl Frame {
    /// Numbers in a point.
    pub(crate) fn width(&self) -> usize {
        self.slots.len()
            + 1
            + self.shared_passes()
            + 2 * (self.varying.len() + self.crossings().count())
    }

    fn shared_passes(&self) -> usize {
        if self.linked { self.passes.into() } else { 0 }
    }

    /// Slots that compare two parts of one record with each other when asked of one record.
    fn crossings(&self) -> impl Iterator<Item = usize> {
        (0..self.slots.len()).filter(|slot| self.slots[*slot].left < self.slots[*slot].right)
    }

    /// The edges of a side: one group a pass, or one in all when passes are linked.
    pub(crate) fn groups(&self, side: &Side<'_>) -> Vec<Group> {
        if self.linked {
            return vec![self.group(side, &side.blocks.all.iter().collect::<Vec<_>>())];
        }
        let blocks = |pass| side.blocks.of_pass(pass).collect::<Vec<_>>();
        let passes: Vec<u8> = (0..self.passes).collect();
        passes
            .par_iter()
            .map(|pass| self.group(side, &blocks(*pass)))
            .collect()
    }

    fn group(&self, side: &Side<'_>, blocks: &[&Block]) -> Group {
        let mut met: BTreeMap<Edge, Seen> = BTreeMap::new();
        for block in blocks
            .iter()
            .filter(|block| block.seats.len() <= MOST_SEATS)
        {
            for one in block.seats.clone() {
                for other in one + 1..block.seats.end {
                    self.see(side, block, (one, other), &mut met);
                }
            }
        }
        let mut points = Vec::with_capacity(met.len() * 2 * self.width());
        for seen in met.values() {
            self.point(seen, false, &mut points);
            self.point(seen, true, &mut points);
        }
        Group {
            edges: met.into_keys().collect(),
            points,
        }
    }

    fn see(
        &self,
        side: &Side<'_>,
        block: &Block,
        (one, other): (usize, usize),
        met: &mut BTreeMap<Edge, Seen>,
    ) {
        let (mut one, mut other) = (one, other);
        let seats = &side.blocks.seats;
        if self.linked && seats[one].record > seats[other].record {
            std::mem::swap(&mut one, &mut other);
        }
        let (left, right) = (seats[one], seats[other]);
        if left.record == right.record {
            return;
        }
        let edge = if self.linked {
            (left.record, right.record)
        } else {
            (one as u32, other as u32)
        };
        let seen = met.entry(edge).or_default();
        let pair = (left.row, right.row);
        seen.likeness.resize(self.slots.len(), (0.0, 0.0));
        for (sum, slot) in seen.likeness.iter_mut().zip(&self.slots) {
            if let Some(likeness) = side.values.likeness(pair, *slot) {
                *sum = (sum.0 + likeness, sum.1 + 1.0);
            }
        }
        if seen.blocks == 0.0 && self.grades.is_none() {
            seen.presence = [left.presence, right.presence];
            seen.own = [left.row, right.row].map(|row| self.own(&side.values, row));
        }
        seen.blocks += 1.0;
        seen.log_size += (block.seats.len() as f32).ln();
        seen.passes |= 1 << block.pass;
    }

    /// What one row shows by itself: how alike parts are that share a key.
    fn own(&self, values: &Values<'_>, row: u32) -> Vec<f32> {
        self.crossings()
            .map(|slot| {
                values
                    .likeness((row, row), self.slots[slot])
                    .map_or(MISSING, |own| own / self.noise[slot])
            })
            .collect()
    }

    /// Appends the point of an edge, seen from its first end or from its second.
    fn point(&self, seen: &Seen, back: bool, points: &mut Vec<f32>) {
        let start = points.len();
        for (slot, noise) in self.slots.iter().zip(&self.noise) {
            let turned = Slot {
                left: slot.right,
                right: slot.left,
            };
            let wanted = if back { turned } else { *slot };
            let place = self.slots.iter().position(|other| *other == wanted);
            let (sum, count) = place.map_or((0.0, 0.0), |place| seen.likeness[place]);
            points.push(if count == 0.0 {
                MISSING
            } else {
                self.graded(sum / count) / noise
            });
        }
        points.push(if self.grades.is_none() {
            seen.log_size / seen.blocks * SIZE
        } else {
            0.0
        });
        let bit = |bits: u64, place: u32| (bits >> place & 1) as f32 * PRESENCE;
        points.extend((0..self.shared_passes() as u32).map(|pass| bit(seen.passes, pass)));
        let ends = if back { [1, 0] } else { [0, 1] };
        for end in ends {
            points.extend(
                self.varying
                    .iter()
                    .map(|part| bit(seen.presence[end], *part)),
            );
            points.extend(&seen.own[end]);
        }
        points.resize(start + self.width(), 0.0);
    }

    /// A likeness in the steps it is told in.
    fn graded(&self, likeness: f32) -> f32 {
        self.grades.map_or(likeness, |steps| {
            (likeness.clamp(0.0, 1.0) * steps).round() / steps
        })
    }
}
