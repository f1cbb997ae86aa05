//! The resolver's half: comparisons under pass handles become pairs of records, pairs get match
//! weights from a model fitted without truth, and weighted pairs become clusters.

mod cluster;
mod fit;
mod levels;
mod mixture;
mod pairs;
mod table;
mod whole_record;

use model::{Layout, LinkageSchema, PartyIndex, PassHandle, Progress, RecordHandle};

pub use cluster::Cluster;
pub use mixture::FitReport;
pub use pairs::{RecordSet, Records};

use levels::Variables;
use mixture::Mixture;
use pairs::PairTable;

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

/// What became of a run.
pub struct Resolution {
    /// The records, numbered.
    pub records: Records,
    /// The cluster of every record, as the number of its first record.
    pub cluster_of: Vec<u32>,
    /// The accepted links, ordered by their records.
    pub links: Vec<Link>,
    /// Pairs of records that were compared.
    pub pairs: u64,
    /// How the fit of the model went.
    pub fit: FitReport,
}

impl Resolution {
    /// The clusters, each the sorted numbers of its records, in order of their first.
    pub fn clusters(&self) -> Vec<Cluster> {
        cluster::collect(&self.cluster_of)
    }
}

/// Joins the passes, fits the model, and forms links and clusters.
///
/// # Errors
/// [`ResolveError`] when comparisons and handle maps do not belong together.
pub fn resolve<'a>(
    schema: &LinkageSchema,
    layout: &Layout,
    sets: &[RecordSet],
    comparisons: impl IntoIterator<Item = &'a [u8]>,
    progress: &dyn Progress,
) -> Result<Resolution, ResolveError> {
    progress.stage("join passes", 0);
    let records = Records::of(schema, sets)?;
    let table = PairTable::join(schema, layout, &records, sets, comparisons)?;
    progress.stage("fit the model", 0);
    let (weighed, fit) = if schema.profile.is_whole_record() {
        whole_record::weigh(&table)
    } else {
        let variables = Variables::of(schema, layout);
        let levels = table.levels(&variables);
        let model = Mixture::fit(&variables, &records, &table, &levels);
        (model.weigh(&table, &levels), model.report)
    };
    progress.stage("form clusters", 0);
    let (cluster_of, links) = cluster::form(schema, &records, &weighed);
    Ok(Resolution {
        records,
        cluster_of,
        links,
        pairs: table.len() as u64,
        fit,
    })
}

#[cfg(test)]
mod tests;
