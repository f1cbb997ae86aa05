//! What was computed for the tokens seen lately: most records of a file fall into the same few
//! thousand tokens.
//!
//! The cache of a thread holds short tokens of raw values and what the key makes of them, which is as
//! confidential as the key; its size is fixed, and it is wiped on drop.

use zeroize::Zeroize;

/// Places for tokens; a power of two.
const SLOTS: usize = 1 << 14;
/// Places tried for a token.
const TRIES: usize = 8;
/// The longest token kept, in bytes.
const MAX_TOKEN: usize = 16;

/// Whose token it is, and its bytes.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Key {
    token: [u64; 2],
    /// Length and feature, never 0 for a token.
    owner: u64,
}

/// Values of `words` words by feature and token.
pub(super) struct TokenCache {
    keys: Vec<Key>,
    values: Vec<u64>,
    words: usize,
}

/// A place for the value of a token.
pub(super) struct Entry<'a> {
    /// The value; whatever was there before when it is not known.
    pub(super) value: &'a mut [u64],
    pub(super) known: bool,
}

impl TokenCache {
    pub(super) fn new(words: usize) -> Self {
        Self {
            keys: vec![Key::default(); SLOTS],
            values: vec![0; SLOTS * words],
            words,
        }
    }

    /// The place of a token, which takes the place of another when there is no room; none for
    /// tokens too long to keep.
    #[inline]
    pub(super) fn entry(&mut self, feature: usize, token: &[u8]) -> Option<Entry<'_>> {
        let key = Key::of(feature, token)?;
        let home = key.home();
        let mut slot = home;
        let mut known = false;
        for place in (home..home + TRIES).map(|place| place % SLOTS) {
            if self.keys[place] == key {
                (slot, known) = (place, true);
                break;
            }
            if self.keys[place].owner == 0 {
                slot = place;
                break;
            }
        }
        self.keys[slot] = key;
        let start = slot * self.words;
        let value = &mut self.values[start..start + self.words];
        Some(Entry { value, known })
    }
}

impl Key {
    #[inline]
    fn of(feature: usize, token: &[u8]) -> Option<Self> {
        if token.len() > MAX_TOKEN {
            return None;
        }
        let mut bytes = [0; MAX_TOKEN];
        bytes[..token.len()].copy_from_slice(token);
        let word = |at: usize| {
            bytes[at..]
                .first_chunk()
                .map_or(0, |word| u64::from_le_bytes(*word))
        };
        let owner = (feature as u64 + 1) << 8 | token.len() as u64;
        Some(Self {
            token: [word(0), word(8)],
            owner,
        })
    }

    /// The first place to try: two multiplications mix all bits well enough for a table of fixed size.
    #[inline]
    fn home(&self) -> usize {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let [low, high] = self.token;
        let mixed = (low ^ self.owner.rotate_left(40)).wrapping_mul(ODD) ^ high;
        let mixed = (mixed ^ mixed >> 32).wrapping_mul(ODD);
        // The upper bits are the well mixed ones.
        (mixed >> 40) as usize % SLOTS
    }
}

impl Drop for TokenCache {
    fn drop(&mut self) {
        for key in &mut self.keys {
            key.token.zeroize();
        }
        self.values.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn gives_back_what_was_put_in_or_nothing() {
        let mut cache = TokenCache::new(1);
        let mut truth = HashMap::new();
        let mut hits = 0;
        for round in 0..3 {
            for number in 0..20_000_u64 {
                let token = format!("t{}", number % 9_000);
                let feature = usize::try_from(number % 3).unwrap();
                let entry = cache.entry(feature, token.as_bytes()).unwrap();
                if entry.known {
                    hits += 1;
                    assert_eq!(entry.value[0], truth[&(feature, token)]);
                } else {
                    entry.value[0] = number + round;
                    truth.insert((feature, token), number + round);
                }
            }
        }
        assert!(hits > 30_000, "{hits}");
    }

    #[test]
    fn tokens_that_differ_by_zeros_are_others() {
        let mut cache = TokenCache::new(1);
        cache.entry(0, b"a").unwrap().value[0] = 7;
        assert!(cache.entry(0, b"a").unwrap().known);
        assert!(!cache.entry(0, b"a\0").unwrap().known);
        assert!(!cache.entry(1, b"a").unwrap().known);
        assert!(cache.entry(0, b"").is_some());
        assert!(cache.entry(0, &[0; 17]).is_none());
    }
}
