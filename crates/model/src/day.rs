//! Days of the calendar, as agreements name them: UTC, from midnight to midnight.

use std::fmt;

use serde::{Deserialize, Serialize};
use toml::value::{Date, Datetime};

/// Milliseconds in a day.
const DAY_MILLIS: u64 = 86_400_000;
/// 9999-12-31, the last day that is written with four digits. Later moments count as on it.
const LAST: u32 = 2_932_896;

/// One day of the Gregorian calendar, by its number since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Datetime", into = "Datetime")]
pub struct Day(u32);

/// Text or TOML that is no day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a day is written as 2027-12-31, from 1970 on and without a time")]
pub struct NotADay;

impl Day {
    /// The day on which a moment lies, in milliseconds since the Unix epoch, UTC.
    pub const fn of_millis(unix_millis: u64) -> Self {
        let days = unix_millis / DAY_MILLIS;
        Self(if days > LAST as u64 {
            LAST
        } else {
            days as u32
        })
    }

    /// The day's first moment, in milliseconds since the Unix epoch, UTC.
    pub const fn start_millis(self) -> u64 {
        self.0 as u64 * DAY_MILLIS
    }

    /// The day that is `days` later.
    pub const fn plus(self, days: u32) -> Self {
        let day = self.0.saturating_add(days);
        Self(if day > LAST { LAST } else { day })
    }

    /// The day of a year, month and day of the month, if there is one and it is not before 1970.
    pub fn from_civil(year: u16, month: u8, day: u8) -> Option<Self> {
        if year < 1970 || !(1..=12).contains(&month) || day == 0 {
            return None;
        }
        let number = days_before(year.into(), month.into()) + u32::from(day) - 1;
        let found = Self(number);
        (found.civil() == (year, month, day)).then_some(found)
    }

    /// Year, month and day of the month.
    pub fn civil(self) -> (u16, u8, u8) {
        // A month's place is found by going through years and months of known length; a year is
        // guessed a little short first, so that there are few steps.
        let mut year = 1970 + self.0 / 366;
        while days_before(year + 1, 1) <= self.0 {
            year += 1;
        }
        let month = (1..=12)
            .rev()
            .find(|month| days_before(year, *month) <= self.0);
        let month = month.unwrap_or(1);
        let day = self.0 - days_before(year, month) + 1;
        (year as u16, month as u8, day as u8)
    }
}

/// Days from 1970-01-01 to the first of a month.
fn days_before(year: u32, month: u32) -> u32 {
    const BEFORE: [u32; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let whole = year - 1;
    let leap_days = |years: u32| years / 4 - years / 100 + years / 400;
    let is_leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let leap_day = u32::from(is_leap && month > 2);
    (year - 1970) * 365 + leap_days(whole) - leap_days(1969) + BEFORE[month as usize - 1] + leap_day
}

impl TryFrom<Datetime> for Day {
    type Error = NotADay;

    fn try_from(value: Datetime) -> Result<Self, NotADay> {
        match value {
            Datetime {
                date: Some(Date { year, month, day }),
                time: None,
                offset: None,
            } => Self::from_civil(year, month, day).ok_or(NotADay),
            _ => Err(NotADay),
        }
    }
}

impl From<Day> for Datetime {
    fn from(day: Day) -> Self {
        let (year, month, day) = day.civil();
        Datetime {
            date: Some(Date { year, month, day }),
            time: None,
            offset: None,
        }
    }
}

impl std::str::FromStr for Day {
    type Err = NotADay;

    fn from_str(text: &str) -> Result<Self, NotADay> {
        let value: Datetime = text.parse().map_err(|_| NotADay)?;
        value.try_into()
    }
}

impl fmt::Display for Day {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(out, "{year:04}-{month:02}-{day:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_days() {
        for (text, number) in [
            ("1970-01-01", 0),
            ("1970-12-31", 364),
            ("1972-02-29", 789),
            ("2000-03-01", 11_017),
            ("2026-11-22", 20_779),
            ("2100-02-28", 47_540),
        ] {
            let day: Day = text.parse().unwrap();
            assert_eq!((day.0, day.to_string().as_str()), (number, text));
        }
    }

    #[test]
    fn every_day_of_five_centuries_follows_the_one_before() {
        let mut last = Day(0).civil();
        for number in 1..182_622 {
            let now = Day(number).civil();
            assert!(now > last, "{number}");
            assert_eq!(Day::from_civil(now.0, now.1, now.2), Some(Day(number)));
            last = now;
        }
        assert_eq!(Day(182_621).to_string(), "2469-12-31");
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in [
            "2027-02-29",
            "1969-12-31",
            "2027-13-01",
            "2027-12-31T00:00:00Z",
            "12:00:00",
            "soon",
        ] {
            assert_eq!(text.parse::<Day>(), Err(NotADay), "{text}");
        }
    }

    #[test]
    fn a_day_begins_and_ends_at_midnight() {
        let day: Day = "2026-11-22".parse().unwrap();
        assert_eq!(Day::of_millis(day.start_millis()), day);
        assert_eq!(Day::of_millis(day.start_millis() + DAY_MILLIS - 1), day);
        assert_eq!(Day::of_millis(day.plus(1).start_millis()), day.plus(1));
        assert_eq!(Day::of_millis(u64::MAX).to_string(), "9999-12-31");
        assert_eq!(day.plus(u32::MAX), Day(LAST));
    }
}
