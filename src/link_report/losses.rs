//! Where pairs were lost: missed and wrong pairs told apart by what is known of records and people.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;

use super::People;
use super::people::Known;
use crate::rehearsal::Linked;
use crate::report::data::{Loss, LossGroup};

/// Rows of one group; the kinds with the most pairs come first.
const MOST_KINDS: usize = 25;
/// Said of records and people of which nothing is known that would tell them apart.
const NOTHING: &str = "nothing known";

/// Two records, by their places in the run.
type Places = (usize, usize);

/// The pairs that were lost.
struct Lost {
    missed: Vec<Places>,
    wrong: Vec<Places>,
}

/// All groups for which something is known.
pub(super) fn all(linked: &Linked, people: &People) -> Vec<LossGroup> {
    let lost = Lost::of(linked, people);
    let mut groups = vec![stages(linked, &lost)];
    if people.errors_known {
        groups.push(lost.group("By kind of error in the records", |pair| {
            errors(people, pair)
        }));
    }
    if !people.kinds.is_empty() {
        groups.push(lost.group("By culture of the name", |pair| cultures(people, pair)));
        groups.push(lost.group("By kinship", |pair| kinship(people, pair)));
    }
    groups
}

impl Lost {
    fn of(linked: &Linked, people: &People) -> Self {
        let known: Vec<(usize, usize, u64)> = people
            .records
            .iter()
            .enumerate()
            .filter_map(|(place, known)| {
                let person = known.as_ref()?.person;
                Some((place, person, cluster(linked, place)))
            })
            .collect();
        Self {
            missed: apart(&known, |record| record.1, |record| record.2),
            wrong: apart(&known, |record| record.2, |record| record.1),
        }
    }

    /// Counts the pairs by kind; a pair may be of several.
    fn group(&self, name: &str, kinds: impl Fn(Places) -> BTreeSet<String>) -> LossGroup {
        let mut rows: BTreeMap<String, Loss> = BTreeMap::new();
        let mut add = |pair: Places, count: fn(&mut Loss) -> &mut u64| {
            for kind in kinds(pair) {
                let row = rows.entry(kind.clone()).or_insert_with(|| Loss {
                    kind,
                    ..Loss::default()
                });
                *count(row) += 1;
            }
        };
        self.missed
            .iter()
            .for_each(|pair| add(*pair, |row| &mut row.missed));
        self.wrong
            .iter()
            .for_each(|pair| add(*pair, |row| &mut row.wrong));
        let mut rows: Vec<Loss> = rows.into_values().collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.missed + row.wrong));
        rows.truncate(MOST_KINDS);
        LossGroup {
            name: name.to_owned(),
            rows,
        }
    }
}

/// The cluster of a record; one set aside is alone.
fn cluster(linked: &Linked, place: usize) -> u64 {
    match linked.records[place].number {
        Some(number) => u64::from(linked.resolution.cluster_of[number as usize]),
        None => u64::from(u32::MAX) + 1 + place as u64,
    }
}

/// Pairs of records that are alike in `same` and not in `other`.
fn apart<R: Copy, S: Hash + Eq, O: Eq>(
    records: &[(usize, R, u64)],
    same: impl Fn(&(usize, R, u64)) -> S,
    other: impl Fn(&(usize, R, u64)) -> O,
) -> Vec<Places> {
    let mut groups: HashMap<S, Vec<&(usize, R, u64)>> = HashMap::new();
    for record in records {
        groups.entry(same(record)).or_default().push(record);
    }
    let mut pairs = Vec::new();
    for group in groups.values() {
        for (place, left) in group.iter().enumerate() {
            let rest = group[place + 1..].iter();
            let differing = rest.filter(|right| other(left) != other(right));
            pairs.extend(differing.map(|right| (left.0, right.0)));
        }
    }
    pairs
}

/// What became of the pair on its way.
fn stages(linked: &Linked, lost: &Lost) -> LossGroup {
    let resolution = &linked.resolution;
    let cut: BTreeMap<usize, _> = resolution
        .cuts
        .iter()
        .map(|cut| (cut.pair, cut.reason))
        .collect();
    lost.group("By what became of the pair", |pair| {
        let words = match super::pair::scored_place(linked, pair) {
            None => "never met in a pass".to_owned(),
            Some(place) => match cut.get(&place) {
                Some(reason) => format!("likely, but {}", reason.in_words()),
                None if resolution.scored.at(place).odds_millibits > 0 => {
                    "met and likely".to_owned()
                }
                None => "met, but too unlike".to_owned(),
            },
        };
        BTreeSet::from([words])
    })
}

fn known(people: &People, (left, right): Places) -> impl Iterator<Item = &Known> {
    [left, right]
        .into_iter()
        .filter_map(|place| people.records[place].as_ref())
}

fn errors(people: &People, pair: Places) -> BTreeSet<String> {
    let errors = known(people, pair).flat_map(|known| known.errors.iter().cloned());
    let errors: BTreeSet<String> = errors.collect();
    if errors.is_empty() {
        return BTreeSet::from(["no error".to_owned()]);
    }
    errors
}

fn cultures(people: &People, pair: Places) -> BTreeSet<String> {
    let culture = |known: &Known| match people.kinds[known.person].culture.as_str() {
        "" => NOTHING.to_owned(),
        culture => culture.to_owned(),
    };
    known(people, pair).map(culture).collect()
}

fn kinship(people: &People, pair: Places) -> BTreeSet<String> {
    let persons: Vec<usize> = known(people, pair).map(|known| known.person).collect();
    let set = |place: usize| {
        persons
            .get(place)
            .map(|person| &people.kinds[*person].twin_set)
    };
    let words = match (set(0), set(1)) {
        _ if persons.first() == persons.last() => "one person",
        (Some(left), Some(right)) if left == right && !left.is_empty() => "twins",
        _ => "two people who are not twins",
    };
    BTreeSet::from([words.to_owned()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missed_and_wrong_pairs_are_the_two_ways_to_differ() {
        // Persons a a b, clusters 1 2 2.
        let records = [(0, 'a', 1), (1, 'a', 2), (2, 'b', 2)];
        let missed = apart(&records, |record| record.1, |record| record.2);
        let wrong = apart(&records, |record| record.2, |record| record.1);
        assert_eq!((missed, wrong), (vec![(0, 1)], vec![(1, 2)]));
    }

    #[test]
    fn a_pair_counts_in_each_of_its_kinds_and_the_commonest_come_first() {
        let lost = Lost {
            missed: vec![(0, 1), (0, 2)],
            wrong: vec![(3, 4)],
        };
        let kinds = |(left, right): Places| BTreeSet::from([left, right].map(|n| n.to_string()));
        let group = lost.group("by record", kinds);
        let first = &group.rows[0];
        assert_eq!(
            (first.kind.as_str(), first.missed, first.wrong),
            ("0", 2, 0)
        );
        assert_eq!(group.rows.len(), 5);
    }
}
