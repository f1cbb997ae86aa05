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
        let most = self.most_unsettled(rows.len());
        let mut band = Band::new(self, rows);
        for shard in &self.right.shards {
            let last = shard.order.iter().max().copied().unwrap_or(0) as usize;
            if self.scope == Scope::Within && last <= first {
                continue;
            }
            for tile in 0..shard.tiles.len() {
                band.search_tile(shard, tile);
                band.settle_if_over(most);
                if may_split && band.outcome.pairs.len() > most.min(2 * MAX_FOUND) {
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

    /// Pairs of a band of `rows` rows beyond which it is settled. Settling leaves at most half of them
    /// where only the best are asked for, so that as many new ones as are sorted come in between.
    fn most_unsettled(&self, rows: usize) -> usize {
        let kept = self
            .best
            .map_or(0, |partners| partners.saturating_mul(rows));
        MAX_FOUND.max(kept.saturating_mul(2))
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

#[cfg(test)]
mod tests {
    use super::super::threshold::Threshold;
    use super::*;

    /// A search for the best `partners` of each row, or for all.
    fn task<'a>(left: &'a ClkSet, right: &'a ClkSet, best: Option<usize>) -> Task<'a> {
        Task {
            left,
            right,
            scope: Scope::Between,
            kernel: Kernel::best(),
            demand: Demand::new(Threshold::new(0.5).unwrap(), left.bits()),
            plan: Plan::new(left, right),
            best,
            exhaustive: false,
        }
    }

    fn equal(rows: usize) -> ClkSet {
        ClkSet::new(64, &[0x0f; 8].repeat(rows)).unwrap()
    }

    #[test]
    fn settling_drops_as_much_as_it_keeps() {
        let set = equal(1);
        let most = |best, rows| task(&set, &set, best).most_unsettled(rows);
        assert_eq!(most(None, 512), MAX_FOUND);
        assert_eq!(most(Some(3), 512), MAX_FOUND);
        assert_eq!(most(Some(100), 512), 102_400);
        assert_eq!(most(Some(100_000), 1), 200_000);
        assert_eq!(most(Some(usize::MAX), 512), usize::MAX);
    }

    #[test]
    fn many_partners_are_the_first_of_equals() {
        let (left, right) = (equal(1), equal(3 * MAX_FOUND));
        let partners = MAX_FOUND + 9;
        let found = task(&left, &right, Some(partners)).search(0..1).unwrap();
        let rows = found.pairs.iter().map(|pair| pair.right as usize);
        assert!(rows.eq(0..partners));
    }

    #[test]
    fn a_band_splits_when_its_best_are_too_many_at_once() {
        let set = equal(1024);
        let search = |partners| task(&set, &set, Some(partners)).search(0..512);
        assert_eq!(search(100).unwrap().pairs.len(), 512 * 100);
        assert_eq!(search(128).unwrap().pairs.len(), 512 * 128);
        assert!(search(1024).is_none());
    }
}
