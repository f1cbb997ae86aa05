//! What nodes and key server send each other: blinded elements, and evaluations with their proof.

use std::sync::LazyLock;

use model::evaluation::PROOF_BYTES;
use model::{Element, Evaluation};
use oprf::{Blinding, ServerKey, check_batch};
use secret::{Key32, SeededEntropy};

/// What a node asks for.
pub const INPUT: [u8; 16] = [7; 16];

/// The key server's key.
pub static KEY: LazyLock<ServerKey> =
    LazyLock::new(|| ServerKey::derive(&Key32::from_bytes(&mut [1; 32]), b"fuzz").unwrap());

/// A node's batch of one input.
pub fn blinding() -> Blinding {
    Blinding::of(&[INPUT], &mut SeededEntropy::new(1)).unwrap()
}

/// Elements one after the other, as a key server takes them; or an element and a proof, as a node does.
pub fn evaluations(bytes: &[u8]) -> bool {
    asked(bytes) | answered(bytes)
}

fn asked(bytes: &[u8]) -> bool {
    let (elements, rest) = bytes.as_chunks::<{ Element::BYTES }>();
    let elements: Vec<Element> = elements.iter().copied().map(Element::new).collect();
    let taken = check_batch(&elements).is_ok();
    // A batch that was charged for is answered.
    let evaluated = KEY.evaluate(&elements, &mut SeededEntropy::new(2));
    assert_eq!(evaluated.is_ok(), taken);
    if let Ok(evaluated) = evaluated {
        assert_eq!(evaluated.elements.len(), elements.len());
        let pairs = evaluated.elements.iter().zip(&elements);
        pairs.for_each(|(after, before)| assert_ne!(after, before));
    }
    taken && rest.is_empty()
}

fn answered(bytes: &[u8]) -> bool {
    let Some((elements, proof)) = bytes.split_last_chunk::<PROOF_BYTES>() else {
        return false;
    };
    let elements = elements.as_chunks::<{ Element::BYTES }>().0;
    let evaluation = Evaluation {
        elements: elements.iter().copied().map(Element::new).collect(),
        proof: *proof,
    };
    let Ok(outputs) = blinding().finish(&[INPUT], &evaluation, &KEY.public()) else {
        return false;
    };
    // Whatever proves itself is what the key gives, and nothing else.
    let honest = KEY.output(&INPUT).unwrap();
    let same = |a: &Key32, b: &Key32| {
        let tag = |key: &Key32| key.derive("compared", &[]).prf().tag(&[]);
        tag(a) == tag(b)
    };
    assert!(outputs.len() == 1 && same(&outputs[0], &honest));
    true
}
