//! How a value falls into tokens, and the bytes of a token.

use super::error::CellProblem;
use super::number::push_decimal;
use super::schema::{Comparison, Encoding};
use super::short::Short;

/// A part of a value that is hashed.
#[derive(Clone, Copy)]
pub(super) enum Token<'a> {
    Short(Short),
    Long(&'a str),
}

impl<'a> Token<'a> {
    #[inline]
    fn of(text: &'a str) -> Self {
        Short::of(text.as_bytes()).map_or(Self::Long(text), Self::Short)
    }
}

/// Room for the tokens of a value, kept between values.
#[derive(Default)]
pub(super) struct TokenRoom {
    padded: String,
    token: String,
    /// Where the characters of `padded` start, and where the last one ends.
    edges: Vec<usize>,
}

/// What is done with the tokens of a value.
pub(super) trait Tokens {
    /// Takes the next token of so many.
    fn take(&mut self, place: usize, count: usize, token: Token<'_>) -> Result<(), CellProblem>;
}

impl Comparison {
    /// Hands every token on, with its place and how many there are.
    pub(super) fn for_each_token(
        &self,
        value: &str,
        room: &mut TokenRoom,
        tokens: &mut impl Tokens,
    ) -> Result<(), CellProblem> {
        if value.is_empty() {
            return Ok(());
        }
        match self {
            Self::Exact => tokens.take(0, 1, Token::of(value)),
            Self::Numeric(grid) => {
                let points = grid.points();
                grid.for_each(value, &mut room.token, |place, point| {
                    tokens.take(place, points, Token::of(point))
                })
            }
            Self::Ngram { n, positional } => {
                room.pad(value, *n);
                room.for_each_gram(*n, *positional, tokens)
            }
        }
    }
}

impl TokenRoom {
    /// The value with n - 1 blanks on both sides.
    fn pad(&mut self, value: &str, n: usize) {
        let blanks = std::iter::repeat_n(" ", n - 1);
        self.padded.clear();
        self.padded.extend(blanks.clone());
        self.padded.push_str(value);
        self.padded.extend(blanks);
        self.edges.clear();
        if !value.is_ascii() {
            let starts = self.padded.char_indices().map(|(at, _)| at);
            self.edges.extend(starts);
            self.edges.push(self.padded.len());
        }
    }

    fn for_each_gram(
        &mut self,
        n: usize,
        positional: bool,
        tokens: &mut impl Tokens,
    ) -> Result<(), CellProblem> {
        let Self {
            padded,
            token,
            edges,
        } = self;
        let ascii = edges.is_empty();
        let chars = if ascii { padded.len() } else { edges.len() - 1 };
        let grams = (chars + 1).saturating_sub(n);
        for place in 0..grams {
            let range = match ascii {
                true => place..place + n,
                false => edges[place]..edges[place + n],
            };
            let mut short = Short::of(&padded.as_bytes()[range.clone()]);
            if positional {
                let number = Short::numbered(place + 1);
                short = short.and_then(|gram| number.then(gram));
            }
            let token = match short {
                Some(short) => Token::Short(short),
                None if positional => {
                    token.clear();
                    push_decimal(token, place + 1);
                    token.push(' ');
                    token.push_str(&padded[range]);
                    Token::Long(token)
                }
                None => Token::Long(&padded[range]),
            };
            tokens.take(place, grams, token)?;
        }
        Ok(())
    }
}

impl Encoding {
    /// The bytes of a token; `room` holds those that are not the text's own. Python puts a byte order
    /// mark before every UTF-16 and UTF-32 text, so before every token.
    pub(super) fn bytes<'a>(
        self,
        token: &'a str,
        room: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], CellProblem> {
        room.clear();
        match self {
            Self::Ascii if !token.is_ascii() => return Err(CellProblem::NotEncodable("ascii")),
            Self::Ascii | Self::Utf8 => return Ok(token.as_bytes()),
            Self::Utf16 => {
                room.extend_from_slice(&[0xff, 0xfe]);
                room.extend(token.encode_utf16().flat_map(u16::to_le_bytes));
            }
            Self::Utf32 => {
                room.extend_from_slice(&[0xff, 0xfe, 0, 0]);
                room.extend(token.chars().flat_map(|char| u32::from(char).to_le_bytes()));
            }
        }
        Ok(room)
    }
}

impl Drop for TokenRoom {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.padded);
        zeroize::Zeroize::zeroize(&mut self.token);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(n: usize, positional: bool, value: &str) -> Vec<String> {
        let mut tokens = Texts(Vec::new());
        let comparison = Comparison::Ngram { n, positional };
        comparison
            .for_each_token(value, &mut TokenRoom::default(), &mut tokens)
            .unwrap();
        tokens.0
    }

    struct Texts(Vec<String>);

    impl Tokens for Texts {
        fn take(
            &mut self,
            place: usize,
            count: usize,
            token: Token<'_>,
        ) -> Result<(), CellProblem> {
            assert!(place == self.0.len() && place < count);
            self.0.push(match token {
                Token::Short(short) => short.text(&mut [0; 16]).to_owned(),
                Token::Long(text) => {
                    assert!(text.len() > 16);
                    text.to_owned()
                }
            });
            Ok(())
        }
    }

    #[test]
    fn grams_are_padded_and_numbered() {
        assert_eq!(tokens(2, true, "clk"), ["1  c", "2 cl", "3 lk", "4 k "]);
        assert_eq!(tokens(1, false, "aa"), ["a", "a"]);
        assert_eq!(tokens(3, false, "é"), ["  é", " é ", "é  "]);
        assert_eq!(tokens(2, false, " "), ["  ", "  "]);
        assert!(tokens(2, true, "").is_empty());
        assert_eq!(tokens(1, true, "abcdefghijkl")[10], "11 k");
    }

    #[test]
    fn long_grams_are_as_good_as_short_ones() {
        for (n, value) in [(14, "abé"), (15, "abé"), (20, "ab"), (9, "éééééééé")] {
            let text = [" ".repeat(n - 1), value.to_owned(), " ".repeat(n - 1)].concat();
            let chars: Vec<char> = text.chars().collect();
            let grams = chars.windows(n).map(String::from_iter);
            let grams: Vec<String> = grams.collect();
            assert_eq!(tokens(n, false, value), grams);
            let numbered = (1..).zip(&grams);
            let numbered: Vec<String> = numbered.map(|(at, gram)| format!("{at} {gram}")).collect();
            assert_eq!(tokens(n, true, value), numbered);
        }
    }

    #[test]
    fn wide_encodings_carry_a_mark_before_every_token() {
        let mut room = Vec::new();
        let utf16 = Encoding::Utf16.bytes("é", &mut room).unwrap();
        assert_eq!(utf16, [0xff, 0xfe, 0xe9, 0]);
        let utf32 = Encoding::Utf32.bytes("é", &mut room).unwrap();
        assert_eq!(utf32, [0xff, 0xfe, 0, 0, 0xe9, 0, 0, 0]);
        assert!(Encoding::Ascii.bytes("é", &mut room).is_err());
    }
}
