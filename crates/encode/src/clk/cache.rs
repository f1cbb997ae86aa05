//! What was computed for the values and tokens seen lately: most records of a file fall into the same
//! few thousand tokens, and many values come again.
//!
//! The caches of a thread hold short values and tokens as they are, and what the key makes of them,
//! which is as confidential as the key; their size is fixed, and they are wiped on drop.

use zeroize::Zeroize;

use super::lines::{LINE_WORDS, Line, Lines};
use super::short::Short;

/// Lookups after which it is asked whether they are worth it.
const TRIAL: u32 = 4096;
/// One lookup in so many has to find something.
const WORTH: u32 = 8;

/// Words of a key, with the number of its value.
const KEY_WORDS: usize = 4;
/// Keys of a line. Where one of them belongs, the other may stand, too.
const WAYS: usize = LINE_WORDS / KEY_WORDS;
const _: () = assert!(WAYS == 2);
/// The owner of a value that is being made, which no key has.
const UNFINISHED: u64 = 1;

/// Whose value it is: a feature's, for a text that sets so many bits.
#[derive(Clone, Copy, PartialEq, Eq, Zeroize)]
pub(super) struct Key {
    /// Feature, bits and length, never 0 nor [`UNFINISHED`].
    owner: u64,
    text: [u64; 2],
}

/// Values of so many lines by key. Keys lie close to each other and apart from the values, which lie in
/// the order they came: what is used often takes few lines and pages, and stays close to the processor.
pub(super) struct Cache {
    keys: Lines,
    /// What leaves of a hash the number of a line of keys.
    shift: u32,
    values: Lines,
    /// Lines of them that are used.
    used: usize,
    /// Lines of a value.
    stride: usize,
}

/// The place in a cache of a key that is not there yet.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    place: usize,
    /// The line its value starts with.
    start: usize,
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
    pub(super) fn new(feature: usize, insertions: usize, text: Short) -> Self {
        let (length, text) = text.words();
        // Five bits of length, 21 of insertions, 13 of features.
        let owner = (feature as u64 + 1) << 32 | (insertions as u64) << 8 | length;
        Self { owner, text }
    }

    /// Whether it is the one that stands here.
    #[inline]
    fn is(&self, [owner, low, high, _]: [u64; KEY_WORDS]) -> bool {
        (owner ^ self.owner) | (low ^ self.text[0]) | (high ^ self.text[1]) == 0
    }

    /// A hash whose upper bits are well mixed: multiplications are enough for a table of fixed size.
    #[inline]
    fn hash(&self) -> u64 {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let [low, high] = self.text;
        let owner = self.owner.wrapping_mul(ODD.rotate_left(32));
        let mixed = (low ^ owner).wrapping_mul(ODD) ^ high;
        (mixed ^ mixed >> 32).wrapping_mul(ODD)
    }
}

impl Cache {
    /// A cache of `places` places, a power of two above 2, for values of `lines` lines.
    pub(super) fn new(places: usize, lines: usize) -> Self {
        let key_lines = places / WAYS;
        Self {
            keys: Lines::zeros(key_lines),
            shift: u64::BITS - key_lines.ilog2(),
            values: Lines::zeros(places * lines),
            used: 0,
            stride: lines,
        }
    }

    /// The value of a key, if it is there.
    #[inline]
    pub(super) fn get(&self, key: &Key) -> Option<&[Line]> {
        self.value(self.find(key)?)
    }

    /// The line that the value of a key starts with, if it is there: good until another value is begun.
    #[inline(always)]
    pub(super) fn find(&self, key: &Key) -> Option<u64> {
        let lines = self.keys.all();
        let home = self.home(key);
        // The second line to look at is the one fetched along with the first.
        for line in [home, home ^ 1] {
            let line = lines.get(line)?;
            // In which of the two places a key stands no processor can guess: to look into both costs less.
            let [first, second] = [key_at(line, 0), key_at(line, 1)];
            let [is_first, is_second] = [first, second].map(|found| key.is(found));
            if is_first | is_second {
                let start = |found: [u64; KEY_WORDS], is: bool| {
                    found[KEY_WORDS - 1] & u64::from(is).wrapping_neg()
                };
                return Some(start(first, is_first) | start(second, is_second));
            }
            // A line is filled from its start on.
            if second[0] == 0 {
                return None;
            }
        }
        None
    }

    /// Adds the bits of the values that start with these lines.
    pub(super) fn unite(&self, starts: &[u64], filter: &mut [Line]) {
        let values = self.values.all();
        for (place, line) in filter.iter_mut().enumerate() {
            // All in registers: a line is read and written once.
            let mut all = *line;
            for start in starts {
                let value = values.get(*start as usize + place);
                let words = all.iter_mut().zip(value.into_iter().flatten());
                words.for_each(|(word, own)| *word |= own);
            }
            *line = all;
        }
    }

    /// Has the processor fetch the line where a key belongs, for when it is looked for.
    #[inline]
    pub(super) fn fetch_key(&self, key: &Key) {
        let line = self.keys.all().get(self.home(key));
        line.into_iter().for_each(bits::fetch);
    }

    /// The same with the value of a key, if it is there.
    #[inline]
    pub(super) fn fetch_value(&self, key: &Key) {
        self.get(key).into_iter().flatten().for_each(bits::fetch);
    }

