//! Last things, when all families are there: telephones, and who lives with whose relatives.

use super::date::Date;
use super::people::{PersonIx, Phone};
use super::population::Growth;

/// Settles everyone from position `first` on.
pub(super) fn settle(growth: &mut Growth<'_>, first: usize) {
    let carers = Carers::among(growth, first);
    for position in first..growth.population.people.len() {
        let phone = phone(growth, position);
        growth.population.people[position].phone = phone;
        join_relatives(growth, position as PersonIx, &carers);
    }
}

/// For each person a married child, if there is one.
struct Carers {
    first: usize,
    children: Vec<Option<PersonIx>>,
}

impl Carers {
    fn among(growth: &Growth<'_>, first: usize) -> Self {
        let people = &growth.population.people;
        let mut children = vec![None; people.len() - first];
        let married = people.iter().enumerate().skip(first);
        for (position, person) in married.filter(|(_, person)| person.marriage.is_some()) {
            for parent in [person.father, person.mother].into_iter().flatten() {
                children[parent as usize - first] = Some(position as PersonIx);
            }
        }
        Self { first, children }
    }

    fn of(&self, parent: PersonIx) -> Option<PersonIx> {
        self.children[parent as usize - self.first]
    }
}

/// A move to relatives that may come about.
struct Offer {
    day: Date,
    host: PersonIx,
    odds: f64,
}

fn join_relatives(growth: &mut Growth<'_>, position: PersonIx, carers: &Carers) {
    let offer = in_old_age(growth, position, carers).or_else(|| in_youth(growth, position, carers));
    let Some(Offer { day, host, odds }) = offer else {
        return;
    };
    let homes = &growth.population.person(position).homes;
    if homes.iter().all(|(since, _)| *since < day)
        && growth.rng.chance(odds)
        && let Some(dwelling) = growth.population.dwelling_of(host, day)
    {
        growth.move_in(position, dwelling, day);
    }
}

/// Widowed old people move in with a child.
fn in_old_age(growth: &Growth<'_>, position: PersonIx, carers: &Carers) -> Option<Offer> {
    let person = growth.population.person(position);
    let spouse = person.marriage.as_ref()?.spouse;
    let widowed = growth.population.person(spouse).died?;
    (widowed.age_since(person.born) >= 58).then_some(Offer {
        day: widowed.plus_days(200),
        host: carers.of(position)?,
        odds: 0.75,
    })
}

/// A few of the young go to an uncle or an aunt.
fn in_youth(growth: &Growth<'_>, position: PersonIx, carers: &Carers) -> Option<Offer> {
    let person = growth.population.person(position);
    if person.marriage.is_some() {
        return None;
    }
    let mother = person.mother?;
    let grandmother = growth.population.person(mother).mother?;
    Some(Offer {
        day: person.born.plus_years(9),
        host: carers.of(grandmother).filter(|&host| host != mother)?,
        odds: 0.12,
    })
}

fn phone(growth: &mut Growth<'_>, position: usize) -> Option<Phone> {
    let rng = &mut growth.rng;
    let grown = growth.population.people[position].born.plus_years(16);
    let offered = rng.quantile(&[0, 1_500, 2_500, 3_500, 5_500]);
    let since = grown.max(Date::of(2003, 1, 1).plus_days(offered));
    let changed = since.plus_days(rng.quantile(&[200, 1_000, 2_000, 3_500]));
    let changed = rng.chance(0.4).then_some(changed);
    rng.chance(0.78).then_some(Phone { since, changed })
}
