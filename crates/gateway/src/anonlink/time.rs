//! Times as the API writes them: ISO 8601 in UTC with six decimals and no zone.

const MILLIS_OF_DAY: u64 = 86_400_000;

/// A moment, in milliseconds since 1970, as `2026-11-21T20:45:23.464000`.
pub(super) fn text(unix_millis: u64) -> String {
    let (year, month, day) = date(unix_millis / MILLIS_OF_DAY);
    let of_day = unix_millis % MILLIS_OF_DAY;
    let (seconds, millis) = (of_day / 1000, of_day % 1000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}000")
}

/// Year, month and day of a number of days since 1 January 1970. Years are counted from March, so
/// that a leap day ends its year.
fn date(days: u64) -> (u64, u64, u64) {
    const DAYS_OF_400_YEARS: u64 = 146_097;
    /// From 1 March of the year 0 to 1 January 1970.
    const EPOCH: u64 = 719_468;
    let days = days + EPOCH;
    let (era, day) = (days / DAYS_OF_400_YEARS, days % DAYS_OF_400_YEARS);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_have_their_text() {
        let moments = [
            (0, "1970-01-01T00:00:00.000000"),
            (951_782_399_999, "2000-02-28T23:59:59.999000"),
            (951_782_400_000, "2000-02-29T00:00:00.000000"),
            (1_709_251_200_000, "2024-03-01T00:00:00.000000"),
            (1_795_293_923_464, "2026-11-21T20:45:23.464000"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000000"),
        ];
        for (millis, expected) in moments {
            assert_eq!(text(millis), expected);
        }
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut before = date(0);
        for days in 1..150_000 {
            let next = date(days);
            let (year, month, day) = before;
            let follows = [
                (year, month, day + 1),
                (year, month + 1, 1),
                (year + 1, 1, 1),
            ];
            assert!(follows.contains(&next), "{before:?} {next:?}");
            before = next;
        }
    }
}
