//! Signatures by Ed25519 (RFC 8032), pure, over the exact bytes of a document: anyone with the
//! public key checks them with any other implementation.

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use crate::key::{KEY_BYTES, Key32};

/// Bytes of a signature.
pub const SIGNATURE_BYTES: usize = 64;

/// A key that signs. It is kept no longer than the work it serves: *ring* cannot wipe it.
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// The key whose seed (RFC 8032 §5.1.5) is `seed`.
    #[expect(
        clippy::expect_used,
        reason = "every 32 bytes are a seed, so nothing can be wrong with them"
    )]
    pub fn from_seed(seed: &Key32) -> Self {
        // Only a length other than 32 is refused.
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.bytes());
        Self(pair.expect("a seed has 32 bytes"))
    }

    /// The public key, by which everybody checks.
    #[expect(clippy::expect_used, reason = "a public key of Ed25519 has 32 bytes")]
    pub fn public(&self) -> [u8; KEY_BYTES] {
        // The length is that of the algorithm.
        let public = self.0.public_key().as_ref();
        public.try_into().expect("a public key has 32 bytes")
    }

    /// Signs `message`.
    #[expect(clippy::expect_used, reason = "a signature of Ed25519 has 64 bytes")]
    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
        // The length is that of the algorithm.
        let signature = self.0.sign(message);
        let bytes = signature.as_ref();
        bytes.try_into().expect("a signature has 64 bytes")
    }
}

/// Whether `signature` is that of the owner of `public` over exactly `message`.
pub fn verify(public: &[u8; KEY_BYTES], message: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> bool {
    let key = UnparsedPublicKey::new(&ED25519, public);
    key.verify(message, signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex;
    use proptest::prelude::*;
    use static_assertions::assert_not_impl_any;
    use std::fmt::{Debug, Display};

    assert_not_impl_any!(SigningKey: Debug, Display, Clone, PartialEq);

    fn key(fill: u8) -> SigningKey {
        SigningKey::from_seed(&Key32::from_bytes(&mut [fill; 32]))
    }

    /// RFC 8032 §7.1, test 2.
    #[test]
    fn signs_the_published_vector() {
        let mut seed =
            *hex::decode(b"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
                .unwrap();
        let key = SigningKey::from_seed(&Key32::from_bytes(&mut seed));
        let public = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
        assert_eq!(hex::encode(&key.public())[..], *public.as_bytes());
        let signature = key.sign(&[0x72]);
        let (left, right) = signature.split_at(32);
        let halves = [left, right].map(|half| hex::encode(half.try_into().unwrap()));
        let expected = concat!(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da",
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        );
        let found = [&halves[0][..], &halves[1][..]].concat();
        assert_eq!(found, expected.as_bytes());
        assert!(verify(&key.public(), &[0x72], &signature));
    }

    #[test]
    fn another_key_or_message_does_not_verify() {
        let signature = key(1).sign(b"agreed");
        assert!(verify(&key(1).public(), b"agreed", &signature));
        assert!(!verify(&key(2).public(), b"agreed", &signature));
        assert!(!verify(&key(1).public(), b"Agreed", &signature));
        assert!(!verify(&[0xff; 32], b"agreed", &signature));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn any_changed_bit_is_seen(message: Vec<u8>, at in 0usize..64, bit in 0u32..8) {
            let mut signature = key(3).sign(&message);
            prop_assert!(verify(&key(3).public(), &message, &signature));
            signature[at] ^= 1 << bit;
            prop_assert!(!verify(&key(3).public(), &message, &signature));
        }
    }
}
