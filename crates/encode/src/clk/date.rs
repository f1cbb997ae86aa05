//! Dates as Python's `strptime` reads them, printed as year, month and day.
//!
//! Python makes a regular expression of the format; here each directive is the list of shapes that
//! expression prefers in this order, and matching goes back over them just so.

mod found;

use found::Found;

use super::error::DateProblem;
use super::number::{digit, push_decimal};

/// One character of a shape: a range, or a decimal digit of any script.
#[derive(Clone, Copy)]
enum Char {
    In(char, char),
    Digit,
}

use Char::{Digit as D, In};

/// Ways to write a number, the preferred ones first.
type Shapes = &'static [&'static [Char]];

const DAY: Shapes = &[
    &[In('3', '3'), In('0', '1')],
    &[In('1', '2'), D],
    &[In('0', '0'), In('1', '9')],
    &[In('1', '9')],
    &[In(' ', ' '), In('1', '9')],
];
const MONTH: Shapes = &[
    &[In('1', '1'), In('0', '2')],
    &[In('0', '0'), In('1', '9')],
    &[In('1', '9')],
];
const YEAR: Shapes = &[&[D, D, D, D]];
const SHORT_YEAR: Shapes = &[&[D, D]];
const DAY_OF_YEAR: Shapes = &[
    &[In('3', '3'), In('6', '6'), In('0', '6')],
    &[In('3', '3'), In('0', '5'), D],
    &[In('1', '2'), D, D],
    &[In('0', '0'), In('1', '9'), D],
    &[In('0', '0'), In('0', '0'), In('1', '9')],
    &[In('1', '9'), D],
    &[In('0', '0'), In('1', '9')],
    &[In('1', '9')],
];
const HOUR: Shapes = &[&[In('2', '2'), In('0', '3')], &[In('0', '1'), D], &[D]];
const HOUR_OF_12: Shapes = &[
    &[In('1', '1'), In('0', '2')],
    &[In('0', '0'), In('1', '9')],
    &[In('1', '9')],
];
const MINUTE: Shapes = &[&[In('0', '5'), D], &[D]];
const SECOND: Shapes = &[&[In('6', '6'), In('0', '1')], &[In('0', '5'), D], &[D]];
const N: Char = In('0', '9');
const FRACTION: Shapes = &[&[N; 6], &[N; 5], &[N; 4], &[N; 3], &[N; 2], &[N]];

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const WEEKDAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// What a part of the text says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Day,
    Month,
    Year,
    ShortYear,
    DayOfYear,
    Second,
    /// Read, without effect on the date.
    Silent,
}

/// One piece of a format.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    Literal(char),
    Blank,
    Number(NumberItem),
    /// A name, of which the first letters or all are written; the month counts from 1.
    Name {
        names: &'static [&'static str],
        letters: usize,
        part: Part,
    },
    Offset,
}

/// A number in one of its shapes.
#[derive(Clone, Copy)]
struct NumberItem {
    shapes: Shapes,
    part: Part,
}

/// A date format, compiled. One that `strptime` refuses is kept as that refusal: Python finds it
/// with the first value.
pub(super) struct DateFormat {
    items: Result<Vec<Item>, DateProblem>,
}

impl DateFormat {
    /// Compiles a format.
    pub(super) fn compile(format: &str) -> Self {
        let mut compiler = Compiler::default();
        let items = compiler.expand(format).map(|()| compiler.items);
        Self { items }
    }

    /// Reads `text` and writes its year without padding, two digits of month and two of day.
    pub(super) fn write_date(&self, text: &str, out: &mut String) -> Result<(), DateProblem> {
        let items = self.items.as_ref().map_err(|problem| *problem)?;
        let mut found = Found::nothing();
        let rest = match_items(items, text, &mut found).ok_or(DateProblem::Shape)?;
        if !rest.is_empty() {
            return Err(DateProblem::LeftOver);
        }
        let (year, month, day) = found.date()?;
        out.clear();
        push_decimal(out, year as usize);
        for number in [month, day] {
            out.push_str(if number < 10 { "0" } else { "" });
            push_decimal(out, number as usize);
        }
        Ok(())
    }
}

/// Puts the items of a format together.
#[derive(Default)]
struct Compiler {
    items: Vec<Item>,
    used: Vec<char>,
}

impl Compiler {
    fn expand(&mut self, format: &str) -> Result<(), DateProblem> {
        let mut chars = format.chars();
        while let Some(char) = chars.next() {
            match char {
                '%' => {
                    let directive = chars.next().ok_or(DateProblem::LonePercent)?;
                    self.directive(directive)?;
                }
                blank if super::number::is_space(blank) => {
                    if self.items.last() != Some(&Item::Blank) {
                        self.items.push(Item::Blank);
                    }
                }
                literal => self.items.push(Item::Literal(literal)),
            }
        }
        Ok(())
    }

