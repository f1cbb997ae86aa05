//! Other ways of spelling a name that are no slips: another romanisation, the ear's version, the name used at home,
//! letters without their marks.

use super::culture::Culture;
use super::rng::Rng;
use std::collections::HashMap;

/// Sounds that are romanised in more than one way, for every culture.
const SHARED: &[(&str, &str)] = &[
    ("i", "y"),
    ("ie", "y"),
    ("k", "c"),
    ("ph", "f"),
    ("ss", "s"),
    ("ll", "l"),
];
const ARABIC: &[(&str, &str)] = &[
    ("al-", "el-"),
    ("al-", "al "),
    ("ou", "u"),
    ("oo", "u"),
    ("ee", "i"),
    ("a", "e"),
    ("ch", "sh"),
    ("dj", "j"),
    ("q", "k"),
    ("dh", "d"),
    ("th", "t"),
    ("kh", "k"),
    ("gh", "g"),
    ("aa", "a"),
    ("i", "e"),
    ("ei", "ai"),
    ("w", "ou"),
];
const INDIAN: &[(&str, &str)] = &[
    ("aa", "a"),
    ("ee", "i"),
    ("oo", "u"),
    ("sh", "s"),
    ("v", "b"),
    ("th", "t"),
    ("dh", "d"),
    ("bh", "b"),
    ("j", "z"),
    ("ksh", "x"),
    ("w", "v"),
    ("o", "a"),
    ("ch", "chh"),
    ("gh", "g"),
];
const EAST_AFRICAN: &[(&str, &str)] = &[
    ("l", "r"),
    ("w", "u"),
    ("oo", "o"),
    ("th", "dh"),
    ("h", ""),
    ("mb", "b"),
    ("ng", "ngh"),
    ("ch", "sh"),
];
const WEST_AFRICAN: &[(&str, &str)] = &[
    ("ou", "u"),
    ("ou", "w"),
    ("kw", "qu"),
    ("e", "é"),
    ("k", "q"),
    ("dj", "j"),
    ("ch", "tch"),
    ("s", "sh"),
    ("oo", "o"),
];
const IBERIAN: &[(&str, &str)] = &[
    ("z", "s"),
    ("v", "b"),
    ("y", "i"),
    ("x", "j"),
    ("ji", "gi"),
    ("je", "ge"),
    ("ce", "se"),
    ("ç", "s"),
    ("lh", "li"),
    ("h", ""),
];
const SOUTHERN: &[(&str, &str)] = &[
    ("hl", "shl"),
    ("th", "t"),
    ("ph", "p"),
    ("ck", "k"),
    ("ie", "y"),
    ("ey", "y"),
    ("tt", "t"),
    ("nn", "n"),
    ("ea", "ee"),
];
const ETHIOPIAN: &[(&str, &str)] = &[
    ("e", "a"),
    ("u", "oo"),
    ("w", "u"),
    ("ye", "ie"),
    ("t", "th"),
    ("s", "ss"),
    ("d", "t"),
    ("ai", "ay"),
    ("g", "gh"),
    ("i", "e"),
    ("k", "q"),
];

/// What a stranger hears.
const BY_EAR: &[(&str, &str)] = &[
    ("ph", "f"),
    ("c", "k"),
    ("s", "z"),
    ("b", "p"),
    ("d", "t"),
    ("g", "k"),
    ("v", "f"),
    ("ee", "i"),
    ("ea", "i"),
    ("oo", "u"),
    ("ou", "oo"),
    ("u", "o"),
    ("i", "e"),
    ("a", "ah"),
    ("ai", "ei"),
    ("m", "n"),
    ("kh", "h"),
    ("gh", "h"),
    ("th", "d"),
    ("y", "i"),
    ("r", "l"),
    ("j", "dj"),
    ("h", ""),
];

/// The ways of spelling that are looked up rather than derived.
pub(super) struct Spellings {
    variants: HashMap<&'static str, Vec<&'static str>>,
    nicknames: HashMap<&'static str, Vec<&'static str>>,
}

