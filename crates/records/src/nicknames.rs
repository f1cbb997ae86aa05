//! Nicknames: which name a short form stands for.
//!
//! The list is `data/nicknames.txt`, with its sources and licence in `data/NOTICE.md`. A short form
//! stands for one name at most and a name is never a short form, so nothing follows from two lines
//! together: that `Jon` is Jonathan and `Johnny` John makes nothing of Jonathan and John.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::shapes::Shapes;

static LIST: &str = include_str!("../data/nicknames.txt");

static FORMAL: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
    let pairs = |line: &'static str| {
        let mut words = line.split(' ');
        let name = words.next().unwrap_or_default();
        words.map(move |short| (short, name))
    };
    lines().flat_map(pairs).collect()
});

static SHAPES: LazyLock<Shapes> = LazyLock::new(|| {
    let shorts: Vec<&str> = FORMAL.keys().copied().collect();
    Shapes::of(&[&shorts])
});

fn lines() -> impl Iterator<Item = &'static str> {
    LIST.lines().filter(|line| !line.starts_with('#'))
}

/// The name that the folded `word` is a short form of, or `word` itself.
pub(crate) fn formal(word: &str) -> &str {
    if !SHAPES.fit(word) {
        return word;
    }
    FORMAL.get(word).copied().unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_forms_lead_to_their_name() {
        assert_eq!(formal("bill"), "william");
        assert_eq!(formal("pepe"), "jose");
        assert_eq!(formal("amina"), "amina");
    }

    #[test]
    fn a_short_form_stands_for_one_name_and_no_name_is_a_short_form() {
        let shorts: Vec<&str> = lines().flat_map(|line| line.split(' ').skip(1)).collect();
        assert_eq!(shorts.len(), FORMAL.len());
        for name in FORMAL.values() {
            assert!(!FORMAL.contains_key(name), "{name}");
        }
    }

    #[test]
    fn the_list_is_folded() {
        let folded = |word: &str| word.len() > 1 && word.bytes().all(|b| b.is_ascii_lowercase());
        assert!(lines().flat_map(|line| line.split(' ')).all(folded));
    }
}
