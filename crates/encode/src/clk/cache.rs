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

/// Words of a key before the value of a token.
const KEY_WORDS: usize = 3;

/// Whose token it is, and its bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Key {
    /// Length and feature, never 0 for a token.
    owner: u64,
    token: [u64; 2],
}

/// Values of so many words by feature and token. Key and value lie side by side, as both are read
/// together.
pub(super) struct TokenCache {
    slots: Vec<u64>,
    stride: usize,
}

/// A place for the value of a token.
pub(super) struct Entry<'a> {
    /// The value; whatever was there before when it is not known.
    pub(super) value: &'a mut [u64],
    pub(super) known: bool,
}

impl TokenCache {
    pub(super) fn new(words: usize) -> Self {
        // Whole lines of a processor's cache.
        let stride = (KEY_WORDS + words).next_multiple_of(8);
        Self {
            slots: vec![0; SLOTS * stride],
            stride,
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
            let found = self.key(place);
            known = found == key;
            if known || found.owner == 0 {
                slot = place;
                break;
            }
        }
        let start = slot * self.stride;
        let (head, value) = self.slots[start..start + self.stride].split_at_mut(KEY_WORDS);
        head.copy_from_slice(&[key.owner, key.token[0], key.token[1]]);
        Some(Entry { value, known })
    }

    #[inline]
    fn key(&self, place: usize) -> Key {
        match self.slots[place * self.stride..] {
            [owner, low, high, ..] => Key {
                owner,
                token: [low, high],
            },
            _ => Key {
                owner: 0,
                token: [0; 2],
            },
        }
    }
}

impl Key {
    #[inline]
    fn of(feature: usize, token: &[u8]) -> Option<Self> {
        if token.len() > MAX_TOKEN {
            return None;
        }
        let owner = (feature as u64 + 1) << 8 | token.len() as u64;
        let token = pack(token);
        Some(Self { owner, token })
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

/// Up to 16 bytes as two words, different for all tokens of one length. Start and end are read, which
/// overlap in between; that is faster than copying a few bytes.
#[inline]
fn pack(token: &[u8]) -> [u64; 2] {
    let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    let half = |bytes: &[u8; 4]| u64::from(u32::from_le_bytes(*bytes));
    if let (Some(start), Some(end)) = (token.first_chunk(), token.last_chunk()) {
        return [word(start), word(end)];
    }
    if let (Some(start), Some(end)) = (token.first_chunk(), token.last_chunk()) {
        return [half(start) | half(end) << 32, 0];
    }
    let byte = |place: usize| u64::from(token.get(place).copied().unwrap_or(0));
    [byte(0) | byte(1) << 8 | byte(2) << 16, 0]
}

impl Drop for TokenCache {
    fn drop(&mut self) {
        self.slots.zeroize();
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
