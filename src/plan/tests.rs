//! Tests of the whole planner on small made-up registries, and what its parts' tests share.

use std::fmt::Write;
use std::path::Path;

use model::{LinkageSchema, PartyIndex, Silent};
use secret::SeededEntropy;

use super::survival::scrambled;
use super::*;

/// Two registries; fields given, surname, name, born, sex, district, region, phone.
const SCHEMA: &str = r#"
format = 1
name = "test"
revision = 1
profile = "standard"
latest_year = 2025
field = [
  { name = "given", kind = "given-name" },
  { name = "surname", kind = "surname" },
  { name = "name", kind = "full-name" },
  { name = "born", kind = "date" },
  { name = "sex", kind = "sex" },
  { name = "district", kind = "code", within = "region" },
  { name = "region", kind = "code" },
  { name = "phone", kind = "phone" },
]
PASSES
[[party]]
name = "a"
title = "A"
duplicates = false
record_id = "id"
map.given = { columns = ["given"] }
map.surname = { columns = ["surname"] }
map.name = { columns = ["given", "surname"] }
map.born = { columns = ["born"], formats = ["YYYY-MM-DD"] }
map.sex = { columns = ["sex"], codes = { m = "m", f = "f" } }
map.district = { columns = ["district"] }
map.region = { columns = ["region"] }
map.phone = { columns = ["phone"] }
[[party]]
name = "b"
title = "B"
duplicates = false
record_id = "id"
map.given = { columns = ["given"] }
map.surname = { columns = ["surname"] }
map.name = { columns = ["given", "surname"] }
map.born = { columns = ["born"], formats = ["YYYY-MM-DD"] }
map.sex = { columns = ["sex"], codes = { m = "m", f = "f" } }
map.district = { columns = ["district"] }
map.region = { columns = ["region"] }
"#;

const PASS: &str = "[[pass]]\nname = \"given-and-born\"\nblock = [\"given.code\", \"born\"]\n";

/// The schema's text with these passes.
pub(super) fn schema_with_passes(passes: &str) -> String {
    SCHEMA.replace("PASSES", passes)
}

pub(super) fn schema() -> LinkageSchema {
    LinkageSchema::parse(&schema_with_passes(PASS)).unwrap()
}

/// A party of so many records of each shape, without values.
pub(super) fn party(place: u8, duplicates: bool, shapes: &[(&[u8], u32)]) -> PartyBlocks {
    let mut party = PartyBlocks::empty(&format!("p{place}"), duplicates, 0);
    for (shape, count) in shapes {
        party.records += *count as usize;
        party.shapes.insert((*shape).into(), *count);
    }
    party
}

const PERSONS: u64 = 1500;

/// Persons with independent values: 20 given names, 40 surnames, 40 years, 20 districts, but four in
/// ten of region r0. Party `b` lacks nothing and errs in nothing but the given name of every tenth.
fn write_registry(path: &Path, party: &str) {
    let mut text = "id,given,surname,born,sex,district,region,phone\n".to_owned();
    for person in 0..PERSONS {
        let draw = |about: u64, of: u64| scrambled(scrambled(person) ^ about) % of;
        let other = if party == "b" && person % 10 == 0 {
            1
        } else {
            0
        };
        let letter = |number: u64| char::from(b'b' + (number % 20) as u8);
        let given = letter(draw(1, 20) + other);
        let surname = draw(2, 40);
        let region = draw(6, 10).saturating_sub(3);
        writeln!(
            text,
            "{party}{person},{given}a{given}o,{}u{}a,{}-{:02}-{:02},{},d{},r{region},07{:07}",
            letter(surname),
            letter(surname / 20 + 5),
            1960 + draw(3, 40),
            1 + draw(4, 12),
            2 + draw(5, 27),
            if person % 2 == 0 { "m" } else { "f" },
            region * 20 + draw(7, 20),
            scrambled(person) % 10_000_000,
        )
        .unwrap();
    }
    std::fs::write(path, text).unwrap();
}

