//! Tokens: what opens a project, an upload or a result. Only their digests are kept.

use model::Digest;
use subtle::ConstantTimeEq as _;

use super::Randomness;
use super::hex;

/// A token that was just made. It leaves the service once, in the answer that tells it, and can be
/// neither printed nor copied by accident.
pub(crate) struct Token([u8; hex::BYTES]);

impl Token {
    /// A new one.
    pub(crate) fn fresh(randomness: &dyn Randomness) -> Self {
        let mut bytes = [0; hex::BYTES];
        randomness.fill(&mut bytes);
        Self(bytes)
    }

    /// Its text, for the one answer that tells it.
    pub(crate) fn tell(&self) -> String {
        hex::text(&self.0)
    }

    /// What is kept of it. A token has 192 random bits, so its digest needs no salt.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(self.tell().as_bytes())
    }
}

/// What a caller sent in place of a token, as its digest: the text itself is kept nowhere.
#[derive(Clone, Copy)]
pub(crate) struct Presented(Digest);

impl Presented {
    /// Of the bytes of an `Authorization` header.
    pub(crate) fn new(header: &[u8]) -> Self {
        Self(Digest::of(header))
    }

    /// Whether it is the token of this digest, in time that does not depend on where they differ.
    pub(crate) fn opens(&self, kept: &Digest) -> bool {
        self.0.as_bytes().ct_eq(kept.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use static_assertions::assert_not_impl_any;

    assert_not_impl_any!(Token: Clone, Copy, std::fmt::Debug, std::fmt::Display, PartialEq);

    struct Counting;

    impl Randomness for Counting {
        fn fill(&self, out: &mut [u8]) {
            (0..).zip(out).for_each(|(value, byte)| *byte = value);
        }
    }

    #[test]
    fn only_the_token_opens_what_its_digest_guards() {
        let token = Token::fresh(&Counting);
        let kept = token.digest();
        assert!(Presented::new(token.tell().as_bytes()).opens(&kept));
        for other in ["", "00", &token.tell()[..47], &token.tell().to_uppercase()] {
            assert!(!Presented::new(other.as_bytes()).opens(&kept), "{other}");
        }
    }
}