    /// The number of the line where a key belongs.
    #[inline]
    fn home(&self, key: &Key) -> usize {
        (key.hash() >> self.shift) as usize
    }

    /// The value that starts with this line.
    #[inline]
    fn value(&self, start: u64) -> Option<&[Line]> {
        let values = self.values.all().get(start as usize..)?;
        values.get(..self.stride)
    }

    /// A place for a key that is not there, at times that of another, and room for its value: zeros,
    /// which are nobody's until they are kept.
    pub(super) fn begin(&mut self, key: &Key) -> (Slot, &mut [Line]) {
        let lines = self.keys.all();
        let home = self.home(key);
        let places = [home, home ^ 1].map(|line| [0, 1].map(|way| (line, way)));
        let mut places = places.as_flattened().iter();
        let free = places.find(|&&(line, way)| key_at(&lines[line], way)[0] == 0);
        let slot = match free {
            Some((line, way)) => Slot {
                place: line * WAYS + way,
                start: self.used,
            },
            None => {
                // Lower bits of the hash say nothing about the line.
                let way = key.hash() as usize % WAYS;
                Slot {
                    place: home * WAYS + way,
                    start: key_at(&lines[home], way)[KEY_WORDS - 1] as usize,
                }
            }
        };
        // Never more than there are places for.
        self.used += if free.is_some() { self.stride } else { 0 };
        self.write_key(slot, [UNFINISHED, 0, 0]);
        let value = &mut self.values.all_mut()[slot.start..slot.start + self.stride];
        value.fill([0; LINE_WORDS]);
        (slot, value)
    }

    /// From now on the value that was begun is that of its key.
    pub(super) fn keep(&mut self, slot: Slot, key: &Key) -> &[Line] {
        self.write_key(slot, [key.owner, key.text[0], key.text[1]]);
        &self.values.all()[slot.start..slot.start + self.stride]
    }

    fn write_key(&mut self, slot: Slot, [owner, low, high]: [u64; 3]) {
        let (line, way) = (slot.place / WAYS, slot.place % WAYS);
        let line = &mut self.keys.all_mut()[line];
        let key = [owner, low, high, slot.start as u64];
        line[way * KEY_WORDS..][..KEY_WORDS].copy_from_slice(&key);
    }
}

#[inline]
fn key_at(line: &Line, way: usize) -> [u64; KEY_WORDS] {
    line.as_chunks().0[way]
}

impl Drop for Cache {
    fn drop(&mut self) {
        // What was never used is zero and stays untouched: most of it for a short file.
        for line in 0..self.keys.all().len() {
            // A line is filled from its start on.
            if key_at(&self.keys.all()[line], 0)[0] != 0 {
                self.keys.wipe(line..line + 1);
            }
        }
        self.values.wipe(0..self.used);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn key(feature: usize, text: &str) -> Key {
        Key::new(feature, 0, Short::of(text.as_bytes()).unwrap())
    }

    /// The value of a key, `put` there when it was not known.
    fn value(cache: &mut Cache, key: &Key, put: u64) -> (bool, u64) {
        if let Some(value) = cache.get(key) {
            return (true, value[0][0]);
        }
        let (slot, room) = cache.begin(key);
        room[0][0] = put;
        (false, cache.keep(slot, key)[0][0])
    }

    #[test]
    fn gives_back_what_was_put_in_or_nothing() {
        let mut cache = Cache::new(1 << 14, 2);
        let mut truth = HashMap::new();
        let mut hits = 0;
        for round in 0..3 {
            for number in 0..20_000_u64 {
                let text = format!("t{}", number % 9_000);
                let feature = usize::try_from(number % 3).unwrap();
                let key = key(feature, &text);
                let (known, found) = value(&mut cache, &key, number + round);
                if known {
                    hits += 1;
                    assert_eq!(found, truth[&(feature, text)]);
                } else {
                    truth.insert((feature, text), number + round);
                }
            }
        }
        assert!(hits > 30_000, "{hits}");
    }

    #[test]
    fn keys_differ_by_feature_insertions_and_each_byte() {
        let mut cache = Cache::new(64, 1);
        assert_eq!(value(&mut cache, &key(0, "a"), 7), (false, 7));
        assert_eq!(value(&mut cache, &key(0, "a"), 8), (true, 7));
        let more = Key::new(0, 1, Short::of(b"a").unwrap());
        for other in [key(0, "a\0"), key(1, "a"), key(0, ""), more] {
            assert!(!value(&mut cache, &other, 8).0);
        }
        assert_eq!(value(&mut cache, &key(0, "a"), 8), (true, 7));
    }

    #[test]
    fn what_is_not_kept_is_not_found() {
        let mut cache = Cache::new(16, 1);
        let key = key(0, "a");
        for _ in 0..2 {
            assert!(cache.get(&key).is_none());
            let (_, room) = cache.begin(&key);
            assert_eq!(room, [[0; LINE_WORDS]]);
            room.fill([1; LINE_WORDS]);
        }
    }

    #[test]
    fn luck_runs_out_and_comes_back() {
        let mut luck = Luck::default();
        (0..TRIAL).for_each(|_| luck.note(false));
        assert!(!luck.holds());
        (0..TRIAL).for_each(|_| luck.note(true));
        assert!(luck.holds());
    }
}
