//! The resolver's half: comparisons under pass handles become pairs of records, pairs get match
//! weights from a model fitted without truth, and weighted pairs become clusters.

mod agree;
mod answer;
mod cluster;
mod counts;
mod explain;
mod fit;
mod guess;
mod join;
mod labels;
mod levels;
mod meetings;
mod mixture;
mod pairs;
mod patterns;
mod records;
mod review;
mod scored;
mod sheet;
mod table;
mod whole_record;

use std::io::Read;
use std::sync::{Mutex, PoisonError};

use model::{Layout, LinkageSchema, PassHandle, Progress, RecordHandle};

pub use answer::{Answer, Answerer};
pub use cluster::{Cluster, Cut, CutReason};
pub use explain::{Explanation, LevelRow, Meeting, ModelTables, Step, VariableTable};
pub use mixture::FitReport;
pub use records::{RecordSet, Records};
pub use review::{Decision, DecisionReport, MAX_REVIEW, REVIEW_BAND, Verdict};
pub use scored::{ScoredPair, ScoredPairs};

use cluster::Repeats;
use explain::Explainer;
use join::{Join, Joined, Room};
use levels::Variables;
use mixture::Mixture;
use patterns::Seen;
use records::Rows;
use review::Decisions;

use crate::comparison::ComparisonLayout;
use crate::scratch::{Buckets, Scratch};

/// Why resolving stopped.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// A comparison names a row that is in nobody's handle map.
    #[error(
        "a comparison names row {row} of batch {batch}, which its handle map does not have; both uploads of a party must come from the same prepare"
    )]
    UnknownRow {
        /// The batch, counted from 0.
        batch: u16,
        /// The row, counted from 0.
        row: u32,
    },
    /// Comparisons, or what was set aside of them, could not be read or written.
    #[error("comparisons cannot be read or set aside on disk")]
    Disk(#[from] std::io::Error),
    /// Comparisons that are not whole rows.
    #[error("the comparisons are cut short; run the matcher again")]
    TornComparisons,
    /// A comparison with a grade that no comparison has.
    #[error("a comparison has a grade that does not exist; run the matcher again")]
    BadGrade,
    /// A comparison in a pass that the schema does not have.
    #[error(
        "a comparison is of pass {pass}, which the schema does not have; run the matcher again under this schema"
    )]
    BadPass {
        /// The pass it names.
        pass: u8,
    },
    /// More records than can be numbered.
    #[error("there are more than four thousand million records")]
    TooManyRecords,
}

/// One line of a party's handle map, as opened by the resolver.
pub type HandlePair = (PassHandle, RecordHandle);

/// An accepted pair of records, by their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The smaller number.
    pub left: u32,
    /// The larger number.
    pub right: u32,
    /// The match weight: log2 of how much likelier the comparison is for a match than for unrelated
    /// records, in thousandths of a bit.
    pub weight_millibits: i32,
    /// The posterior probability of a match, in millionths.
    pub probability_ppm: u32,
}

impl From<ScoredPair> for Link {
    fn from(pair: ScoredPair) -> Self {
        Self {
            left: pair.pair.0,
            right: pair.pair.1,
            weight_millibits: pair.weight_millibits,
            probability_ppm: pair.probability_ppm(),
        }
    }
}

/// What became of a run.
pub struct Resolution {
    /// The records, numbered.
    pub records: Records,
    /// The cluster of every record, as the number of its first record.
    pub cluster_of: Vec<u32>,
    /// The accepted links, ordered by their records.
    pub links: Vec<Link>,
    /// All pairs of records that were compared.
    pub scored: ScoredPairs,
    /// The likely pairs that were not linked, with the reason.
    pub cuts: Vec<Cut>,
    /// The pairs that people should look at, as places in `scored`, the most doubtful first.
    pub review: Vec<usize>,
    /// What became of earlier decisions.
    pub decisions: DecisionReport,
    /// How the fit of the model went.
    pub fit: FitReport,
    /// The fitted model; empty for whole-record encodings.
    pub model: ModelTables,
    explainer: Option<Explainer>,
    repeats: Repeats,
}

impl Resolution {
    /// The clusters, each the sorted numbers of its records, in order of their first.
    pub fn clusters(&self) -> Vec<Cluster> {
        cluster::collect(&self.cluster_of)
    }

    /// Why the scored pair at `place` has its weight; none for whole-record encodings.
    pub fn explain(&self, place: usize) -> Option<Explanation> {
        let pattern = self.scored.pattern_of.get(place)?;
        Some(self.explainer.as_ref()?.explain(*pattern))
    }
}

/// Joins the passes, fits the model, and forms links and clusters. `sets` are the batches in the
/// order the matcher had them; `decisions` of earlier reviews are followed. What outgrows memory goes
/// to `scratch`; the outcome is the same.
///
/// # Errors
/// [`ResolveError`] when comparisons and handle maps do not belong together, or the disk fails.
pub fn resolve(
    schema: &LinkageSchema,
    layout: &Layout,
    sets: &[RecordSet],
    decisions: &[Decision],
    comparisons: &mut dyn Read,
    scratch: &Scratch,
    progress: &dyn Progress,
) -> Result<Resolution, ResolveError> {
    progress.stage("join passes", 0);
    let resolver = Resolver::new(schema, layout, sets, scratch)?;
    resolver.take_all(comparisons)?;
    resolver.finish(decisions, progress)
}

/// Takes the comparisons of a run, in whatever order they come, and resolves them: [`resolve`] for those
/// who do not have them all in one place.
pub struct Resolver<'a> {
    schema: &'a LinkageSchema,
    layout: &'a Layout,
    scratch: &'a Scratch,
    records: Records,
    rows: Rows,
    variables: Variables,
    mirrored: Vec<usize>,
    buckets: Buckets<'a>,
    /// Comparisons that wait until there are enough of them to be worth sorting: a list for each thread that takes some,
    /// with the memory it sorts in.
    waiting: Mutex<Vec<(Vec<u8>, Room)>>,
}

