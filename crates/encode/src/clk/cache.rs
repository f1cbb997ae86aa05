//! What was computed for the values and tokens seen lately: most records of a file fall into the same
//! few thousand tokens, and many values come again.
//!
//! The caches of a thread hold short values and tokens as they are, and what the key makes of them,
//! which is as confidential as the key; their size is fixed, and they are wiped on drop.

use zeroize::Zeroize;

/// Places tried for a token.
const TRIES: usize = 3;
/// The longest token kept, in bytes.
const MAX_TOKEN: usize = 16;
/// Lookups after which it is asked whether they are worth it.
const TRIAL: u32 = 4096;
/// One lookup in so many has to find something.
const WORTH: u32 = 8;

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
    /// How many there are; a power of two.
    places: usize,
    stride: usize,
}

/// The place of a token in a cache, where its value is or may be put.
pub(super) struct Slot {
    key: Key,
    start: usize,
    pub(super) known: bool,
}

impl TokenCache {
    /// A cache of `places` places, a power of two, for values of `words` words.
    pub(super) fn new(places: usize, words: usize) -> Self {
        // Whole lines of a processor's cache.
        let stride = (KEY_WORDS + words).next_multiple_of(8);
        Self {
            slots: vec![0; places * stride],
            places,
            stride,
        }
    }

    /// The place of a token, at times that of another when there is no room; none for tokens too
    /// long to keep.
    #[inline]
    pub(super) fn find(&self, feature: usize, token: &[u8]) -> Option<Slot> {
        let key = Key::of(feature, token)?;
        let home = key.hash() & (self.places - 1);
        let mut slot = Slot {
            key,
            start: home * self.stride,
            known: false,
        };
        for place in home..home + TRIES {
            let start = (place & (self.places - 1)) * self.stride;
            let found = self.key(start);
            slot.known = found == key;
            if slot.known || found.owner == 0 {
                slot.start = start;
                break;
            }
        }
        Some(slot)
    }

    #[inline]
    fn key(&self, start: usize) -> Key {
        match self.slots[start..] {
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

    /// The value at a known place.
    #[inline]
    pub(super) fn value(&self, slot: &Slot) -> &[u64] {
        &self.slots[slot.start + KEY_WORDS..slot.start + self.stride]
    }

    /// Puts a value at the place found for its token.
    pub(super) fn put(&mut self, slot: &Slot, value: &[u64]) {
        let key = [slot.key.owner, slot.key.token[0], slot.key.token[1]];
        let (head, rest) = self.slots[slot.start..].split_at_mut(KEY_WORDS);
        head.copy_from_slice(&key);
        rest[..value.len()].copy_from_slice(value);
    }
}

/// Whether looking for the values of a feature finds any: those of names are found, those of numbers
/// that never come again are not.
#[derive(Clone, Copy, Default)]
pub(super) struct Luck {
    tried: u32,
    found: u32,
}

impl Luck {
    pub(super) fn holds(self) -> bool {
        self.tried < TRIAL || self.tried / WORTH <= self.found
    }

    pub(super) fn note(&mut self, found: bool) {
        // Older tries count less and less.
        if self.tried > 16 * TRIAL {
            (self.tried, self.found) = (self.tried / 2, self.found / 2);
        }
        self.tried += 1;
        self.found += u32::from(found);
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

    /// Where to start looking: two multiplications mix all bits well enough for a table of fixed size.
    #[inline]
    fn hash(&self) -> usize {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let [low, high] = self.token;
        let mixed = (low ^ self.owner.rotate_left(40)).wrapping_mul(ODD) ^ high;
        let mixed = (mixed ^ mixed >> 32).wrapping_mul(ODD);
        // The upper bits are the well mixed ones.
        (mixed >> 40) as usize
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
    use proptest::prelude::*;
    use std::collections::HashMap;

    /// The value of a token, `put` there when it was not known.
    fn value(cache: &mut TokenCache, feature: usize, token: &[u8], put: u64) -> (bool, u64) {
        let slot = cache.find(feature, token).unwrap();
        if !slot.known {
            cache.put(&slot, &[put]);
        }
        (slot.known, cache.value(&slot)[0])
    }

    #[test]
    fn gives_back_what_was_put_in_or_nothing() {
        let mut cache = TokenCache::new(1 << 14, 1);
        let mut truth = HashMap::new();
        let mut hits = 0;
        for round in 0..3 {
            for number in 0..20_000_u64 {
                let token = format!("t{}", number % 9_000);
                let feature = usize::try_from(number % 3).unwrap();
                let (known, found) = value(&mut cache, feature, token.as_bytes(), number + round);
                if known {
                    hits += 1;
                    assert_eq!(found, truth[&(feature, token)]);
                } else {
                    truth.insert((feature, token), number + round);
                }
            }
        }
        assert!(hits > 30_000, "{hits}");
    }

    #[test]
    fn tokens_that_differ_by_zeros_are_others() {
        let mut cache = TokenCache::new(16, 1);
        assert_eq!(value(&mut cache, 0, b"a", 7), (false, 7));
        assert_eq!(value(&mut cache, 0, b"a", 8), (true, 7));
        assert!(!value(&mut cache, 0, b"a\0", 8).0);
        assert!(!value(&mut cache, 1, b"a", 8).0);
        assert!(cache.find(0, b"").is_some());
        assert!(cache.find(0, &[0; 17]).is_none());
    }

    #[test]
    fn what_is_found_and_not_put_stays_unknown() {
        let cache = TokenCache::new(16, 1);
        assert!(!cache.find(0, b"a").unwrap().known);
        assert!(!cache.find(0, b"a").unwrap().known);
    }

    #[test]
    fn luck_runs_out_and_comes_back() {
        let mut luck = Luck::default();
        (0..TRIAL).for_each(|_| luck.note(false));
        assert!(!luck.holds());
        (0..TRIAL).for_each(|_| luck.note(true));
        assert!(luck.holds());
    }

    proptest! {
        #[test]
        fn packing_tells_all_tokens_of_a_length_apart(one in prop::collection::vec(any::<u8>(), 0..=16), place: prop::sample::Index, byte: u8) {
            let mut other = one.clone();
            if !one.is_empty() {
                other[place.index(one.len())] = byte;
            }
            prop_assert_eq!(pack(&one) == pack(&other), one == other);
        }
    }
}
