//! Who lives under one roof on a day, and what each is to the head.

use super::date::Date;
use super::names::Sex;
use super::people::{DwellingIx, PersonIx, Population};

/// What a member is to the head of the household, in the social registry's words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Relation {
    Head,
    Spouse,
    Child,
    Parent,
    OtherRelative,
}

impl Relation {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Spouse => "spouse",
            Self::Child => "child",
            Self::Parent => "parent",
            Self::OtherRelative => "other relative",
        }
    }
}

/// The people of one dwelling, the head first.
pub(super) struct Household {
    pub(super) dwelling: DwellingIx,
    pub(super) members: Vec<(PersonIx, Relation)>,
}

/// The households of the country on `day`.
pub(super) fn on(population: &Population, day: Date) -> Vec<Household> {
    let people = 0..population.people.len() as PersonIx;
    let living = people.filter(|&person| population.person(person).is_alive(day));
    let mut roofs: Vec<(DwellingIx, PersonIx)> = living
        .filter_map(|person| Some((population.dwelling_of(person, day)?, person)))
        .collect();
    roofs.sort_unstable();
    let households = roofs.chunk_by(|one, other| one.0 == other.0);
    households
        .map(|roof| household(population, roof, day))
        .collect()
}

fn household(population: &Population, roof: &[(DwellingIx, PersonIx)], day: Date) -> Household {
    let people: Vec<PersonIx> = roof.iter().map(|&(_, person)| person).collect();
    let head = head_of(population, &people, day);
    let mut members: Vec<(PersonIx, Relation)> = people
        .iter()
        .map(|&person| (person, relation(population, head, person, day)))
        .collect();
    members.sort_by_key(|&(person, relation)| (relation as u8, population.person(person).born));
    Household {
        dwelling: roof[0].0,
        members,
    }
}

/// The husband of the couple of the house, or else the oldest not yet old, or else the oldest.
fn head_of(population: &Population, people: &[PersonIx], day: Date) -> PersonIx {
    let rank = |position: &PersonIx| {
        let person = population.person(*position);
        let keeps_house = person.homes.last().is_some_and(|(since, _)| *since <= day);
        let husband = person.sex == Sex::Male && person.marriage.is_some();
        (
            !keeps_house,
            !husband,
            day.age_since(person.born) >= 75,
            person.born,
        )
    };
    people.iter().copied().min_by_key(rank).unwrap_or(people[0])
}

fn relation(population: &Population, head: PersonIx, person: PersonIx, day: Date) -> Relation {
    let (of_head, of_person) = (population.person(head), population.person(person));
    let married = |other: &super::people::Marriage| {
        other.on <= day && other.divorced.is_none_or(|end| end > day)
    };
    let spouse = of_head
        .marriage
        .as_ref()
        .filter(|marriage| married(marriage))
        .map(|marriage| marriage.spouse);
    let is_parent = |parent: PersonIx, child: &super::people::Person| {
        child.mother == Some(parent) || child.father == Some(parent)
    };
    if person == head {
        Relation::Head
    } else if spouse == Some(person) {
        Relation::Spouse
    } else if is_parent(head, of_person)
        || spouse.is_some_and(|spouse| is_parent(spouse, of_person))
    {
        Relation::Child
    } else if is_parent(person, of_head)
        || spouse.is_some_and(|spouse| is_parent(person, population.person(spouse)))
    {
        Relation::Parent
    } else {
        Relation::OtherRelative
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::country::names::NameBook;
    use crate::country::population::grow;
    use crate::country::spelling::Spellings;
    use std::collections::HashSet;

    #[test]
    fn everyone_lives_somewhere_once() {
        let population = grow(3_000, 2, &NameBook::open(), &Spellings::open());
        let day = Date::of(2022, 7, 1);
        let households = on(&population, day);
        let members: Vec<PersonIx> = households
            .iter()
            .flat_map(|one| one.members.iter().map(|member| member.0))
            .collect();
        let distinct: HashSet<PersonIx> = members.iter().copied().collect();
        let living = population
            .people
            .iter()
            .filter(|person| person.is_alive(day))
            .count();
        assert_eq!((members.len(), distinct.len()), (living, living));
    }

    #[test]
    fn households_have_one_head_and_all_kinds_of_kin() {
        let population = grow(3_000, 2, &NameBook::open(), &Spellings::open());
        let mut kinds = HashSet::new();
        for household in on(&population, Date::of(2022, 7, 1)) {
            let heads = household
                .members
                .iter()
                .filter(|member| member.1 == Relation::Head)
                .count();
            assert_eq!((heads, household.members[0].1), (1, Relation::Head));
            kinds.extend(household.members.iter().map(|member| member.1.word()));
        }
        assert_eq!(kinds.len(), 5, "{kinds:?}");
    }
}
