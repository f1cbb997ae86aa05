//! With a key server, who has the linkage key alone makes other tokens; with the same server all nodes make
//! the same; and what does not go through it stays as it was.

use std::collections::BTreeSet;
use std::fmt::{Debug, Display};

use model::layout::Row;
use model::{KeyCheck, Layout, PassIndex, RunNumber};
use records::{LocalKey, RawField};
use static_assertions::assert_not_impl_any;

use super::*;
use crate::keys::NodeKeys;
use crate::prepare::{PrepareError, Prepared, Preparer};

assert_not_impl_any!(Outputs: Debug, Display, Clone, PartialEq);
assert_not_impl_any!(UnservedKeys: Debug, Display, Clone, PartialEq);

const SCHEMA: &str = r#"
format = 1
name = "s"
revision = 1
profile = "standard"
latest_year = 2025
field = [
  { name = "born", kind = "date" },
  { name = "number", kind = "identifier" },
]
pass = [
  { name = "born", block = ["born"] },
  { name = "number", block = ["number"] },
  { name = "both", block = ["number", "born.year"] },
]
[[party]]
name = "a"
title = "A"
duplicates = false
record_id = "id"
[party.map]
born = { columns = ["born"], formats = ["YYYY-MM-DD"] }
number = { columns = ["number"] }
"#;
const NUMBER: usize = 1;

fn schema() -> LinkageSchema {
    LinkageSchema::parse(SCHEMA).unwrap()
}

fn people(numbers: &[&str]) -> Vec<RawRecord> {
    let of = |(row, number): (u64, &&str)| RawRecord {
        row,
        key: LocalKey::new(format!("k{row}")),
        fields: ["1985-03-09", number]
            .map(|text| RawField::new(text.to_owned()))
            .into(),
    };
    (1..).zip(numbers).map(of).collect()
}

const NUMBERS: [&str; 4] = ["CD1234567", "CD1234567", "CD7654321", ""];

fn unserved() -> UnservedKeys {
    let linkage = LinkageKey::new(Key32::from_bytes(&mut [1; 32]));
    linkage.unserved_epoch(&"p".parse().unwrap(), Epoch(1), &schema(), &[NUMBER])
}

fn asked(numbers: &[&str]) -> Vec<Input> {
    let (schema, keys) = (schema(), unserved());
    let plan = ColumnPlan::of(&schema, PartyIndex(0));
    let mut reader = InputReader::new(&keys, &schema, PartyIndex(0), &plan);
    people(numbers).iter().for_each(|raw| reader.read(raw));
    reader.finish()
}

/// A server that is no more than a keyed hash.
fn answers(server: u8, inputs: &[Input]) -> Outputs {
    let key = Key32::from_bytes(&mut [server; 32]).prf();
    let mut outputs = Outputs::default();
    for input in inputs {
        outputs.insert(*input, &mut key.tag(&[input]));
    }
    outputs
}

/// Prepared with a key server, or without.
fn prepare(server: Option<u8>, asked_for: &[&str]) -> Result<(Prepared, KeyCheck), PrepareError> {
    let schema = schema();
    let project = "p".parse().unwrap();
    let keys = match server {
        Some(server) => {
            let outputs = answers(server, &asked(asked_for));
            unserved().serve(&schema, outputs).ok().unwrap()
        }
        None => LinkageKey::new(Key32::from_bytes(&mut [1; 32])).epoch(&project, Epoch(1), &schema),
    };
    let (layout, plan) = (Layout::of(&schema), ColumnPlan::of(&schema, PartyIndex(0)));
    let secret = Key32::from_bytes(&mut [2; 32]);
    let node = NodeKeys::derive(&secret, &project, Epoch(1), RunNumber(1));
    let mut preparer = Preparer::new(&schema, &layout, PartyIndex(0), &plan, &keys, &node);
    preparer.add(people(&NUMBERS))?;
    Ok((preparer.finish(), keys.check()))
}

fn tokens(prepared: &Prepared, pass: u8) -> BTreeSet<[u8; 16]> {
    let rows = prepared.rows.iter().map(Row::new);
    let rows = rows.filter(|row| row.pass() == PassIndex(pass));
    rows.map(|row| *row.token().as_bytes()).collect()
}

