//! Where random bytes come from, as a value passed in: the operating system's generator, or a
//! seeded stream by which a rehearsal or a test repeats exactly.

use crate::Key32;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

/// A source of random bytes.
pub trait Entropy {
    /// Overwrites all of `out` with fresh bytes.
    fn fill(&mut self, out: &mut [u8]);
}

/// The operating system's generator; the only source fit for keys that protect real records.
pub struct SystemEntropy(SystemRandom);

impl SystemEntropy {
    /// Opens the operating system's generator.
    pub fn new() -> Self {
        Self(SystemRandom::new())
    }
}

impl Default for SystemEntropy {
    fn default() -> Self {
        Self::new()
    }
}

impl Entropy for SystemEntropy {
    /// Ends the process if the operating system has no randomness to give: a panic could be caught,
    /// and whatever went on afterwards would work with a predictable key.
    fn fill(&mut self, out: &mut [u8]) {
        if self.0.fill(out).is_err() {
            eprintln!(
                "the operating system gave no random bytes; stopping before a predictable key is made"
            );
            std::process::abort();
        }
    }
}

/// A repeatable stream under a secret key: where the same step, done again after it was cut, has to give
/// the same bytes. A key serves for one step and one input of it.
pub struct KeyedEntropy(SeededEntropy);

impl KeyedEntropy {
    /// The stream under `key`.
    #[expect(
        clippy::disallowed_methods,
        reason = "the key goes into the generator that hands out the stream"
    )]
    pub fn new(key: Key32) -> Self {
        Self(SeededEntropy::under(key.expose()))
    }
}

impl Entropy for KeyedEntropy {
    fn fill(&mut self, out: &mut [u8]) {
        self.0.fill(out);
    }
}

const BLOCK: usize = 32;

/// A repeatable stream, HMAC-SHA256 of a counter under a 64-bit seed.
///
/// For rehearsals and tests only: whoever guesses the seed has every key made from it. How the
/// stream is cut into calls does not change its bytes.
pub struct SeededEntropy {
    key: hmac::Key,
    block: [u8; BLOCK],
    used: usize,
    counter: u64,
}

impl SeededEntropy {
    /// Starts the stream of `seed` at its beginning.
    pub fn new(seed: u64) -> Self {
        Self::under(&seed.to_le_bytes())
    }

    fn under(key: &[u8]) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key),
            block: [0; BLOCK],
            used: BLOCK,
            counter: 0,
        }
    }

    fn refill(&mut self) {
        let tag = hmac::sign(&self.key, &self.counter.to_le_bytes());
        self.block.copy_from_slice(tag.as_ref());
        self.counter += 1;
        self.used = 0;
    }
}

impl Entropy for SeededEntropy {
    fn fill(&mut self, out: &mut [u8]) {
        for byte in out {
            if self.used == BLOCK {
                self.refill();
            }
            *byte = self.block[self.used];
            self.used += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seeded(seed: u64, length: usize) -> Vec<u8> {
        let mut out = vec![0; length];
        SeededEntropy::new(seed).fill(&mut out);
        out
    }

    #[test]
    fn system_entropy_does_not_repeat() {
        let mut entropy = SystemEntropy::new();
        let (mut first, mut second) = ([0; 32], [0; 32]);
        entropy.fill(&mut first);
        entropy.fill(&mut second);
        assert_ne!(first, second);
    }

    #[test]
    fn seeds_give_repeatable_and_distinct_streams() {
        assert_eq!(seeded(7, 100), seeded(7, 100));
        assert_ne!(seeded(7, 100), seeded(8, 100));
        let stream = seeded(7, 64);
        assert_ne!(stream[..32], stream[32..]);
    }

    proptest! {
        #[test]
        fn cutting_the_stream_changes_nothing(
            seed: u64,
            cuts in prop::collection::vec(0usize..70, 0..6),
        ) {
            let mut entropy = SeededEntropy::new(seed);
            let mut pieces = Vec::new();
            for cut in cuts {
                let start = pieces.len();
                pieces.resize(start + cut, 0);
                entropy.fill(&mut pieces[start..]);
            }
            prop_assert_eq!(&pieces, &seeded(seed, pieces.len()));
        }
    }
}
