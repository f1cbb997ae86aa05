//! Both sides of a verifiable oblivious pseudorandom function, VOPRF(ristretto255, SHA-512) of RFC 9497:
//! a [`ServerKey`] turns inputs into outputs nobody else can work out, and never sees one of either.
//!
//! ```text
//! Blinding::of(inputs)    elements ──────────► ServerKey::evaluate
//! Blinding::finish        outputs  ◄────────── Evaluation, with a proof of all
//! ```
//! The curve and the protocol are those of the crate `voprf`; here are its types in ours, and the rules:
//! batches of at most [`MAX_ELEMENTS`], none of them empty, elements that are elements, and no output without
//! a proof that holds under the public key the caller trusts.

mod blinding;
mod randomness;
mod server;

pub use blinding::{Blinding, Output};
pub use model::evaluation::MAX_ELEMENTS;
pub use server::{ServerKey, check_batch};

use voprf::Ristretto255;

/// The cipher suite, by its name in RFC 9497 `ristretto255-SHA512`.
type Suite = Ristretto255;

/// Why nothing was evaluated, or an evaluation does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OprfError {
    /// None, or more than a batch may have.
    #[error("a batch has from 1 to {MAX_ELEMENTS} elements, not {0}")]
    BatchSize(usize),
    /// Bytes that are no element, or the one that hides nothing.
    #[error("element {0} of the batch is no element of ristretto255")]
    NotAnElement(usize),
    /// Bytes that are no key.
    #[error("these bytes are no evaluation key")]
    NotAKey,
    /// Another number of elements than was asked for.
    #[error("{answered} elements came back for {asked}")]
    Count {
        /// How many were sent.
        asked: usize,
        /// How many came back.
        answered: usize,
    },
    /// Not evaluated under the key the caller trusts, or changed since.
    #[error(
        "the proof does not hold: the elements were not evaluated under the key that was agreed on"
    )]
    Proof,
    /// A chance of one in 2^252, or an input of more than 65,535 bytes.
    #[error("an input cannot be put on the curve")]
    Input,
}

/// Refuses batches no side takes.
fn check_size(elements: usize) -> Result<(), OprfError> {
    match elements {
        1..=MAX_ELEMENTS => Ok(()),
        other => Err(OprfError::BatchSize(other)),
    }
}

#[cfg(test)]
mod tests;
