//! The resolver on comparisons made from a small simulated population.

use model::{PartyIndex, PassIndex, RecordHandle, Silent};

use super::*;
use crate::comparison::{GRADES, MISSING, RowId, push_header};
use crate::evaluate;

const SCHEMA: &str = r#"
format = 1
name = "s"
revision = 1
profile = "standard"
latest_year = 2025
field = [
  { name = "given", kind = "given-name" },
  { name = "surname", kind = "surname" },
  { name = "born", kind = "date" },
  { name = "sex", kind = "sex" },
  { name = "town", kind = "place" },
]
pass = [{ name = "born", block = ["born"] }, { name = "name", block = ["given.code", "surname.code"] }]
[[party]]
name = "a"
title = "A"
duplicates = true
record_id = "id"
map = { given = { columns = ["g"] } }
[[party]]
name = "b"
title = "B"
duplicates = false
record_id = "id"
map = { given = { columns = ["g"] } }
"#;

/// A small generator of numbers (Marsaglia's xorshift64), so that a simulation repeats.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

#[derive(Clone, Copy)]
struct Person {
    values: [u64; 5],
}

struct World {
    schema: LinkageSchema,
    layout: Layout,
    sets: Vec<RecordSet>,
    comparisons: Vec<u8>,
    person_of: Vec<(PartyIndex, RecordHandle, usize)>,
}

fn pass_handle(party: u8, record: usize, pass: u8) -> PassHandle {
    let mut bytes = [0; 16];
    bytes[..10].copy_from_slice(&[&[party, pass][..], &record.to_le_bytes()].concat());
    PassHandle::new(bytes)
}

fn record_handle(record: usize) -> RecordHandle {
    let mut bytes = [0; 16];
    // Handles come in no order that the records have.
    bytes[..8].copy_from_slice(
        &(record as u64 + 1)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .to_be_bytes(),
    );
    RecordHandle::new(bytes)
}

impl World {
    /// Every person is in both parties; each value is misrecorded or missing now and then.
    fn simulate(persons: usize, seed: u64) -> Self {
        let chance = &mut Chance(seed);
        let schema = LinkageSchema::parse(SCHEMA).unwrap();
        let layout = Layout::of(&schema);
        let domain = [40, 60, 300, 2, 10];
        let people: Vec<Person> = (0..persons)
            .map(|_| Person {
                values: domain.map(|size| chance.below(size)),
            })
            .collect();
        let mut recorded: Vec<Vec<[Option<u64>; 5]>> = Vec::new();
        for _ in 0..2 {
            let rows = people.iter().map(|person| {
                std::array::from_fn(|field| match chance.below(100) {
                    0..=4 => None,
                    5..=8 => Some(chance.below(domain[field])),
                    _ => Some(person.values[field]),
                })
            });
            recorded.push(rows.collect());
        }
        let mut world = Self {
            schema,
            layout,
            sets: Vec::new(),
            comparisons: Vec::new(),
            person_of: Vec::new(),
        };
        for party in 0..2u8 {
            let handles = (0..persons).flat_map(|record| {
                (0..2).map(move |pass| (pass_handle(party, record, pass), record_handle(record)))
            });
            world.sets.push(RecordSet::of(PartyIndex(party), handles));
            world
                .person_of
                .extend((0..persons).map(|p| (PartyIndex(party), record_handle(p), p)));
        }
        for (left, a) in recorded[0].iter().enumerate() {
            for (right, b) in recorded[1].iter().enumerate() {
                for (pass, fields) in [(0, vec![2]), (1, vec![0, 1])] {
                    if fields
                        .iter()
                        .all(|field: &usize| a[*field].is_some() && a[*field] == b[*field])
                    {
                        world.push((left, a), (right, b), pass, chance);
                    }
                }
            }
        }
        world
    }

