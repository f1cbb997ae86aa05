//! Folding a filter onto itself, and packing it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Room for folded filters and their bytes, kept between records.
#[derive(Default)]
pub(super) struct Folder {
    words: Vec<u64>,
    bytes: Vec<u8>,
}

impl Folder {
    /// Halves a filter of `bits` bits `folds` times by exclusive or, appends the result to `out` in
    /// base64, and gives the number of its set bits.
    pub(super) fn finish(
        &mut self,
        filter: &[u64],
        bits: usize,
        folds: u32,
        out: &mut String,
    ) -> u32 {
        self.words.clear();
        self.words.extend_from_slice(filter);
        for fold in 1..=folds {
            halve(&mut self.words, bits >> fold);
        }
        self.bytes.clear();
        for word in &self.words {
            self.bytes.extend_from_slice(&word.to_be_bytes());
        }
        self.bytes.truncate((bits >> folds).div_ceil(8));
        STANDARD.encode_string(&self.bytes, out);
        self.words.iter().map(|word| word.count_ones()).sum()
    }
}

/// Folds the second `half` bits onto the first.
fn halve(words: &mut Vec<u64>, half: usize) {
    let kept = half.div_ceil(64);
    for place in 0..kept {
        words[place] ^= bits_at(words, half + 64 * place);
    }
    words.truncate(kept);
    if let Some(last) = words.last_mut() {
        // What lies behind the new end is not part of the filter.
        *last &= !0 << ((64 - half % 64) % 64);
    }
}

/// The 64 bits from `start` on, zeros behind the end.
fn bits_at(words: &[u64], start: usize) -> u64 {
    let (place, shift) = (start / 64, start % 64);
    let word = |place: usize| words.get(place).copied().unwrap_or(0);
    match shift {
        0 => word(place),
        _ => word(place) << shift | word(place + 1) >> (64 - shift),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bit(words: &[u64], place: usize) -> bool {
        words[place / 64] >> (63 - place % 64) & 1 == 1
    }

    proptest! {
        #[test]
        fn each_bit_is_the_exclusive_or_of_two(half in 1..300_usize, random in prop::collection::vec(any::<u64>(), 10)) {
            let length = 2 * half;
            let mut words = random[..length.div_ceil(64)].to_vec();
            let unused = (64 - length % 64) % 64;
            *words.last_mut().unwrap() &= !0 << unused;
            let before = words.clone();
            halve(&mut words, half);
            for place in 0..half {
                prop_assert_eq!(bit(&words, place), bit(&before, place) ^ bit(&before, half + place));
            }
            prop_assert!((half..words.len() * 64).all(|place| !bit(&words, place)));
        }
    }

    #[test]
    fn packs_the_first_bit_highest() {
        let mut out = String::new();
        let set = Folder::default().finish(&[1 << 63 | 1 << 52], 12, 0, &mut out);
        assert_eq!((out.as_str(), set), ("gBA=", 2));
    }
}
