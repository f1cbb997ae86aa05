//! What a node and the key server tell each other: blinded elements one way, evaluations with their
//! proof the other. None of it says anything of the values behind it (RFC 9497, section 7).

use crate::digest::{Digest, Digester};
use crate::hex::hex_forms;

/// The most elements of one batch. Its proof is of all of them together.
pub const MAX_ELEMENTS: usize = 4096;

/// The public key of a key server for one epoch, by which everybody can check its evaluations: an
/// element of ristretto255. Agreements pin it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EvaluationKey([u8; 32]);

hex_forms!(EvaluationKey, 32, "evaluation key");

impl EvaluationKey {
    /// Wraps the key's bytes, which need not be a key's.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key's bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A blinded or evaluated element in its bytes, which need not be one's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Element([u8; Self::BYTES]);

impl Element {
    /// Bytes of an element.
    pub const BYTES: usize = 32;

    /// Wraps the element's bytes.
    pub const fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The element's bytes.
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

/// The digest of a batch of blinded elements, by which a batch that comes again is known. Elements are
/// random, so it says nothing of what they hide.
pub fn batch_digest(elements: &[Element]) -> Digest {
    let mut digester = Digester::new();
    digester.field(b"symbolon blinded elements v1");
    elements
        .iter()
        .for_each(|element| digester.update(element.as_bytes()));
    digester.finish()
}

/// Bytes of a proof.
pub const PROOF_BYTES: usize = 64;

/// A batch evaluated, with the proof that it was done under one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// In the order of the blinded elements.
    pub elements: Vec<Element>,
    /// Of all of them together (RFC 9497, section 2.2).
    pub proof: [u8; PROOF_BYTES],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_differ_by_their_elements_and_their_order() {
        let [a, b] = [1, 2].map(|byte| Element::new([byte; 32]));
        let digests = [&[a][..], &[b], &[a, b], &[b, a], &[]].map(batch_digest);
        for (place, one) in digests.iter().enumerate() {
            assert!(!digests[place + 1..].contains(one));
        }
    }

    #[test]
    fn keys_read_as_they_are_written() {
        let key = EvaluationKey::new([0xa7; 32]);
        assert_eq!(key.to_string().parse(), Ok(key));
        assert!("a7".parse::<EvaluationKey>().is_err());
    }
}