    fn directive(&mut self, directive: char) -> Result<(), DateProblem> {
        match directive {
            '%' => {
                self.items.push(Item::Literal('%'));
                return Ok(());
            }
            'x' => return self.expand("%m/%d/%y"),
            'X' => return self.expand("%H:%M:%S"),
            'c' => return self.expand("%a %b %d %H:%M:%S %Y"),
            _ => {}
        }
        if self.used.contains(&directive) {
            return Err(DateProblem::Twice(directive));
        }
        self.used.push(directive);
        self.items.push(item(directive)?);
        Ok(())
    }
}

/// The item of a directive.
fn item(directive: char) -> Result<Item, DateProblem> {
    let number = |shapes, part| Item::Number(NumberItem { shapes, part });
    let name = |names, letters, part| Item::Name {
        names,
        letters,
        part,
    };
    Ok(match directive {
        'd' => number(DAY, Part::Day),
        'm' => number(MONTH, Part::Month),
        'Y' => number(YEAR, Part::Year),
        'y' => number(SHORT_YEAR, Part::ShortYear),
        'j' => number(DAY_OF_YEAR, Part::DayOfYear),
        'H' => number(HOUR, Part::Silent),
        'I' => number(HOUR_OF_12, Part::Silent),
        'M' => number(MINUTE, Part::Silent),
        'S' => number(SECOND, Part::Second),
        'f' => number(FRACTION, Part::Silent),
        'b' => name(&MONTHS, 3, Part::Month),
        'B' => name(&MONTHS, usize::MAX, Part::Month),
        'a' => name(&WEEKDAYS, 3, Part::Silent),
        'A' => name(&WEEKDAYS, usize::MAX, Part::Silent),
        'p' => name(&["am", "pm"], 2, Part::Silent),
        'Z' => name(&["utc", "gmt"], 3, Part::Silent),
        'z' => Item::Offset,
        'U' | 'W' | 'w' | 'G' | 'V' | 'u' => return Err(DateProblem::Week(directive)),
        _ => return Err(DateProblem::Unknown(directive)),
    })
}

/// Matches the items at the start of `text`, and gives what is left behind them.
fn match_items<'t>(items: &[Item], text: &'t str, found: &mut Found) -> Option<&'t str> {
    let Some((item, later)) = items.split_first() else {
        return Some(text);
    };
    match item {
        Item::Literal(literal) => {
            let rest = strip(text, |char| same_but_case(char, *literal))?;
            match_items(later, rest, found)
        }
        Item::Blank => match_blanks(later, text, found),
        Item::Number(number) => number.shapes.iter().find_map(|shape| {
            let (value, rest) = read_shape(shape, text)?;
            found.keep(number.part, value);
            match_items(later, rest, found)
        }),
        Item::Name {
            names,
            letters,
            part,
        } => names.iter().zip(1..).find_map(|(name, value)| {
            let written = name.get(..*letters).unwrap_or(name);
            let head = text.get(..written.len())?;
            if !head.eq_ignore_ascii_case(written) {
                return None;
            }
            found.keep(*part, value);
            match_items(later, &text[written.len()..], found)
        }),
        Item::Offset => match_offset(later, text, found),
    }
}

/// White space, as much as possible and at least one.
fn match_blanks<'t>(later: &[Item], text: &'t str, found: &mut Found) -> Option<&'t str> {
    let blanks = text
        .char_indices()
        .take_while(|&(_, char)| super::number::is_space(char));
    let ends: Vec<usize> = blanks.map(|(at, char)| at + char.len_utf8()).collect();
    let mut ends = ends.into_iter().rev();
    ends.find_map(|end| match_items(later, &text[end..], found))
}

/// `Z`, or a sign with hours and minutes, seconds and their fraction left out from the end first
/// when they stand in the way.
fn match_offset<'t>(later: &[Item], text: &'t str, found: &mut Found) -> Option<&'t str> {
    if let Some(rest) = text.strip_prefix('Z') {
        found.offset_of_days = false;
        return match_items(later, rest, found);
    }
    let rest = text.strip_prefix(['+', '-'])?;
    let (hours, rest) = read_shape(&[D, D], rest)?;
    let (colon, rest) = colon(rest);
    let (_, rest) = read_shape(&[In('0', '5'), D], rest)?;
    let with_seconds = || {
        // Colons stand everywhere or nowhere.
        let rest = if colon { rest.strip_prefix(':')? } else { rest };
        let (_, rest) = read_shape(&[In('0', '5'), D], rest)?;
        Some(rest)
    };
    found.offset_of_days = hours >= 24;
    if let Some(rest) = with_seconds() {
        let fraction = rest.strip_prefix('.').map(|rest| {
            FRACTION_DIGITS
                .iter()
                .filter_map(move |shape| read_shape(shape, rest))
        });
        let found_fraction = fraction
            .into_iter()
            .flatten()
            .find_map(|(_, rest)| match_items(later, rest, found));
        if let Some(rest) = found_fraction.or_else(|| match_items(later, rest, found)) {
            return Some(rest);
        }
    }
    match_items(later, rest, found)
}

