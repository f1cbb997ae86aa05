//! Folding of text: Unicode compatibility forms, diacritics, scripts and case, down to the letters
//! a-z, digits and single spaces.
//!
//! Sources: Unicode Standard Annex 15 (NFKD); the `any_ascii` tables for scripts other than Latin.

use unicode_normalization::UnicodeNormalization;

/// Folds `text` to lower-case ASCII words. Apostrophes vanish (`O'Brien` is one word); every other
/// mark parts words (`Al-Hadi` is two).
pub(crate) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for letter in text.nfkd().filter(|letter| !is_diacritic(*letter)) {
        if is_apostrophe(letter) {
            continue;
        }
        if letter.is_ascii() {
            push(&mut folded, letter);
        } else {
            any_ascii::any_ascii_char(letter)
                .chars()
                .for_each(|letter| push(&mut folded, letter));
        }
    }
    if folded.ends_with(' ') {
        folded.pop();
    }
    folded
}

fn push(folded: &mut String, letter: char) {
    if letter.is_ascii_alphanumeric() {
        folded.push(letter.to_ascii_lowercase());
    } else if !is_apostrophe(letter) && !folded.is_empty() && !folded.ends_with(' ') {
        folded.push(' ');
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
        fn folding_is_idempotent_and_clean(text in "\\PC{0,40}") {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once.clone());
            prop_assert!(once.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b' '));
            prop_assert!(!once.starts_with(' ') && !once.ends_with(' ') && !once.contains("  "));
        }
    }
}
