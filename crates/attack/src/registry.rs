//! Records and whose each is, and the scene of an attack: what was encoded, what the attacker holds,
//! and who is really who.

use std::collections::{BTreeMap, BTreeSet};

use encode::{MadeDecoy, TrialKeys};
use model::LinkageSchema;
use records::NormalisedRecord;

use crate::draw::Draws;

/// Records in canonical form, each of a person with a number, and the decoys that are sent among them.
pub struct Registry {
    records: Vec<NormalisedRecord>,
    persons: Vec<u32>,
    decoys: Vec<MadeDecoy>,
    total: usize,
}

impl Registry {
    /// Records of as many persons.
    pub fn new(records: Vec<NormalisedRecord>) -> Self {
        let total = records.len();
        Self::sampled(records, total)
    }

    /// Records of as many persons, drawn at random from a registry that has `total`.
    pub fn sampled(records: Vec<NormalisedRecord>, total: usize) -> Self {
        Self {
            persons: (0..records.len() as u32).collect(),
            total: total.max(records.len()),
            decoys: Vec::new(),
            records,
        }
    }

    /// Records with the number of the person each belongs to.
    pub fn of_persons(records: Vec<NormalisedRecord>, persons: Vec<u32>) -> Self {
        debug_assert_eq!(records.len(), persons.len());
        Self {
            total: records.len(),
            decoys: Vec::new(),
            records,
            persons,
        }
    }

    /// With decoys that start from these records.
    #[must_use]
    pub fn with_decoys(self, decoys: Vec<MadeDecoy>) -> Self {
        Self { decoys, ..self }
    }

    /// With about `permille` decoys for a thousand records, as a node makes them, under keys made from `seed`.
    #[must_use]
    pub fn with_trial_decoys(self, schema: &LinkageSchema, permille: u32, seed: u64) -> Self {
        let keys = TrialKeys::new(schema, seed ^ 0x7a, seed ^ 0x7b);
        let decoys = keys.decoys(permille, &self.records);
        self.with_decoys(decoys)
    }

    /// The decoys.
    pub fn decoys(&self) -> &[MadeDecoy] {
        &self.decoys
    }

    /// The records.
    pub fn records(&self) -> &[NormalisedRecord] {
        &self.records
    }

    /// How many records the registry has from which these were drawn; as many as there are where it is whole.
    pub fn total(&self) -> usize {
        self.total
    }

    /// Whose each record is.
    pub fn persons(&self) -> &[u32] {
        &self.persons
    }

    /// Where the first record of each person is.
    fn by_person(&self) -> BTreeMap<u32, usize> {
        let mut first = BTreeMap::new();
        for (place, person) in self.persons.iter().enumerate() {
            first.entry(*person).or_insert(place);
        }
        first
    }

    /// The decoys that start from one of the records at `places`: a sample has as large a share of decoys as
    /// the whole, and they sit beside those they were made of.
    fn decoys_from(&self, places: &BTreeSet<usize>) -> Vec<&NormalisedRecord> {
        let decoys = self.decoys.iter();
        let decoys = decoys.filter(|decoy| places.contains(&(decoy.from as usize)));
        decoys.map(|decoy| &decoy.record).collect()
    }
}

/// How much the attacker knows: two sets of people of one size, of which a part is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Persons on either side.
    pub people: usize,
    /// Persons in both, in per cent.
    pub overlap: u32,
}

/// What an attack is about. One record a person on either side, in random order.
pub struct Scene<'a> {
    /// The records that are encoded.
    pub target: Vec<&'a NormalisedRecord>,
    /// The records the attacker holds in clear.
    pub register: Vec<&'a NormalisedRecord>,
    /// Where in the register each target record's person is, if there.
    pub truth: Vec<Option<u32>>,
    /// Records of nobody among those that are encoded.
    pub decoys: Vec<&'a NormalisedRecord>,
}

impl<'a> Scene<'a> {
    /// Draws a scene: targets from one registry, the attacker's register from another, in which a person has
    /// the same number. With too few persons for `size` the scene is smaller, with the same overlap.
    pub fn draw(target: &'a Registry, register: &'a Registry, size: Size, seed: u64) -> Self {
        let (targets, registered) = (target.by_person(), register.by_person());
        let in_both = targets
            .keys()
            .filter(|person| registered.contains_key(*person));
        let mut both: Vec<u32> = in_both.copied().collect();
        let mut draws = Draws::apart(seed, 1);
        draws.shuffle(&mut both);
        let counts = Counts::fitting(targets.len(), registered.len(), both.len(), size);
        let (shared, mut rest) = both.split_at(counts.shared);
        let known: BTreeSet<u32> = both.iter().copied().collect();
        let mut others = |people: &BTreeMap<u32, usize>| {
            let alone = people.keys().filter(|person| !known.contains(*person));
            let mut alone: Vec<u32> = alone.copied().collect();
            draws.shuffle(&mut alone);
            alone.truncate(counts.others());
            let (taken, left) = rest.split_at(counts.others() - alone.len());
            rest = left;
            [shared, &alone, taken].concat()
        };
        let (mut of_target, mut of_register) = (others(&targets), others(&registered));
        draws.shuffle(&mut of_target);
        draws.shuffle(&mut of_register);
        let places: BTreeMap<u32, u32> = of_register.iter().copied().zip(0..).collect();
        Self {
            truth: of_target
                .iter()
                .map(|person| places.get(person).copied())
                .collect(),
            decoys: target.decoys_from(&of_target.iter().map(|person| targets[person]).collect()),
            target: of_target
                .iter()
                .map(|person| &target.records[targets[person]])
                .collect(),
            register: of_register
                .iter()
                .map(|person| &register.records[registered[person]])
                .collect(),
        }
    }

