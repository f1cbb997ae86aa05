//! The words in a name that do not tell persons apart: titles, suffixes, particles, marks of
//! relation and forms of address that stand where a name would.
//!
//! Sources: *A Guide to Names and Naming Practices* (United Kingdom, 2006) for Arabic, South Asian,
//! African and Hispanic names; the ALA-LC romanisation tables for the Arabic article and its
//! assimilation; the *Demographic Data Standards* of the Indian identification authority (UIDAI,
//! 2009), which keep titles and relations out of the name; ICAO Doc 9303 part 3, which leaves out
//! titles, suffixes and prefixes where they are no part of the name.

use crate::shapes::Shapes;

/// Titles and forms of address (English, French, Spanish, Portuguese, Arabic, South Asian, African).
const TITLES: [&str; 68] = [
    "mr",
    "mrs",
    "ms",
    "miss",
    "dr",
    "dra",
    "prof",
    "rev",
    "hon",
    "engr",
    "pastor",
    "sr",
    "sra",
    "srta",
    "don",
    "dona",
    "mme",
    "mlle",
    "vve",
    "veuve",
    "epse",
    "epouse",
    "nee",
    "vda",
    "viuda",
    "sheikh",
    "shaikh",
    "sheik",
    "cheikh",
    "hajj",
    "haji",
    "hajji",
    "hajja",
    "hajjah",
    "hadj",
    "hadji",
    "elhadj",
    "elhadji",
    "alhaji",
    "alhaja",
    "alhajj",
    "alh",
    "hajia",
    "hajiya",
    "mallam",
    "malam",
    "ustaz",
    "ustadh",
    "mufti",
    "maulana",
    "moulana",
    "moulvi",
    "mzee",
    "bwana",
    "mwalimu",
    "ato",
    "weizero",
    "woizero",
    "wezero",
    "weizerit",
    "woizerit",
    "shri",
    "sri",
    "shrimati",
    "srimati",
    "smt",
    "chief",
    "sayyidina",
];

/// Generational suffixes (English, Portuguese).
const SUFFIXES: [&str; 11] = [
    "jr", "jnr", "snr", "junior", "senior", "ii", "iii", "iv", "filho", "neto", "sobrinho",
];

/// Particles that registries write, drop and attach as they please.
const PARTICLES: [&str; 35] = [
    "al", "el", "ul", "ur", "as", "es", "ash", "an", "ar", "bin", "ben", "ibn", "ibnu", "bint",
    "binti", "binte", "mint", "ould", "wld", "wuld", "de", "del", "da", "do", "dos", "das", "di",
    "la", "las", "los", "van", "von", "den", "der", "y",
];

/// Particles that are also given names, and so count as particles only between other words:
/// Kikuyu `wa`, Kalenjin `arap`, Maasai `ole`, Tuareg `ag`.
const INNER_PARTICLES: [&str; 4] = ["wa", "arap", "ole", "ag"];

/// Whose relation the next word is; particles when `of` follows.
const RELATIONS: [&str; 5] = ["son", "daughter", "wife", "widow", "child"];

/// The shapes of words that go wherever they stand.
static FILLERS: Shapes = Shapes::of(&[&TITLES, &SUFFIXES, &PARTICLES]);

/// The words of `all` that tell persons apart, in order; all of them when none would be left.
pub(crate) fn without_fillers(all: Vec<&str>) -> Vec<&str> {
    if !(0..all.len()).any(|place| is_filler(&all, place)) {
        return all;
    }
    let strong: Vec<&str> = (0..all.len())
        .filter(|place| !is_filler(&all, *place))
        .map(|place| all[place])
        .collect();
    if strong.is_empty() { all } else { strong }
}

fn is_filler(all: &[&str], place: usize) -> bool {
    let word = all[place];
    let (first, last) = (place == 0, place + 1 == all.len());
    let before_of = !last && all[place + 1] == "of" && RELATIONS.contains(&word);
    let inside = !first && !last;
    word.len() == 1
        || word == "of"
        || FILLERS.fit(word) && is_listed(word)
        || before_of
        || inside && INNER_PARTICLES.contains(&word)
}

fn is_listed(word: &str) -> bool {
    TITLES.contains(&word) || SUFFIXES.contains(&word) || PARTICLES.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(text: &str) -> String {
        without_fillers(text.split(' ').collect()).join(" ")
    }

    #[test]
    fn titles_and_suffixes_of_many_traditions_go() {
        assert_eq!(kept("alhaji musa garba"), "musa garba");
        assert_eq!(kept("ato tesfaye bekele"), "tesfaye bekele");
        assert_eq!(kept("smt sunita sharma"), "sunita sharma");
        assert_eq!(
            kept("aminata diallo epouse traore"),
            "aminata diallo traore"
        );
        assert_eq!(kept("jose souza filho"), "jose souza");
        assert_eq!(kept("john smith iii"), "john smith");
    }

    #[test]
    fn particles_go_wherever_they_stand() {
        assert_eq!(kept("maria de los angeles y cruz"), "maria angeles cruz");
        assert_eq!(kept("ahmed bin said al masri"), "ahmed said masri");
    }

    #[test]
    fn particles_that_are_names_go_only_between_words() {
        assert_eq!(kept("ngugi wa thiongo"), "ngugi thiongo");
        assert_eq!(kept("daniel arap moi"), "daniel moi");
        assert_eq!(kept("ole hansen"), "ole hansen");
    }

    #[test]
    fn marks_of_relation_go_and_the_relative_stays() {
        assert_eq!(kept("ravi s o mohan"), "ravi mohan");
        assert_eq!(kept("ravi son of mohan"), "ravi mohan");
        assert_eq!(kept("son heung"), "son heung");
    }

    #[test]
    fn a_name_of_fillers_alone_stays() {
        assert_eq!(kept("al"), "al");
        assert_eq!(kept("dr"), "dr");
    }
}
