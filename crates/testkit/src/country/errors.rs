//! The clerk: takes what is true and writes down what a registry ends up with.
//!
//! Errors cluster. Each record is made with a care of its own; most are made well, one in twenty badly, and a bad
//! record is bad in several fields at once.

use super::ErrorLevel;
use super::culture::Culture;
use super::entry::{BirthDate, Entry};
use super::misdates::{self, Misdate};
use super::names::Sex;
use super::naming::first_part;
use super::rates::{Office, Rates};
use super::rng::Rng;
use super::slips;
use super::spelling::{self, Spellings};

/// How many records in a hundred are made so, and how much likelier than on average a slip is. The mean is 1.
const CARE: [(u32, f64); 4] = [(56, 0.25), (25, 0.8), (14, 2.3), (5, 6.7)];
/// A record made to look like another person's, or by someone who does not care.
pub(super) const CARELESS: f64 = 4.0;
/// No slip is certain, however bad the record.
const CAP: f64 = 0.85;
/// Paper records older than this were scanned.
const SCANNED_BEFORE: i32 = 2006;

/// Writes entries for one registry.
pub(super) struct Clerk<'a> {
    rates: Rates,
    rng: Rng,
    spellings: &'a Spellings,
    /// How likely slips are on the record at hand.
    care: f64,
}

/// The error words of one name, by the way it went wrong.
struct NameWords {
    keyboard: &'static str,
    by_ear: &'static str,
    scanned: &'static str,
}

macro_rules! words {
    ($part:literal) => {
        NameWords {
            keyboard: concat!("typo_", $part),
            by_ear: concat!("phon_", $part),
            scanned: concat!("ocr_", $part),
        }
    };
}

impl<'a> Clerk<'a> {
    pub(super) fn new(
        office: Office,
        level: ErrorLevel,
        seed: u64,
        spellings: &'a Spellings,
    ) -> Self {
        let rng = Rng::for_job(seed, &format!("{office:?} {level:?} errors"));
        Self {
            rates: Rates::of(office, level),
            rng,
            spellings,
            care: 1.0,
        }
    }

    /// Writes an entry with a care drawn for it.
    pub(super) fn write(&mut self, entry: &mut Entry) {
        self.care = CARE[self.rng.weighted(&CARE.map(|(weight, _)| weight))].1;
        self.write_all(entry);
    }

    /// Writes an entry with the care given.
    pub(super) fn write_with(&mut self, entry: &mut Entry, care: f64) {
        self.care = care;
        self.write_all(entry);
    }

    fn write_all(&mut self, entry: &mut Entry) {
        self.spell(entry);
        self.leave_out_names(entry);
        self.misplace_names(entry);
        self.misdate(entry);
        self.miswrite_sex(entry);
        self.slip_in_numbers(entry);
        self.slip_in_places(entry);
        self.leave_out(entry);
    }

    /// A slip: the likelier, the less care.
    fn slips(&mut self, rate: f64) -> bool {
        self.rng.chance((rate * self.care).min(CAP))
    }

    fn spell(&mut self, entry: &mut Entry) {
        if self.slips(self.rates.nickname)
            && let Some(name) = self.spellings.nickname(&entry.given, &mut self.rng)
        {
            entry.given = name;
            entry.errors.push("nick");
        }
        let marked = self.rng.chance(self.rates.unmarked);
        let Entry {
            culture,
            given,
            second,
            surname,
            father,
            mother,
            errors,
            ..
        } = entry;
        let scans = entry.recorded.year() < SCANNED_BEFORE;
        let parts = [
            (given, words!("given")),
            (second, words!("second")),
            (surname, words!("surname")),
            (father, words!("father")),
            (mother, words!("mother")),
        ];
        let mut lost_marks = false;
        for (name, words) in parts {
            self.miswrite(name, *culture, &words, scans, errors);
            if marked && !name.is_ascii() {
                *name = spelling::unmarked(name);
                lost_marks = true;
            }
        }
        if lost_marks {
            errors.push("lost_marks");
        }
    }

