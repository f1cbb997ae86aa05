//! What a key server says of itself.

use model::{Digest, EvaluationKey, ProjectName};

/// What a node has to know before it asks a key server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyServerFacts {
    /// The project it serves.
    pub project: ProjectName,
    /// Digest of the linkage agreement it works under.
    pub agreement: Digest,
    /// The public key of the epoch asked for.
    pub public_key: EvaluationKey,
    /// How many evaluations the calling party may have in the epoch.
    pub quota: u64,
    /// How many it has had.
    pub spent: u64,
}
