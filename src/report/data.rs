//! What a report tells, as plain numbers and words. No value here comes from a record.

/// Everything the page of one linkage shows. An empty list means there is nothing to show.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReportData {
    /// What was linked, and what came of it.
    pub(crate) head: Head,
    /// What a reader must know before believing a number, each a sentence. Shown first.
    pub(crate) warnings: Vec<String>,
    /// The odds of all pairs compared.
    pub(crate) weights: WeightHistogram,
    /// The model, variable by variable.
    pub(crate) variables: Vec<Variable>,
    /// Quality by threshold, where the truth is known.
    pub(crate) curve: Option<Curve>,
    /// How many clusters have how many records.
    pub(crate) sizes: Vec<SizeCount>,
    /// Which registries the clusters have records in.
    pub(crate) overlap: Overlap,
    /// How pairs were brought together.
    pub(crate) blocking: Blocking,
    /// How the fit of the model went; none for a profile that fits none.
    pub(crate) fit: Option<Fit>,
    /// Why links were not followed when clusters were formed.
    pub(crate) cuts: Vec<Cut>,
    /// Where pairs were lost, where the truth is known.
    pub(crate) losses: Vec<LossGroup>,
    /// Counts below this are shown as "fewer than"; none for exact counts, which must not leave the
    /// machine.
    pub(crate) count_floor: Option<u64>,
}

/// What was linked, and what came of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Head {
    /// Name and revision of the linkage schema.
    pub(crate) schema: String,
    /// The profile of encodings.
    pub(crate) profile: String,
    /// Which run this was, such as `seed 1` or `run 3`.
    pub(crate) run: String,
    /// The parties, in the order of the schema.
    pub(crate) parties: Vec<PartyCount>,
    /// Pairs of records compared.
    pub(crate) pairs: u64,
    /// Pairs accepted as links.
    pub(crate) links: u64,
    /// Clusters, those of a single record included.
    pub(crate) clusters: u64,
    /// Quality of all pairs first, then by pair of parties and within parties; empty when the truth is
    /// not known.
    pub(crate) quality: Vec<QualityRow>,
}

/// One registry's part.
#[derive(Debug, Clone, Default)]
pub(crate) struct PartyCount {
    /// What the party is called.
    pub(crate) label: String,
    /// Records read.
    pub(crate) records: u64,
    /// Records that could not be used.
    pub(crate) set_aside: u64,
}

/// Pairs within clusters against the truth.
#[derive(Debug, Clone, Default)]
pub(crate) struct QualityRow {
    /// Which pairs, such as `all pairs` or `crvs - id`.
    pub(crate) pairs: String,
    /// Pairs found that are one person.
    pub(crate) right: u64,
    /// Pairs found that are not.
    pub(crate) wrong: u64,
    /// Pairs of one person that were not found.
    pub(crate) missed: u64,
}

/// The posterior odds of all pairs compared, as log2: match weight and prior together.
#[derive(Debug, Clone, Default)]
pub(crate) struct WeightHistogram {
    /// In order of odds, without gaps. Up to about a hundred read well.
    pub(crate) bins: Vec<WeightBin>,
    /// Named odds, drawn as lines.
    pub(crate) thresholds: Vec<Threshold>,
}

/// Pairs whose odds lie in a range.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WeightBin {
    /// The least odds, in bits.
    pub(crate) from_bits: f64,
    /// The odds it ends before, in bits.
    pub(crate) to_bits: f64,
    /// Pairs that became links.
    pub(crate) linked: u64,
    /// Pairs that did not.
    pub(crate) not_linked: u64,
}

/// Odds with a name: `link`, `review from`, `review to`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Threshold {
    /// What it is called.
    pub(crate) name: String,
    /// Where it lies, in bits.
    pub(crate) bits: f64,
}

/// One variable of the model with its comparison levels.
#[derive(Debug, Clone, Default)]
pub(crate) struct Variable {
    /// The field or fields it speaks of.
    pub(crate) name: String,
    /// Its levels, best agreement first.
    pub(crate) levels: Vec<Level>,
}

/// One comparison level.
#[derive(Debug, Clone, Default)]
pub(crate) struct Level {
    /// What was seen, such as `same` or `similar`.
    pub(crate) label: String,
    /// How often records of one person show it.
    pub(crate) m: f64,
    /// How often records of unrelated people show it.
    pub(crate) u: f64,
    /// How often records of two people of one household show it, where the model has that class.
    pub(crate) household: Option<f64>,
    /// The same for two people of one wider family or neighbourhood.
    pub(crate) kin: Option<f64>,
}

