//! What was found in a text, put together to a date of the Gregorian calendar.

use super::Part;
use crate::clk::error::DateProblem;

/// What the parts say, until the date is put together.
#[derive(Clone, Copy)]
pub(super) struct Found {
    year: Option<u32>,
    month: u32,
    day: u32,
    day_of_year: Option<u32>,
    second: u32,
    pub(super) offset_of_days: bool,
}

impl Found {
    /// What `strptime` takes where a format says nothing.
    pub(super) fn nothing() -> Self {
        Self {
            year: None,
            month: 1,
            day: 1,
            day_of_year: None,
            second: 0,
            offset_of_days: false,
        }
    }

    pub(super) fn keep(&mut self, part: Part, value: u32) {
        match part {
            Part::Day => self.day = value,
            Part::Month => self.month = value,
            Part::Year => self.year = Some(value),
            // POSIX: 69 to 99 are of the last century.
            Part::ShortYear => self.year = Some(value + if value < 69 { 2000 } else { 1900 }),
            Part::DayOfYear => self.day_of_year = Some(value),
            Part::Second => self.second = value,
            Part::Silent => {}
        }
    }

    pub(super) fn date(&self) -> Result<(u32, u32, u32), DateProblem> {
        if self.second > 59 || self.offset_of_days {
            return Err(DateProblem::NoSuchTime);
        }
        let year = self.year.unwrap_or(1900);
        if year == 0 {
            return Err(DateProblem::NoSuchDay);
        }
        match self.day_of_year {
            Some(day) => date_of_day(year, day),
            None if self.day <= days(year, self.month) => Ok((year, self.month, self.day)),
            None => Err(DateProblem::NoSuchDay),
        }
    }
}

/// The date of a day counted from 1 January; 366 in a common year is the next 1 January.
fn date_of_day(year: u32, day_of_year: u32) -> Result<(u32, u32, u32), DateProblem> {
    let mut day = day_of_year;
    for month in 1..=12 {
        let days = days(year, month);
        if day <= days {
            return Ok((year, month, day));
        }
        day -= days;
    }
    if year == 9999 {
        return Err(DateProblem::NoSuchDay);
    }
    Ok((year + 1, 1, day))
}

/// Days of a month in the Gregorian calendar, also before it was in use.
fn days(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
