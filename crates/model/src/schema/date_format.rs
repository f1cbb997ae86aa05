//! How a registry writes dates: `YYYY-MM-DD`, `DD.MM.YY`, a year alone.

use std::fmt;

/// One piece of a date format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatePiece {
    /// `YYYY`: four digits.
    Year,
    /// `YY`: two digits, read as the latest such year that is not after the schema's `latest_year`.
    ShortYear,
    /// `MM`: one or two digits.
    Month,
    /// `DD`: one or two digits.
    Day,
    /// A separator, as it stands.
    Mark(char),
}

/// A checked date format: it has one year, at most one month and one day, and no day without month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateFormat {
    text: String,
    pieces: Vec<DatePiece>,
}

impl DateFormat {
    /// Reads a format made of `YYYY` or `YY`, `MM`, `DD` and separators.
    pub fn parse(text: &str) -> Option<Self> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let (piece, len) = [
                ("YYYY", DatePiece::Year),
                ("YY", DatePiece::ShortYear),
                ("MM", DatePiece::Month),
                ("DD", DatePiece::Day),
            ]
            .into_iter()
            .find(|(word, _)| rest.starts_with(word))
            .map_or(
                (DatePiece::Mark(first), first.len_utf8()),
                |(word, piece)| (piece, word.len()),
            );
            pieces.push(piece);
            rest = &rest[len..];
        }
        let format = Self {
            text: text.to_owned(),
            pieces,
        };
        format.is_sound().then_some(format)
    }

    /// The pieces in order.
    pub fn pieces(&self) -> &[DatePiece] {
        &self.pieces
    }

    fn is_sound(&self) -> bool {
        let count =
            |wanted: &[DatePiece]| self.pieces.iter().filter(|p| wanted.contains(p)).count();
        let marks_are_marks = self
            .pieces
            .iter()
            .all(|piece| !matches!(piece, DatePiece::Mark(mark) if mark.is_alphanumeric()));
        let days = count(&[DatePiece::Day]);
        let months = count(&[DatePiece::Month]);
        let years = count(&[DatePiece::Year, DatePiece::ShortYear]);
        marks_are_marks && years == 1 && months <= 1 && days <= months
    }
}

impl fmt::Display for DateFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_of_real_registries_parse() {
        for text in [
            "YYYY-MM-DD",
            "DD/MM/YYYY",
            "DD.MM.YY",
            "YYYY",
            "YYYYMMDD",
            "YYYY-MM",
        ] {
            assert_eq!(DateFormat::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn formats_that_say_too_little_or_too_much_are_refused() {
        for text in [
            "",
            "MM/DD",
            "DD YYYY",
            "YYYY YYYY",
            "YYYY-mm-dd",
            "DD.DD.YYYY",
            "YYYY-MM-DDT",
        ] {
            assert!(DateFormat::parse(text).is_none(), "{text}");
        }
    }
}