/// Precision and recall by threshold.
#[derive(Debug, Clone, Default)]
pub(crate) struct Curve {
    /// In order of threshold.
    pub(crate) points: Vec<CurvePoint>,
    /// The threshold the run used, in bits.
    pub(crate) chosen_bits: f64,
}

/// Quality had pairs from these odds on been linked.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CurvePoint {
    /// The threshold, in bits.
    pub(crate) bits: f64,
    /// Share of links that are right.
    pub(crate) precision: f64,
    /// Share of true pairs that are linked.
    pub(crate) recall: f64,
}

/// How many clusters have so many records.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SizeCount {
    /// Records in the cluster.
    pub(crate) records: u64,
    /// Clusters of that size.
    pub(crate) clusters: u64,
}

/// Which registries the clusters have records in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overlap {
    /// The parties' labels.
    pub(crate) parties: Vec<String>,
    /// Every cluster counts in exactly one combination. In any order.
    pub(crate) combinations: Vec<Combination>,
}

/// Clusters with records in these parties and no others.
#[derive(Debug, Clone, Default)]
pub(crate) struct Combination {
    /// Places in [`Overlap::parties`], each once.
    pub(crate) parties: Vec<usize>,
    /// How many clusters.
    pub(crate) clusters: u64,
}

/// How pairs were brought together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Blocking {
    /// The passes, in the order of the schema.
    pub(crate) passes: Vec<PassCount>,
    /// Estimated share of true pairs that met in some pass.
    pub(crate) completeness: Option<f64>,
}

/// What one blocking pass did.
#[derive(Debug, Clone, Default)]
pub(crate) struct PassCount {
    /// What the pass is called.
    pub(crate) name: String,
    /// Pairs it brought together.
    pub(crate) pairs: u64,
    /// Pairs no other pass brought together.
    pub(crate) pairs_only_here: u64,
    /// Links no other pass brought together.
    pub(crate) links_only_here: u64,
    /// Blocks skipped because they were too large.
    pub(crate) skipped_blocks: u64,
}

/// How the fit of the model went.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fit {
    /// Whether two people of one household are a class of their own.
    pub(crate) households: bool,
    /// Whether two people of one wider family or neighbourhood are.
    pub(crate) kin: bool,
    /// Whether people born together are a class of their own.
    pub(crate) twins: bool,
    /// Rounds it took.
    pub(crate) rounds: u64,
    /// Whether it settled.
    pub(crate) converged: bool,
}

/// Links that were not followed, and why.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cut {
    /// In words, such as `the registry holds each person once`.
    pub(crate) reason: String,
    /// How many links.
    pub(crate) links: u64,
}

/// Lost pairs, told apart in one way.
#[derive(Debug, Clone, Default)]
pub(crate) struct LossGroup {
    /// The way, such as `by kind of error` or `by culture of the name`.
    pub(crate) name: String,
    /// What was told apart.
    pub(crate) rows: Vec<Loss>,
}

/// Pairs lost of one kind.
#[derive(Debug, Clone, Default)]
pub(crate) struct Loss {
    /// Which kind.
    pub(crate) kind: String,
    /// Pairs of one person that were not found.
    pub(crate) missed: u64,
    /// Pairs found that are not one person.
    pub(crate) wrong: u64,
}

/// Why a pair weighs what it weighs. It names records by what its maker chose to call them and says
/// how alike they are, never what they hold.
#[derive(Debug, Clone, Default)]
pub(crate) struct Explanation {
    /// What to call the first record.
    pub(crate) left: String,
    /// What to call the second record.
    pub(crate) right: String,
    /// What was known before anything was compared, in bits.
    pub(crate) prior_bits: f64,
    /// What each comparison added; what other explanations than one person take away is a step too.
    pub(crate) steps: Vec<Step>,
    /// Where that ends, in bits.
    pub(crate) total_bits: f64,
    /// The same as the probability of a match.
    pub(crate) probability: f64,
    /// What followed, in words.
    pub(crate) decision: String,
    /// Anything else a reader should know.
    pub(crate) note: Option<String>,
}

/// What one comparison added.
#[derive(Debug, Clone, Default)]
pub(crate) struct Step {
    /// The variable compared.
    pub(crate) variable: String,
    /// The level seen.
    pub(crate) level: String,
    /// What it says for a match, in bits; below zero speaks against.
    pub(crate) bits: f64,
}
