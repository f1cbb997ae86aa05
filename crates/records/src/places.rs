//! Places and addresses: abbreviated kinds of street written out, and the word for the kind of
//! area dropped from a place's name.
//!
//! Sources: the street suffixes of the United States Postal Service (Publication 28, appendix C1) as
//! far as other countries use them, the Universal Postal Union's S42 for French, Spanish and
//! Portuguese ones, and the names of administrative levels in the countries' own statistics.

use crate::fold::fold;
use crate::placeholders::is_no_value;
use crate::shapes::Shapes;
use crate::slate::Slate;

/// Abbreviations and what they stand for.
const ABBREVIATIONS: [(&str, &str); 32] = [
    ("rd", "road"),
    ("str", "street"),
    ("ave", "avenue"),
    ("av", "avenue"),
    ("avda", "avenida"),
    ("blvd", "boulevard"),
    ("bd", "boulevard"),
    ("bvd", "boulevard"),
    ("ln", "lane"),
    ("cres", "crescent"),
    ("cr", "crescent"),
    ("ct", "court"),
    ("crt", "court"),
    ("cl", "close"),
    ("pl", "place"),
    ("sq", "square"),
    ("ter", "terrace"),
    ("tce", "terrace"),
    ("pde", "parade"),
    ("hwy", "highway"),
    ("pkwy", "parkway"),
    ("apt", "apartment"),
    ("bldg", "building"),
    ("hse", "house"),
    ("no", "number"),
    ("nr", "near"),
    ("opp", "opposite"),
    ("mt", "mount"),
    ("ft", "fort"),
    ("stn", "station"),
    ("vill", "village"),
    ("dist", "district"),
];

/// Words for the kind of an area, which one registry writes and another leaves out.
const KINDS: [&str; 22] = [
    "district",
    "province",
    "region",
    "county",
    "subcounty",
    "municipality",
    "village",
    "town",
    "township",
    "city",
    "ward",
    "parish",
    "kebele",
    "woreda",
    "zone",
    "lga",
    "commune",
    "municipio",
    "departamento",
    "provincia",
    "cidade",
    "ville",
];

/// The shapes of [`KINDS`].
static KIND_SHAPES: Shapes = Shapes::of(&[&KINDS]);

/// The words of an address.
pub(crate) fn address(text: &str, slate: &mut Slate) -> Vec<String> {
    spelt(text, slate).map(str::to_owned).collect()
}

/// The words of a place's name, without the kind of area unless nothing else is left.
pub(crate) fn place(text: &str, slate: &mut Slate) -> Vec<String> {
    let all: Vec<&str> = spelt(text, slate).collect();
    let alone = all.iter().all(|word| is_kind(word));
    let own = all.into_iter().filter(|word| alone || !is_kind(word));
    own.map(str::to_owned).collect()
}

/// The words of `text` written out; none where it says that there is no value.
fn spelt<'a>(text: &str, slate: &'a mut Slate) -> impl Iterator<Item = &'a str> {
    fold(text, &mut slate.folded);
    let folded = match slate.folded.as_str() {
        folded if is_no_value(folded) => "",
        folded => folded,
    };
    let mut words = folded.split(' ').filter(|word| !word.is_empty()).peekable();
    std::iter::from_fn(move || {
        let word = words.next()?;
        Some(written_out(word, words.peek().is_none()))
    })
}

fn is_kind(word: &str) -> bool {
    KIND_SHAPES.fit(word) && KINDS.contains(&word)
}

/// `St` is a street at the end and a saint before a name.
fn written_out(word: &str, last: bool) -> &str {
    match (word, last) {
        ("st", true) => "street",
        ("st" | "ste" | "sta" | "sto", _) => "saint",
        _ => {
            let found = ABBREVIATIONS.iter().find(|(short, _)| *short == word);
            found.map_or(word, |(_, long)| long)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Vec<String> {
        super::address(text, &mut Slate::default())
    }

    fn place(text: &str) -> Vec<String> {
        super::place(text, &mut Slate::default())
    }

    #[test]
    fn abbreviations_are_written_out() {
        assert_eq!(address("12 Unity Rd."), ["12", "unity", "road"]);
        assert_eq!(address("5 St. Mary St"), ["5", "saint", "mary", "street"]);
        assert_eq!(place("St Louis"), place("Saint-Louis"));
    }

    #[test]
    fn the_kind_of_an_area_goes_unless_it_is_the_name() {
        assert_eq!(place("Lilongwe District"), ["lilongwe"]);
        assert_eq!(place("Township"), ["township"]);
    }

    #[test]
    fn no_place_has_no_words() {
        assert!(place("N/A").is_empty() && address("unknown").is_empty());
    }
}