/// One to six digits, the longest first.
const FRACTION_DIGITS: Shapes = &[&[D; 6], &[D; 5], &[D; 4], &[D; 3], &[D; 2], &[D]];

fn colon(text: &str) -> (bool, &str) {
    match text.strip_prefix(':') {
        Some(rest) => (true, rest),
        None => (false, text),
    }
}

/// The number in one shape at the start of `text`, and what is left.
fn read_shape<'t>(shape: &[Char], text: &'t str) -> Option<(u32, &'t str)> {
    let mut value = 0;
    let mut rest = text;
    for char in shape {
        let mut chars = rest.chars();
        let next = chars.next()?;
        let next_value = digit(next);
        let fits = match *char {
            In(from, to) => (from..=to).contains(&next),
            D => next_value.is_some(),
        };
        if !fits {
            return None;
        }
        value = value * 10 + u32::from(next_value.unwrap_or(0));
        rest = chars.as_str();
    }
    Some((value, rest))
}

fn strip(text: &str, fits: impl Fn(char) -> bool) -> Option<&str> {
    let mut chars = text.chars();
    fits(chars.next()?).then_some(chars.as_str())
}

/// Equality of a regular expression that ignores case.
fn same_but_case(one: char, other: char) -> bool {
    one == other
        || one.to_lowercase().eq(other.to_lowercase())
        || one.to_uppercase().eq(other.to_uppercase())
}

impl std::fmt::Debug for NumberItem {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.part.fmt(out)
    }
}

impl PartialEq for NumberItem {
    fn eq(&self, other: &Self) -> bool {
        self.part == other.part && std::ptr::eq(self.shapes, other.shapes)
    }
}

impl Eq for NumberItem {}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(format: &str, text: &str) -> Result<String, DateProblem> {
        let mut out = String::new();
        DateFormat::compile(format).write_date(text, &mut out)?;
        Ok(out)
    }

    #[test]
    fn reads_what_strptime_reads() {
        for (format, text, expected) in [
            ("%Y-%m-%d", "2021-02-03", "20210203"),
            ("%Y-%m-%d", "0987-12-31", "9871231"),
            ("%Y-%m-%d", "0033-1-1", "330101"),
            ("%Y%m%d", "２０２０0229", "20200229"),
            ("%d%m%Y", "1112020", "20200111"),
            ("%d/%m/%y", " 3/4/68", "20680403"),
            ("%d/%m/%y", "03/04/69", "19690403"),
            ("%B %d, %Y", "mAY 5, 2001", "20010505"),
            ("%d %b %Y", "05  \u{3000}SEP\t2001", "20010905"),
            ("%A", "sunday", "19000101"),
            ("%j %Y", "366 2021", "20220101"),
            ("%Y%j", "2020060", "20200229"),
            ("%x", "12/31/99", "19991231"),
            ("%c", "Sun Jan  2 03:04:05 2000", "20000102"),
            ("%dT%%", "7t%", "19000107"),
            (
                "%Y-%m-%d %H:%M:%S%z",
                "2020-01-02 23:59:59+01:30",
                "20200102",
            ),
            ("%Y-%m-%d %I%p %Z", "2020-01-02 12PM gmt", "20200102"),
            ("%Y %z", "2020 Z", "20200101"),
            ("%d %S.%f", "9 59.123456", "19000109"),
        ] {
            let read = date(format, text).unwrap_or_default();
            assert_eq!(read, expected, "{format} {text:?}");
        }
    }

    #[test]
    fn refuses_what_strptime_refuses() {
        use DateProblem::*;
        for (format, text, problem) in [
            ("%Y-%m-%d", "21-02-03", Shape),
            ("%Y-%m-%d", "2021-02-03 ", LeftOver),
            ("%Y-%m-%d", "2021-02-29", NoSuchDay),
            ("%Y-%m-%d", "0000-01-01", NoSuchDay),
            ("%d/%m", "29/02", NoSuchDay),
            ("%S", "60", NoSuchTime),
            ("%z", "+24:00", NoSuchTime),
            ("%z", "z", Shape),
            ("%d %d", "1 1", Twice('d')),
            ("%x %m", "1", Twice('m')),
            ("%D", "1", Unknown('D')),
            ("%d%", "1", LonePercent),
            ("%U", "1", Week('U')),
            ("%Y%j", "9999366", NoSuchDay),
        ] {
            assert_eq!(date(format, text), Err(problem), "{format} {text:?}");
        }
    }

    #[test]
    fn goes_back_over_shapes() {
        // 11 is preferred to 1 and given up for it.
        assert_eq!(date("%m%d", "11").as_deref(), Ok("19000101"));
        assert_eq!(date("%d1", "11").as_deref(), Ok("19000101"));
    }
}