    /// Everything that can happen to one name.
    fn miswrite(
        &mut self,
        name: &mut String,
        culture: Culture,
        words: &NameWords,
        scans: bool,
        errors: &mut Vec<&'static str>,
    ) {
        if name.is_empty() {
            return;
        }
        if self.slips(self.rates.romanised) {
            let other = self.spellings.romanised(name, culture, &mut self.rng);
            replace(name, other, "translit", errors);
        }
        if self.slips(self.rates.by_ear) {
            let other = spelling::by_ear(name, &mut self.rng);
            replace(name, other, words.by_ear, errors);
        }
        if self.slips(self.rates.keyboard) {
            let other = slips::keyboard(name, &mut self.rng);
            replace(name, Some(other), words.keyboard, errors);
        }
        if scans && self.slips(self.rates.scanned) {
            let other = slips::scanned(name, &mut self.rng);
            replace(name, other, words.scanned, errors);
        }
    }

    fn leave_out_names(&mut self, entry: &mut Entry) {
        if !entry.second.is_empty() {
            // Of `Md Ajay` it is never the name that goes.
            if entry.given != "Md" && self.rng.chance(self.rates.drop_second) {
                entry.second.clear();
                entry.errors.push("drop_second");
            } else if self.rng.chance(self.rates.initial_second) {
                let stop = if self.rng.chance(0.5) { "." } else { "" };
                entry.second = format!("{}{stop}", initial(&entry.second));
                entry.errors.push("init_second");
            }
        }
        let two = matches!(entry.culture, Culture::Spanish | Culture::Portuguese)
            && entry.surname.contains(' ');
        if two && self.rng.chance(self.rates.drop_second_surname) {
            entry.surname = first_part(&entry.surname).to_owned();
            entry.errors.push("drop_2nd_surname");
        }
        if entry.culture == Culture::SouthIndian
            && !entry.surname.is_empty()
            && self.rng.chance(self.rates.initial_surname)
        {
            entry.surname = initial(&entry.surname);
            entry.errors.push("init_surname");
        }
    }

    fn misplace_names(&mut self, entry: &mut Entry) {
        if !entry.surname.is_empty() && self.slips(self.rates.swap_names) {
            std::mem::swap(&mut entry.given, &mut entry.surname);
            entry.errors.push("swap_names");
        }
        if !entry.second.is_empty() && self.slips(self.rates.swap_given) {
            std::mem::swap(&mut entry.given, &mut entry.second);
            entry.errors.push("swap_given");
        }
        let name = if self.rng.chance(0.5) {
            &mut entry.given
        } else {
            &mut entry.surname
        };
        if !name.is_empty()
            && self
                .rng
                .chance((self.rates.split_or_merged * self.care).min(CAP))
        {
            let other = slips::split_or_merged(name, &mut self.rng);
            replace(name, other, "split_merge", &mut entry.errors);
        }
        if self.slips(self.rates.stray_space) {
            entry.given = slips::stray_space(&entry.given, &mut self.rng);
            entry.errors.push("space");
        }
    }

    fn misdate(&mut self, entry: &mut Entry) {
        let BirthDate::Day(true_day) = entry.birth else {
            return;
        };
        let mut day = true_day;
        for (rate, wrong, word) in [
            (
                self.rates.year_off,
                misdates::year_off as Misdate,
                "year_off",
            ),
            (self.rates.month_wrong, misdates::month_wrong, "month_wrong"),
            (self.rates.day_wrong, misdates::day_wrong, "day_wrong"),
            (
                self.rates.swap_day_month,
                misdates::swapped,
                "swap_day_month",
            ),
            (
                self.rates.january_first,
                misdates::january_first,
                "jan_first",
            ),
        ] {
            if self.slips(rate) {
                // No clerk lets a birth in the future pass.
                let written = wrong(day, &mut self.rng);
                if written != day && written <= entry.recorded {
                    day = written;
                    entry.errors.push(word);
                }
            }
        }
        entry.birth = BirthDate::Day(day);
        if self.slips(self.rates.year_only) {
            entry.birth = BirthDate::Year(day.year());
            entry.errors.push("year_only");
        }
        if self.slips(self.rates.birth_missing) {
            entry.birth = BirthDate::Unknown;
            entry.errors.push("dob_missing");
        }
    }

    fn miswrite_sex(&mut self, entry: &mut Entry) {
        if self.slips(self.rates.sex_wrong) {
            entry.sex = entry.sex.map(Sex::other);
            entry.errors.push("sex_wrong");
        }
        if self.slips(self.rates.sex_missing) {
            entry.sex = None;
            entry.errors.push("sex_missing");
        }
    }

