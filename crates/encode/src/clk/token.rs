//! How a value falls into tokens, and the bytes of a token.

use super::error::CellProblem;
use super::schema::{Comparison, Encoding};

/// Room for the tokens of a value, kept between values.
#[derive(Default)]
pub(super) struct TokenRoom {
    padded: String,
    token: String,
    /// Where the characters of `padded` start, and where the last one ends.
    edges: Vec<usize>,
}

impl Comparison {
    /// Hands every token to `each`, with its place and how many there are.
    pub(super) fn for_each_token(
        &self,
        value: &str,
        room: &mut TokenRoom,
        mut each: impl FnMut(usize, usize, &str) -> Result<(), CellProblem>,
    ) -> Result<(), CellProblem> {
        if value.is_empty() {
            return Ok(());
        }
        match self {
            Self::Exact => each(0, 1, value),
            Self::Numeric(grid) => {
                let points = grid.points();
                grid.for_each(value, &mut room.token, |place, point| {
                    each(place, points, point)
                })
            }
            Self::Ngram { n, positional } => {
                room.pad(value, *n);
                room.for_each_gram(*n, *positional, each)
            }
        }
    }
}

impl TokenRoom {
    /// The value with n - 1 blanks on both sides.
    fn pad(&mut self, value: &str, n: usize) {
        let blanks = std::iter::repeat_n(' ', n - 1);
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
        mut each: impl FnMut(usize, usize, &str) -> Result<(), CellProblem>,
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
            let gram = if ascii {
                &padded[place..place + n]
            } else {
                &padded[edges[place]..edges[place + n]]
            };
            if positional {
                token.clear();
                push_number(token, place + 1);
                token.push(' ');
                token.push_str(gram);
                each(place, grams, token)?;
            } else {
                each(place, grams, gram)?;
            }
        }
        Ok(())
    }
}

fn push_number(out: &mut String, number: usize) {
    if number >= 10 {
        push_number(out, number / 10);
    }
    // One decimal digit always fits.
    out.push(char::from(b'0' + u8::try_from(number % 10).unwrap_or(0)));
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
        let mut tokens = Vec::new();
        let comparison = Comparison::Ngram { n, positional };
        let each = |place, count, token: &str| {
            assert!(place < count);
            tokens.push(token.to_owned());
            Ok(())
        };
        comparison
            .for_each_token(value, &mut TokenRoom::default(), each)
            .unwrap();
        tokens
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
    fn wide_encodings_carry_a_mark_before_every_token() {
        let mut room = Vec::new();
        let utf16 = Encoding::Utf16.bytes("é", &mut room).unwrap();
        assert_eq!(utf16, [0xff, 0xfe, 0xe9, 0]);
        let utf32 = Encoding::Utf32.bytes("é", &mut room).unwrap();
        assert_eq!(utf32, [0xff, 0xfe, 0, 0, 0xe9, 0, 0, 0]);
        assert!(Encoding::Ascii.bytes("é", &mut room).is_err());
    }
}
