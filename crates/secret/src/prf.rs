//! Keyed tags (HMAC-SHA256, RFC 2104) of short messages by the million: what depends on the key alone is worked out
//! once.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::key::{KEY_BYTES, length_prefix};

/// A key prepared for HMAC-SHA256, so that tagging pays for the key's set-up once. Its states are wiped on drop; on the
/// heap, so that moving it leaves no copy behind. What the library's set-up leaves on the stack is not wiped.
pub struct Prf(Box<Hmac<Sha256>>);

impl Prf {
    pub(crate) fn new(key: &[u8; KEY_BYTES]) -> Self {
        // As long as a block of SHA-256: RFC 2104 fills a shorter key up with zeros.
        let mut block = Zeroizing::new([0; 64]);
        block[..KEY_BYTES].copy_from_slice(key);
        Self(Box::new(Hmac::new((&*block).into())))
    }

    /// The tag of a list of parts. The parts' boundaries count: `["ab", "c"]` and `["a", "bc"]`
    /// differ.
    pub fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut message = Hmac::clone(&self.0);
        for part in parts {
            message.update(&length_prefix(part));
            message.update(part);
        }
        message.finalize().into_bytes().into()
    }

    /// The first half of [`Prf::tag`], for tags stored by the million.
    pub fn tag16(&self, parts: &[&[u8]]) -> [u8; 16] {
        let mut half = [0; 16];
        half.copy_from_slice(&self.tag(parts)[..16]);
        half
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Key32;
    use proptest::prelude::*;
    use ring::hmac;
    use static_assertions::{assert_impl_all, assert_not_impl_any};
    use std::fmt::{Debug, Display};

    assert_not_impl_any!(Prf: Debug, Display, Clone, PartialEq);
    // The states that an HMAC holds two of: wiping them is a feature of the library, which nothing else would miss.
    assert_impl_all!(<Sha256 as sha2::digest::block_api::CoreProxy>::Core: zeroize::ZeroizeOnDrop);

    fn expected(message: &[u8]) -> hmac::Tag {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &[5; 32]), message)
    }

    fn prf() -> Prf {
        Key32::from_bytes(&mut [5; 32]).prf()
    }

    #[test]
    fn tag_is_hmac_over_length_prefixed_parts() {
        let message = [&[2, 0, 0, 0][..], b"ab", &[0, 0, 0, 0]].concat();
        assert_eq!(prf().tag(&[b"ab", b""]), expected(&message).as_ref());
        assert_eq!(
            prf().tag16(&[b"ab", b""]),
            expected(&message).as_ref()[..16]
        );
    }

    #[test]
    fn messages_of_every_length_are_padded_rightly() {
        let long: Vec<u8> = (0..=255).collect();
        for len in 0..long.len() {
            let message = [&(len as u32).to_le_bytes()[..], &long[..len]].concat();
            assert_eq!(
                prf().tag(&[&long[..len]]),
                expected(&message).as_ref(),
                "{len}"
            );
        }
    }

    proptest! {
        #[test]
        fn parts_are_joined(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..150), 0..5)) {
            let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            let mut message = Vec::new();
            for part in &parts {
                message.extend((part.len() as u32).to_le_bytes());
                message.extend(*part);
            }
            let tag = expected(&message);
            prop_assert_eq!(&prf().tag(&parts)[..], tag.as_ref());
        }
    }
}
