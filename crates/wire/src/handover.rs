//! What the matcher tells the resolver: where a run stands with it, and what comparisons there are.

use model::{Digest, Epoch, PartyName, ProjectName, RunNumber};

/// Where a run stands with the matcher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatcherRun {
    /// The project the matcher serves.
    pub project: ProjectName,
    /// The epoch whose keys encode.
    pub epoch: Epoch,
    /// The run that is open with the matcher, which may be another than the one asked about.
    pub open: RunNumber,
    /// Digest of the linkage schema it works under.
    pub schema_digest: Digest,
    /// Whose encodings for the run asked about were accepted.
    pub delivered: Vec<PartyName>,
    /// What became of comparing them.
    pub outcome: MatcherOutcome,
}

/// What became of comparing a run's encodings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MatcherOutcome {
    /// Not done yet.
    Pending,
    /// It cannot be done; why, for people.
    Failed(String),
    /// Done.
    Ready(Comparisons),
}

/// All comparisons of a run, but for their bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparisons {
    /// How many.
    pub pairs: u64,
    /// How many bytes.
    pub bytes: u64,
    /// Digest of the bytes.
    pub digest: Digest,
    /// By party, in the schema's order: the digest of its rows' handles in their order, by which the
    /// numbers of rows mean the same on both sides.
    pub handles: Vec<Digest>,
}
