//! The true persons: what was, before any registry wrote it down.

use super::culture::Culture;
use super::date::Date;
use super::names::Sex;
use super::numbering::{NationalNumbers, Numbering};
use super::places::{Map, PlaceIx};

/// A person's position in the population.
pub(super) type PersonIx = u32;
/// A dwelling's position in the population.
pub(super) type DwellingIx = u32;

/// One person, from birth to death or the reference date.
pub(super) struct Person {
    pub(super) culture: Culture,
    pub(super) sex: Sex,
    pub(super) born: Date,
    pub(super) died: Option<Date>,
    /// None: born abroad.
    pub(super) birth_place: Option<PlaceIx>,
    pub(super) given: String,
    /// A second given name of one's own.
    pub(super) second: String,
    /// The father's given name, where it is part of the person's name.
    pub(super) patronymic: String,
    pub(super) surname_at_birth: String,
    /// The name the person goes by, if not the one on the birth record.
    pub(super) usual_given: Option<String>,
    pub(super) father_as_surname: bool,
    pub(super) single_name: bool,
    /// A son with his father's name, marked so.
    pub(super) junior: bool,
    pub(super) disabled: bool,
    pub(super) twin_set: Option<u32>,
    pub(super) father: Option<PersonIx>,
    pub(super) mother: Option<PersonIx>,
    pub(super) marriage: Option<Marriage>,
    /// Homes of the person's own, each with the day of moving in; before the first, it is the parents' home.
    pub(super) homes: Vec<(Date, DwellingIx)>,
    pub(super) phone: Option<Phone>,
}

/// A marriage, seen from one of the two.
pub(super) struct Marriage {
    pub(super) spouse: PersonIx,
    pub(super) on: Date,
    /// The surname taken at marriage.
    pub(super) new_surname: Option<String>,
    pub(super) divorced: Option<Date>,
    /// Whether a divorce brought the old surname back.
    pub(super) surname_returns: bool,
}

/// A telephone of one's own.
pub(super) struct Phone {
    pub(super) since: Date,
    /// When the number was changed for another.
    pub(super) changed: Option<Date>,
}

/// Where a household lives, and how well.
pub(super) struct Dwelling {
    pub(super) place: PlaceIx,
    pub(super) address: String,
    /// The day the household moved in from somewhere else, and from where.
    pub(super) moved: Option<(Date, PlaceIx, String)>,
    /// Poverty score in tenths: the lower, the poorer; half of all dwellings are under 500.
    pub(super) wealth: i32,
}

/// Who is married to whom, in the registries' four words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum MaritalStatus {
    Single,
    Married,
    Widowed,
    Divorced,
}

impl MaritalStatus {
    /// `single`, `married`, `widowed` or `divorced`.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Married => "married",
            Self::Widowed => "widowed",
            Self::Divorced => "divorced",
        }
    }
}

/// Everyone who ever lived in the country, where they lived, and the numbers given out.
pub(super) struct Population {
    pub(super) map: Map,
    pub(super) people: Vec<Person>,
    pub(super) dwellings: Vec<Dwelling>,
    pub(super) person_ids: Numbering,
    pub(super) uins: NationalNumbers,
    pub(super) phones: Numbering,
}

impl Person {
    /// Whether the person is born and not dead on `day`.
    pub(super) fn is_alive(&self, day: Date) -> bool {
        self.born <= day && self.died.is_none_or(|died| died > day)
    }

    /// The surname borne on `day`.
    pub(super) fn surname(&self, day: Date) -> &str {
        self.marriage
            .as_ref()
            .filter(|marriage| marriage.on <= day)
            .filter(|marriage| {
                !(marriage.surname_returns && marriage.divorced.is_some_and(|end| end <= day))
            })
            .and_then(|marriage| marriage.new_surname.as_deref())
            .unwrap_or(&self.surname_at_birth)
    }

    /// The name written between the given name and the surname.
    pub(super) fn middle(&self) -> &str {
        if self.culture.father_in_the_middle() {
            &self.patronymic
        } else {
            &self.second
        }
    }

    /// The name children carry on as their father's: `Md` is no name, so it passes on what stands behind it.
    pub(super) fn own_name(&self) -> &str {
        if self.given == "Md" && !self.second.is_empty() {
            &self.second
        } else {
            &self.given
        }
    }

    /// The person's name on one line, as a child's record has it.
    pub(super) fn short_name(&self, day: Date) -> String {
        match self.culture {
            Culture::Ethiopian => join([&self.given, &self.patronymic]),
            _ if self.given == "Md" => join([&self.given, &self.second, self.surname(day)]),
            _ => join([&self.given, self.surname(day)]),
        }
    }
}

impl Population {
    /// The person at `position`.
    pub(super) fn person(&self, position: PersonIx) -> &Person {
        &self.people[position as usize]
    }

    /// The dwelling where the person lives on `day`: their own, or where the mother or else the father lives.
    pub(super) fn dwelling_of(&self, position: PersonIx, day: Date) -> Option<DwellingIx> {
        let person = self.person(position);
        let own = person.homes.iter().rev().find(|(since, _)| *since <= day);
        match own {
            Some(&(_, dwelling)) => Some(dwelling),
            None => self.dwelling_of(person.mother.or(person.father)?, day.max(person.born)),
        }
    }

    /// Place and address of the person on `day`.
    pub(super) fn address_of(&self, position: PersonIx, day: Date) -> (PlaceIx, &str) {
        let Some(dwelling) = self.dwelling_of(position, day) else {
            return (0, "");
        };
        let dwelling = &self.dwellings[dwelling as usize];
        match &dwelling.moved {
            Some((since, place, address)) if day < *since => (*place, address),
            _ => (dwelling.place, &dwelling.address),
        }
    }

