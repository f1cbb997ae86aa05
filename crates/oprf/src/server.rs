//! The key server's side.

use model::{Element, Evaluation, EvaluationKey};
use secret::{Entropy, Key32};
use voprf::{BlindedElement, Group as _, VoprfServer};

use crate::blinding::{Output, output_key};
use crate::randomness::Randomness;
use crate::{OprfError, Suite, check_size};

/// Whether a batch can be evaluated: before anybody is charged for it.
///
/// # Errors
/// [`OprfError`] when there are too few or too many, or one is no element.
pub fn check_batch(blinded: &[Element]) -> Result<(), OprfError> {
    read(blinded).map(drop)
}

fn read(blinded: &[Element]) -> Result<Vec<BlindedElement<Suite>>, OprfError> {
    check_size(blinded.len())?;
    let blinded = blinded.iter().enumerate().map(|(place, element)| {
        BlindedElement::<Suite>::deserialize(element.as_bytes())
            .map_err(|_| OprfError::NotAnElement(place))
    });
    blinded.collect()
}

/// The secret key of a key server. Wiped on drop.
pub struct ServerKey(VoprfServer<Suite>);

impl ServerKey {
    /// The key that follows from `seed` for the use named by `info`: DeriveKeyPair of RFC 9497, section
    /// 3.2.1.
    ///
    /// # Errors
    /// [`OprfError::Input`] when `info` is over 65,000 bytes, or by a chance of one in 2^64,000.
    #[expect(
        clippy::disallowed_methods,
        reason = "the seed goes into the derivation of the key"
    )]
    pub fn derive(seed: &Key32, info: &[u8]) -> Result<Self, OprfError> {
        let server = VoprfServer::new_from_seed(seed.expose(), info);
        server.map(Self).map_err(|_| OprfError::Input)
    }

    /// The key's public half.
    pub fn public(&self) -> EvaluationKey {
        EvaluationKey::new(voprf::Ristretto255::serialize_elem(self.0.get_public_key()).into())
    }

    /// Evaluates a batch, with a proof drawn from `entropy`.
    ///
    /// # Errors
    /// [`OprfError`] when there are too few or too many, or one is no element.
    pub fn evaluate(
        &self,
        blinded: &[Element],
        entropy: &mut dyn Entropy,
    ) -> Result<Evaluation, OprfError> {
        let blinded = read(blinded)?;
        let evaluated = (self.0)
            .batch_blind_evaluate(&mut Randomness(entropy), &blinded)
            .map_err(|_| OprfError::BatchSize(blinded.len()))?;
        let elements = evaluated.messages.iter();
        Ok(Evaluation {
            elements: elements
                .map(|element| Element::new(element.serialize().into()))
                .collect(),
            proof: proof_bytes(&evaluated.proof),
        })
    }

    /// What blinding, evaluating and finishing give for `input`, worked out by the holder of the key alone.
    ///
    /// # Errors
    /// [`OprfError::Input`] for an input of over 65,535 bytes.
    pub fn output(&self, input: &[u8]) -> Result<Output, OprfError> {
        let mut output = self.0.evaluate(input).map_err(|_| OprfError::Input)?;
        Ok(output_key(output.as_mut_slice()))
    }
}

fn proof_bytes(proof: &voprf::Proof<Suite>) -> [u8; model::evaluation::PROOF_BYTES] {
    proof.serialize().into()
}
