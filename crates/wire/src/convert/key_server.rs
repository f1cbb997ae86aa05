//! Messages of the `KeyServer` service.

use model::evaluation::MAX_ELEMENTS;
use model::{Element, Epoch, Evaluation, EvaluationKey};

use super::place::{MessageError, Place, Problem, at};
use crate::key_server::KeyServerFacts;
use crate::proto;

/// The epoch and the elements of a request.
pub(crate) fn asked(
    message: &proto::EvaluateRequest,
) -> Result<(Epoch, Vec<Element>), MessageError> {
    let field = at("EvaluateRequest", "elements");
    Ok((Epoch(message.epoch), elements(field, &message.elements)?))
}

/// Elements one after the other; whether each is one is for the curve to say.
fn elements(field: Place, bytes: &[u8]) -> Result<Vec<Element>, MessageError> {
    let (elements, rest) = bytes.as_chunks::<{ Element::BYTES }>();
    if !rest.is_empty() {
        return Err(field.wrong(Problem::Length {
            is: bytes.len(),
            must: (elements.len() + 1) * Element::BYTES,
        }));
    }
    field.at_most(elements.len() as u64, MAX_ELEMENTS as u64)?;
    match elements.is_empty() {
        true => Err(field.wrong(Problem::Missing)),
        false => Ok(elements.iter().copied().map(Element::new).collect()),
    }
}

/// The bytes of elements one after the other.
pub(crate) fn joined(elements: &[Element]) -> Vec<u8> {
    let bytes = elements.iter().map(|element| *element.as_bytes());
    bytes.flatten().collect()
}

impl From<&Evaluation> for proto::EvaluateResponse {
    fn from(evaluation: &Evaluation) -> Self {
        Self {
            elements: joined(&evaluation.elements),
            proof: evaluation.proof.to_vec(),
        }
    }
}

impl TryFrom<proto::EvaluateResponse> for Evaluation {
    type Error = MessageError;

    fn try_from(message: proto::EvaluateResponse) -> Result<Self, MessageError> {
        let field = |name| at("EvaluateResponse", name);
        Ok(Self {
            elements: elements(field("elements"), &message.elements)?,
            proof: field("proof").bytes(&message.proof)?,
        })
    }
}

impl From<&KeyServerFacts> for proto::FactsResponse {
    fn from(facts: &KeyServerFacts) -> Self {
        Self {
            project: facts.project.to_string(),
            agreement: facts.agreement.as_bytes().to_vec(),
            public_key: facts.public_key.as_bytes().to_vec(),
            quota: facts.quota,
            spent: facts.spent,
        }
    }
}

impl TryFrom<proto::FactsResponse> for KeyServerFacts {
    type Error = MessageError;

    fn try_from(message: proto::FactsResponse) -> Result<Self, MessageError> {
        let field = |name| at("FactsResponse", name);
        Ok(Self {
            project: field("project").name(&message.project)?,
            agreement: field("agreement").digest(&message.agreement)?,
            public_key: field("public_key")
                .bytes(&message.public_key)
                .map(EvaluationKey::new)?,
            quota: message.quota,
            spent: message.spent,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: usize) -> Result<(Epoch, Vec<Element>), MessageError> {
        asked(&proto::EvaluateRequest {
            epoch: 3,
            elements: vec![7; bytes],
        })
    }

    #[test]
    fn a_request_has_whole_elements_and_not_too_many() {
        let (epoch, elements) = of(64).unwrap();
        assert_eq!((epoch, elements.len()), (Epoch(3), 2));
        assert!(of(MAX_ELEMENTS * 32).is_ok());
        for bytes in [0, 1, 33, MAX_ELEMENTS * 32 + 32] {
            assert_eq!(of(bytes).unwrap_err().field, "elements", "{bytes} bytes");
        }
    }
}
