//! What a registry's clerk is told about a person, before slips and before the registry's own way of writing.

use super::culture::Culture;
use super::date::Date;
use super::names::Sex;
use super::people::{PersonIx, Population};
use super::places::PlaceIx;

/// A date of birth as far as it is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum BirthDate {
    Day(Date),
    Year(i32),
    Unknown,
}

impl BirthDate {
    /// Writes the day with `write`, a bare year as four digits, the unknown as nothing.
    pub(super) fn written(self, write: impl Fn(Date) -> String) -> String {
        match self {
            Self::Day(day) => write(day),
            Self::Year(year) => year.to_string(),
            Self::Unknown => String::new(),
        }
    }
}

/// One record in the making: the same fields for every registry, which then writes those it keeps.
pub(super) struct Entry {
    pub(super) culture: Culture,
    pub(super) given: String,
    pub(super) second: String,
    pub(super) surname: String,
    pub(super) suffix: &'static str,
    pub(super) sex: Option<Sex>,
    pub(super) birth: BirthDate,
    pub(super) birth_place: String,
    pub(super) father: String,
    pub(super) mother: String,
    pub(super) uin: String,
    pub(super) phone: String,
    pub(super) address: String,
    pub(super) locality: String,
    /// The true place, for the codes that are chosen from a list.
    pub(super) place: PlaceIx,
    /// When the record is made.
    pub(super) recorded: Date,
    /// What was done to the record, in the words of `truth.csv`.
    pub(super) errors: Vec<&'static str>,
}

impl Entry {
    /// What is true of the person on `recorded`; the national number is left for the registry to ask.
    pub(super) fn of(population: &Population, position: PersonIx, recorded: Date) -> Self {
        let person = population.person(position);
        let (place, address) = population.address_of(position, recorded);
        let birth_place = person
            .birth_place
            .map(|place| population.map.place(place).name.as_str());
        Self {
            culture: person.culture,
            given: person.given.clone(),
            second: person.middle().to_owned(),
            surname: person.surname(recorded).to_owned(),
            suffix: if person.junior { "Jr" } else { "" },
            sex: Some(person.sex),
            birth: BirthDate::Day(person.born),
            birth_place: birth_place.unwrap_or("Abroad").to_owned(),
            father: population.father_name(position, recorded),
            mother: population.mother_name(position, recorded),
            uin: String::new(),
            phone: population.phone_of(position, recorded).unwrap_or_default(),
            address: address.to_owned(),
            locality: population.map.place(place).name.clone(),
            place,
            recorded,
            errors: Vec::new(),
        }
    }

    /// Puts the name the person goes by in place of the one on the birth record.
    pub(super) fn use_usual_name(&mut self, usual: Option<&String>) {
        if let Some(usual) = usual {
            usual.clone_into(&mut self.given);
            self.errors.push("usual_name");
        }
    }

    /// The errors as one cell of `truth.csv`.
    pub(super) fn error_list(&self) -> String {
        self.errors.join(";")
    }
}
