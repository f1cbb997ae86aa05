//! Personal names: titles, suffixes and particles away, compounds joined, and full names parted
//! into given names and surnames.
//!
//! Sources: *A Guide to Names and Naming Practices* (United Kingdom, 2006); the ALA-LC romanisation
//! table for Arabic, whose article and assimilation these rules undo.

use model::schema::NameOrder;
use zeroize::Zeroizing;

use crate::fold::fold;
use crate::particles::without_fillers;
use crate::placeholders::{is_placeholder_word, without_placeholders};

/// Short forms that are written for the whole word: South Asian and Malay ones of Mohammed, Spanish
/// ones of Maria, Jose, Francisco and Guadalupe.
const SHORT_FORMS: [(&str, &str); 9] = [
    ("md", "mohammed"),
    ("mohd", "mohammed"),
    ("muhd", "mohammed"),
    ("mohmd", "mohammed"),
    ("mhd", "mohammed"),
    ("ma", "maria"),
    ("jse", "jose"),
    ("fco", "francisco"),
    ("gpe", "guadalupe"),
];

/// First halves of names that are written joined or apart: Arabic `Abd al-` (servant of) with the
/// article assimilated or not, `Abu` (father of) and `Umm` (mother of), Gaelic `Mac`.
const FIRST_HALVES: [(&str, &str); 15] = [
    ("abd", "abdul"),
    ("abdel", "abdul"),
    ("abdal", "abdul"),
    ("abdul", "abdul"),
    ("abdur", "abdul"),
    ("abder", "abdul"),
    ("abdus", "abdul"),
    ("abdes", "abdul"),
    ("abu", "abu"),
    ("abou", "abu"),
    ("umm", "umm"),
    ("umme", "umm"),
    ("oum", "umm"),
    ("mc", "mac"),
    ("mac", "mac"),
];

/// First halves of Ethiopian names written as a letter and a stroke: `G/Mariam` is Gebremariam.
const STROKED: [(char, &str); 4] = [
    ('g', "gebre"),
    ('w', "wolde"),
    ('h', "haile"),
    ('t', "tekle"),
];

/// Words that are joined to the next one without a space, told by its capital: `AlHassan`.
const JOINED: [&str; 8] = ["Al", "El", "Ul", "Abdul", "Abdel", "Abu", "Ibn", "Bin"];

/// Digits that stand for letters in a word, by optical recognition (Kukich, 1992) or the keyboard.
const DIGITS: [(char, char); 4] = [('0', 'o'), ('1', 'l'), ('5', 's'), ('8', 'b')];

/// The words of a name in order, canonical; titles, particles, initials and lone letters are kept
/// only when there is nothing else, placeholders never.
pub(crate) fn words(text: &str) -> Vec<String> {
    let parted = Zeroizing::new(text.split_whitespace().map(part).collect::<Vec<_>>());
    let folded = Zeroizing::new(fold(&parted.join(" ")));
    let all: Vec<String> = without_placeholders(&folded)
        .split(' ')
        .filter(|word| is_name_word(word) && !is_placeholder_word(word))
        .map(with_letters)
        .collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    join_halves(without_fillers(&all).into_iter().map(expand))
}

fn is_name_word(word: &str) -> bool {
    word.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// Parts or expands what only marks and capitals show.
fn part(word: &str) -> String {
    let mut letters = word.chars();
    if let (Some(first), Some('/')) = (letters.next(), letters.next()) {
        let known = |(letter, _): &&(char, &str)| *letter == first.to_ascii_lowercase();
        let rest = letters.as_str();
        match STROKED.iter().find(known) {
            Some((_, half)) if rest.len() > 3 => return format!("{half}{rest}"),
            _ => return word.to_owned(),
        }
    }
    let after = |half: &&str| word.strip_prefix(*half);
    match JOINED.iter().find_map(after) {
        Some(rest) if rest.starts_with(char::is_uppercase) => {
            format!("{} {rest}", &word[..word.len() - rest.len()])
        }
        _ => word.to_owned(),
    }
}

fn with_letters(word: &str) -> String {
    let letter = |digit: char| DIGITS.iter().find(|(known, _)| *known == digit);
    let replaced = |digit| letter(digit).map_or(digit, |(_, letter)| *letter);
    word.chars().map(replaced).collect()
}

fn expand(word: &str) -> String {
    SHORT_FORMS
        .iter()
        .find(|(short, _)| *short == word)
        .map_or(word, |(_, long)| long)
        .to_owned()
}

/// `Abdul Rahman`, `Abd al-Rahman` and `Abderrahman` are one name; so are `Abu Bakr` and `Abubakr`.
fn join_halves(words: impl Iterator<Item = String>) -> Vec<String> {
    let mut joined: Vec<String> = Vec::new();
    let mut open = false;
    for word in words {
        let half = FIRST_HALVES.iter().find(|(half, _)| *half == word);
        match joined.last_mut() {
            Some(last) if open => last.push_str(second_half(last, &word)),
            _ => joined.push(half.map_or_else(|| servant(&word), |(_, half)| (*half).to_owned())),
        }
        open = half.is_some() && !open;
    }
    joined
}

/// `Allah` loses the article that `abdul` already has.
fn second_half<'a>(first: &str, word: &'a str) -> &'a str {
    if first == "abdul" && word.starts_with("allah") {
        &word[2..]
    } else {
        word
    }
}

