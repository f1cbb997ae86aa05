//! What leaves prepare: comparable inside a block, incomparable across blocks and keys.

use model::layout::Row;
use model::{Epoch, RunNumber};
use records::RawField;
use secret::Key32;

use super::*;
use crate::keys::LinkageKey;

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
]
pass = [
  { name = "born", block = ["born"] },
  { name = "name", block = ["given.code", "surname.code", "born.year"] },
]
[[party]]
name = "a"
title = "A"
duplicates = false
record_id = "id"
[party.map]
given = { columns = ["given"] }
surname = { columns = ["surname"] }
born = { columns = ["born"], formats = ["YYYY-MM-DD", "YYYY"] }
"#;

pub(crate) fn schema(profile: &str) -> LinkageSchema {
    LinkageSchema::parse(&SCHEMA.replace("standard", profile)).unwrap()
}

fn raw(row: u64, key: &str, fields: [&str; 3]) -> RawRecord {
    let fields = fields
        .iter()
        .map(|field| RawField::new((*field).to_owned()))
        .collect();
    RawRecord {
        row,
        key: LocalKey::new(key.to_owned()),
        fields,
    }
}

struct Setting {
    profile: &'static str,
    linkage: u8,
    node: u8,
    run: u32,
}

const BASE: Setting = Setting {
    profile: "standard",
    linkage: 1,
    node: 1,
    run: 1,
};

fn prepare(setting: &Setting, records: Vec<RawRecord>) -> Result<Prepared, PrepareError> {
    let schema = schema(setting.profile);
    let layout = Layout::of(&schema);
    let project = "p".parse().unwrap();
    let linkage = LinkageKey::new(Key32::from_bytes(&mut [setting.linkage; 32]));
    let epoch = linkage.epoch(&project, Epoch(1), &schema);
    let secret = Key32::from_bytes(&mut [setting.node; 32]);
    let node = NodeKeys::derive(&secret, &project, Epoch(1), RunNumber(setting.run));
    let plan = ColumnPlan::of(&schema, PartyIndex(0));
    let mut preparer = Preparer::new(&schema, &layout, PartyIndex(0), &plan, &epoch, &node);
    preparer.add(records)?;
    Ok(preparer.finish())
}

fn people() -> Vec<RawRecord> {
    vec![
        raw(1, "k1", ["Amina", "Diallo", "1985-03-09"]),
        raw(2, "k2", ["Amina", "Diallo", "1985-03-09"]),
        raw(3, "k3", ["Jose", "Silva", "1990"]),
        raw(4, "k4", ["", "", ""]),
    ]
}

fn rows(prepared: &Prepared) -> Vec<Row<'_>> {
    prepared.rows.iter().map(Row::new).collect()
}

#[test]
fn counts_add_up_and_rows_leave_in_handle_order() {
    let prepared = prepare(&BASE, people()).ok().unwrap();
    let report = &prepared.report;
    assert_eq!((report.records, report.rows, report.set_aside), (4, 8, 1));
    // Whoever can meet nobody is not in the sample either.
    assert_eq!(report.calibration_rows, 3);
    assert_eq!(report.set_aside_examples, [4]);
    assert_eq!(report.present, [3, 3, 3]);
    let handles: Vec<_> = rows(&prepared).iter().map(|row| row.handle()).collect();
    assert!(handles.is_sorted());
    assert_eq!(
        handles,
        prepared
            .handle_map
            .iter()
            .map(|entry| entry.pass)
            .collect::<Vec<_>>()
    );
}

#[test]
fn equal_records_meet_in_every_pass_and_look_alike_there() {
    let prepared = prepare(&BASE, people()).ok().unwrap();
    let layout = Layout::of(&schema("standard"));
    let rows = rows(&prepared);
    let mut met = 0;
    for (place, left) in rows.iter().enumerate() {
        for right in rows[place + 1..]
            .iter()
            .filter(|right| right.token() == left.token())
        {
            met += 1;
            for part in &layout.parts {
                let differing = bits::hamming(left.signature(part), right.signature(part));
                assert!(
                    differing < part.bits / 4,
                    "flips alone change about a tenth"
                );
            }
        }
    }
    assert_eq!(met, 2);
}

#[test]
fn blocks_are_incomparable_unless_the_profile_says_so() {
    let given_across_passes = |profile: &'static str| {
        let prepared = prepare(&Setting { profile, ..BASE }, people())
            .ok()
            .unwrap();
        let layout = Layout::of(&schema(profile));
        let record = prepared.vault[0].0;
        let own: Vec<Row<'_>> = rows(&prepared)
            .into_iter()
            .zip(&prepared.handle_map)
            .filter(|(_, entry)| entry.record == record)
            .map(|(row, _)| row)
            .collect();
        let part = &layout.parts[0];
        bits::hamming(own[0].signature(part), own[1].signature(part))
    };
    assert!(
        given_across_passes("standard") > 80,
        "unrelated signatures differ in half of 256 bits"
    );
    assert_eq!(given_across_passes("field-bloom"), 0);
}

#[test]
fn another_linkage_key_changes_tokens_and_another_run_only_handles() {
    let tokens = |setting: &Setting| {
        let prepared = prepare(setting, people()).ok().unwrap();
        let mut tokens: Vec<_> = rows(&prepared).iter().map(|row| row.token()).collect();
        tokens.sort();
        tokens
    };
    assert_ne!(tokens(&BASE), tokens(&Setting { linkage: 2, ..BASE }));
    let (first, second) = (Setting { ..BASE }, Setting { run: 2, ..BASE });
    assert_eq!(tokens(&first), tokens(&second));
    let handles = |setting| prepare(setting, people()).ok().unwrap().handle_map;
    assert!(
        handles(&first)
            .iter()
            .all(|entry| !handles(&second).contains(entry))
    );
}

#[test]
fn noise_is_the_same_in_every_run_of_an_epoch() {
    let layout = Layout::of(&schema("standard"));
    let signatures = |run| {
        let prepared = prepare(&Setting { run, ..BASE }, people()).ok().unwrap();
        let mut signatures: Vec<Vec<u8>> = rows(&prepared)
            .iter()
            .map(|row| row.signature(&layout.parts[0]).to_vec())
            .collect();
        signatures.sort();
        signatures
    };
    assert_eq!(signatures(1), signatures(2));
}

#[test]
fn repeated_and_empty_record_ids_are_refused_by_row() {
    let twice = vec![
        raw(1, "k", ["A", "B", "1990"]),
        raw(2, "k", ["C", "D", "1991"]),
    ];
    let message = prepare(&BASE, twice).err().unwrap().to_string();
    assert!(
        message.contains("row 2") && message.contains("row 1"),
        "{message}"
    );
    let empty = prepare(&BASE, vec![raw(1, " ", ["A", "B", "1990"])])
        .err()
        .unwrap();
    assert!(matches!(empty, PrepareError::EmptyRecordId { row: 1 }));
}

/// What every node must write, to the byte, under these rules. When this fails, encodings have
/// changed: count up `model::schema::RULES`, or nodes of two builds link garbage without noticing.
#[test]
fn rows_are_those_of_the_rules_in_force() {
    let prepared = prepare(&BASE, people()).ok().unwrap();
    assert_eq!(
        (
            model::schema::RULES,
            model::Digest::of(&prepared.rows.to_vec())
                .to_string()
                .as_str()
        ),
        (
            "symbolon rules 6, unicode 17, any_ascii 0.3.3",
            "a89ed502a37c9d39b0d99b46f5eab71b01e2ab383f030c22bf52b53150db97bd"
        )
    );
}
