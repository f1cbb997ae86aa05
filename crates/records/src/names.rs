//! Personal names: titles, suffixes and particles away, compounds joined, and full names parted
//! into given names and surnames.
//!
//! Sources: *A Guide to Names and Naming Practices* (United Kingdom, 2006); the ALA-LC romanisation
//! table for Arabic, whose article and assimilation these rules undo.

use model::schema::NameOrder;
use zeroize::{Zeroize as _, Zeroizing};

use crate::fold::fold;
use crate::particles::without_fillers;
use crate::placeholders::{is_placeholder_word, without_placeholders};
use crate::slate::{Slate, clear};

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
pub(crate) fn words(text: &str, slate: &mut Slate) -> Vec<String> {
    let Slate {
        parted,
        folded,
        kept,
    } = slate;
    part_all(text, parted);
    fold(parted, folded);
    clear(kept, folded.len());
    let told = |word: &&str| is_name_word(word) && !is_placeholder_word(word);
    let words = without_placeholders(folded).split(' ').filter(told);
    words.for_each(|word| push_letters(word, kept));
    let all = kept.split(' ').filter(|word| !word.is_empty()).collect();
    join_halves(&without_fillers(all))
}

fn is_name_word(word: &str) -> bool {
    word.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// Writes the words of `text` to `parted`, with what only marks and capitals show parted or expanded.
fn part_all(text: &str, parted: &mut Zeroizing<String>) {
    // No word becomes twice as long.
    clear(parted, 2 * text.len());
    for word in text.split_whitespace() {
        if !parted.is_empty() {
            parted.push(' ');
        }
        part(word, parted);
    }
}

/// Parts or expands what only marks and capitals show.
fn part(word: &str, parted: &mut String) {
    let mut letters = word.chars();
    if let (Some(first), Some('/')) = (letters.next(), letters.next()) {
        let known = |(letter, _): &&(char, &str)| *letter == first.to_ascii_lowercase();
        let rest = letters.as_str();
        match STROKED.iter().find(known) {
            Some((_, half)) if rest.len() > 3 => parted.extend([half, rest]),
            _ => parted.push_str(word),
        }
        return;
    }
    let after = |half: &&str| word.strip_prefix(*half);
    match JOINED.iter().find_map(after) {
        Some(rest) if rest.starts_with(char::is_uppercase) => {
            parted.extend([&word[..word.len() - rest.len()], " ", rest]);
        }
        _ => parted.push_str(word),
    }
}

/// Puts `word` behind those of `kept`, with letters for digits.
fn push_letters(word: &str, kept: &mut String) {
    if !kept.is_empty() {
        kept.push(' ');
    }
    if !word.bytes().any(|byte| byte.is_ascii_digit()) {
        return kept.push_str(word);
    }
    let letter = |digit: char| DIGITS.iter().find(|(known, _)| *known == digit);
    let replaced = |digit| letter(digit).map_or(digit, |(_, letter)| *letter);
    kept.extend(word.chars().map(replaced));
}

fn expand(word: &str) -> &str {
    let found = SHORT_FORMS.iter().find(|(short, _)| *short == word);
    found.map_or(word, |(_, long)| long)
}

/// `Abdul Rahman`, `Abd al-Rahman` and `Abderrahman` are one name; so are `Abu Bakr` and `Abubakr`.
fn join_halves(words: &[&str]) -> Vec<String> {
    let mut joined: Vec<String> = Vec::with_capacity(words.len());
    let mut open = false;
    for word in words.iter().map(|word| expand(word)) {
        let half = FIRST_HALVES.iter().find(|(half, _)| *half == word);
        match joined.last_mut() {
            Some(last) if open => {
                let second = second_half(last, word);
                let whole = [last.as_str(), second].concat();
                std::mem::replace(last, whole).zeroize();
            }
            _ => joined.push(half.map_or_else(|| servant(word), |(_, half)| (*half).to_owned())),
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
    if !word.starts_with("abd") {
        return word.to_owned();
    }
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
    pub(crate) fn of(text: &str, order: NameOrder, slate: &mut Slate) -> Self {
        match halves(text, order) {
            Some((surname, given)) => Self {
                given: words(given, slate),
                surname: words(surname, slate),
            },
            None if order == NameOrder::GivenFirst => Self::at_end(words(text, slate)),
            None => {
                let mut all = words(text, slate);
                let turn = usize::from(all.len() > 1);
                all.rotate_left(turn);
                Self::at_end(all)
            }
        }
    }

    /// The given names alone.
    pub(crate) fn given(text: &str, order: NameOrder, slate: &mut Slate) -> Vec<String> {
        match halves(text, order) {
            Some((_, given)) => words(given, slate),
            None => Self::of(text, order, slate).given,
        }
    }

    /// The surnames alone.
    pub(crate) fn surname(text: &str, order: NameOrder, slate: &mut Slate) -> Vec<String> {
        match halves(text, order) {
            Some((surname, _)) => words(surname, slate),
            None => Self::of(text, order, slate).surname,
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

/// What stands before and after the comma, where the order has one.
fn halves(text: &str, order: NameOrder) -> Option<(&str, &str)> {
    match order {
        NameOrder::SurnameComma => text.split_once(','),
        NameOrder::GivenFirst | NameOrder::SurnameFirst => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        super::words(text, &mut Slate::default())
    }

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
        let slate = &mut Slate::default();
        let sr = Parted::of("Ana Maria Silva", NameOrder::GivenFirst, slate);
        assert_eq!(
            (sr.given, sr.surname),
            (vec!["ana".into(), "maria".into()], vec!["silva".into()])
        );
        let ibr = Parted::of("CABELLO COCA, CRISTIAN", NameOrder::SurnameComma, slate);
        assert_eq!((ibr.given.len(), ibr.surname.len()), (1, 2));
        let text = "CABELLO COCA, CRISTIAN";
        let given = Parted::given(text, NameOrder::SurnameComma, slate);
        let surname = Parted::surname(text, NameOrder::SurnameComma, slate);
        assert_eq!((given, surname), (ibr.given, ibr.surname));
        let single = Parted::of("Sukarno", NameOrder::SurnameFirst, slate);
        assert_eq!((single.given.len(), single.surname.len()), (1, 0));
        let turned = Parted::of("Banda Grace", NameOrder::SurnameFirst, slate);
        assert_eq!(turned.given, ["grace"]);
    }
}
