//! Who marries whom, what it does to the names, where the two live, and how it may end.

use super::culture::Culture;
use super::date::{Date, REFERENCE};
use super::names::Sex;
use super::naming::{first_part, last_part};
use super::people::{Marriage, Person, PersonIx, join};
use super::population::{Couple, Growth};

/// Husbands' ages at marriage, in equally likely steps.
const AGES: [i32; 8] = [19, 22, 24, 26, 28, 30, 33, 40];
/// How many places of the list a man looks at for a wife before he stays single.
const REACH: usize = 80;

/// Marries the children of one generation among each other; returns the couples.
pub(super) fn marry_off(growth: &mut Growth<'_>, children: &[PersonIx]) -> Vec<Couple> {
    let of_sex = |growth: &Growth<'_>, sex| {
        let all = children.iter().copied();
        all.filter(|&person| growth.population.person(person).sex == sex)
            .collect::<Vec<_>>()
    };
    let mut men = of_sex(growth, Sex::Male);
    let women = of_sex(growth, Sex::Female);
    let mut market = Market::open(growth, women);
    growth.rng.shuffle(&mut men);
    let mut couples = Vec::new();
    for man in men {
        if growth.rng.chance(0.88)
            && let Some(woman) = market.wife_for(growth, man)
        {
            couples.extend(wed(growth, man, woman));
        }
    }
    couples
}

/// The women of a generation, by culture and birth.
struct Market {
    women: Vec<(usize, Date, PersonIx)>,
    taken: Vec<bool>,
}

impl Market {
    fn open(growth: &Growth<'_>, women: Vec<PersonIx>) -> Self {
        let entry = |woman| {
            let person = growth.population.person(woman);
            (person.culture.position(), person.born, woman)
        };
        let mut women: Vec<_> = women.into_iter().map(entry).collect();
        women.sort_unstable();
        Self {
            taken: vec![false; women.len()],
            women,
        }
    }

    /// A woman of his culture, seldom of another, about as old as he would have her.
    fn wife_for(&mut self, growth: &mut Growth<'_>, man: PersonIx) -> Option<PersonIx> {
        let own = growth.population.person(man).culture;
        let other = *growth.rng.pick(&Culture::ALL);
        let (first, second) = if growth.rng.chance(0.05) {
            (other, own)
        } else {
            (own, other)
        };
        let elsewhere = growth.rng.chance(0.25);
        let found = self.search(growth, man, first);
        let found = if found.is_none() && elsewhere {
            self.search(growth, man, second)
        } else {
            found
        }?;
        self.taken[found] = true;
        Some(self.women[found].2)
    }

    fn search(&self, growth: &mut Growth<'_>, man: PersonIx, culture: Culture) -> Option<usize> {
        let wanted = growth
            .population
            .person(man)
            .born
            .plus_days(growth.rng.between(-500, 2_500));
        let middle = self.women.partition_point(|&(position, born, _)| {
            (position, born) < (culture.position(), wanted)
        });
        let near =
            (0..REACH).flat_map(|step| [middle.checked_add(step), middle.checked_sub(step + 1)]);
        near.flatten().find(|&at| {
            let Some(&(position, _, woman)) = self.women.get(at) else {
                return false;
            };
            !self.taken[at] && position == culture.position() && suits(growth, man, woman)
        })
    }
}

fn suits(growth: &Growth<'_>, man: PersonIx, woman: PersonIx) -> bool {
    let (man, woman) = (
        growth.population.person(man),
        growth.population.person(woman),
    );
    let related = man.mother.is_some() && man.mother == woman.mother
        || man.father.is_some() && man.father == woman.father;
    let gap = woman.born.days_since(man.born);
    !related && (-1_800..5_500).contains(&gap)
}

/// Marries two persons, if both live to see the day; none otherwise.
pub(super) fn wed(growth: &mut Growth<'_>, husband: PersonIx, wife: PersonIx) -> Option<Couple> {
    let age = growth.rng.quantile(&AGES) * 365 + growth.rng.between(0, 364);
    let (man, woman) = (
        growth.population.person(husband),
        growth.population.person(wife),
    );
    let day = man
        .born
        .plus_days(age)
        .max(woman.born.plus_days(17 * 365 + age % 1_000));
    if day >= REFERENCE || !man.is_alive(day) || !woman.is_alive(day) {
        return None;
    }
    let new_surname = married_name(growth, husband, wife, day);
    let divorced = divorce(growth, husband, wife, day);
    let surname_returns = growth.rng.chance(0.6);
    let marriage = |spouse, new_surname| Marriage {
        spouse,
        on: day,
        new_surname,
        divorced,
        surname_returns,
    };
    growth.population.people[husband as usize].marriage = Some(marriage(wife, None));
    growth.population.people[wife as usize].marriage = Some(marriage(husband, new_surname));
    share_home(growth, husband, wife, day, divorced);
    Some(Couple {
        husband,
        wife,
        since: day,
    })
}

fn married_name(
    growth: &mut Growth<'_>,
    husband: PersonIx,
    wife: PersonIx,
    day: Date,
) -> Option<String> {
    let culture = growth.population.person(husband).culture;
    if !growth.rng.chance(culture.habits().married_name) {
        return None;
    }
    let (man, woman) = (
        growth.population.person(husband),
        growth.population.person(wife),
    );
    let his = man.surname(day);
    let name = match culture {
        _ if his.is_empty() => return None,
        Culture::Spanish => join([first_part(&woman.surname_at_birth), "de", first_part(his)]),
        Culture::Portuguese => join([last_part(&woman.surname_at_birth), last_part(his)]),
        _ => his.to_owned(),
    };
    (name != woman.surname_at_birth).then_some(name)
}

fn divorce(
    growth: &mut Growth<'_>,
    husband: PersonIx,
    wife: PersonIx,
    wedding: Date,
) -> Option<Date> {
    if !growth.rng.chance(0.08) {
        return None;
    }
    let day = wedding.plus_days(growth.rng.quantile(&[300, 1_500, 3_000, 5_000, 9_000]));
    let both_live = [husband, wife]
        .iter()
        .all(|&one| Person::is_alive(growth.population.person(one), day));
    (both_live && day < REFERENCE).then_some(day)
}

fn share_home(
    growth: &mut Growth<'_>,
    husband: PersonIx,
    wife: PersonIx,
    day: Date,
    divorced: Option<Date>,
) {
    let culture = growth.population.person(husband).culture;
    let place = growth.new_place(husband, culture, day);
    let dwelling = growth.dwelling(place);
    let moved = day.plus_days(growth.rng.quantile(&[300, 1_500, 3_000, 6_000, 12_000]));
    if growth.rng.chance(0.3) && moved < REFERENCE {
        let next = growth.new_place(husband, culture, day);
        let address = growth.population.map.address(next, &mut growth.rng);
        let home = &mut growth.population.dwellings[dwelling as usize];
        home.moved = Some((
            moved,
            home.place,
            std::mem::replace(&mut home.address, address),
        ));
        home.place = next;
    }
    growth.move_in(husband, dwelling, day);
    growth.move_in(wife, dwelling, day);
    if let Some(day) = divorced {
        let place = growth.new_place(wife, culture, day);
        let alone = growth.dwelling(place);
        growth.move_in(wife, alone, day);
    }
}