impl Spellings {
    /// Reads the lists.
    pub(super) fn open() -> Self {
        let mut spellings = Self {
            variants: HashMap::new(),
            nicknames: HashMap::new(),
        };
        for line in include_str!("../../data/variants.txt").lines() {
            let group: Vec<&str> = line.split(' ').collect();
            for &name in &group {
                let others = group.iter().copied().filter(|&other| other != name);
                spellings.variants.entry(name).or_default().extend(others);
            }
        }
        for line in include_str!("../../data/nicknames.txt").lines() {
            let mut words = line.split(' ');
            if let Some(formal) = words.next() {
                spellings.nicknames.entry(formal).or_default().extend(words);
            }
        }
        spellings
    }

    /// The name as someone else would romanise it; none if there is no other way.
    pub(super) fn romanised(&self, name: &str, culture: Culture, rng: &mut Rng) -> Option<String> {
        if let Some(others) = self.variants.get(name)
            && rng.chance(0.6)
        {
            return Some((*rng.pick(others)).to_owned());
        }
        respelt(name, &[rules(culture), SHARED], rng)
    }

    /// The name used at home; none if the list has none.
    pub(super) fn nickname(&self, name: &str, rng: &mut Rng) -> Option<String> {
        let names = self.nicknames.get(name)?;
        Some((*rng.pick(names)).to_owned())
    }
}

/// The name as one who hears it writes it down; none if every ear would agree.
pub(super) fn by_ear(name: &str, rng: &mut Rng) -> Option<String> {
    respelt(name, &[BY_EAR], rng)
}

fn rules(culture: Culture) -> &'static [(&'static str, &'static str)] {
    match culture {
        Culture::Arabic => ARABIC,
        Culture::NorthIndian | Culture::SouthIndian => INDIAN,
        Culture::EastAfrican => EAST_AFRICAN,
        Culture::WestAfrican => WEST_AFRICAN,
        Culture::Spanish | Culture::Portuguese => IBERIAN,
        Culture::Southern => SOUTHERN,
        Culture::Ethiopian => ETHIOPIAN,
    }
}

/// Applies one rule, either way round, at one of the places where it fits.
fn respelt(name: &str, rules: &[&[(&str, &str)]], rng: &mut Rng) -> Option<String> {
    let lower = name.to_lowercase();
    let mut fits = Vec::new();
    for &(one, other) in rules.iter().copied().flatten() {
        for (from, to) in [(one, other), (other, one)] {
            if !from.is_empty() {
                fits.extend(lower.match_indices(from).map(|(at, _)| (at, from, to)));
            }
        }
    }
    if fits.is_empty() {
        return None;
    }
    let &(at, from, to) = rng.pick(&fits);
    let respelt = format!("{}{to}{}", &lower[..at], &lower[at + from.len()..]);
    // A rule may leave a name as it was, or without letters: then it was no other spelling.
    (respelt != lower && respelt.chars().count() > 1).then(|| capitalised(&respelt))
}

/// The first letter of each word in upper case, of `al-Masri` and `de la Cruz` too, but not the particles themselves.
pub(super) fn capitalised(text: &str) -> String {
    let mut capital = true;
    let mut result = String::with_capacity(text.len());
    for (position, word) in text.split(' ').enumerate() {
        if position > 0 {
            result.push(' ');
        }
        let particle =
            position > 0 && matches!(word, "de" | "da" | "do" | "dos" | "das" | "la" | "del");
        for letter in word.chars() {
            if capital && !particle {
                result.extend(letter.to_uppercase());
            } else {
                result.push(letter);
            }
            capital = letter == '-';
        }
        capital = true;
    }
    result
}

/// The text without the marks of Latin letters: `Muñoz` becomes `Munoz`.
pub(super) fn unmarked(text: &str) -> String {
    text.chars().map(unmarked_letter).collect()
}

