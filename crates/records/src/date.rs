//! Dates of which not all may be known: a year alone, a year and month, a whole day.

use model::schema::{DateFormat, DatePiece};
use zeroize::{Zeroize, Zeroizing};

use crate::fold::fold;

/// How the names of the months start, January first, in English, French, Spanish, Portuguese and
/// Swahili (Unicode CLDR) and in romanised Arabic.
const MONTHS: [&str; 12] = [
    "jan ene yan",
    "feb fev fib",
    "mar mac",
    "apr abr avr",
    "may mai mei",
    "jun juin yun",
    "jul juil yul",
    "aug ago aou agh",
    "sep set sib",
    "oct out okt ukt",
    "nov nuf",
    "dec dic dez des dis",
];

/// Dates that programs write for none: the first days of common calendars of office software and
/// databases, and years of nines or ones.
const STAND_INS: [(u16, Option<u8>, Option<u8>); 3] = [
    (1900, Some(1), Some(1)),
    (1899, Some(12), Some(30)),
    (1899, Some(12), Some(31)),
];

/// A date as far as it is known.
#[derive(Clone, Copy, Default, Zeroize)]
pub struct PartialDate {
    /// The year.
    pub year: Option<u16>,
    /// The month, 1 to 12.
    pub month: Option<u8>,
    /// The day of the month, 1 to 31.
    pub day: Option<u8>,
}

/// How well a text fitted a date format.
pub(crate) enum Reading {
    /// Every part is in range.
    Whole(PartialDate),
    /// It has the shape, but a part cannot be (month 13); the other parts are kept.
    Partly(PartialDate),
    /// It does not have the shape of any format.
    None,
}

/// Reads `text` by the first of `formats` that fits; `latest` is the last year a two-digit year may
/// mean.
pub(crate) fn read(text: &str, formats: &[DateFormat], latest: u16) -> Reading {
    let mut partly = Reading::None;
    for format in formats {
        match read_one(text, format, latest) {
            Reading::Whole(date) => return Reading::Whole(date),
            Reading::Partly(date) if matches!(partly, Reading::None) => {
                partly = Reading::Partly(date)
            }
            Reading::Partly(_) | Reading::None => {}
        }
    }
    partly
}

fn read_one(text: &str, format: &DateFormat, latest: u16) -> Reading {
    let Some((year, month, day)) = numbers(text, format, latest) else {
        return Reading::None;
    };
    if matches!(year, 9999 | 1111) || STAND_INS.contains(&(year, month, day)) {
        return Reading::None;
    }
    let date = PartialDate {
        year: Some(year).filter(|year| (1800..=latest).contains(year)),
        month: month.filter(|month| (1..=12).contains(month)),
        day: day.filter(|day| (1..=31).contains(day)),
    };
    let whole = date.year.is_some()
        && date.month.is_some() == month.is_some()
        && date.day.is_some() == day.is_some();
    if whole {
        Reading::Whole(date.without_default())
    } else {
        Reading::Partly(date.without_default())
    }
}

fn numbers(text: &str, format: &DateFormat, latest: u16) -> Option<(u16, Option<u8>, Option<u8>)> {
    let (mut year, mut month, mut day) = (None, None, None);
    let mut rest = text;
    for piece in format.pieces() {
        match piece {
            DatePiece::Year => year = Some(take(&mut rest, 4, 4)?),
            DatePiece::ShortYear => year = Some(century(take(&mut rest, 2, 2)?, latest)),
            DatePiece::Month => month = Some(take_month(&mut rest)?),
            DatePiece::Day => day = Some(take(&mut rest, 1, 2)? as u8),
            DatePiece::Mark(mark) => rest = rest.strip_prefix(*mark)?,
        }
    }
    rest.is_empty().then_some((year?, month, day))
}

fn take(rest: &mut &str, least: usize, most: usize) -> Option<u16> {
    let len = rest
        .bytes()
        .take(most)
        .take_while(u8::is_ascii_digit)
        .count();
    let (digits, after) = rest.split_at(len);
    *rest = after;
    if len < least {
        None
    } else {
        digits.parse().ok()
    }
}

/// A month as a number or, where a letter stands, by its name.
fn take_month(rest: &mut &str) -> Option<u8> {
    if !rest.starts_with(char::is_alphabetic) {
        return Some(take(rest, 1, 2)? as u8);
    }
    let end = rest.find(|letter: char| !letter.is_alphabetic());
    let (name, after) = rest.split_at(end.unwrap_or(rest.len()));
    *rest = after.strip_prefix('.').unwrap_or(after);
    let mut folded = Zeroizing::new(String::new());
    fold(name, &mut folded);
    month_named(&folded)
}

