//! The resolver's half: comparisons under pass handles become pairs of records, pairs get match
//! weights from a model fitted without truth, and weighted pairs become clusters.

mod agree;
mod cluster;
mod explain;
mod fit;
mod labels;
mod levels;
mod mixture;
mod observe;
mod pairs;
mod review;
mod table;
mod whole_record;

use model::{Layout, LinkageSchema, PartyIndex, PassHandle, Progress, RecordHandle};

pub use cluster::{Cluster, Cut, CutReason};
pub use explain::{Explanation, LevelRow, Meeting, ModelTables, Step, VariableTable};
pub use mixture::{FitReport, ScoredPair};
pub use pairs::{RecordSet, Records};
pub use review::{Decision, DecisionReport, MAX_REVIEW, REVIEW_BAND, Verdict};

use cluster::Repeats;
use explain::Explainer;
use levels::Variables;
use mixture::Mixture;
use observe::Observations;
use pairs::{Joined, PairTable};
use review::Decisions;

/// Why resolving stopped.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// A comparison names a handle that is in nobody's handle map.
    #[error(
        "a comparison of party {party} names a pass handle that its handle map does not have; both uploads of a party must come from the same prepare"
    )]
    UnknownHandle {
        /// The party.
        party: PartyIndex,
    },
    /// A handle map has the same pass handle twice.
    #[error("the handle map of party {party} has a pass handle twice; prepare the batch again")]
    RepeatedHandle {
        /// The party.
        party: PartyIndex,
    },
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

impl From<&ScoredPair> for Link {
    fn from(pair: &ScoredPair) -> Self {
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
    /// All pairs of records that were compared, ordered by their records.
    pub scored: Vec<ScoredPair>,
    /// The passes each scored pair met in, one bit a pass.
    pub passes: Vec<u64>,
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
}

impl Resolution {
    /// The clusters, each the sorted numbers of its records, in order of their first.
    pub fn clusters(&self) -> Vec<Cluster> {
        cluster::collect(&self.cluster_of)
    }

    /// Why the scored pair at `place` has its weight; none for whole-record encodings.
    pub fn explain(&self, place: usize) -> Option<Explanation> {
        self.scored.get(place)?;
        Some(self.explainer.as_ref()?.explain(place))
    }
}

/// Joins the passes, fits the model, and forms links and clusters; `decisions` of earlier reviews
/// are followed.
///
/// # Errors
/// [`ResolveError`] when comparisons and handle maps do not belong together.
pub fn resolve<'a>(
    schema: &LinkageSchema,
    layout: &Layout,
    sets: &[RecordSet],
    decisions: &[Decision],
    comparisons: impl IntoIterator<Item = &'a [u8]>,
    progress: &dyn Progress,
) -> Result<Resolution, ResolveError> {
    progress.stage("join passes", 0);
    let records = Records::of(schema, sets)?;
    let joined = PairTable::join(schema, layout, &records, sets, comparisons)?;
    progress.stage("fit the model", 0);
    let mut decisions = Decisions::of(decisions, &records);
    let mut weighed = Weighed::of(schema, layout, &records, &joined);
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
        passes: joined.candidates.passes,
        fit: weighed.fit,
        model: weighed.model,
        explainer: weighed.explainer,
    })
}

/// All pairs with their weights, and where these come from.
struct Weighed {
    scored: Vec<ScoredPair>,
    repeats: Repeats,
    fit: FitReport,
    model: ModelTables,
    explainer: Option<Explainer>,
}

impl Weighed {
    fn of(schema: &LinkageSchema, layout: &Layout, records: &Records, joined: &Joined) -> Self {
        let table = &joined.candidates;
        if schema.profile.is_whole_record() {
            let (scored, fit) = whole_record::weigh(table);
            return Self {
                scored,
                repeats: Repeats::free(schema.parties.len()),
                fit,
                model: ModelTables::default(),
                explainer: None,
            };
        }
        let variables = Variables::of(schema, layout);
        let seen = Observations::of(schema, layout, &variables, table);
        let strangers = joined.strangers.levels(&variables);
        let model = Mixture::fit(&variables, records, &seen, &strangers);
        let (scored, fit) = (model.weigh(table, &seen), model.report.clone());
        let repeats = Repeats::of(&model.within, records);
        let explainer = Explainer {
            variables,
            model,
            seen,
            passes: schema
                .passes
                .iter()
                .map(|pass| pass.name.to_string())
                .collect(),
        };
        Self {
            scored,
            repeats,
            fit,
            model: explainer.tables(),
            explainer: Some(explainer),
        }
    }
}

#[cfg(test)]
mod tests;
