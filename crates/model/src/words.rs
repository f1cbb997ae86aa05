//! Fingerprints as words, for people who compare them by telephone.
//!
//! Sixteen bits are one word of five letters that can be spoken, consonants and vowels in turn
//! (D. S. Wilkerson, "A proposal for proquints", arXiv:0901.4016).

use crate::digest::Digest;

/// Words of a fingerprint: 128 bits, more than anybody can search for a second key that fits.
const WORDS: usize = 8;

/// The words of a fingerprint's first half.
pub fn words(fingerprint: &Digest) -> String {
    let pairs = fingerprint.as_bytes().chunks_exact(2).take(WORDS);
    let word = |pair: &[u8]| word(u16::from_be_bytes([pair[0], pair[1]]));
    pairs.map(word).collect::<Vec<_>>().join(" ")
}

fn word(bits: u16) -> String {
    const CONSONANTS: [u8; 16] = *b"bdfghjklmnprstvz";
    const VOWELS: [u8; 4] = *b"aiou";
    let consonant = |shift: u16| CONSONANTS[usize::from(bits >> shift & 15)];
    let vowel = |shift: u16| VOWELS[usize::from(bits >> shift & 3)];
    let letters = [
        consonant(12),
        vowel(10),
        consonant(6),
        vowel(4),
        consonant(0),
    ];
    letters.map(char::from).iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the proposal: 127.0.0.1 and 63.84.220.193.
    #[test]
    fn words_are_those_of_the_proposal() {
        assert_eq!([word(0x7f00), word(0x0001)], ["lusab", "babad"]);
        assert_eq!([word(0x3f54), word(0xdcc1)], ["gutih", "tugad"]);
    }

    #[test]
    fn a_fingerprint_has_eight_words_and_the_first_half_decides() {
        let mut bytes = [0xab; 32];
        let first = words(&Digest::new(bytes));
        assert_eq!(first.split(' ').count(), WORDS);
        bytes[15] ^= 1;
        assert_ne!(words(&Digest::new(bytes)), first);
    }
}
