//! How a person comes by a name: what the parents are called, the culture's habits, and chance.

use super::culture::Culture;
use super::date::Date;
use super::names::Sex;
use super::people::{Person, PersonIx, join};
use super::population::Growth;

/// A person whose parents are not in the country's books.
pub(super) fn founder(growth: &mut Growth<'_>, culture: Culture, sex: Sex, born: Date) -> Person {
    let habits = culture.habits();
    let mut person = unnamed(culture, sex, born);
    person.father_as_surname = growth.rng.chance(habits.father_as_surname);
    give_name(growth, &mut person);
    if culture.father_in_the_middle() {
        person.patronymic = given(growth, culture, Sex::Male);
    }
    person.surname_at_birth = founding_surname(growth, &person);
    maybe_single(growth, &mut person);
    person
}

/// A child of `mother`, named as the father's people name children, or the mother's if there is no known father.
pub(super) fn child(
    growth: &mut Growth<'_>,
    father: Option<PersonIx>,
    mother: PersonIx,
    sex: Sex,
    born: Date,
    elder_twin: Option<&str>,
) -> Person {
    let named_after = growth.population.person(father.unwrap_or(mother));
    let mut person = unnamed(named_after.culture, sex, born);
    person.father_as_surname = named_after.father_as_surname;
    person.father = father;
    person.mother = Some(mother);
    give_name(growth, &mut person);
    // Twins have two names; only the lists' shortest would need more than a few draws.
    while Some(person.given.as_str()) == elder_twin && elder_twin != Some("Md") {
        person.given = given(growth, person.culture, sex);
    }
    if elder_twin.is_none() {
        maybe_like_father(growth, &mut person);
    }
    inherit(growth, &mut person, born);
    maybe_single(growth, &mut person);
    person
}

fn unnamed(culture: Culture, sex: Sex, born: Date) -> Person {
    Person {
        culture,
        sex,
        born,
        died: None,
        birth_place: None,
        given: String::new(),
        second: String::new(),
        patronymic: String::new(),
        surname_at_birth: String::new(),
        usual_given: None,
        father_as_surname: false,
        single_name: false,
        junior: false,
        disabled: false,
        twin_set: None,
        father: None,
        mother: None,
        marriage: None,
        homes: Vec::new(),
        phone: None,
    }
}

/// A given name; some parents have a spelling of their own.
fn given(growth: &mut Growth<'_>, culture: Culture, sex: Sex) -> String {
    let name = growth.book.given(culture, sex, &mut growth.rng);
    own_spelling(growth, name, culture)
}

fn own_spelling(growth: &mut Growth<'_>, name: &str, culture: Culture) -> String {
    let other = if growth.rng.chance(0.12) {
        growth.spellings.romanised(name, culture, &mut growth.rng)
    } else {
        None
    };
    other.unwrap_or_else(|| name.to_owned())
}

/// Given name, second name, usual name; and what else is drawn for each person alone.
fn give_name(growth: &mut Growth<'_>, person: &mut Person) {
    let (culture, sex) = (person.culture, person.sex);
    person.given = given(growth, culture, sex);
    if growth.rng.chance(culture.habits().second_name) {
        person.second = given(growth, culture, sex);
    }
    if culture == Culture::NorthIndian && sex == Sex::Male && growth.rng.chance(0.28) {
        person.second = std::mem::replace(&mut person.given, "Md".to_owned());
    }
    if growth.rng.chance(0.03) {
        person.usual_given = Some(given(growth, culture, sex));
    }
    person.disabled = growth.rng.chance(0.035);
}

fn founding_surname(growth: &mut Growth<'_>, person: &Person) -> String {
    let culture = person.culture;
    match culture {
        Culture::Ethiopian => given(growth, culture, Sex::Male),
        _ if person.father_as_surname => given(growth, culture, Sex::Male),
        Culture::Spanish => join([&family_name(growth, culture), &family_name(growth, culture)]),
        Culture::Portuguese => {
            let particle = if growth.rng.chance(0.12) {
                *growth.rng.pick(&["dos", "da", "de", "do"])
            } else {
                ""
            };
            join([
                &family_name(growth, culture),
                particle,
                &family_name(growth, culture),
            ])
        }
        _ => womans_surname(growth, person).unwrap_or_else(|| family_name(growth, culture)),
    }
}

fn family_name(growth: &mut Growth<'_>, culture: Culture) -> String {
    let name = growth.book.surname(culture, &mut growth.rng);
    own_spelling(growth, name, culture)
}

fn womans_surname(growth: &mut Growth<'_>, person: &Person) -> Option<String> {
    if person.sex == Sex::Male || !growth.rng.chance(0.55) {
        return None;
    }
    growth
        .book
        .female_surname(person.culture, &mut growth.rng)
        .map(str::to_owned)
}