    /// All that is encoded: the records of people, and after them those of nobody.
    pub fn encoded(&self) -> Vec<&'a NormalisedRecord> {
        [&self.target[..], &self.decoys].concat()
    }

    /// Whether a record among [`Scene::encoded`] is of this person of the register. A decoy is of nobody.
    pub fn is_of(&self, record: u32, person: u32) -> bool {
        self.truth.get(record as usize) == Some(&Some(person))
    }

    /// Persons on both sides.
    pub fn shared(&self) -> usize {
        self.truth.iter().flatten().count()
    }

    /// How often a guess at random is right.
    pub fn prior(&self) -> f64 {
        let pairs = (self.target.len() + self.decoys.len()) * self.register.len();
        self.shared() as f64 / pairs.max(1) as f64
    }
}

/// How many persons stand where.
#[derive(Clone, Copy)]
struct Counts {
    people: usize,
    shared: usize,
}

impl Counts {
    /// The most persons up to `size` that the two registries have, if `both` of them are in both.
    fn fitting(target: usize, register: usize, both: usize, size: Size) -> Self {
        let counts = |people: usize| Self {
            people,
            shared: (people * size.overlap.min(100) as usize).div_ceil(100),
        };
        let fits = |counts: &Self| {
            let from_both = |all: usize| counts.others().saturating_sub(all - both);
            counts.shared + from_both(target) + from_both(register) <= both
        };
        (0..=size.people)
            .rev()
            .map(counts)
            .find(fits)
            .unwrap_or(counts(0))
    }

    fn others(self) -> usize {
        self.people - self.shared
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use records::NormalisedValue;

    fn registry(persons: std::ops::Range<u32>) -> Registry {
        let record = |person: u32| NormalisedRecord {
            values: vec![Some(NormalisedValue::Code(person.to_string()))],
        };
        Registry::of_persons(persons.clone().map(record).collect(), persons.collect())
    }

    fn code(record: &NormalisedRecord) -> &str {
        match &record.values[0] {
            Some(NormalisedValue::Code(code)) => code,
            _ => "",
        }
    }

    #[test]
    fn the_same_people_meet_and_no_others() {
        let (target, register) = (registry(0..300), registry(200..600));
        let size = Size {
            people: 100,
            overlap: 50,
        };
        let scene = Scene::draw(&target, &register, size, 7);
        assert_eq!(
            (scene.target.len(), scene.register.len(), scene.shared()),
            (100, 100, 50)
        );
        for (own, place) in scene.target.iter().zip(&scene.truth) {
            let same = |other: &&NormalisedRecord| code(other) == code(own);
            assert_eq!(
                scene.register.iter().position(same),
                place.map(|p| p as usize)
            );
        }
        assert!((scene.prior() - 0.005).abs() < 1e-9);
    }

    #[test]
    fn decoys_come_with_the_records_they_start_from_and_are_of_nobody() {
        let decoy = |from: u32| MadeDecoy {
            from,
            record: NormalisedRecord {
                values: vec![Some(NormalisedValue::Code(format!("of {from}")))],
            },
        };
        let all = registry(0..300).with_decoys((0..300).step_by(3).map(decoy).collect());
        let size = Size {
            people: 100,
            overlap: 50,
        };
        let without = registry(0..300);
        let scene = Scene::draw(&all, &all, size, 7);
        let plain = Scene::draw(&without, &all, size, 7);
        assert_eq!(scene.truth, plain.truth);
        let drawn = |decoy: &&NormalisedRecord| {
            scene
                .target
                .iter()
                .any(|own| code(decoy) == format!("of {}", code(own)))
        };
        assert!(scene.decoys.len() > 15 && scene.decoys.iter().all(drawn));
        assert_eq!(scene.encoded().len(), 100 + scene.decoys.len());
        assert!((0..100).all(|person| !scene.is_of(100, person)));
        assert!(scene.prior() < plain.prior());
    }

    #[test]
    fn a_scene_too_large_for_its_registry_shrinks() {
        let all = registry(0..300);
        let people = |overlap| {
            let size = Size {
                people: 1000,
                overlap,
            };
            let scene = Scene::draw(&all, &all, size, 7);
            (scene.target.len(), scene.shared())
        };
        assert_eq!(people(100), (300, 300));
        assert_eq!(people(50), (200, 100));
    }
}