/// The number of the month whose folded name starts as one of [`MONTHS`].
fn month_named(name: &str) -> Option<u8> {
    let known = |starts: &&str| starts.split(' ').any(|start| name.starts_with(start));
    let place = MONTHS.iter().position(known)?;
    Some(place as u8 + 1)
}

/// The latest year with these two last digits that is not after `latest`.
fn century(short: u16, latest: u16) -> u16 {
    let year = latest / 100 * 100 + short;
    if year > latest { year - 100 } else { year }
}

impl PartialDate {
    /// Whether nothing of the date is known.
    pub(crate) fn is_unknown(&self) -> bool {
        self.year.is_none() && self.month.is_none() && self.day.is_none()
    }

    /// 1 January is what registries write when they know only the year; it counts as the year.
    fn without_default(self) -> Self {
        if self.month == Some(1) && self.day == Some(1) {
            Self {
                year: self.year,
                month: None,
                day: None,
            }
        } else {
            self
        }
    }

    /// The date of birth of a person who was `age` years old at `asked`, as far as that tells.
    pub(crate) fn from_age(age: u16, asked: PartialDate) -> Option<Self> {
        let year = asked.year?.checked_sub(age)?;
        Some(Self {
            year: Some(year),
            month: None,
            day: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(text: &str, formats: &[&str]) -> Option<(Option<u16>, Option<u8>, Option<u8>)> {
        let formats: Vec<_> = formats
            .iter()
            .map(|text| DateFormat::parse(text).unwrap())
            .collect();
        match read(text, &formats, 2025) {
            Reading::Whole(date) | Reading::Partly(date) => Some((date.year, date.month, date.day)),
            Reading::None => None,
        }
    }

    #[test]
    fn every_registry_is_read_its_own_way() {
        let whole = Some((Some(1985), Some(3), Some(9)));
        assert_eq!(reading("1985-03-09", &["YYYY-MM-DD", "YYYY"]), whole);
        assert_eq!(reading("09/03/1985", &["DD/MM/YYYY", "YYYY"]), whole);
        assert_eq!(reading("09.03.85", &["DD.MM.YYYY", "DD.MM.YY"]), whole);
        assert_eq!(reading("19850309", &["YYYYMMDD"]), whole);
        assert_eq!(
            reading("1985", &["YYYY-MM-DD", "YYYY"]),
            Some((Some(1985), None, None))
        );
    }

    #[test]
    fn first_of_january_is_a_year() {
        assert_eq!(
            reading("1985-01-01", &["YYYY-MM-DD"]),
            Some((Some(1985), None, None))
        );
    }

    #[test]
    fn months_are_read_by_name() {
        let whole = Some((Some(1985), Some(3), Some(9)));
        for text in ["9 March 1985", "9 mars 1985", "9 Março 1985", "9 MAR. 1985"] {
            assert_eq!(reading(text, &["DD MM YYYY"]), whole, "{text}");
        }
        let months = ["juin", "juillet", "août", "Dic", "outubro", "Uktubar"];
        let numbers = months.map(|name| take_month(&mut &name[..]));
        assert_eq!(numbers, [6, 7, 8, 12, 10, 10].map(Some));
        assert_eq!(reading("9 Foo 1985", &["DD MM YYYY"]), None);
    }

    #[test]
    fn dates_that_programs_write_for_none_are_none() {
        for text in ["1900-01-01", "9999-12-31", "1111-11-11", "1899-12-30"] {
            assert_eq!(reading(text, &["YYYY-MM-DD"]), None, "{text}");
        }
        assert!(reading("1900-05-01", &["YYYY-MM-DD"]).is_some());
    }

    #[test]
    fn short_years_do_not_lie_in_the_future() {
        assert_eq!(
            reading("01.02.25", &["DD.MM.YY"]),
            Some((Some(2025), Some(2), Some(1)))
        );
        assert_eq!(
            reading("01.02.26", &["DD.MM.YY"]),
            Some((Some(1926), Some(2), Some(1)))
        );
    }

    #[test]
    fn impossible_parts_are_dropped_and_the_rest_kept() {
        assert_eq!(
            reading("1985-13-09", &["YYYY-MM-DD"]),
            Some((Some(1985), None, Some(9)))
        );
        assert_eq!(reading("soon", &["YYYY-MM-DD"]), None);
        assert_eq!(reading("1985-03-09x", &["YYYY-MM-DD"]), None);
    }
}