/// Fills in what the child has from the parents: the father's name in the middle, the surname.
fn inherit(growth: &mut Growth<'_>, person: &mut Person, born: Date) {
    let own_womans = womans_surname(growth, person);
    let stand_in = given(growth, person.culture, Sex::Male);
    let mother = person.mother.map(|mother| growth.population.person(mother));
    let father = person.father.map(|father| growth.population.person(father));
    let named_after = father.or(mother);
    let fathers_name = father
        .map_or(stand_in.as_str(), Person::own_name)
        .to_owned();
    // A parent with a single name hands that on.
    let family = named_after.map_or("", |parent| {
        Some(parent.surname(born))
            .filter(|name| !name.is_empty())
            .unwrap_or(&parent.given)
    });
    let mothers = mother.map_or("", |mother| &mother.surname_at_birth);
    person.surname_at_birth = match person.culture {
        Culture::Ethiopian => {
            father.map_or_else(|| family.to_owned(), |father| father.patronymic.clone())
        }
        Culture::Spanish => join([first_part(family), first_part(mothers)]),
        Culture::Portuguese => join([last_part(mothers), last_part(family)]),
        _ if person.father_as_surname => fathers_name.clone(),
        _ => own_womans.unwrap_or_else(|| family.to_owned()),
    };
    if person.culture.father_in_the_middle() {
        person.patronymic = fathers_name;
    }
}

fn maybe_like_father(growth: &mut Growth<'_>, person: &mut Person) {
    let Some(father) = person.father else { return };
    if person.sex == Sex::Male && growth.rng.chance(person.culture.habits().like_father) {
        person.given = growth.population.person(father).given.clone();
        person.junior = person.culture == Culture::Southern && growth.rng.chance(0.6);
    }
}

fn maybe_single(growth: &mut Growth<'_>, person: &mut Person) {
    if growth.rng.chance(person.culture.habits().single_name) {
        person.given = person.own_name().to_owned();
        person.second.clear();
        person.surname_at_birth.clear();
        person.single_name = true;
    }
}

/// The first of two surnames.
pub(super) fn first_part(surname: &str) -> &str {
    surname.split(' ').next().unwrap_or(surname)
}

/// The last of several surnames, with the particle before it.
pub(super) fn last_part(surname: &str) -> &str {
    let Some(last) = surname.rfind(' ') else {
        return surname;
    };
    let before = surname[..last].rfind(' ').map_or(0, |at| at + 1);
    let with_particle = matches!(&surname[before..last], "dos" | "da" | "de" | "do" | "das");
    if with_particle {
        &surname[before..]
    } else {
        &surname[last + 1..]
    }
}

#[cfg(test)]
mod tests {
    use super::super::population::grow;
    use super::*;
    use crate::country::names::NameBook;
    use crate::country::spelling::Spellings;

    #[test]
    fn parts_of_surnames() {
        assert_eq!(first_part("Guamán Soliz"), "Guamán");
        assert_eq!(last_part("Lopes dos Santos"), "dos Santos");
        assert_eq!(last_part("Lopes Inocêncio"), "Inocêncio");
        assert_eq!(last_part("Lopes"), "Lopes");
    }

    #[test]
    fn children_are_named_as_their_culture_has_it() {
        let population = grow(3_000, 1, &NameBook::open(), &Spellings::open());
        let with_father = population
            .people
            .iter()
            .filter_map(|person| Some((person, population.person(person.father?))));
        for (person, father) in with_father.filter(|(person, _)| !person.single_name) {
            match person.culture {
                Culture::Ethiopian => {
                    assert_eq!(person.patronymic, father.given);
                    assert_eq!(person.surname_at_birth, father.patronymic);
                }
                Culture::Arabic => assert_eq!(person.patronymic, father.given),
                Culture::Spanish => {
                    assert_eq!(
                        first_part(&person.surname_at_birth),
                        first_part(&father.surname_at_birth)
                    );
                }
                Culture::Portuguese => {
                    assert_eq!(
                        last_part(&person.surname_at_birth),
                        last_part(&father.surname_at_birth)
                    );
                }
                _ => assert!(!person.surname_at_birth.is_empty()),
            }
        }
    }

    #[test]
    fn odd_names_occur() {
        let people = grow(5_000, 1, &NameBook::open(), &Spellings::open()).people;
        let count = |test: fn(&Person) -> bool| people.iter().filter(|person| test(person)).count();
        assert!(count(|person| person.given == "Md") > 30);
        assert!(count(|person| person.single_name) > 10);
        assert!(count(|person| person.junior) > 3);
        assert!(count(|person| person.usual_given.is_some()) > 80);
        assert!(
            count(|person| person.surname(super::super::date::REFERENCE) != person.surname_at_birth)
                > 200
        );
    }
}