/// The canonical spelling of a name with `Abd al-` joined to it, in the article's many forms; other
/// words as they are. Before some consonants the article's own is doubled: `Abdurrahman`.
fn servant(word: &str) -> String {
    let article = |start| word.strip_prefix(start).filter(|rest| rest.len() > 3);
    let plain = ["abdul", "abdel", "abdal"].into_iter().find_map(article);
    let doubled = ["abdu", "abde", "abda"].into_iter().find_map(article);
    let doubled = doubled.filter(|rest| {
        let letters = rest.as_bytes();
        letters[0] == letters[1] && b"tdrzsn".contains(&letters[0])
    });
    match (plain, doubled) {
        (Some(rest), _) => format!("abdul{rest}"),
        (None, Some(rest)) => format!("abdul{}", &rest[1..]),
        (None, None) => word.to_owned(),
    }
}

/// The given names and the surnames in one column of full names.
pub(crate) struct Parted {
    /// Given names, second names and initials.
    pub(crate) given: Vec<String>,
    /// The surname or surnames.
    pub(crate) surname: Vec<String>,
}

impl Parted {
    /// Parts `text`, whose words stand in `order`. A single word is a given name.
    pub(crate) fn of(text: &str, order: NameOrder) -> Self {
        match (order, text.split_once(',')) {
            (NameOrder::SurnameComma, Some((surname, given))) => Self {
                given: words(given),
                surname: words(surname),
            },
            (NameOrder::GivenFirst, _) => Self::at_end(words(text)),
            (NameOrder::SurnameFirst | NameOrder::SurnameComma, _) => {
                let mut all = words(text);
                let turn = usize::from(all.len() > 1);
                all.rotate_left(turn);
                Self::at_end(all)
            }
        }
    }

    fn at_end(mut all: Vec<String>) -> Self {
        let surname = if all.len() > 1 {
            all.pop().into_iter().collect()
        } else {
            Vec::new()
        };
        Self {
            given: all,
            surname,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_particles_and_initials_go() {
        assert_eq!(words("Dr. Juan de la Cruz Jr."), ["juan", "cruz"]);
        assert_eq!(words("Laila Al-Hedar"), ["laila", "hedar"]);
        assert_eq!(words("CHRISTINE M."), ["christine"]);
        assert_eq!(words("M."), ["m"]);
        assert_eq!(words("Al"), ["al"]);
        assert!(words("-- 12").is_empty());
    }

    #[test]
    fn forms_of_one_name_meet() {
        assert_eq!(words("Md Rahman"), words("Mohammed Rahman"));
        for same in [
            &[
                "Abdulrahman",
                "Abdul Rahman",
                "Abd al-Rahman",
                "Abdur-Rahman",
            ][..],
            &["Abdurrahman", "Abdelrahman", "ABDERRAHMAN", "Abd El Rahman"],
        ] {
            for other in same {
                assert_eq!(words(other), ["abdulrahman"], "{other}");
            }
        }
        assert_eq!(words("Abd Allah"), ["abdullah"]);
        assert_eq!(words("Abu Bakr"), words("Abubakr"));
        assert_eq!(words("Mc Donald"), words("Mac Donald"));
        for article in ["AlHassan", "Al Hassan", "El-Hassan", "al-Hassan"] {
            assert_eq!(words(article), ["hassan"], "{article}");
        }
    }

    #[test]
    fn strokes_and_digits_are_read() {
        assert_eq!(words("G/Mariam Tesfaye"), ["gebremariam", "tesfaye"]);
        assert_eq!(words("Ravi s/o Mohan"), ["ravi", "mohan"]);
        assert_eq!(words("PRIY0 5ILVA"), ["priyo", "silva"]);
    }

    #[test]
    fn marks_within_words_do_not_part_them() {
        assert_eq!(words("Ng'ang'a"), ["nganga"]);
        assert_eq!(words("N\u{2019}Diaye"), ["ndiaye"]);
        assert_eq!(
            words("Søren Łukasz Weiß Işık"),
            ["soren", "lukasz", "weiss", "isik"]
        );
    }

    #[test]
    fn placeholders_are_no_names() {
        for nothing in [
            "Unknown",
            "N/A",
            "Baby",
            "Baby of Amina Diallo",
            "XXX",
            "not named",
        ] {
            assert!(words(nothing).is_empty(), "{nothing}");
        }
        assert_eq!(words("Baby Lal"), ["lal"]);
    }

    #[test]
    fn full_names_are_parted_by_their_order() {
        let sr = Parted::of("Ana Maria Silva", NameOrder::GivenFirst);
        assert_eq!(
            (sr.given, sr.surname),
            (vec!["ana".into(), "maria".into()], vec!["silva".into()])
        );
        let ibr = Parted::of("CABELLO COCA, CRISTIAN", NameOrder::SurnameComma);
        assert_eq!((ibr.given.len(), ibr.surname.len()), (1, 2));
        let single = Parted::of("Sukarno", NameOrder::SurnameFirst);
        assert_eq!((single.given.len(), single.surname.len()), (1, 0));
        let turned = Parted::of("Banda Grace", NameOrder::SurnameFirst);
        assert_eq!(turned.given, ["grace"]);
    }
}
