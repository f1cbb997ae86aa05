//! The vectors of RFC 9497, appendix A.1.2, and what has to hold of any keys and inputs.

use std::fmt::{Debug, Display};

use model::{Element, Evaluation, EvaluationKey};
use proptest::prelude::*;
use secret::{Entropy, Key32, SeededEntropy};
use static_assertions::assert_not_impl_any;

use super::*;

assert_not_impl_any!(ServerKey: Debug, Display, Clone, PartialEq);
assert_not_impl_any!(Blinding: Debug, Display, Clone, PartialEq);
assert_not_impl_any!(Output: Debug, Display, Clone, PartialEq);

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn element(text: &str) -> Element {
    Element::new(hex(text).try_into().unwrap())
}

/// Scalars as they come from random bytes: drawn as 64 bytes and taken modulo the order, so that a scalar
/// followed by zeros is itself.
struct Scalars(Vec<Vec<u8>>);

impl Entropy for Scalars {
    fn fill(&mut self, out: &mut [u8]) {
        assert_eq!(out.len(), 64);
        out.fill(0);
        out[..32].copy_from_slice(&self.0.remove(0));
    }
}

const BLIND_1: &str = "64d37aed22a27f5191de1c1d69fadb899d8862b58eb4220029e036ec4c1f6706";
const BLIND_2: &str = "222a5e897cf59db8145db8d16e597e8facb80ae7d4e26d9881aa6f61d645fc0e";
const INPUT_2: &str = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a";
const OUTPUT_1: &str = "b58cfbe118e0cb94d79b5fd6a6dafb98764dff49c14e1770b566e42402da1a7d";
const OUTPUT_2: &str = "8a9a2f3c7f085b65933594309041fc1898d42d0858e59f90814ae90571a6df60";

/// A vector: inputs, blinds, blinded elements, evaluated elements, proof, the proof's scalar, outputs.
struct Vector {
    inputs: &'static [&'static str],
    blinds: &'static [&'static str],
    blinded: &'static [&'static str],
    evaluated: &'static [&'static str],
    proof: &'static str,
    scalar: &'static str,
    outputs: &'static [&'static str],
}

const VECTORS: [Vector; 3] = [
    Vector {
        inputs: &["00"],
        blinds: &[BLIND_1],
        blinded: &["863f330cc1a1259ed5a5998a23acfd37fb4351a793a5b3c090b642ddc439b945"],
        evaluated: &["aa8fa048764d5623868679402ff6108d2521884fa138cd7f9c7669a9a014267e"],
        proof: concat!(
            "ddef93772692e535d1a53903db24367355cc2cc78de93b3be5a8ffcc6985dd06",
            "6d4346421d17bf5117a2a1ff0fcb2a759f58a539dfbe857a40bce4cf49ec600d"
        ),
        scalar: BLIND_2,
        outputs: &[OUTPUT_1],
    },
    Vector {
        inputs: &[INPUT_2],
        blinds: &[BLIND_1],
        blinded: &["cc0b2a350101881d8a4cba4c80241d74fb7dcbfde4a61fde2f91443c2bf9ef0c"],
        evaluated: &["60a59a57208d48aca71e9e850d22674b611f752bed48b36f7a91b372bd7ad468"],
        proof: concat!(
            "401a0da6264f8cf45bb2f5264bc31e109155600babb3cd4e5af7d181a2c9dc0a",
            "67154fabf031fd936051dec80b0b6ae29c9503493dde7393b722eafdf5a50b02"
        ),
        scalar: BLIND_2,
        outputs: &[OUTPUT_2],
    },
    Vector {
        inputs: &["00", INPUT_2],
        blinds: &[BLIND_1, BLIND_2],
        blinded: &[
            "863f330cc1a1259ed5a5998a23acfd37fb4351a793a5b3c090b642ddc439b945",
            "90a0145ea9da29254c3a56be4fe185465ebb3bf2a1801f7124bbbadac751e654",
        ],
        evaluated: &[
            "aa8fa048764d5623868679402ff6108d2521884fa138cd7f9c7669a9a014267e",
            "cc5ac221950a49ceaa73c8db41b82c20372a4c8d63e5dded2db920b7eee36a2a",
        ],
        proof: concat!(
            "cc203910175d786927eeb44ea847328047892ddf8590e723c37205cb74600b0a",
            "5ab5337c8eb4ceae0494c2cf89529dcf94572ed267473d567aeed6ab873dee08"
        ),
        scalar: "419c4f4f5052c53c45f3da494d2b67b220d02118e0857cdbcf037f9ea84bbe0c",
        outputs: &[OUTPUT_1, OUTPUT_2],
    },
];

fn vector_key() -> ServerKey {
    ServerKey::derive(&Key32::from_bytes(&mut [0xa3; 32]), b"test key").unwrap()
}

#[expect(clippy::disallowed_methods, reason = "to hold it against the vector")]
fn bytes(output: &Output) -> Vec<u8> {
    output.expose().to_vec()
}

#[test]
fn keys_follow_from_their_seed_as_in_the_rfc() {
    let public = "c803e2cc6b05fc15064549b5920659ca4a77b2cca6f04f6b357009335476ad4e";
    assert_eq!(vector_key().public().to_string(), public);
}

