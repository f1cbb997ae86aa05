//! What the service needs of a linker: the pairs of two sets of encodings that reach a threshold.

use std::io;

/// A pair that reaches the threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// The row in the left set, counted from 0.
    pub left: u32,
    /// The row in the right set.
    pub right: u32,
    /// Dice similarity: twice the shared bits by all set bits, divided once in double precision.
    pub score: f64,
}

/// Two sets of encodings of one length.
#[derive(Debug, Clone, Copy)]
pub struct Sets<'a> {
    /// Bytes of an encoding, a multiple of 8.
    pub encoding_bytes: usize,
    /// One encoding after the other.
    pub left: &'a [u8],
    /// The same for the other party.
    pub right: &'a [u8],
}

/// Why pairs could not be computed.
#[derive(Debug, thiserror::Error)]
pub enum LinkerError {
    /// The linker does not take these encodings.
    #[error("the encodings cannot be compared: {0}")]
    Encodings(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Pairs could not be written.
    #[error("pairs could not be written")]
    Sink(#[source] io::Error),
}

/// Finds pairs, exactly: every pair that reaches the threshold and no other, in any order.
pub trait Linker: Send + Sync {
    /// Hands all pairs with a score of at least `threshold` to `sink`, in pieces.
    ///
    /// # Errors
    /// [`LinkerError`] when the encodings are unfit or the sink fails.
    fn pairs(
        &self,
        sets: Sets<'_>,
        threshold: f64,
        sink: &mut dyn FnMut(&[Pair]) -> io::Result<()>,
    ) -> Result<(), LinkerError>;
}
