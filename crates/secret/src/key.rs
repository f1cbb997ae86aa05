//! Secret keys of 32 bytes, and what is made from them: other keys and byte streams (HKDF-SHA256,
//! RFC 5869). Keyed tags are in `prf.rs`.
//!
//! Inputs of several parts are encoded part by part behind a length, so no two lists of parts read
//! alike.

use crate::entropy::Entropy;
use crate::prf::Prf;
use ring::hkdf;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Bytes in a [`Key32`], and in a full tag.
pub const KEY_BYTES: usize = 32;

/// The most bytes one HKDF expansion can give (RFC 5869 §2.3).
pub const MAX_EXPAND_BYTES: usize = 255 * 32;

/// Thirty-two secret bytes.
///
/// They sit on the heap so that moving the key leaves no copy behind, and are wiped on drop.
pub struct Key32(Box<[u8; KEY_BYTES]>);

impl Key32 {
    /// Draws a new key.
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        let mut key = Self::zero();
        entropy.fill(&mut key.0[..]);
        key
    }

    /// Takes the key over from `source`, which is wiped.
    pub fn from_bytes(source: &mut [u8; KEY_BYTES]) -> Self {
        let mut key = Self::zero();
        key.0.copy_from_slice(source);
        source.zeroize();
        key
    }

    /// Makes a key from several secrets, none of which alone decides it: HKDF-SHA256 with `salt`, the
    /// secrets one after the other as input keying material, and `label` as info.
    pub fn extract(salt: &[u8], secrets: &[&Key32], label: &str) -> Key32 {
        let mut input = Zeroizing::new(Vec::with_capacity(secrets.len() * KEY_BYTES));
        for secret in secrets {
            input.extend_from_slice(secret.bytes());
        }
        let extract = hkdf::Salt::new(hkdf::HKDF_SHA256, salt);
        let mut key = Self::zero();
        Expander(extract.extract(&input)).fill(label.as_bytes(), &mut key.0[..]);
        key
    }

    /// Derives another key, for the use named by `label` and the parts of `context`.
    ///
    /// HKDF-SHA256 with an empty salt; the info is label and context, each part behind its length.
    pub fn derive(&self, label: &str, context: &[&[u8]]) -> Key32 {
        let mut key = Self::zero();
        self.expand(label, context, &mut key.0[..]);
        key
    }

    /// Fills `out` as [`Key32::derive`] fills a key.
    ///
    /// # Panics
    /// If `out` is longer than [`MAX_EXPAND_BYTES`].
    pub fn expand(&self, label: &str, context: &[&[u8]], out: &mut [u8]) {
        let info = joined_parts(label, context);
        let extract = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]);
        Expander(extract.extract(&self.0[..])).fill(&info, out);
    }

    /// Prepares the key for tagging many messages. Use a key derived for this one purpose.
    pub fn prf(&self) -> Prf {
        Prf::new(&self.0)
    }

    /// The bytes themselves, for the few places that must hand them to another library or write
    /// them to a file.
    ///
    /// Each use outside this crate states its reason; copies it makes are its own to wipe.
    pub fn expose(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// What [`Key32::expose`] gives, for this crate's own files.
    pub(crate) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    fn zero() -> Self {
        Self(Box::new([0; KEY_BYTES]))
    }
}

impl Drop for Key32 {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl ZeroizeOnDrop for Key32 {}

/// HKDF-Expand (RFC 5869 §2.3) under one pseudorandom key, without allocating.
pub struct Expander(hkdf::Prk);

/// Prepares to expand `prk`, which must already be uniform: a [`Prf::tag`] or the bytes of a
/// derived key.
pub fn expander(prk: &[u8; KEY_BYTES]) -> Expander {
    Expander(hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, prk))
}

impl Expander {
    /// Fills `out` with the bytes `info` names. A shorter `out` gets a prefix of a longer one.
    ///
    /// # Panics
    /// If `out` is longer than [`MAX_EXPAND_BYTES`].
    pub fn fill(&self, info: &[u8], out: &mut [u8]) {
        let info = [info];
        let filled = self
            .0
            .expand(&info, OutputLength(out.len()))
            .and_then(|okm| okm.fill(out));
        // The length is all that can be wrong; going on with an unfilled key would be worse than
        // stopping.
        assert!(
            filled.is_ok(),
            "one expansion gives at most {MAX_EXPAND_BYTES} bytes"
        );
    }
}

/// The length of an expansion, in the form ring asks for it.
struct OutputLength(usize);

impl hkdf::KeyType for OutputLength {
    fn len(&self) -> usize {
        self.0
    }
}

