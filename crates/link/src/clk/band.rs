//! One band of rows against all rows of another set: bounds first, then the first words, then the
//! whole pair.

use std::ops::Range;

use bits::{Hit, Kernel, PANEL_ROWS, Panels, QueryPanel};

use super::plan::Plan;
use super::set::{ClkSet, Shard, TILE_PANELS};
use super::threshold::{Demand, Score};
use super::{Pair, Scope, best};

/// Pairs found in a band beyond which it is searched in smaller ones.
pub(super) const MAX_FOUND: usize = 1 << 16;

/// What all bands have in common.
pub(super) struct Task<'a> {
    pub(super) left: &'a ClkSet,
    pub(super) right: &'a ClkSet,
    pub(super) scope: Scope,
    pub(super) kernel: Kernel,
    pub(super) demand: Demand,
    pub(super) plan: Plan,
    /// Partners kept of each row.
    pub(super) best: Option<usize>,
    /// Whether every pair is compared, whatever the bounds say.
    pub(super) exhaustive: bool,
}

/// What came of a band.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) pairs: Vec<Pair>,
    pub(super) examined: u64,
    pub(super) completed: u64,
}

/// A band at work.
struct Band<'a> {
    task: &'a Task<'a>,
    queries: Vec<Query>,
    panels: Panels,
    outcome: Outcome,
    /// Reused from tile to tile.
    hits: Vec<Hit>,
    named: Vec<Hit>,
    counts: Vec<u16>,
}

/// A row of the band.
struct Query {
    row: u32,
    weight: u16,
    partners: Range<u16>,
    /// What a partner must reach to be among the best, once there are enough.
    floor: Option<Score>,
}

impl Task<'_> {
    /// All pairs of the left rows `rows` that are asked for; none when they are too many at once.
    pub(super) fn search(&self, rows: Range<usize>) -> Option<Outcome> {
        let first = rows.start;
        let may_split = rows.len() > 1;
        let mut band = Band::new(self, rows);
        for shard in &self.right.shards {
            let last = shard.order.iter().max().copied().unwrap_or(0) as usize;
            if self.scope == Scope::Within && last <= first {
                continue;
            }
            for tile in 0..shard.tiles.len() {
                band.search_tile(shard, tile);
                band.settle_if_over(MAX_FOUND);
                if may_split && band.outcome.pairs.len() > MAX_FOUND {
                    return None;
                }
            }
            band.settle_if_over(0);
        }
        band.outcome
            .pairs
            .sort_unstable_by_key(|pair| (pair.left, pair.right));
        if self.best.is_some() {
            band.outcome.pairs.sort_by(best::order);
        }
        Some(band.outcome)
    }
}

impl<'a> Band<'a> {
    fn new(task: &'a Task<'a>, rows: Range<usize>) -> Self {
        let mut queries: Vec<Query> = rows.map(|row| Query::new(task, row)).collect();
        queries.sort_by_key(|query| query.weight);
        let rows = queries
            .iter()
            .map(|query| task.left.row(query.row as usize));
        let panels = Panels::new(task.left.words, rows);
        Self {
            task,
            queries,
            panels,
            outcome: Outcome::default(),
            hits: Vec::new(),
            named: Vec::new(),
            counts: Vec::new(),
        }
    }

    fn search_tile(&mut self, shard: &Shard, tile: usize) {
        let first = tile * TILE_PANELS;
        let range = first..(first + TILE_PANELS).min(shard.panels.count());
        let rows = (range.end * PANEL_ROWS).min(shard.panels.rows()) - first * PANEL_ROWS;
        for index in 0..self.panels.count() {
            let limits = self.limits(index, shard.tiles[tile]);
            let Some(limit) = limits.iter().flatten().max() else {
                continue;
            };
            let glance = self.task.plan.glance(*limit);
            let panel = QueryPanel {
                panels: &self.panels,
                index,
                limits,
            };
            self.outcome.completed +=
                self.task
                    .kernel
                    .near(panel, &shard.panels, range.clone(), glance, &mut self.hits);
            self.outcome.examined += (limits.iter().flatten().count() * rows) as u64;
        }
        self.complete(shard);
    }

    /// How far rows with set bits in `weights` may be from each query of a panel.
    fn limits(&self, panel: usize, weights: (u16, u16)) -> [Option<u16>; PANEL_ROWS] {
        let queries = &self.queries[panel * PANEL_ROWS..];
        std::array::from_fn(|offset| queries.get(offset)?.limit(self.task, weights))
    }

    /// Scores the hits and keeps those that reach the threshold.
    fn complete(&mut self, shard: &Shard) {
        let Task { left, right, .. } = *self.task;
        let queries = &self.queries;
        let named = self.hits.drain(..).map(|hit| Hit {
            query: queries[hit.query as usize].row,
            row: shard.order[hit.row as usize],
        });
        let scope = self.task.scope;
        self.named.clear();
        self.named
            .extend(named.filter(|hit| scope == Scope::Between || hit.query < hit.row));
        self.counts.clear();
        let rows = (&left.rows[..], &right.rows[..]);
        self.task
            .kernel
            .shared_of(left.words, rows, &self.named, &mut self.counts);
        for (hit, shared) in self.named.iter().zip(&self.counts) {
            let total = left.weights[hit.query as usize] + right.weights[hit.row as usize];
            let score = Score {
                shared: *shared,
                total,
            };
            if self.task.demand.is_met(score) {
                self.outcome.pairs.push(Pair {
                    left: hit.query,
                    right: hit.row,
                    score,
                });
            }
        }
    }

    /// Where only the best partners are asked for, drops the others once there are more than `most`
    /// pairs, and asks more of those to come.
    fn settle_if_over(&mut self, most: usize) {
        let Some(partners) = self.task.best else {
            return;
        };
        if self.outcome.pairs.len() > most {
            best::keep(partners, &mut self.outcome.pairs);
            for query in &mut self.queries {
                query.floor = best::floor(partners, &self.outcome.pairs, query.row);
            }
        }
    }
}

impl Query {
    fn new(task: &Task<'_>, row: usize) -> Self {
        let weight = task.left.weights[row];
        let partners = if task.exhaustive {
            0..u16::MAX
        } else {
            task.demand.partners(weight)
        };
        Self {
            row: row as u32,
            weight,
            partners,
            floor: None,
        }
    }

    /// In how many bits a row with set bits between the two weights may differ from this one.
    fn limit(&self, task: &Task<'_>, (least, most): (u16, u16)) -> Option<u16> {
        if most < self.partners.start || least >= self.partners.end {
            return None;
        }
        let total = self.weight + most.min(self.partners.end - 1);
        let limit = task.demand.most_differing(total)?;
        // At a score of 2c/s a pair differs in total × (s - 2c)/s bits.
        Some(self.floor.map_or(limit, |floor| {
            let (differing, of) = (
                u32::from(floor.total - 2 * floor.shared),
                u32::from(floor.total),
            );
            limit.min((u32::from(total) * differing / of) as u16)
        }))
    }
}
