//! How often each registry errs in each way, at each level.

use super::ErrorLevel;

/// Which registry is writing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Office {
    Crvs,
    Id,
    Sr,
    Ibr,
}

/// Probabilities for one record of average care. Those of names hold for each name written.
#[derive(Clone, Copy)]
pub(super) struct Rates {
    // Other spellings.
    pub(super) romanised: f64,
    pub(super) unmarked: f64,
    pub(super) by_ear: f64,
    pub(super) nickname: f64,
    // Slips.
    pub(super) keyboard: f64,
    /// Only on records made before scanning ended.
    pub(super) scanned: f64,
    pub(super) stray_space: f64,
    pub(super) split_or_merged: f64,
    pub(super) digit: f64,
    pub(super) place_keyboard: f64,
    // Names in the wrong place.
    pub(super) swap_names: f64,
    pub(super) swap_given: f64,
    // The office's habits with what is told: they hold where there is such a thing to leave out.
    pub(super) drop_second: f64,
    pub(super) initial_second: f64,
    pub(super) drop_second_surname: f64,
    pub(super) initial_surname: f64,
    pub(super) phone_missing: f64,
    pub(super) address_missing: f64,
    pub(super) birth_place_missing: f64,
    pub(super) locality_missing: f64,
    pub(super) parent_missing: f64,
    // Dates and sex.
    pub(super) birth_missing: f64,
    pub(super) year_only: f64,
    pub(super) january_first: f64,
    pub(super) year_off: f64,
    pub(super) month_wrong: f64,
    pub(super) day_wrong: f64,
    pub(super) swap_day_month: f64,
    pub(super) sex_missing: f64,
    pub(super) sex_wrong: f64,
}

impl Rates {
    /// The rates of an office at a level.
    pub(super) fn of(office: Office, level: ErrorLevel) -> Self {
        let rates = match office {
            Office::Crvs => CRVS,
            Office::Id => ID,
            Office::Sr => SR,
            Office::Ibr => IBR,
        };
        match level {
            ErrorLevel::Clean => rates.scaled(0.09, 0.55),
            ErrorLevel::Moderate => rates,
            ErrorLevel::Severe => rates.scaled(2.5, 1.1),
        }
    }

    /// Slips as often as `slips` says, habits as often as `habits` says. A date half known is half of each.
    fn scaled(mut self, slips: f64, habits: f64) -> Self {
        for rate in [
            &mut self.romanised,
            &mut self.by_ear,
            &mut self.nickname,
            &mut self.keyboard,
            &mut self.scanned,
            &mut self.stray_space,
            &mut self.split_or_merged,
            &mut self.digit,
            &mut self.place_keyboard,
            &mut self.swap_names,
            &mut self.swap_given,
            &mut self.parent_missing,
            &mut self.birth_missing,
            &mut self.year_off,
            &mut self.month_wrong,
            &mut self.day_wrong,
            &mut self.swap_day_month,
            &mut self.sex_missing,
            &mut self.sex_wrong,
        ] {
            *rate *= slips;
        }
        for rate in [
            &mut self.unmarked,
            &mut self.drop_second,
            &mut self.initial_second,
            &mut self.drop_second_surname,
            &mut self.initial_surname,
            &mut self.phone_missing,
            &mut self.address_missing,
            &mut self.birth_place_missing,
            &mut self.locality_missing,
        ] {
            *rate *= habits;
        }
        for rate in [&mut self.year_only, &mut self.january_first] {
            *rate *= (slips + habits) / 2.0;
        }
        self
    }
}

const CRVS: Rates = Rates {
    romanised: 0.075,
    unmarked: 0.15,
    by_ear: 0.010,
    nickname: 0.001,
    keyboard: 0.019,
    scanned: 0.055,
    stray_space: 0.006,
    split_or_merged: 0.014,
    digit: 0.012,
    place_keyboard: 0.018,
    swap_names: 0.004,
    swap_given: 0.003,
    drop_second: 0.10,
    initial_second: 0.026,
    drop_second_surname: 0.035,
    initial_surname: 0.0,
    phone_missing: 0.30,
    address_missing: 0.055,
    birth_place_missing: 0.050,
    locality_missing: 0.014,
    parent_missing: 0.021,
    birth_missing: 0.005,
    year_only: 0.004,
    january_first: 0.004,
    year_off: 0.005,
    month_wrong: 0.006,
    day_wrong: 0.009,
    swap_day_month: 0.003,
    sex_missing: 0.005,
    sex_wrong: 0.004,
};