fn served(server: u8) -> (Prepared, KeyCheck) {
    prepare(Some(server), &NUMBERS).ok().unwrap()
}

#[test]
fn each_value_is_asked_for_once_and_each_field_for_its_own() {
    assert_eq!(asked(&NUMBERS).len(), 3);
    assert_eq!(asked(&[""]).len(), 1);
    assert!(asked(&NUMBERS).is_sorted());
}

#[test]
fn tokens_of_identifiers_take_the_server_and_all_others_do_not() {
    let (without, check) = prepare(None, &[]).ok().unwrap();
    let (with, served_check) = served(7);
    assert_eq!(tokens(&with, 0), tokens(&without, 0));
    for pass in [1, 2] {
        assert_eq!(tokens(&with, pass).len(), tokens(&without, pass).len());
        assert!(tokens(&with, pass).is_disjoint(&tokens(&without, pass)));
    }
    assert_ne!(check, served_check);
}

#[test]
fn nodes_agree_by_the_server_and_by_no_other() {
    let (one, same, other) = (served(7), served(7), served(8));
    for pass in [0, 1, 2] {
        assert_eq!(tokens(&one.0, pass), tokens(&same.0, pass));
    }
    assert!(tokens(&one.0, 1).is_disjoint(&tokens(&other.0, 1)));
    assert_eq!(one.1, same.1);
    assert_ne!(one.1, other.1);
}

/// In blocks that do not go through the server too, the number's own signature does.
#[test]
fn signatures_of_identifiers_take_the_server_in_every_block() {
    let (schema, layout) = (schema(), Layout::of(&schema()));
    let parts = |field: usize| layout.parts.iter().filter(move |part| part.field == field);
    let born = |prepared: &Prepared, field: usize| -> BTreeSet<Vec<u8>> {
        let rows = prepared.rows.iter().map(Row::new);
        let rows = rows.filter(|row| row.pass() == PassIndex(0));
        rows.flat_map(|row| parts(field).map(move |part| signature(row, part)))
            .collect()
    };
    let without = prepare(None, &[]).ok().unwrap().0;
    let with = served(7).0;
    assert_eq!(born(&with, 0), born(&without, 0));
    let present = |set: BTreeSet<Vec<u8>>| -> BTreeSet<Vec<u8>> {
        let set = set.into_iter();
        set.filter(|bytes| bytes.iter().any(|byte| *byte != 0))
            .collect()
    };
    let number = present(born(&with, NUMBER));
    assert!(!number.is_empty() && number.is_disjoint(&present(born(&without, NUMBER))));
    assert_eq!(schema.fields.len(), 2);
}

fn signature(row: Row<'_>, part: &model::Part) -> Vec<u8> {
    row.signature(part).to_vec()
}

#[test]
fn outputs_stay_when_they_move_to_make_room() {
    let of = |number: u32| {
        let (mut input, mut output) = (Input::default(), [7; 32]);
        input[..4].copy_from_slice(&number.to_le_bytes());
        output[..4].copy_from_slice(&number.to_le_bytes());
        (input, output)
    };
    let mut outputs = Outputs::default();
    for number in 0..3 * MIN_OUTPUTS as u32 {
        let (input, mut output) = of(number);
        outputs.insert(input, &mut output);
        assert_eq!(output, [0; 32]);
    }
    assert_eq!(outputs.len(), 3 * MIN_OUTPUTS);
    let all = (0..3 * MIN_OUTPUTS as u32).map(of);
    for (input, output) in all {
        assert_eq!(outputs.0.get(&input), Some(&output));
    }
}

#[test]
fn a_value_nobody_asked_for_is_refused_and_not_encoded_without() {
    let refused = prepare(Some(7), &NUMBERS[..2]).err().unwrap();
    assert!(matches!(refused, PrepareError::NotServed { row: 3 }));
    let nothing = unserved().serve(&schema(), Outputs::default()).err();
    assert_eq!(nothing, Some(MissingOutput(NUMBER)));
}
