//! From the text of a cell to the value that is hashed: missing values, checks, canonical forms.

use super::error::CellProblem;
use super::number;
use super::schema::{Case, Encoding, Format, Rule};

impl Rule {
    /// The value that is hashed for a cell; `out` gives room for it. Values are not held against
    /// the schema without `validate`, but those of integers and dates have to be ones.
    pub(super) fn value<'a>(
        &'a self,
        cell: &'a str,
        validate: bool,
        out: &'a mut String,
    ) -> Result<&'a str, CellProblem> {
        if let Some(missing) = &self.missing
            && missing.sentinel == cell
        {
            return Ok(&missing.replacement);
        }
        if validate && self.encoding == Encoding::Ascii && !cell.is_ascii() {
            return Err(CellProblem::NotEncodable("ascii"));
        }
        match &self.format {
            Format::Integer { minimum, maximum } => {
                if !number::write_integer(cell, out) {
                    return Err(CellProblem::NotInteger);
                }
                if validate {
                    check_bounds(out, minimum.as_deref(), maximum.as_deref())?;
                }
                return Ok(out);
            }
            Format::Date(format) => {
                format
                    .write_date(cell, out)
                    .map_err(CellProblem::NotADate)?;
                return Ok(out);
            }
            _ if !validate => {}
            Format::Text {
                min_length,
                max_length,
                case,
            } => {
                check_length(cell, *min_length, *max_length)?;
                check_case(cell, *case)?;
            }
            Format::Pattern(pattern) => pattern.check(cell)?,
            Format::Enum(values) => {
                let found = values.binary_search_by(|value| value.as_str().cmp(cell));
                found.map_err(|_| CellProblem::NotListed)?;
            }
        }
        Ok(cell)
    }
}

fn check_bounds(
    value: &str,
    minimum: Option<&str>,
    maximum: Option<&str>,
) -> Result<(), CellProblem> {
    if minimum.is_some_and(|minimum| number::compare(value, minimum).is_lt()) {
        return Err(CellProblem::BelowMinimum);
    }
    if maximum.is_some_and(|maximum| number::compare(value, maximum).is_gt()) {
        return Err(CellProblem::AboveMaximum);
    }
    Ok(())
}

fn check_length(value: &str, least: u64, most: u64) -> Result<(), CellProblem> {
    if least == 0 && most == u64::MAX {
        return Ok(());
    }
    let length = value.chars().count() as u64;
    if length < least {
        return Err(CellProblem::TooShort(least));
    }
    if length > most {
        return Err(CellProblem::TooLong(most));
    }
    Ok(())
}

/// Upper case is what its full Unicode mapping to upper case leaves alone.
fn check_case(value: &str, case: Case) -> Result<(), CellProblem> {
    let (wrong_ascii, problem) = match case {
        Case::Mixed => return Ok(()),
        Case::Upper => (
            u8::is_ascii_lowercase as fn(&u8) -> bool,
            CellProblem::NotUpper,
        ),
        Case::Lower => (
            u8::is_ascii_uppercase as fn(&u8) -> bool,
            CellProblem::NotLower,
        ),
    };
    let unchanged = if value.is_ascii() {
        !value.as_bytes().iter().any(wrong_ascii)
    } else if case == Case::Upper {
        value.to_uppercase() == value
    } else {
        value.to_lowercase() == value
    };
    if unchanged { Ok(()) } else { Err(problem) }
}