const ID: Rates = Rates {
    romanised: 0.045,
    unmarked: 0.06,
    by_ear: 0.006,
    keyboard: 0.008,
    scanned: 0.0,
    stray_space: 0.002,
    split_or_merged: 0.007,
    digit: 0.007,
    place_keyboard: 0.009,
    swap_names: 0.003,
    swap_given: 0.002,
    drop_second: 0.05,
    initial_second: 0.021,
    drop_second_surname: 0.012,
    phone_missing: 0.09,
    address_missing: 0.012,
    birth_place_missing: 0.011,
    locality_missing: 0.004,
    // The card must have a date: what is not known is written as the first of January.
    birth_missing: 0.0,
    year_only: 0.0,
    january_first: 0.024,
    year_off: 0.003,
    month_wrong: 0.003,
    day_wrong: 0.002,
    swap_day_month: 0.002,
    sex_missing: 0.001,
    sex_wrong: 0.0005,
    ..CRVS
};

const SR: Rates = Rates {
    romanised: 0.135,
    unmarked: 0.75,
    by_ear: 0.047,
    nickname: 0.10,
    keyboard: 0.042,
    scanned: 0.0,
    stray_space: 0.024,
    split_or_merged: 0.017,
    digit: 0.022,
    place_keyboard: 0.036,
    swap_names: 0.028,
    swap_given: 0.005,
    drop_second: 0.48,
    initial_second: 0.038,
    drop_second_surname: 0.26,
    initial_surname: 0.40,
    phone_missing: 0.11,
    address_missing: 0.056,
    birth_place_missing: 0.0,
    locality_missing: 0.016,
    parent_missing: 0.024,
    birth_missing: 0.027,
    year_only: 0.018,
    january_first: 0.018,
    year_off: 0.054,
    month_wrong: 0.008,
    day_wrong: 0.009,
    swap_day_month: 0.009,
    sex_missing: 0.010,
    sex_wrong: 0.006,
};

const IBR: Rates = Rates {
    romanised: 0.115,
    // Capitals without marks are how this registry writes, no error of its own.
    unmarked: 0.0,
    by_ear: 0.032,
    nickname: 0.02,
    keyboard: 0.042,
    scanned: 0.0,
    stray_space: 0.032,
    split_or_merged: 0.009,
    digit: 0.013,
    place_keyboard: 0.035,
    swap_names: 0.046,
    swap_given: 0.014,
    drop_second: 0.37,
    initial_second: 0.12,
    drop_second_surname: 0.20,
    initial_surname: 0.35,
    phone_missing: 0.15,
    address_missing: 0.0,
    birth_place_missing: 0.0,
    locality_missing: 0.042,
    parent_missing: 0.0,
    birth_missing: 0.033,
    year_only: 0.012,
    january_first: 0.019,
    year_off: 0.019,
    month_wrong: 0.011,
    day_wrong: 0.011,
    swap_day_month: 0.010,
    sex_missing: 0.011,
    sex_wrong: 0.006,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_errors_at_each_level() {
        for office in [Office::Crvs, Office::Id, Office::Sr, Office::Ibr] {
            let at = |level| Rates::of(office, level);
            let (clean, moderate, severe) = (
                at(ErrorLevel::Clean),
                at(ErrorLevel::Moderate),
                at(ErrorLevel::Severe),
            );
            assert!(
                clean.keyboard < moderate.keyboard && moderate.keyboard < severe.keyboard,
                "{office:?}"
            );
            assert!(
                clean.drop_second < moderate.drop_second
                    && moderate.drop_second < severe.drop_second
            );
            assert!(severe.drop_second < 1.0 && severe.unmarked < 1.0);
        }
    }
}