#[test]
fn all_vectors_of_rfc_9497_a_1_2_hold() {
    let key = vector_key();
    for vector in &VECTORS {
        let inputs: Vec<_> = vector.inputs.iter().map(|text| hex(text)).collect();
        let mut blinds = Scalars(vector.blinds.iter().map(|text| hex(text)).collect());
        let blinding = Blinding::of(&inputs, &mut blinds).unwrap();
        let blinded: Vec<_> = vector.blinded.iter().map(|text| element(text)).collect();
        assert_eq!(blinding.elements(), blinded);
        let mut scalar = Scalars(vec![hex(vector.scalar)]);
        let evaluation = key.evaluate(&blinded, &mut scalar).unwrap();
        let evaluated: Vec<_> = vector.evaluated.iter().map(|text| element(text)).collect();
        assert_eq!(evaluation.elements, evaluated);
        assert_eq!(evaluation.proof[..], hex(vector.proof));
        let outputs = blinding
            .finish(&inputs, &evaluation, &key.public())
            .unwrap();
        let outputs: Vec<_> = outputs.iter().map(bytes).collect();
        let expected: Vec<_> = vector.outputs.iter().map(|text| hex(text)).collect();
        assert_eq!(outputs, expected);
    }
}

fn key(seed: u8) -> ServerKey {
    ServerKey::derive(&Key32::from_bytes(&mut [seed; 32]), b"k").unwrap()
}

/// Two inputs, blinded, and evaluated under key 1.
fn evaluated() -> ([&'static [u8]; 2], Blinding, Evaluation) {
    let inputs: [&[u8]; 2] = [b"one", b"two"];
    let blinding = Blinding::of(&inputs, &mut SeededEntropy::new(4)).unwrap();
    let evaluation = key(1).evaluate(blinding.elements(), &mut SeededEntropy::new(5));
    (inputs, blinding, evaluation.unwrap())
}

fn finish(change: impl FnOnce(&mut Evaluation), key: EvaluationKey) -> Option<OprfError> {
    let (inputs, blinding, mut evaluation) = evaluated();
    change(&mut evaluation);
    blinding.finish(&inputs, &evaluation, &key).err()
}

#[test]
fn what_is_not_evaluated_under_the_key_agreed_on_gives_no_output() {
    let public = key(1).public();
    assert_eq!(finish(|_| {}, public), None);
    assert_eq!(finish(|_| {}, key(2).public()), Some(OprfError::Proof));
    assert_eq!(
        finish(|_| {}, EvaluationKey::new([0; 32])),
        Some(OprfError::NotAKey)
    );
    let swapped = finish(|of| of.elements.swap(0, 1), public);
    assert_eq!(swapped, Some(OprfError::Proof));
    for at in [0, 31, 32, 63] {
        let bent = finish(|of| of.proof[at] ^= 1, public);
        assert_eq!(bent, Some(OprfError::Proof), "byte {at}");
    }
    let other = finish(|of| of.elements[1] = of.elements[0], public);
    assert_eq!(other, Some(OprfError::Proof));
    let none = Element::new([0; 32]);
    let nothing = finish(|of| of.elements[1] = none, public);
    assert_eq!(nothing, Some(OprfError::NotAnElement(1)));
    let fewer = finish(|of| of.elements.truncate(1), public);
    assert_eq!(
        fewer,
        Some(OprfError::Count {
            asked: 2,
            answered: 1
        })
    );
}

#[test]
fn a_batch_has_elements_and_not_too_many() {
    let entropy = &mut SeededEntropy::new(1);
    let over = vec![Element::new([0; 32]); MAX_ELEMENTS + 1];
    let refused = |elements: &[Element], entropy: &mut SeededEntropy| {
        key(1).evaluate(elements, entropy).err().unwrap()
    };
    assert_eq!(refused(&[], entropy), OprfError::BatchSize(0));
    assert_eq!(
        refused(&over, entropy),
        OprfError::BatchSize(MAX_ELEMENTS + 1)
    );
    assert_eq!(refused(&over[..2], entropy), OprfError::NotAnElement(0));
    assert_eq!(check_batch(&over[..2]), Err(OprfError::NotAnElement(0)));
    assert!(check_batch(evaluated().1.elements()).is_ok());
    let inputs = vec![b"x"; MAX_ELEMENTS + 1];
    assert!(Blinding::of(&inputs, entropy).is_err());
}

#[test]
fn the_same_input_is_never_blinded_alike() {
    let blinding = Blinding::of(&[b"one", b"one"], &mut SeededEntropy::new(1)).unwrap();
    assert_ne!(blinding.elements()[0], blinding.elements()[1]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn going_over_the_server_gives_what_the_key_gives(
        inputs in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..5),
        seed: u8,
        blinds: u64,
    ) {
        let key = key(seed);
        let entropy = &mut SeededEntropy::new(blinds);
        let blinding = Blinding::of(&inputs, entropy).unwrap();
        let evaluation = key.evaluate(blinding.elements(), entropy).unwrap();
        let outputs = blinding.finish(&inputs, &evaluation, &key.public()).unwrap();
        for (input, output) in inputs.iter().zip(outputs) {
            prop_assert_eq!(bytes(&key.output(input).unwrap()), bytes(&output));
        }
    }

    #[test]
    fn any_bytes_are_evaluated_or_refused(elements in prop::collection::vec(any::<[u8; 32]>(), 1..4)) {
        let elements: Vec<_> = elements.into_iter().map(Element::new).collect();
        if let Ok(evaluation) = key(1).evaluate(&elements, &mut SeededEntropy::new(1)) {
            prop_assert_eq!(evaluation.elements.len(), elements.len());
        }
    }
}
