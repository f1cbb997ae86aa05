//! The lists of names (see `data/NOTICE.md`) and how a name is drawn: the n-th most frequent about 1/n as often as
//! the first, as names are in every country.

use super::culture::Culture;
use super::rng::Rng;

/// Sex as the registries know it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sex {
    Male,
    Female,
}

impl Sex {
    /// `male` or `female`.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Male => "male",
            Self::Female => "female",
        }
    }

    /// The other one, as a slip of the pen has it.
    pub(super) fn other(self) -> Self {
        match self {
            Self::Male => Self::Female,
            Self::Female => Self::Male,
        }
    }
}

/// Softens the head of the list: without it the first name would be one in five.
const HEAD: u64 = 5;
const SCALE: u64 = 1_000_000;

/// Names with how often they occur.
struct NameList {
    names: Vec<&'static str>,
    /// Sum of the weights up to and with each name.
    cumulative: Vec<u64>,
}

impl NameList {
    /// One name a line, the most frequent first.
    fn parse(text: &'static str) -> Self {
        let names: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
        let weights = (0..names.len() as u64).map(|rank| SCALE / (rank + HEAD));
        let cumulative = weights
            .scan(0, |sum, weight| {
                *sum += weight;
                Some(*sum)
            })
            .collect();
        Self { names, cumulative }
    }

    fn draw(&self, rng: &mut Rng) -> &'static str {
        let drawn = rng.below(self.cumulative.last().copied().unwrap_or(0));
        self.names[self.cumulative.partition_point(|&sum| sum <= drawn)]
    }
}

struct CultureNames {
    male: NameList,
    female: NameList,
    surname: NameList,
    female_surname: Option<NameList>,
}

/// The names of all cultures.
pub(super) struct NameBook {
    cultures: Vec<CultureNames>,
}

macro_rules! list {
    ($file:literal) => {
        NameList::parse(include_str!(concat!("../../data/names/", $file, ".txt")))
    };
}

macro_rules! culture {
    ($male:literal, $female:literal, $surname:literal) => {
        CultureNames {
            male: list!($male),
            female: list!($female),
            surname: list!($surname),
            female_surname: None,
        }
    };
}

impl NameBook {
    /// Reads the lists.
    pub(super) fn open() -> Self {
        let mut north_indian = culture!("sn_male", "sn_female", "sn_surname");
        north_indian.female_surname = Some(list!("sn_surname_female"));
        let cultures = vec![
            culture!("ar_male", "ar_female", "ar_surname"),
            north_indian,
            culture!("ss_male", "ss_female", "ss_surname"),
            culture!("ea_male", "ea_female", "ea_surname"),
            culture!("wa_male", "wa_female", "wa_surname"),
            culture!("es_male", "es_female", "es_surname"),
            culture!("pt_male", "pt_female", "pt_surname"),
            culture!("en_male", "en_female", "en_surname"),
            // No surname: the third name is a grandfather's.
            culture!("et_male", "et_female", "et_male"),
        ];
        Self { cultures }
    }

    /// A given name.
    pub(super) fn given(&self, culture: Culture, sex: Sex, rng: &mut Rng) -> &'static str {
        let names = &self.cultures[culture.position()];
        match sex {
            Sex::Male => names.male.draw(rng),
            Sex::Female => names.female.draw(rng),
        }
    }

    /// A family name.
    pub(super) fn surname(&self, culture: Culture, rng: &mut Rng) -> &'static str {
        self.cultures[culture.position()].surname.draw(rng)
    }

    /// A surname that women bear in their own right, where the culture has such.
    pub(super) fn female_surname(&self, culture: Culture, rng: &mut Rng) -> Option<&'static str> {
        let names = self.cultures[culture.position()].female_surname.as_ref()?;
        Some(names.draw(rng))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{HashMap, HashSet};

    #[test]
    fn lists_are_clean_and_long_enough() {
        for (position, names) in NameBook::open().cultures.iter().enumerate() {
            let culture = Culture::ALL[position];
            for list in [&names.male, &names.female, &names.surname] {
                let distinct: HashSet<&&str> = list.names.iter().collect();
                assert_eq!(distinct.len(), list.names.len(), "{culture:?}");
                assert!(
                    list.names.len() >= 30,
                    "{culture:?} has {}",
                    list.names.len()
                );
                assert!(
                    list.names
                        .iter()
                        .all(|name| name.trim() == *name && !name.contains(','))
                );
            }
        }
    }

    #[test]
    fn the_first_name_is_common_but_not_everyones() {
        let book = NameBook::open();
        let mut rng = Rng::for_job(1, "names");
        let mut counts: HashMap<&str, u32> = HashMap::new();
        for _ in 0..10_000 {
            *counts
                .entry(book.given(Culture::EastAfrican, Sex::Female, &mut rng))
                .or_default() += 1;
        }
        assert!((350..700).contains(&counts["Mary"]), "{}", counts["Mary"]);
        assert!(counts.len() > 250);
    }
}