fn joined_parts(label: &str, context: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let length: usize = context.iter().map(|part| 4 + part.len()).sum();
    let mut joined = Zeroizing::new(Vec::with_capacity(4 + label.len() + length));
    for part in std::iter::once(&label.as_bytes()).chain(context) {
        joined.extend_from_slice(&length_prefix(part));
        joined.extend_from_slice(part);
    }
    joined
}

#[expect(
    clippy::expect_used,
    reason = "a part of four gigabytes is a mistake, and cutting its length would be worse"
)]
pub(crate) fn length_prefix(part: &[u8]) -> [u8; 4] {
    // Parts are labels, tokens, digests and names; nothing that reaches here comes near the limit.
    u32::try_from(part.len())
        .expect("a part is under four gigabytes")
        .to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;
    use proptest::prelude::*;
    use ring::hmac;
    use static_assertions::assert_not_impl_any;
    use std::fmt::{Debug, Display};

    assert_not_impl_any!(Key32: Debug, Display, Clone, PartialEq);
    assert_not_impl_any!(Expander: Debug, Display, Clone, PartialEq);

    fn key(fill: u8) -> Key32 {
        Key32::from_bytes(&mut [fill; 32])
    }

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect()
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the method under test")]
    fn taking_a_key_over_wipes_its_source() {
        let mut source = [9; 32];
        let key = Key32::from_bytes(&mut source);
        assert_eq!(source, [0; 32]);
        assert_eq!(key.expose(), &[9; 32]);
    }

    #[test]
    fn generated_keys_differ() {
        let mut entropy = SeededEntropy::new(1);
        let first = Key32::generate(&mut entropy);
        let second = Key32::generate(&mut entropy);
        assert_ne!(first.bytes(), second.bytes());
    }

    #[test]
    fn expansion_is_rfc_5869_test_case_1() {
        let prk = bytes("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
        let okm =
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865";
        let mut out = [0; 42];
        expander(&prk.try_into().unwrap()).fill(&bytes("f0f1f2f3f4f5f6f7f8f9"), &mut out);
        assert_eq!(out[..], bytes(okm));
    }

    #[test]
    fn derivation_is_extract_with_an_empty_salt_then_expand() {
        let prk = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &[0; 32]), &[5; 32]);
        let mut expected = [0; 32];
        let info = [&[3, 0, 0, 0][..], b"use", &[2, 0, 0, 0], b"it"].concat();
        expander(prk.as_ref().try_into().unwrap()).fill(&info, &mut expected);
        assert_eq!(key(5).derive("use", &[b"it"]).bytes(), &expected);
    }

    #[test]
    fn an_extracted_key_is_extract_then_expand_of_all_secrets() {
        let all = [[1; 32], [2; 32]].concat();
        let prk = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"salt"), &all);
        let mut expected = [0; 32];
        expander(prk.as_ref().try_into().unwrap()).fill(b"use", &mut expected);
        let found = Key32::extract(b"salt", &[&key(1), &key(2)], "use");
        assert_eq!(found.bytes(), &expected);
        let other = Key32::extract(b"salt", &[&key(2), &key(1)], "use");
        assert_ne!(found.bytes(), other.bytes());
    }

    #[test]
    #[should_panic(expected = "at most 8160 bytes")]
    fn expanding_past_the_limit_panics() {
        key(1).expand("x", &[], &mut vec![0; MAX_EXPAND_BYTES + 1]);
    }

    fn parts() -> impl Strategy<Value = Vec<Vec<u8>>> {
        prop::collection::vec(prop::collection::vec(0u8..3, 0..4), 0..4)
    }

    proptest! {
        #[test]
        fn lists_of_parts_never_collide(one in parts(), other in parts()) {
            let one: Vec<&[u8]> = one.iter().map(Vec::as_slice).collect();
            let other: Vec<&[u8]> = other.iter().map(Vec::as_slice).collect();
            let prf = key(1).prf();
            prop_assert_eq!(one == other, prf.tag(&one) == prf.tag(&other));
            let (first, second) = (key(1).derive("x", &one), key(1).derive("x", &other));
            prop_assert_eq!(one == other, first.bytes() == second.bytes());
        }

        #[test]
        fn shorter_expansions_are_prefixes(short in 0usize..200, more in 0usize..200) {
            let (mut brief, mut long) = (vec![0; short], vec![0; short + more]);
            key(2).expand("x", &[b"y"], &mut brief);
            key(2).expand("x", &[b"y"], &mut long);
            prop_assert_eq!(&brief[..], &long[..short]);
        }
    }
}
