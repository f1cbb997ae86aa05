//! Which words a list may have, told by their ends and their length. Nearly all words of a record are in none of the
//! lists they are looked up in, and this says so without comparing them with each word there.

/// Letters told apart: the last five bits of an ASCII letter are its own.
const LETTERS: usize = 1 << 5;
/// Words as long as this or longer count as of one length.
const LONGEST: usize = 15;

/// The shapes of the words of a list: by first and last letter, one bit a length.
pub(crate) struct Shapes([u16; LETTERS * LETTERS]);

impl Shapes {
    /// The shapes of all words of `lists`.
    pub(crate) const fn of(lists: &[&[&str]]) -> Self {
        let mut shapes = [0; LETTERS * LETTERS];
        let mut list = 0;
        while list < lists.len() {
            let mut place = 0;
            while place < lists[list].len() {
                let (ends, length) = shape(lists[list][place].as_bytes());
                shapes[ends] |= length;
                place += 1;
            }
            list += 1;
        }
        Self(shapes)
    }

    /// Whether a word of the lists has the shape of `word`: true of all that are in them, and of a few that are not.
    pub(crate) fn fit(&self, word: &str) -> bool {
        let (ends, length) = shape(word.as_bytes());
        self.0[ends] & length != 0
    }
}

const fn shape(word: &[u8]) -> (usize, u16) {
    if word.is_empty() {
        return (0, 1);
    }
    let (first, last) = (word[0] as usize, word[word.len() - 1] as usize);
    let length = if word.len() < LONGEST {
        word.len()
    } else {
        LONGEST
    };
    (
        first % LETTERS * LETTERS + last % LETTERS,
        1 << length as u16,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_ends_otherwise_or_is_as_long_as_no_other_does_not_fit() {
        let shapes = Shapes::of(&[&["mallam", "al"], &["van"]]);
        for word in ["maria", "mollem", "mallams", "xal", "an", "", "alal"] {
            assert_eq!(shapes.fit(word), word == "mollem", "{word}");
        }
    }

    proptest! {
        #[test]
        fn every_word_of_the_lists_fits(words in prop::collection::vec("\\PC{0,20}", 0..8)) {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let shapes = Shapes::of(&[&words[..words.len() / 2], &words[words.len() / 2..]]);
            prop_assert!(words.iter().all(|word| shapes.fit(word)));
        }
    }
}
