//! What stands for tokens: a fast keyed hash of 128 bits (SipHash-2-4, Aumasson and Bernstein, 2012), which does
//! because digests never leave the node. Most tokens are bigrams, of which there are few: each one's digest is worked
//! out once a key.

use secret::Key32;
use secret::cipher::Block;
use siphasher::sip128::SipHasher24;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::token::{EDGE, SOFTENED, SPELT};

/// What folded and softened words are made of, and their edge.
const LETTERS: &[u8; SIGNS] = b"_abcdefghijklmnopqrstuvwxyz0123456789CS";
/// How many that are.
const SIGNS: usize = 39;
/// The place of each byte in [`LETTERS`], and [`SIGNS`] for all others.
const PLACES: [u8; 256] = places();

/// The key of one namespace of tokens. Wiped on drop.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct TokenKey {
    key: [u8; 16],
    /// The digests of all bigrams: as spelt, then softened, by first letter and by second.
    bigrams: Box<[Block]>,
}

impl TokenKey {
    pub(crate) fn derive(epoch: &Key32, namespace: u8) -> Self {
        let mut key = Self {
            key: [0; 16],
            bigrams: vec![Block::default(); 2 * SIGNS * SIGNS].into(),
        };
        epoch.expand("token", &[&[namespace]], &mut key.key);
        for tag in [SPELT, SOFTENED] {
            for first in *LETTERS {
                for second in *LETTERS {
                    let token = [tag, first, second];
                    if let Some(place) = place(&token) {
                        key.bigrams[place] = key.hash(&token);
                    }
                }
            }
        }
        key
    }

    /// What stands for `token` under this key.
    #[inline]
    pub(crate) fn digest(&self, token: &[u8]) -> Block {
        match place(token) {
            Some(place) => self.bigrams[place],
            None => self.hash(token),
        }
    }

    fn hash(&self, token: &[u8]) -> Block {
        SipHasher24::new_with_key(&self.key).hash(token).as_bytes()
    }
}

/// Where the digest of `token` stands, if it is a bigram.
fn place(token: &[u8]) -> Option<usize> {
    let [tag @ (SPELT | SOFTENED), first, second] = *token else {
        return None;
    };
    let place = |letter: u8| usize::from(PLACES[usize::from(letter)]);
    let (first, second) = (place(first), place(second));
    let half = usize::from(tag == SOFTENED);
    (first < SIGNS && second < SIGNS).then_some((half * SIGNS + first) * SIGNS + second)
}

const fn places() -> [u8; 256] {
    let mut places = [SIGNS as u8; 256];
    let mut place = 0;
    while place < SIGNS {
        places[LETTERS[place] as usize] = place as u8;
        place += 1;
    }
    places
}

const _: () = assert!(LETTERS[0] == EDGE);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use static_assertions::assert_not_impl_any;
    use std::fmt::{Debug, Display};

    assert_not_impl_any!(TokenKey: Debug, Display, Clone, PartialEq);

    fn key() -> TokenKey {
        TokenKey::derive(&Key32::from_bytes(&mut [1; 32]), 2)
    }

    #[test]
    fn all_tokens_of_three_bytes_have_the_digests_of_the_hash() {
        let key = key();
        let mut kept = 0;
        for tag in *b"rsynp" {
            for first in 0..=255 {
                for second in 0..=255 {
                    let token = [tag, first, second];
                    kept += usize::from(place(&token).is_some());
                    assert!(key.digest(&token) == key.hash(&token), "{token:?}");
                }
            }
        }
        assert_eq!(kept, key.bigrams.len());
    }

    proptest! {
        #[test]
        fn other_tokens_are_hashed(token in prop::collection::vec(any::<u8>(), 0..24)) {
            let key = key();
            let expected = SipHasher24::new_with_key(&key.key).hash(&token).as_bytes();
            prop_assert_eq!(key.digest(&token), expected);
        }
    }
}