    fn slip_in_numbers(&mut self, entry: &mut Entry) {
        for (number, word) in [
            (&mut entry.uin, "uin_digit"),
            (&mut entry.phone, "phone_digit"),
        ] {
            if !number.is_empty() && self.slips(self.rates.digit) {
                *number = slips::wrong_digit(number, &mut self.rng);
                entry.errors.push(word);
            }
        }
    }

    fn slip_in_places(&mut self, entry: &mut Entry) {
        let places = [
            (&mut entry.address, "typo_address_line1"),
            (&mut entry.locality, "typo_locality"),
            (&mut entry.birth_place, "typo_birth_place"),
        ];
        for (place, word) in places {
            if !place.is_empty() && self.slips(self.rates.place_keyboard) {
                let other = slips::keyboard(place, &mut self.rng);
                replace(place, Some(other), word, &mut entry.errors);
            }
        }
    }

    fn leave_out(&mut self, entry: &mut Entry) {
        let rates = self.rates;
        let fields = [
            (&mut entry.phone, rates.phone_missing, "phone_missing"),
            (
                &mut entry.address,
                rates.address_missing,
                "missing_address_line1",
            ),
            (
                &mut entry.locality,
                rates.locality_missing,
                "missing_locality",
            ),
            (
                &mut entry.birth_place,
                rates.birth_place_missing,
                "missing_birth_place",
            ),
            (&mut entry.father, rates.parent_missing, "father_missing"),
            (&mut entry.mother, rates.parent_missing, "mother_missing"),
        ];
        for (field, rate, word) in fields {
            if !field.is_empty() && self.rng.chance(rate) {
                field.clear();
                entry.errors.push(word);
            }
        }
    }
}

/// Puts the other text in place, if there is one that differs and is not empty, and notes it.
fn replace(
    text: &mut String,
    other: Option<String>,
    word: &'static str,
    errors: &mut Vec<&'static str>,
) {
    if let Some(other) = other.filter(|other| other != text && !other.trim().is_empty()) {
        *text = other;
        errors.push(word);
    }
}

fn initial(name: &str) -> String {
    name.chars().take(1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::country::date::Date;
    use crate::country::names::NameBook;
    use crate::country::population::grow;

    /// Records with an error and errors in all, in percent of `persons` records of an office.
    fn errors_of(office: Office, level: ErrorLevel) -> (usize, usize, usize) {
        let spellings = Spellings::open();
        let population = grow(2_000, 3, &NameBook::open(), &spellings);
        let mut clerk = Clerk::new(office, level, 3, &spellings);
        let mut counts = (0, 0, 0);
        for position in 0..population.people.len() {
            let mut entry = Entry::of(&population, position as u32, Date::of(2020, 1, 1));
            clerk.write(&mut entry);
            counts.0 += usize::from(!entry.errors.is_empty());
            counts.1 += entry.errors.len();
            counts.2 += usize::from(entry.errors.len() >= 6);
        }
        let percent = |count| count * 100 / population.people.len();
        (percent(counts.0), percent(counts.1), counts.2)
    }

    #[test]
    fn levels_differ_and_offices_too() {
        for office in [Office::Crvs, Office::Id, Office::Sr, Office::Ibr] {
            let clean = errors_of(office, ErrorLevel::Clean);
            let moderate = errors_of(office, ErrorLevel::Moderate);
            let severe = errors_of(office, ErrorLevel::Severe);
            assert!(
                clean.0 < moderate.0 && moderate.0 < severe.0,
                "{office:?}: {clean:?} {moderate:?} {severe:?}"
            );
        }
        assert!(
            errors_of(Office::Id, ErrorLevel::Moderate).1
                < errors_of(Office::Sr, ErrorLevel::Moderate).1
        );
    }

    #[test]
    fn errors_cluster() {
        let (_, all, bad) = errors_of(Office::Id, ErrorLevel::Moderate);
        // With a mean under one error a record, independent errors would hardly ever come six at a time.
        assert!(
            all < 100 && bad >= 2,
            "{all} errors in 100 records, {bad} records with six or more"
        );
    }
}
