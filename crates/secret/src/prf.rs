//! Keyed tags (HMAC-SHA256, RFC 2104) of short messages by the million: what depends on the key alone is worked out
//! once, and a tag takes as many compressions as its message has blocks, and one more.

use sha2::block_api::compress256;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::key::{KEY_BYTES, length_prefix};

/// Bytes in a block of SHA-256.
const BLOCK: usize = 64;
/// Where the length of a message stands in its last block.
const LENGTH_AT: usize = BLOCK - 8;
/// What SHA-256 starts from (FIPS 180-4 §5.3.3).
const START: State = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

type State = [u32; 8];

/// A key prepared for HMAC-SHA256, so that tagging pays for the key's set-up once. Wiped on drop; on the heap, so
/// that moving it leaves no copy behind.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Prf(Box<States>);

#[derive(Zeroize)]
struct States {
    inner: State,
    outer: State,
}

impl Prf {
    pub(crate) fn new(key: &[u8; KEY_BYTES]) -> Self {
        let mut states = Box::new(States {
            inner: START,
            outer: START,
        });
        for (state, pad) in [(&mut states.inner, 0x36), (&mut states.outer, 0x5c)] {
            let mut block = [pad; BLOCK];
            block.iter_mut().zip(key).for_each(|(pad, key)| *pad ^= key);
            compress256(state, &[block]);
            block.zeroize();
        }
        Self(states)
    }

    /// The tag of a list of parts. The parts' boundaries count: `["ab", "c"]` and `["a", "bc"]`
    /// differ.
    pub fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut message = Message::after(self.0.inner);
        for part in parts {
            message.put(&length_prefix(part));
            message.put(part);
        }
        let inner = message.digest();
        message.begin(self.0.outer);
        message.put(&inner);
        message.digest()
    }

    /// The first half of [`Prf::tag`], for tags stored by the million.
    pub fn tag16(&self, parts: &[&[u8]]) -> [u8; 16] {
        let mut half = [0; 16];
        half.copy_from_slice(&self.tag(parts)[..16]);
        half
    }
}

/// A message as it is digested, behind the block that the key went into.
struct Message {
    state: State,
    block: [u8; BLOCK],
    /// Bytes so far, the key's block among them.
    bytes: usize,
}

impl Message {
    fn after(state: State) -> Self {
        Self {
            state,
            block: [0; BLOCK],
            bytes: BLOCK,
        }
    }

    fn begin(&mut self, state: State) {
        self.state = state;
        self.bytes = BLOCK;
    }

    #[inline]
    fn put(&mut self, mut part: &[u8]) {
        loop {
            let at = self.bytes % BLOCK;
            let taken = part.len().min(BLOCK - at);
            self.block[at..at + taken].copy_from_slice(&part[..taken]);
            self.bytes += taken;
            part = &part[taken..];
            if at + taken < BLOCK {
                return;
            }
            compress256(&mut self.state, &[self.block]);
        }
    }

    /// The digest of what was put, padded (FIPS 180-4 §5.1.1).
    fn digest(&mut self) -> [u8; 32] {
        let at = self.bytes % BLOCK;
        self.block[at] = 0x80;
        self.block[at + 1..].fill(0);
        if at >= LENGTH_AT {
            compress256(&mut self.state, &[self.block]);
            self.block.fill(0);
        }
        let bits = 8 * self.bytes as u64;
        self.block[LENGTH_AT..].copy_from_slice(&bits.to_be_bytes());
        compress256(&mut self.state, &[self.block]);
        let mut digest = [0; 32];
        for (out, word) in digest.chunks_exact_mut(4).zip(self.state) {
            out.copy_from_slice(&word.to_be_bytes());
        }
        digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Key32;
    use proptest::prelude::*;
    use ring::hmac;
    use static_assertions::assert_not_impl_any;
    use std::fmt::{Debug, Display};

    assert_not_impl_any!(Prf: Debug, Display, Clone, PartialEq);

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
