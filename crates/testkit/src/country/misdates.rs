//! The ways in which a date of birth goes wrong and is still a date.

use super::date::Date;
use super::rng::Rng;

/// Turns a date into a wrong one; may give back the same date, where this way does not fit.
pub(super) type Misdate = fn(Date, &mut Rng) -> Date;

/// Near misses are commoner than far ones; ten years is a slip on one digit.
pub(super) fn year_off(day: Date, rng: &mut Rng) -> Date {
    day.plus_years(*rng.pick(&[-1, 1, -1, 1, -2, 2, -3, 3, -5, 10, -10]))
}

/// Any month.
pub(super) fn month_wrong(day: Date, rng: &mut Rng) -> Date {
    let (year, _, date) = day.parts();
    Date::of(year, rng.between(1, 12), date.min(28))
}

/// Any day of the month.
pub(super) fn day_wrong(day: Date, rng: &mut Rng) -> Date {
    let (year, month, _) = day.parts();
    Date::of(year, month, rng.between(1, 28))
}

/// Day and month exchanged; as it was, if there is no such month.
pub(super) fn swapped(day: Date, _: &mut Rng) -> Date {
    let (year, month, date) = day.parts();
    if date <= 12 {
        Date::of(year, date, month)
    } else {
        day
    }
}

/// The year was known, or believed to be; the rest was filled in.
pub(super) fn january_first(day: Date, _: &mut Rng) -> Date {
    Date::of(day.year(), 1, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_dates_are_dates() {
        let mut rng = Rng::for_job(1, "test");
        let leap = Date::of(2004, 2, 29);
        assert_eq!(
            swapped(Date::of(2004, 3, 5), &mut rng),
            Date::of(2004, 5, 3)
        );
        assert_eq!(swapped(leap, &mut rng), leap);
        assert_eq!(january_first(leap, &mut rng), Date::of(2004, 1, 1));
        for _ in 0..100 {
            assert_eq!(day_wrong(leap, &mut rng).parts().1, 2);
            assert_eq!(month_wrong(leap, &mut rng).parts().2, 28);
            assert_ne!(year_off(leap, &mut rng).year(), 2004);
        }
    }
}
