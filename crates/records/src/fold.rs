//! Folding of text: Unicode compatibility forms, diacritics, scripts and case, down to the letters
//! a-z, digits and single spaces.
//!
//! Sources: Unicode Standard Annex 15 (NFKD); the `any_ascii` tables for scripts other than Latin.

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use crate::slate::clear;

/// Folds `text` to lower-case ASCII words, in place of what `folded` held. Apostrophes vanish (`O'Brien` is one
/// word); every other mark parts words (`Al-Hadi` is two).
pub(crate) fn fold(text: &str, folded: &mut Zeroizing<String>) {
    // Letters of other scripts may become several.
    let room = if text.is_ascii() { 1 } else { 3 };
    clear(folded, room * text.len());
    let mut words = Words { folded, gap: false };
    // What is ASCII is in normal form and parts what is not: nothing is put in order across it.
    let mut rest = text;
    while !rest.is_empty() {
        let (plain, after) = rest.split_at(run(rest, true));
        plain.bytes().for_each(|letter| words.push(letter));
        let (other, after) = after.split_at(run(after, false));
        words.push_other(other);
        rest = after;
    }
}

/// How many bytes `text` starts with that are ASCII, or that are not.
fn run(text: &str, ascii: bool) -> usize {
    let end = text.bytes().position(|byte| byte.is_ascii() != ascii);
    end.unwrap_or(text.len())
}

/// Words as they are folded.
struct Words<'a> {
    folded: &'a mut String,
    /// Whether a mark came after the last letter.
    gap: bool,
}

impl Words<'_> {
    fn push(&mut self, letter: u8) {
        if letter.is_ascii_alphanumeric() {
            if self.gap && !self.folded.is_empty() {
                self.folded.push(' ');
            }
            self.gap = false;
            self.folded.push(char::from(letter.to_ascii_lowercase()));
        } else if !matches!(letter, b'\'' | b'`') {
            self.gap = true;
        }
    }

    fn push_other(&mut self, text: &str) {
        for letter in text.nfkd().filter(|letter| !is_diacritic(*letter)) {
            if letter.is_ascii() {
                self.push(letter as u8);
            } else if !is_apostrophe(letter) {
                any_ascii::any_ascii_char(letter)
                    .bytes()
                    .for_each(|letter| self.push(letter));
            }
        }
    }
}

/// Marks that only change a letter: Latin, Greek and Cyrillic diacritics, and the points of Hebrew
/// and Arabic, which most writing leaves out. The vowel signs of Indic scripts are combining marks
/// too, but they are letters of the name and stay.
fn is_diacritic(letter: char) -> bool {
    matches!(u32::from(letter),
        0x300..=0x36f | 0x591..=0x5c7 | 0x610..=0x61a | 0x64b..=0x65f | 0x670 | 0x6d6..=0x6ed)
}

/// Apostrophes, and the signs that stand for ayn, hamza and ejectives in transliterations.
fn is_apostrophe(letter: char) -> bool {
    matches!(letter, '\'' | '`' | '’' | '‘' | 'ʼ' | 'ʻ' | 'ʿ' | 'ʾ' | '´')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fold(text: &str) -> String {
        let mut folded = Zeroizing::new("before".to_owned());
        super::fold(text, &mut folded);
        folded.to_string()
    }

    /// Letter by letter, with the whole text brought into normal form.
    fn fold_at_once(text: &str) -> String {
        let letters = text.nfkd().filter(|letter| !is_diacritic(*letter));
        let ascii = letters
            .filter(|letter| !is_apostrophe(*letter))
            .map(any_ascii::any_ascii_char)
            .collect::<String>()
            .replace(['\'', '`'], "")
            .to_ascii_lowercase();
        let words = ascii.split(|letter: char| !letter.is_ascii_alphanumeric());
        let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        words.join(" ")
    }

    #[test]
    fn diacritics_case_and_marks_are_folded() {
        assert_eq!(fold("José  Ñúñez-López"), "jose nunez lopez");
        assert_eq!(fold("O'BRIEN, Séan."), "obrien sean");
        assert_eq!(fold("Straße"), "strasse");
        assert_eq!(fold("ﬁnn"), "finn");
    }

    #[test]
    fn other_scripts_become_letters() {
        assert_eq!(fold("Иван"), "ivan");
        assert_eq!(fold("مُحَمَّد"), fold("محمد"));
        let indic = [fold("मीना"), fold("मान"), fold("मुन")];
        assert!(
            indic[0] != indic[1] && indic[1] != indic[2] && indic[0] != indic[2],
            "{indic:?}"
        );
    }

    proptest! {
        #[test]
        fn runs_of_letters_fold_like_the_whole(text in "([ -~]{0,3}[\u{80}-\u{1000}]{0,3}|\\PC{0,4}){0,8}") {
            prop_assert_eq!(fold(&text), fold_at_once(&text));
        }

        #[test]
        fn folding_is_idempotent_and_clean(text in "\\PC{0,40}") {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once.clone());
            prop_assert!(once.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b' '));
            prop_assert!(!once.starts_with(' ') && !once.ends_with(' ') && !once.contains("  "));
        }
    }
}
