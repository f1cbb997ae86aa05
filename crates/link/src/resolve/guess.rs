//! What the fit starts from, and what it never learns: which classes there may be, which of them a pair looks like
//! before anything is known, and which pairs are surely of two people.

use super::levels::{UNKNOWN, Variable, Variables};
use super::mixture::{CLASSES, Class};
use super::patterns::Observed;

/// Starting responsibilities for a class a pair is not thought to be in.
const DOUBT: f64 = 0.02;
/// A pair that agrees no better than this in what is a person's own does not look like a match.
const OWN: f64 = 0.6;
/// A pair that agrees so well in what households share looks like one.
const SHARED: f64 = 0.7;
/// A pair that agrees so well in what households share looks like kin or neighbours. Half of [`SHARED`].
const SOMEWHAT_SHARED: f64 = 0.35;

/// What two records may be to each other, besides the same or unrelated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Classes {
    /// Of one household.
    pub(super) household: bool,
    /// Of one wider family or neighbourhood.
    pub(super) kin: bool,
    /// Born together.
    pub(super) twins: bool,
}

impl Classes {
    /// The same or unrelated.
    pub(super) const TWO: Self = Self {
        household: false,
        kin: false,
        twins: false,
    };
    /// Households too.
    pub(super) const HOUSEHOLD: Self = Self {
        household: true,
        ..Self::TWO
    };
    /// Households, and wider families too.
    pub(super) const KIN: Self = Self {
        kin: true,
        ..Self::HOUSEHOLD
    };

    /// These, and twins.
    pub(super) fn and_twins(self) -> Self {
        Self {
            twins: true,
            ..self
        }
    }

    /// Whether a pair may start in `class`; twins are found later.
    fn start_with(self, class: Class) -> bool {
        match class {
            Class::Match | Class::Unrelated => true,
            Class::Household => self.household,
            Class::Kin => self.kin,
            Class::Twins => false,
        }
    }
}

/// Which class a pair looks like before anything is known: agreement in what is a person's own
/// makes a match, agreement in what households share without it a household, some of it kin.
pub(super) fn guess(variables: &Variables, pair: Observed<'_>, classes: Classes) -> [f64; CLASSES] {
    let (mut personal, mut shared) = (Mean::default(), Mean::default());
    for (variable, level) in variables.0.iter().zip(pair.levels) {
        if *level != UNKNOWN {
            let agreement = variable.prior_agreement(usize::from(*level));
            personal.add(agreement.personal);
            shared.add(agreement.shared);
        }
    }
    let class = looks_like(personal.value(), shared.value());
    let class = match classes.start_with(class) {
        true => class,
        false => Class::Unrelated,
    };
    let doubt = |other: Class| match other {
        _ if other == class || !classes.start_with(other) => 0.0,
        // A doubtful match is nearly always unrelated: there are so many more of them.
        Class::Match if class == Class::Unrelated => DOUBT * DOUBT,
        _ => DOUBT,
    };
    let mut guess = [0.0; CLASSES];
    for other in Class::ALL {
        guess[other as usize] = doubt(other);
    }
    guess[class as usize] = 1.0 - guess.iter().sum::<f64>();
    guess
}

fn looks_like(personal: f64, shared: f64) -> Class {
    if personal >= 0.75 && personal + shared >= 1.25 {
        Class::Match
    } else if shared >= SHARED && personal <= OWN {
        Class::Household
    } else if shared >= SOMEWHAT_SHARED && personal <= OWN {
        Class::Kin
    } else {
        Class::Unrelated
    }
}

/// Which pairs cannot be records of one person: those that agree neither in the given name, or the whole name
/// where given names are unknown, nor in anything of the date of birth but a near year. Names change and dates
/// are mistaken, but not both beyond recognition in one record, and the people who are alike in all else and
/// differ in just these, brothers and sisters, are more than the records of one person are.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Apart {
    /// By variable that says so: the levels that do.
    by_level: Vec<(usize, Vec<bool>)>,
}

impl Apart {
    /// The rule under `variables`; it holds of no pair unless names and a date are compared.
    pub(super) fn of(variables: &Variables) -> Self {
        let says = |variable: &Variable| -> Vec<bool> {
            let levels = 0..variable.level_count();
            levels.map(|level| variable.disagrees(level)).collect()
        };
        let (names, dates): (Vec<_>, Vec<_>) = variables
            .0
            .iter()
            .enumerate()
            .filter(|(_, variable)| variable.is_names() || variable.is_date())
            .partition(|(_, variable)| variable.is_names());
        let by_level = match names.is_empty() || dates.is_empty() {
            true => Vec::new(),
            false => names
                .into_iter()
                .chain(dates)
                .map(|(place, v)| (place, says(v)))
                .collect(),
        };
        Self { by_level }
    }

    /// Whether two records at these levels cannot be of one person.
    pub(super) fn holds(&self, levels: &[u16]) -> bool {
        let says = |(place, says): &(usize, Vec<bool>)| {
            let level = usize::from(levels[*place]);
            says.get(level).copied().unwrap_or(false)
        };
        !self.by_level.is_empty() && self.by_level.iter().all(says)
    }
}

/// The mean of what is known.
#[derive(Default)]
struct Mean {
    sum: f64,
    count: f64,
}

impl Mean {
    fn add(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.sum += value;
            self.count += 1.0;
        }
    }

    fn value(&self) -> f64 {
        if self.count > 0.0 {
            self.sum / self.count
        } else {
            0.5
        }
    }
}

#[cfg(test)]
mod tests {
    use model::{Layout, LinkageSchema};

    use super::*;

    fn variables() -> Variables {
        let schema: LinkageSchema = crate::matcher::tests::schema();
        Variables::of(&schema, &Layout::of(&schema))
    }

    /// The levels of a pair by what they say of names and of dates; all else unknown.
    fn levels(variables: &Variables, names: bool, date: bool) -> Vec<u16> {
        let level = |variable: &Variable| {
            let disagree = match (variable.is_names(), variable.is_date()) {
                (true, _) => names,
                (_, true) => date,
                _ => return UNKNOWN,
            };
            let mut levels = 0..variable.level_count();
            let found = levels.find(|level| variable.disagrees(*level) == disagree);
            found.unwrap() as u16
        };
        variables.0.iter().map(level).collect()
    }

    #[test]
    fn only_names_and_dates_that_both_disagree_make_two_people() {
        let variables = variables();
        let apart = Apart::of(&variables);
        for (names, date) in [(false, false), (false, true), (true, false), (true, true)] {
            let levels = levels(&variables, names, date);
            assert_eq!(apart.holds(&levels), names && date, "{names} {date}");
        }
        let unknown = vec![UNKNOWN; variables.len()];
        assert!(!apart.holds(&unknown));
        let mut without = variables.clone();
        without.0.retain(|variable| !variable.is_date());
        let names_alone = levels(&without, true, true);
        assert!(!Apart::of(&without).holds(&names_alone));
    }

    #[test]
    fn guesses_sum_to_one_and_keep_to_their_classes() {
        let variables = variables();
        for classes in [Classes::TWO, Classes::HOUSEHOLD, Classes::KIN] {
            for (names, date) in [(false, false), (true, true)] {
                let levels = levels(&variables, names, date);
                let guess = guess(&variables, Observed::one(0, 1, &levels), classes);
                assert!((guess.iter().sum::<f64>() - 1.0).abs() < 1e-9);
                for class in Class::ALL {
                    let none = guess[class as usize] == 0.0;
                    assert_eq!(none, !classes.start_with(class), "{class:?}");
                }
            }
        }
    }
}