fn planned(options: &Options, seed: u64, passes: &str) -> Plan {
    let dir = tempfile::tempdir().unwrap();
    let files = ["a", "b"].map(|name| {
        let path = dir.path().join(name);
        write_registry(&path, name);
        PartyFile {
            party: PartyIndex(u8::from(name == "b")),
            label: name.to_owned(),
            path,
        }
    });
    let schema = LinkageSchema::parse(&schema_with_passes(passes)).unwrap();
    let persons = (0..PERSONS).flat_map(|person| {
        ["a", "b"].map(|name| {
            let record = (name.to_owned(), format!("{name}{person}"));
            (record, person.to_string())
        })
    });
    let truth = Truth(persons.collect());
    let mut entropy = SeededEntropy::new(seed);
    plan(
        &schema,
        &files,
        Some(&truth),
        options,
        (&mut entropy, &Silent),
    )
    .unwrap()
}

const OPTIONS: Options = Options {
    max_pairs_per_record: 20.0,
    max_passes: 6,
};

#[test]
fn a_plan_is_complete_and_within_its_budget() {
    let plan = planned(&OPTIONS, 1, PASS);
    assert!(plan.chosen.pairs() <= 20.0 * plan.records);
    assert!((1..=6).contains(&plan.chosen.passes.len()));
    assert!(plan.chosen.completeness() > plan.present.completeness());
    assert!(plan.chosen.actual_completeness() > Some(0.99));
    let present = plan.present.actual_completeness().unwrap();
    assert!((present - 0.9).abs() < 0.01, "{present}");
}

#[test]
fn what_is_proposed_can_be_pasted() {
    let plan = planned(&OPTIONS, 1, PASS);
    let pasted = LinkageSchema::parse(&schema_with_passes(&toml(&plan))).unwrap();
    assert_eq!(pasted.passes.len(), plan.chosen.passes.len());
    let json = json(&plan);
    assert_eq!(
        json["proposed"]["passes"].as_array().unwrap().len(),
        pasted.passes.len()
    );
    assert!(text(&plan).contains("[[pass]]"));
}

#[test]
fn the_hash_key_changes_nothing() {
    let (one, two) = (planned(&OPTIONS, 1, PASS), planned(&OPTIONS, 2, PASS));
    assert_eq!(json(&one), json(&two));
}

#[test]
fn a_skewed_value_is_refused_by_name() {
    let plan = planned(&OPTIONS, 1, PASS);
    let text = text(&plan);
    let line = text
        .lines()
        .find(|line| line.contains("region alone"))
        .unwrap();
    assert!(
        line.starts_with("refused") && line.contains("commonest value holds 4"),
        "{line}"
    );
}

/// Of independent values the pairs that meet by chance are those expected, and the pairs of one
/// person, a fixed number, come on top.
#[test]
fn pairs_are_foreseen_on_independent_values() {
    let passes = [
        ["given.code", "district"],
        ["born.year", "sex"],
        ["given.code", "born.year"],
    ];
    for block in passes {
        let pass = format!("[[pass]]\nname = \"p\"\nblock = {block:?}\n");
        let plan = planned(&OPTIONS, 1, &pass);
        let pass = &plan.present.passes[0];
        let actual = pass.actual.as_ref().unwrap();
        let by_chance = (actual.pairs - actual.meets.count()) as f64;
        let error = pass.measured.cost.pairs / by_chance - 1.0;
        assert!(error.abs() < 0.1, "{block:?}: {error}");
    }
}

#[test]
fn one_party_without_duplicates_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    write_registry(&path, "a");
    let file = PartyFile {
        party: PartyIndex(0),
        label: "a".to_owned(),
        path,
    };
    let mut entropy = SeededEntropy::new(1);
    let outcome = plan(&schema(), &[file], None, &OPTIONS, (&mut entropy, &Silent));
    assert!(outcome.is_err());
}
