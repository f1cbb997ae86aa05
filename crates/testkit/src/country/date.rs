//! Calendar dates as a count of days, and the ways the four registries write them.

use std::fmt;

/// A day, counted from 1970-01-01 in the Gregorian calendar.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Date(i32);

/// The day on which the country is looked at: what happens from here on is not recorded.
pub(super) const REFERENCE: Date = Date(20_089);

/// Days from 0000-03-01 to 1970-01-01.
const EPOCH_SHIFT: i32 = 719_468;
const DAYS_OF_ERA: i32 = 146_097;

impl Date {
    /// The date of a year, month (1 to 12) and day (1 to 31). Counts years from March, so that a leap day is the
    /// last day of its year (H. Hinnant, "chrono-compatible low-level date algorithms").
    pub(super) fn of(year: i32, month: i32, day: i32) -> Self {
        let year = if month <= 2 { year - 1 } else { year };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Self(era * DAYS_OF_ERA + day_of_era - EPOCH_SHIFT)
    }

    /// Year, month and day.
    pub(super) fn parts(self) -> (i32, i32, i32) {
        let days = self.0 + EPOCH_SHIFT;
        let era = days.div_euclid(DAYS_OF_ERA);
        let day_of_era = days.rem_euclid(DAYS_OF_ERA);
        let leaps = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / 146_096;
        let year_of_era = (day_of_era - leaps) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 {
            shifted_month + 3
        } else {
            shifted_month - 9
        };
        (year_of_era + era * 400 + i32::from(month <= 2), month, day)
    }

    /// The year.
    pub(super) fn year(self) -> i32 {
        self.parts().0
    }

    /// This many days later (earlier, if negative).
    pub(super) fn plus_days(self, days: i32) -> Self {
        Self(self.0 + days)
    }

    /// This many years later, on the 28th if the day does not exist there.
    pub(super) fn plus_years(self, years: i32) -> Self {
        let (year, month, day) = self.parts();
        Self::of(
            year + years,
            month,
            if month == 2 { day.min(28) } else { day },
        )
    }

    /// Days from `earlier` to here.
    pub(super) fn days_since(self, earlier: Self) -> i32 {
        self.0 - earlier.0
    }

    /// Whole years from `birth` to here, as ages are counted.
    pub(super) fn age_since(self, birth: Self) -> i32 {
        let (year, month, day) = self.parts();
        let (birth_year, birth_month, birth_day) = birth.parts();
        year - birth_year - i32::from((month, day) < (birth_month, birth_day))
    }

    /// `DD/MM/YYYY` with the separator given.
    pub(super) fn day_first(self, separator: char) -> String {
        let (year, month, day) = self.parts();
        format!("{day:02}{separator}{month:02}{separator}{year}")
    }

    /// `DD.MM.YY`: the century is lost.
    pub(super) fn short_year(self) -> String {
        let (year, month, day) = self.parts();
        format!("{day:02}.{month:02}.{:02}", year.rem_euclid(100))
    }
}

/// `YYYY-MM-DD`.
impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.parts();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_two_centuries_comes_back() {
        let mut day = Date::of(1850, 1, 1);
        let mut previous = (1849, 12, 31);
        while day < Date::of(2050, 1, 1) {
            let (year, month, date) = day.parts();
            assert_eq!(Date::of(year, month, date), day);
            assert!((year, month, date) > previous);
            previous = (year, month, date);
            day = day.plus_days(1);
        }
    }

    #[test]
    fn dates_are_written_as_the_registries_write_them() {
        let day = Date::of(2004, 2, 29);
        assert_eq!(day.to_string(), "2004-02-29");
        assert_eq!(day.day_first('/'), "29/02/2004");
        assert_eq!(day.short_year(), "29.02.04");
        assert_eq!(REFERENCE.to_string(), "2025-01-01");
    }

    #[test]
    fn ages_turn_on_the_birthday() {
        let birth = Date::of(1990, 6, 15);
        assert_eq!(Date::of(2020, 6, 14).age_since(birth), 29);
        assert_eq!(Date::of(2020, 6, 15).age_since(birth), 30);
        assert_eq!(Date::of(2004, 2, 29).plus_years(1), Date::of(2005, 2, 28));
    }
}
