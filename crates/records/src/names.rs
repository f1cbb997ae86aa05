//! Personal names: titles, suffixes and particles away, compounds joined, and full names parted
//! into given names and surnames.

use model::schema::NameOrder;

use crate::fold::fold;

/// Titles and forms of address (English, French, Spanish, Portuguese, Arabic, South Asian, African).
const TITLES: [&str; 32] = [
    "mr", "mrs", "ms", "miss", "dr", "prof", "rev", "sr", "sra", "srta", "don", "dona", "mme",
    "mlle", "sheikh", "shaikh", "hajj", "haji", "hajji", "alhaji", "alhaja", "hajia", "mallam",
    "malam", "mzee", "ato", "weizero", "woizero", "shri", "smt", "kumari", "chief",
];

/// Generational suffixes.
const SUFFIXES: [&str; 8] = ["jr", "snr", "jnr", "junior", "senior", "ii", "iii", "iv"];

/// Particles that registries write, drop and attach as they please.
const PARTICLES: [&str; 30] = [
    "al", "el", "ul", "ur", "as", "es", "ash", "an", "ar", "bin", "ben", "ibn", "ibnu", "bint",
    "binti", "ould", "wld", "de", "del", "da", "do", "dos", "das", "di", "la", "las", "los", "van",
    "von", "y",
];

/// Short forms that are written for the whole word.
const SHORT_FORMS: [(&str, &str); 10] = [
    ("md", "mohammed"),
    ("mohd", "mohammed"),
    ("muhd", "mohammed"),
    ("mohamad", "mohammed"),
    ("mhd", "mohammed"),
    ("ma", "maria"),
    ("jse", "jose"),
    ("abd", "abdul"),
    ("abdel", "abdul"),
    ("abdal", "abdul"),
];

/// The words of a name in order, canonical; initials and lone letters are kept only when there is
/// nothing else.
pub(crate) fn words(text: &str) -> Vec<String> {
    let folded = fold(text);
    let all: Vec<&str> = folded
        .split(' ')
        .filter(|word| is_name_word(word))
        .collect();
    let strong: Vec<&str> = all
        .iter()
        .copied()
        .filter(|word| word.len() > 1 && !is_filler(word))
        .collect();
    let kept = if strong.is_empty() { all } else { strong };
    join_servant_names(kept.into_iter().map(expand).collect())
}

fn is_name_word(word: &str) -> bool {
    word.bytes().any(|byte| byte.is_ascii_alphabetic())
}

fn is_filler(word: &str) -> bool {
    TITLES.contains(&word) || SUFFIXES.contains(&word) || PARTICLES.contains(&word)
}

fn expand(word: &str) -> String {
    SHORT_FORMS
        .iter()
        .find(|(short, _)| *short == word)
        .map_or(word, |(_, long)| long)
        .to_owned()
}

/// `Abdul Rahman`, `Abd al-Rahman` and `Abdulrahman` are one name; so is `Abdurrahman`.
fn join_servant_names(words: Vec<String>) -> Vec<String> {
    let mut joined: Vec<String> = Vec::with_capacity(words.len());
    for word in words {
        match joined.last_mut() {
            Some(last) if last == "abdul" => last.push_str(&word),
            _ => joined.push(word),
        }
    }
    joined
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
        let servant = words("Abdulrahman");
        assert_eq!(words("Abdul Rahman"), servant);
        assert_eq!(words("Abd al-Rahman"), servant);
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