    fn push(
        &mut self,
        left: (usize, &[Option<u64>; 5]),
        right: (usize, &[Option<u64>; 5]),
        pass: u8,
        chance: &mut Chance,
    ) {
        let sides = |l: usize, r: usize| match (left.1[l], right.1[r]) {
            (Some(a), Some(b)) if a == b => GRADES - chance_below(chance, 2),
            (Some(_), Some(_)) => chance_below(chance, 4),
            _ => MISSING,
        };
        let fields: Vec<usize> = self.layout.parts.iter().map(|part| part.field).collect();
        let mut sides = sides;
        let grades: Vec<u8> = self
            .layout
            .slots
            .iter()
            .map(|slot| {
                if fields[slot.left] == fields[slot.right] {
                    sides(fields[slot.left], fields[slot.right])
                } else {
                    0
                }
            })
            .collect();
        let end = |batch: u16, record: usize| RowId {
            batch,
            row: record as u32 * 2 + u32::from(pass),
        };
        push_header(
            &mut self.comparisons,
            PassIndex(pass),
            end(0, left.0),
            end(1, right.0),
        );
        self.comparisons.extend(grades);
    }

    fn resolve_with(&self, scratch: &Scratch) -> Resolution {
        resolve(
            &self.schema,
            &self.layout,
            &self.sets,
            &[],
            &mut self.comparisons.as_slice(),
            scratch,
            &Silent,
        )
        .unwrap()
    }

    fn resolve(&self) -> Resolution {
        self.resolve_with(&Scratch::in_memory())
    }

    fn quality(&self, resolution: &Resolution) -> crate::Quality {
        let assigned = self.person_of.iter().map(|(party, handle, person)| {
            let number = resolution.records.number(*party, *handle).unwrap();
            (resolution.cluster_of[number as usize], person)
        });
        evaluate(assigned)
    }
}

fn chance_below(chance: &mut Chance, limit: u64) -> u8 {
    chance.below(limit) as u8
}

#[test]
fn a_simulated_population_is_linked_without_truth() {
    for seed in 1..=10 {
        let world = World::simulate(400, seed);
        let resolution = world.resolve();
        let quality = world.quality(&resolution);
        assert!(resolution.fit.converged, "seed {seed}");
        // One pair in ten has lost too much to be told from a namesake, or never met.
        assert!(
            quality.precision() > 0.95 && quality.recall() > 0.85,
            "seed {seed}: {quality:?}"
        );
    }
}

#[test]
fn the_memory_there_is_does_not_matter() {
    let world = World::simulate(150, 7);
    let directory = tempfile::tempdir().unwrap();
    let (all, little) = (
        world.resolve(),
        world.resolve_with(&Scratch::in_directory(directory.path(), 1000)),
    );
    assert_eq!(
        (little.scored, little.cluster_of, little.links),
        (all.scored, all.cluster_of, all.links)
    );
}

#[test]
fn the_order_of_comparisons_does_not_matter() {
    let mut world = World::simulate(150, 7);
    let before = world.resolve();
    let width = crate::ComparisonLayout::of(&world.layout).row_bytes();
    let mut rows: Vec<Vec<u8>> = world
        .comparisons
        .chunks(width)
        .map(<[u8]>::to_vec)
        .collect();
    rows.reverse();
    world.comparisons = rows.concat();
    let after = world.resolve();
    assert_eq!(
        (before.cluster_of, before.links),
        (after.cluster_of, after.links)
    );
}

#[test]
fn a_party_without_duplicates_gives_a_cluster_one_record() {
    let resolution = World::simulate(400, 5).resolve();
    for cluster in resolution.clusters() {
        let of_b = cluster
            .iter()
            .filter(|record| resolution.records.party(**record) == PartyIndex(1))
            .count();
        assert!(of_b <= 1);
    }
}

#[test]
fn nothing_compared_leaves_every_record_alone() {
    let mut world = World::simulate(5, 1);
    world.comparisons.clear();
    let resolution = world.resolve();
    assert!(resolution.links.is_empty());
    assert_eq!(resolution.clusters().len(), 10);
}

