//! What is written where a value is not known: words for "unknown", a child without a name yet,
//! numbers of one digit. Such values are missing, not values that many persons share.
//!
//! Names: from the United Nations' *Principles and Recommendations for a Vital Statistics System*
//! (revision 3), which has births registered before a child is named, the practice of writing FNU and
//! LNU (first, last name unknown) in travel documents, and the words themselves in the languages of
//! registration.

use crate::shapes::Shapes;

/// Words that are never part of a name's evidence. `Baby` is a name in parts of India; there its
/// bearers are found by their other names.
const WORDS: [&str; 18] = [
    "unknown",
    "unnamed",
    "noname",
    "fnu",
    "lnu",
    "baby",
    "infant",
    "newborn",
    "inconnu",
    "inconnue",
    "desconocido",
    "desconocida",
    "desconhecido",
    "desconhecida",
    "ignorado",
    "ignorada",
    "haijulikani",
    "null",
];

/// Whole values that say there is none.
const PHRASES: [&str; 7] = ["na", "n a", "nil", "none", "nn", "n n", "test"];

/// The longer ones, which are struck from the front of a name too.
const OPENINGS: [&str; 17] = [
    "not named",
    "not yet named",
    "not known",
    "not available",
    "not applicable",
    "not stated",
    "not given",
    "no name",
    "no given name",
    "sin nombre",
    "sans nom",
    "sans prenom",
    "non renseigne",
    "nao consta",
    "sem nome",
    "baby boy",
    "baby girl",
];

/// What stands before the mother's name when the child has none yet.
const CHILD_OF: [&str; 4] = ["baby of ", "infant of ", "newborn of ", "child of "];

/// The folded `name` without placeholders; empty when nothing else is there.
pub(crate) fn without_placeholders(name: &str) -> &str {
    if is_phrase(name) || CHILD_OF.iter().any(|opening| name.starts_with(opening)) {
        return "";
    }
    let after = |phrase: &&str| name.strip_prefix(*phrase)?.strip_prefix(' ');
    OPENINGS.iter().find_map(after).unwrap_or(name)
}

/// The shapes of [`PHRASES`] and [`OPENINGS`].
static WHOLE: Shapes = Shapes::of(&[&PHRASES, &OPENINGS]);

fn is_phrase(text: &str) -> bool {
    WHOLE.fit(text) && (PHRASES.contains(&text) || OPENINGS.contains(&text))
}

/// The shapes of [`WORDS`].
static SINGLE: Shapes = Shapes::of(&[&WORDS]);

/// Whether the folded `word` of a name stands for no name.
pub(crate) fn is_placeholder_word(word: &str) -> bool {
    SINGLE.fit(word) && WORDS.contains(&word)
        || word.len() > 1 && word.bytes().all(|letter| letter == b'x')
}

/// Whether the folded `number` is made up: one digit throughout, or digits counted up or down.
pub(crate) fn is_made_up(number: &str) -> bool {
    const UP: &str = "01234567890123456789";
    const DOWN: &str = "98765432109876543210";
    let first = number.bytes().next();
    let same = number.bytes().all(|digit| Some(digit) == first);
    same || number.len() >= 6 && (UP.contains(number) || DOWN.contains(number))
}

/// Whether the folded `text` says that there is no value.
pub(crate) fn is_no_value(text: &str) -> bool {
    is_phrase(text) || is_placeholder_word(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_nothing_and_go_from_the_front() {
        for nothing in ["n a", "not named", "baby of amina diallo", "nil"] {
            assert_eq!(without_placeholders(nothing), "", "{nothing}");
        }
        assert_eq!(without_placeholders("not named lal"), "lal");
        assert_eq!(without_placeholders("na kim"), "na kim");
        assert_eq!(without_placeholders("nilufar"), "nilufar");
    }

    #[test]
    fn words_that_stand_for_no_name() {
        assert!(is_placeholder_word("unknown") && is_placeholder_word("xxx"));
        assert!(!is_placeholder_word("x") && !is_placeholder_word("alexx"));
    }

    #[test]
    fn made_up_numbers() {
        for number in [
            "0000",
            "999999999",
            "123456789",
            "0123456789",
            "987654321",
            "0",
        ] {
            assert!(is_made_up(number), "{number}");
        }
        assert!(!is_made_up("712345678") && !is_made_up("12345"));
    }
}
