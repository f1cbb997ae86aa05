//! What the matcher hands to the resolver, and all the resolver ever asks of it.

use std::error::Error;
use std::io::Read;

use model::lifecycle::Command;
use model::{Digest, PartyName, RunNumber};

/// Why the matcher gave no answer.
#[derive(Debug, thiserror::Error)]
#[error("the matcher cannot be asked")]
pub struct HandoverError(#[source] pub Box<dyn Error + Send + Sync>);

/// The matcher's side, as the resolver knows it.
pub trait Handover: Send + Sync {
    /// Whose encodings were accepted for `run`.
    ///
    /// # Errors
    /// [`HandoverError`] when the matcher cannot tell.
    fn delivered(&self, run: RunNumber) -> Result<Vec<PartyName>, HandoverError>;

    /// What became of comparing.
    ///
    /// # Errors
    /// [`HandoverError`] when the matcher cannot tell.
    fn outcome(&self, run: RunNumber) -> Result<Outcome, HandoverError>;

    /// Ends a run on the matcher's side, by the way its life ends on the resolver's; says no while the
    /// matcher is at work on one.
    ///
    /// # Errors
    /// [`HandoverError`] when something is left.
    fn end(&self, run: RunNumber, way: &[Command]) -> Result<bool, HandoverError>;
}

/// What became of comparing a run's encodings.
pub enum Outcome {
    /// Not done yet.
    Pending,
    /// Done.
    Ready(Comparisons),
    /// It cannot be done.
    Failed(String),
}

/// All comparisons of a run.
pub struct Comparisons {
    /// How many.
    pub pairs: u64,
    /// Digest of their bytes.
    pub digest: Digest,
    /// By party: the digest of its rows' handles in their order, by which the numbers of rows mean
    /// the same on both sides.
    pub handles: Vec<Digest>,
    /// Their bytes: whole rows as `link::comparison` lays them out.
    pub bytes: Box<dyn Read + Send>,
}