#[test]
fn comparisons_and_handle_maps_must_belong_together() {
    let refused = |change: &dyn Fn(&mut World)| {
        let mut world = World::simulate(20, 1);
        change(&mut world);
        let result = resolve(
            &world.schema,
            &world.layout,
            &world.sets,
            &[],
            &mut world.comparisons.as_slice(),
            &Scratch::in_memory(),
            &Silent,
        );
        result
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    };
    let one_map_short = refused(&|world| world.sets[0] = RecordSet::of(PartyIndex(0), []));
    assert!(one_map_short.contains("handle map does not have"));
    let no_map = refused(&|world| world.sets.truncate(1));
    assert!(no_map.contains("of batch 1"));
    let cut_short = refused(&|world| {
        world.comparisons.pop();
    });
    assert!(cut_short.contains("cut short"));
}

/// Two records of party a that met, with the first left or right, and crosswise grades.
fn turned_pair(turn: bool) -> Vec<u16> {
    let schema = LinkageSchema::parse(SCHEMA).unwrap();
    let layout = Layout::of(&schema);
    let mirrored = layout.mirrored();
    let straight: Vec<u8> = (0..layout.slots.len())
        .map(|slot| (slot % 20) as u8)
        .collect();
    let [a, b] = [0, 1].map(|row| RowId { batch: 0, row });
    let mut comparisons = Vec::new();
    if turn {
        push_header(&mut comparisons, PassIndex(0), b, a);
        comparisons.extend(mirrored.iter().map(|slot| straight[*slot]));
    } else {
        push_header(&mut comparisons, PassIndex(0), a, b);
        comparisons.extend(&straight);
    }
    let handles = (0..2).map(|record| (pass_handle(0, record, 0), record_handle(record)));
    let sets = [RecordSet::of(PartyIndex(0), handles)];
    let records = Records::of(&schema, &sets).unwrap();
    let join = Join {
        schema: &schema,
        layout: &layout,
        variables: &Variables::of(&schema, &layout),
        records: &records,
        mirrored: &mirrored,
    };
    let (rows, scratch) = (Rows::of(&records, &sets), Scratch::in_memory());
    let buckets = Join::buckets(&scratch);
    let room = &mut Room::default();
    join.sort(&rows, &comparisons, room, &buckets).unwrap();
    let joined = join.run(buckets).unwrap();
    joined.patterns.get(0).levels.to_vec()
}

#[test]
fn a_pair_met_the_other_way_round_has_the_same_grades() {
    assert_eq!(turned_pair(false), turned_pair(true));
    let layout = Layout::of(&LinkageSchema::parse(SCHEMA).unwrap());
    let mirrored = layout.mirrored();
    assert!(
        mirrored
            .iter()
            .enumerate()
            .all(|(slot, other)| mirrored[*other] == slot)
    );
    assert!(
        mirrored
            .iter()
            .enumerate()
            .any(|(slot, other)| slot != *other)
    );
}

#[test]
fn grades_that_do_not_exist_are_refused() {
    let mut world = World::simulate(20, 1);
    *world.comparisons.last_mut().unwrap() = GRADES + 1;
    let result = resolve(
        &world.schema,
        &world.layout,
        &world.sets,
        &[],
        &mut world.comparisons.as_slice(),
        &Scratch::in_memory(),
        &Silent,
    );
    assert!(matches!(result, Err(ResolveError::BadGrade)));
}

#[test]
fn whole_records_are_linked_by_their_one_similarity() {
    let mut world = World::simulate(100, 3);
    world.schema = LinkageSchema::parse(&SCHEMA.replace("standard", "record-clk")).unwrap();
    world.layout = Layout::of(&world.schema);
    let (rows, mut comparisons) = (
        crate::ComparisonLayout::of(&Layout::of(&LinkageSchema::parse(SCHEMA).unwrap())),
        Vec::new(),
    );
    for comparison in rows.iter(&world.comparisons) {
        let same = comparison.left().row / 2 == comparison.right().row / 2;
        push_header(
            &mut comparisons,
            comparison.pass(),
            comparison.left(),
            comparison.right(),
        );
        comparisons.push(if same { 18 } else { 13 });
    }
    world.comparisons = comparisons;
    let quality = world.quality(&world.resolve());
    assert_eq!(quality.false_positives, 0);
    assert!(quality.recall() > 0.85, "{quality:?}");
}