/// Bytes of comparisons that are worth sorting.
const WORTH_SORTING: usize = 256 << 10;

impl<'a> Resolver<'a> {
    /// Nothing compared yet. `sets` are the batches in the order the matcher has them.
    ///
    /// # Errors
    /// [`ResolveError::TooManyRecords`].
    pub fn new(
        schema: &'a LinkageSchema,
        layout: &'a Layout,
        sets: &[RecordSet],
        scratch: &'a Scratch,
    ) -> Result<Self, ResolveError> {
        let records = Records::of(schema, sets)?;
        Ok(Self {
            schema,
            layout,
            scratch,
            rows: Rows::of(&records, sets),
            records,
            variables: Variables::of(schema, layout),
            mirrored: layout.mirrored(),
            buckets: Join::buckets(scratch),
            waiting: Mutex::default(),
        })
    }

    fn take_all(&self, comparisons: &mut dyn Read) -> Result<(), ResolveError> {
        let join = self.join();
        join.sort_all(&self.rows, comparisons, &self.buckets)
    }

    /// Takes some comparisons, whole ones, in whatever order they come and on whichever threads. They are looked at
    /// when there are enough of them, or at the end.
    ///
    /// # Errors
    /// [`ResolveError`] when these, or others taken before, and the handle maps do not belong together, or the disk
    /// fails.
    pub fn take(&self, comparisons: &[u8]) -> Result<(), ResolveError> {
        let form = ComparisonLayout::of(self.layout);
        if !comparisons.len().is_multiple_of(form.row_bytes()) {
            return Err(ResolveError::TornComparisons);
        }
        let waiting = || self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut own, mut room) = waiting().pop().unwrap_or_default();
        own.extend_from_slice(comparisons);
        if own.len() >= WORTH_SORTING {
            self.join()
                .sort(&self.rows, &own, &mut room, &self.buckets)?;
            own.clear();
        }
        waiting().push((own, room));
        Ok(())
    }

    /// Joins the passes, fits the model, and forms links and clusters. `decisions` of earlier reviews are
    /// followed.
    ///
    /// # Errors
    /// [`ResolveError`] when comparisons and handle maps do not belong together, or what was set aside cannot be read.
    pub fn finish(
        mut self,
        decisions: &[Decision],
        progress: &dyn Progress,
    ) -> Result<Resolution, ResolveError> {
        progress.stage("join passes", 0);
        let waiting = self.waiting.get_mut();
        for (left, mut room) in std::mem::take(waiting.unwrap_or_else(PoisonError::into_inner)) {
            self.join()
                .sort(&self.rows, &left, &mut room, &self.buckets)?;
        }
        let buckets = std::mem::replace(&mut self.buckets, Join::buckets(self.scratch));
        let joined = self.join().run(buckets)?;
        progress.stage("fit the model", 0);
        let Self {
            schema,
            layout,
            records,
            variables,
            ..
        } = self;
        let mut decisions = Decisions::of(decisions, &records);
        let mut weighed = Weighed::of(schema, layout, variables, &records, joined);
        let review = decisions.queue(&weighed.scored);
        decisions.recalibrate(&mut weighed.scored);
        progress.stage("form clusters", 0);
        let formed = cluster::form(
            schema,
            &records,
            &weighed.scored,
            &weighed.repeats,
            &mut decisions,
        );
        Ok(Resolution {
            records,
            cluster_of: formed.cluster_of,
            links: formed.links,
            cuts: formed.cuts,
            review,
            decisions: decisions.report,
            scored: weighed.scored,
            fit: weighed.fit,
            model: weighed.model,
            explainer: weighed.explainer,
            repeats: weighed.repeats,
        })
    }

    fn join(&self) -> Join<'_> {
        Join {
            schema: self.schema,
            layout: self.layout,
            variables: &self.variables,
            records: &self.records,
            mirrored: &self.mirrored,
        }
    }
}

/// All pairs with their weights, and where these come from.
struct Weighed {
    scored: ScoredPairs,
    repeats: Repeats,
    fit: FitReport,
    model: ModelTables,
    explainer: Option<Explainer>,
}

impl Weighed {
    fn of(
        schema: &LinkageSchema,
        layout: &Layout,
        variables: Variables,
        records: &Records,
        joined: Joined,
    ) -> Self {
        let scored = |weights| ScoredPairs {
            pairs: joined.pairs,
            pattern_of: joined.pattern_of,
            weights,
        };
        if schema.profile.is_whole_record() {
            let (weights, fit) = whole_record::weigh(&joined.patterns);
            return Self {
                scored: scored(weights),
                repeats: Repeats::free(schema.parties.len()),
                fit,
                model: ModelTables::default(),
                explainer: None,
            };
        }
        let seen = Seen {
            asked: patterns::asked(schema, layout, &variables),
            patterns: joined.patterns,
        };
        let model = Mixture::fit(&variables, records, &seen, &joined.strangers);
        let weights = model.weigh(&seen.patterns);
        let repeats = Repeats::of(&model.within, records);
        let names = schema.passes.iter().map(|pass| pass.name.to_string());
        let explainer = Explainer {
            variables,
            model,
            seen,
            passes: names.collect(),
        };
        Self {
            scored: scored(weights),
            repeats,
            fit: explainer.model.report.clone(),
            model: explainer.tables(),
            explainer: Some(explainer),
        }
    }
}

#[cfg(test)]
mod tests;