fn unmarked_letter(letter: char) -> char {
    match letter {
        'á' | 'à' | 'â' | 'ã' | 'ä' => 'a',
        'Á' | 'À' | 'Â' | 'Ã' | 'Ä' => 'A',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'É' | 'È' | 'Ê' | 'Ë' => 'E',
        'í' | 'ì' | 'î' | 'ï' => 'i',
        'Í' | 'Ì' | 'Î' | 'Ï' => 'I',
        'ó' | 'ò' | 'ô' | 'õ' | 'ö' => 'o',
        'Ó' | 'Ò' | 'Ô' | 'Õ' | 'Ö' => 'O',
        'ú' | 'ù' | 'û' | 'ü' => 'u',
        'Ú' | 'Ù' | 'Û' | 'Ü' => 'U',
        'ñ' => 'n',
        'Ñ' => 'N',
        'ç' => 'c',
        'Ç' => 'C',
        'ý' => 'y',
        other => other,
    }
}

/// A Latin name in Arabic letters, as a clerk who has only the sound would write it.
pub(super) fn in_arabic(name: &str) -> String {
    let lower = unmarked(name)
        .to_lowercase()
        .replace("al-", "ال")
        .replace("el-", "ال");
    let pairs = [
        ("sh", "ش"),
        ("ch", "ش"),
        ("kh", "خ"),
        ("gh", "غ"),
        ("th", "ث"),
        ("dh", "ذ"),
        ("ou", "و"),
        ("oo", "و"),
        ("ee", "ي"),
    ];
    let joined = pairs
        .iter()
        .fold(lower, |text, (from, to)| text.replace(from, to));
    joined.chars().map(arabic_letter).collect()
}

fn arabic_letter(letter: char) -> char {
    match letter {
        'a' | 'e' => 'ا',
        'b' | 'p' => 'ب',
        't' => 'ت',
        'j' | 'g' => 'ج',
        'h' => 'ح',
        'd' => 'د',
        'r' => 'ر',
        'z' => 'ز',
        's' => 'س',
        'f' | 'v' => 'ف',
        'q' => 'ق',
        'k' | 'c' | 'x' => 'ك',
        'l' => 'ل',
        'm' => 'م',
        'n' => 'ن',
        'w' | 'o' | 'u' => 'و',
        'y' | 'i' => 'ي',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spelling_is_another_one_and_capitalised() {
        let spellings = Spellings::open();
        let mut rng = Rng::for_job(5, "test");
        for (name, culture) in [
            ("Mohamed", Culture::Arabic),
            ("Al-Masri", Culture::Arabic),
            ("González López", Culture::Spanish),
        ] {
            for _ in 0..200 {
                let Some(other) = spellings.romanised(name, culture, &mut rng) else {
                    continue;
                };
                assert_ne!(other, name);
                assert!(other.starts_with(char::is_uppercase), "{other}");
            }
        }
    }

    #[test]
    fn an_ear_hears_something_else() {
        let mut rng = Rng::for_job(5, "test");
        for _ in 0..200 {
            assert_ne!(by_ear("Philippa", &mut rng).as_deref(), Some("Philippa"));
        }
        assert_eq!(by_ear("X", &mut rng), None);
    }

    #[test]
    fn nicknames_are_looked_up() {
        let spellings = Spellings::open();
        let mut rng = Rng::for_job(5, "test");
        assert_eq!(
            spellings.nickname("Anthony", &mut rng).as_deref(),
            Some("Tony")
        );
        assert_eq!(spellings.nickname("Zzz", &mut rng), None);
    }

    #[test]
    fn marks_and_capitals() {
        assert_eq!(unmarked("Ñuñez Conceição"), "Nunez Conceicao");
        assert_eq!(capitalised("al-masri"), "Al-Masri");
        assert_eq!(capitalised("lopes dos santos"), "Lopes dos Santos");
    }

    #[test]
    fn arabic_letters_only() {
        let written = in_arabic("Al-Khatib");
        assert!(
            written
                .chars()
                .all(|letter| ('\u{600}'..'\u{700}').contains(&letter)),
            "{written}"
        );
    }
}
