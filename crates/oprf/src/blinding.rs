//! The node's side.

use model::{Element, Evaluation, EvaluationKey};
use secret::{Entropy, Key32};
use voprf::{EvaluationElement, Group as _, Proof, Ristretto255, VoprfClient};
use zeroize::Zeroize as _;

use crate::randomness::Randomness;
use crate::{OprfError, Suite, check_size};

/// What an input is turned into: the first half of the 64 bytes that RFC 9497 gives, a key like any other.
pub type Output = Key32;

/// A batch of inputs, blinded. What the blinds are is wiped on drop.
pub struct Blinding {
    clients: Vec<VoprfClient<Suite>>,
    elements: Vec<Element>,
}

impl Blinding {
    /// Blinds inputs by `entropy`; the same randomness gives the same elements.
    ///
    /// # Errors
    /// [`OprfError`] when there are too few or too many, or one is over 65,535 bytes.
    pub fn of<I: AsRef<[u8]>>(inputs: &[I], entropy: &mut dyn Entropy) -> Result<Self, OprfError> {
        check_size(inputs.len())?;
        let mut randomness = Randomness(entropy);
        let mut blinding = Self {
            clients: Vec::with_capacity(inputs.len()),
            elements: Vec::with_capacity(inputs.len()),
        };
        for input in inputs {
            let blinded = VoprfClient::<Suite>::blind(input.as_ref(), &mut randomness)
                .map_err(|_| OprfError::Input)?;
            let element = Element::new(blinded.message.serialize().into());
            blinding.clients.push(blinded.state);
            blinding.elements.push(element);
        }
        Ok(blinding)
    }

    /// The blinded elements, in the order of the inputs.
    pub fn elements(&self) -> &[Element] {
        &self.elements
    }

    /// The outputs of `inputs`, which are those that were blinded.
    ///
    /// # Errors
    /// [`OprfError`] when the evaluation is not of this batch, or not under `key`. No output is had then.
    pub fn finish<I: AsRef<[u8]>>(
        &self,
        inputs: &[I],
        evaluation: &Evaluation,
        key: &EvaluationKey,
    ) -> Result<Vec<Output>, OprfError> {
        let answered = evaluation.elements.len();
        for other in [answered, inputs.len()] {
            if other != self.clients.len() {
                let asked = self.clients.len();
                return Err(OprfError::Count {
                    asked,
                    answered: other,
                });
            }
        }
        let elements = evaluation.elements.iter().enumerate();
        let elements = elements.map(|(place, element)| {
            EvaluationElement::<Suite>::deserialize(element.as_bytes())
                .map_err(|_| OprfError::NotAnElement(place))
        });
        let elements: Vec<_> = elements.collect::<Result<_, _>>()?;
        let proof = Proof::<Suite>::deserialize(&evaluation.proof).map_err(|_| OprfError::Proof)?;
        let key = Ristretto255::deserialize_elem(key.as_bytes()).map_err(|_| OprfError::NotAKey)?;
        let inputs: Vec<&[u8]> = inputs.iter().map(AsRef::as_ref).collect();
        let outputs = VoprfClient::batch_finalize(&inputs, &self.clients, &elements, &proof, key)
            .map_err(|_| OprfError::Proof)?;
        outputs
            .map(|output| Ok(output_key(&mut output.map_err(|_| OprfError::Input)?)))
            .collect()
    }
}

/// Keeps the first half, and wipes all.
pub(crate) fn output_key(output: &mut [u8]) -> Output {
    let mut half = [0; 32];
    half.copy_from_slice(&output[..32]);
    output.zeroize();
    Key32::from_bytes(&mut half)
}
