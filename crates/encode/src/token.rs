//! Tokens: the fragments of a normalised value whose overlap stands for its likeness.
//!
//! Names, places and addresses fall into padded bigrams (Schnell, Bachteler and Reiher, 2009), once
//! as spelt and once softened, so that a different spelling of the same sound keeps half of them.
//! Numbers fall into bigrams with their position. A year has its neighbours as further tokens, so
//! that near years stay alike.

use model::PartRole;
use records::{NormalisedValue, PartialDate, soften};

/// Places counted apart in a number; further ones count as this.
const MOST_PLACES: usize = 24;

/// What bigrams of a word as spelt start with.
pub(crate) const SPELT: u8 = b'r';
/// What bigrams of a softened word start with.
pub(crate) const SOFTENED: u8 = b's';
/// What stands before and after a word.
pub(crate) const EDGE: u8 = b'_';

/// Hands every token of `value` in `role` to `each`. A token may come twice; sets ignore that.
pub(crate) fn for_each(value: &NormalisedValue, role: PartRole, each: &mut impl FnMut(&[u8])) {
    match (value, role) {
        (NormalisedValue::Words(words), _) => {
            for word in words {
                bigrams(SPELT, word.bytes(), each);
                bigrams(SOFTENED, soften(word), each);
            }
        }
        (NormalisedValue::Code(code), _) => each(code.as_bytes()),
        (NormalisedValue::Text(text), _) => digits(text, each),
        (NormalisedValue::Date(date), role) => of_date(*date, role, each),
    }
}

fn bigrams(tag: u8, word: impl Iterator<Item = u8>, each: &mut impl FnMut(&[u8])) {
    let mut before = EDGE;
    for letter in word {
        each(&[tag, before, letter]);
        before = letter;
    }
    each(&[tag, before, EDGE]);
}

/// A number falls into bigrams by position; one of a single character is one token.
fn digits(text: &str, each: &mut impl FnMut(&[u8])) {
    if text.len() == 1 {
        return each(text.as_bytes());
    }
    for (place, pair) in text.as_bytes().windows(2).enumerate() {
        each(&[b'p', place.min(MOST_PLACES) as u8, pair[0], pair[1]]);
    }
}

fn of_date(date: PartialDate, role: PartRole, each: &mut impl FnMut(&[u8])) {
    match role {
        PartRole::Year => {
            let Some(year) = date.year else { return };
            [year - 1, year, year + 1]
                .into_iter()
                .for_each(|near| numbered(b'y', near, each));
        }
        PartRole::Month => date
            .month
            .into_iter()
            .for_each(|month| numbered(b'n', month.into(), each)),
        PartRole::Day => date
            .day
            .into_iter()
            .for_each(|day| numbered(b'n', day.into(), each)),
        PartRole::Whole | PartRole::Record => {
            [PartRole::Year, PartRole::Month, PartRole::Day]
                .into_iter()
                .for_each(|role| of_date(date, role, each));
        }
    }
}

fn numbered(tag: u8, number: u16, each: &mut impl FnMut(&[u8])) {
    let [low, high] = number.to_le_bytes();
    each(&[tag, low, high]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn set(value: &NormalisedValue, role: PartRole) -> BTreeSet<Vec<u8>> {
        let mut tokens = BTreeSet::new();
        for_each(value, role, &mut |token| {
            tokens.insert(token.to_vec());
        });
        tokens
    }

    fn name(text: &str) -> BTreeSet<Vec<u8>> {
        set(
            &NormalisedValue::Words(text.split(' ').map(str::to_owned).collect()),
            PartRole::Whole,
        )
    }

    #[test]
    fn the_order_of_words_does_not_matter() {
        assert_eq!(name("ana maria"), name("maria ana"));
    }

    #[test]
    fn another_spelling_keeps_the_softened_half() {
        let (a, b) = (name("yusuf"), name("yousouf"));
        assert!(
            a.iter()
                .filter(|token| token[0] == b's')
                .all(|token| b.contains(token))
        );
        assert_ne!(a, b);
    }

    #[test]
    fn codes_that_differ_in_one_character_share_nothing() {
        let code = |text: &str| set(&NormalisedValue::Code(text.to_owned()), PartRole::Whole);
        assert!(code("mw0101").is_disjoint(&code("mw0102")));
        let number = |text: &str| set(&NormalisedValue::Text(text.to_owned()), PartRole::Whole);
        assert_eq!(
            number("123456789")
                .intersection(&number("123456780"))
                .count(),
            7
        );
    }

    #[test]
    fn near_years_share_tokens_and_far_ones_do_not() {
        let year = |year| {
            let date = PartialDate {
                year: Some(year),
                month: None,
                day: None,
            };
            set(&NormalisedValue::Date(date), PartRole::Year)
        };
        assert_eq!(year(1985).intersection(&year(1986)).count(), 2);
        assert!(year(1985).is_disjoint(&year(1988)));
    }

    #[test]
    fn month_and_day_of_the_same_number_are_the_same_token() {
        let date = PartialDate {
            year: None,
            month: Some(7),
            day: Some(7),
        };
        let value = NormalisedValue::Date(date);
        assert_eq!(set(&value, PartRole::Month), set(&value, PartRole::Day));
        assert!(set(&value, PartRole::Year).is_empty());
    }
}