    /// The person's marital status on `day`.
    pub(super) fn marital_status(&self, position: PersonIx, day: Date) -> MaritalStatus {
        match &self.person(position).marriage {
            Some(marriage) if marriage.on <= day => {
                if marriage.divorced.is_some_and(|end| end <= day) {
                    MaritalStatus::Divorced
                } else if self.person(marriage.spouse).is_alive(day) {
                    MaritalStatus::Married
                } else {
                    MaritalStatus::Widowed
                }
            }
            _ => MaritalStatus::Single,
        }
    }

    /// The number under which the person can be called on `day`: their own, or one shared in the household.
    pub(super) fn phone_of(&self, position: PersonIx, day: Date) -> Option<String> {
        let person = self.person(position);
        let shared = [
            person.marriage.as_ref().map(|marriage| marriage.spouse),
            person.mother,
            person.father,
        ];
        self.own_phone(position, day).or_else(|| {
            let relatives = shared.into_iter().flatten();
            relatives
                .filter_map(|relative| self.own_phone(relative, day))
                .next()
        })
    }

    fn own_phone(&self, position: PersonIx, day: Date) -> Option<String> {
        let person = self.person(position);
        let phone = person
            .phone
            .as_ref()
            .filter(|phone| phone.since <= day && person.is_alive(day))?;
        let changed = phone.changed.is_some_and(|change| change <= day);
        let number = self
            .phones
            .number(2 * u64::from(position) + u64::from(changed));
        Some(number.to_string())
    }

    /// The father's name as a record of the person has it; for those without a known father, what their own name tells.
    pub(super) fn father_name(&self, position: PersonIx, day: Date) -> String {
        let person = self.person(position);
        match person.father {
            Some(father) => self.person(father).short_name(day),
            None if person.mother.is_none() && !person.patronymic.is_empty() => {
                join([person.patronymic.as_str(), person.surname_at_birth.as_str()])
            }
            None => String::new(),
        }
    }

    /// The mother's name as a record of the person has it.
    pub(super) fn mother_name(&self, position: PersonIx, day: Date) -> String {
        let mother = self.person(position).mother;
        mother.map_or_else(String::new, |mother| self.person(mother).short_name(day))
    }

    /// The person's national number.
    pub(super) fn uin(&self, position: PersonIx) -> String {
        self.uins.uin(u64::from(position))
    }

    /// The person's identifier in the truth.
    pub(super) fn person_id(&self, position: PersonIx) -> String {
        format!("P{:08}", self.person_ids.number(u64::from(position)))
    }
}

/// The parts that are not empty, with a space between them.
pub(super) fn join<const N: usize>(parts: [&str; N]) -> String {
    let filled: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    filled.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::country::date::REFERENCE;
    use crate::country::names::NameBook;
    use crate::country::population::grow;
    use crate::country::spelling::Spellings;

    fn population() -> Population {
        grow(3_000, 5, &NameBook::open(), &Spellings::open())
    }

    #[test]
    fn a_surname_changes_at_the_wedding_and_may_come_back() {
        let people = population().people;
        let (mut changed, mut returned) = (0, 0);
        for person in &people {
            let Some(marriage) = &person.marriage else {
                continue;
            };
            assert_eq!(
                person.surname(marriage.on.plus_days(-1)),
                person.surname_at_birth
            );
            let married = marriage
                .new_surname
                .as_ref()
                .unwrap_or(&person.surname_at_birth);
            assert_eq!(person.surname(marriage.on), married);
            changed += u32::from(marriage.new_surname.is_some());
            let back = person.surname(REFERENCE) == person.surname_at_birth;
            returned += u32::from(back && marriage.new_surname.is_some());
        }
        assert!(
            changed > 100 && returned > 0,
            "{changed} changed, {returned} returned"
        );
    }

    #[test]
    fn marital_status_follows_the_events() {
        let population = population();
        for (position, person) in population.people.iter().enumerate() {
            let on = |day| population.marital_status(position as PersonIx, day);
            let Some(marriage) = &person.marriage else {
                assert_eq!(on(REFERENCE), MaritalStatus::Single);
                continue;
            };
            assert_eq!(on(marriage.on.plus_days(-1)), MaritalStatus::Single);
            assert_eq!(on(marriage.on), MaritalStatus::Married);
            match (marriage.divorced, population.person(marriage.spouse).died) {
                (Some(day), _) => assert_eq!(on(day), MaritalStatus::Divorced),
                (None, Some(day)) => assert_eq!(on(day), MaritalStatus::Widowed),
                (None, None) => assert_eq!(on(REFERENCE), MaritalStatus::Married),
            }
        }
    }

    #[test]
    fn children_live_and_telephone_with_their_parents() {
        let population = population();
        let day = REFERENCE.plus_days(-1);
        let small = |person: &Person| person.is_alive(day) && day.age_since(person.born) < 8;
        let children =
            (0..population.people.len() as PersonIx).filter(|&one| small(population.person(one)));
        let mut reachable = 0;
        for child in children {
            let Some(mother) = population.person(child).mother else {
                continue;
            };
            assert_eq!(
                population.address_of(child, day),
                population.address_of(mother, day)
            );
            reachable += u32::from(population.phone_of(child, day).is_some());
        }
        assert!(reachable > 50, "{reachable}");
    }
}
