//! Each registry's own way of writing ends in the same canonical form.

use super::*;
use crate::raw::{LocalKey, RawField};

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
  { name = "phone", kind = "phone" },
]
pass = [{ name = "born", block = ["born"] }]
[[party]]
name = "sr"
title = "SR"
duplicates = false
record_id = "id"
[party.map]
given = { columns = ["full_name"], order = "given-first" }
surname = { columns = ["full_name"], order = "given-first" }
born = { columns = ["birth_date"], formats = ["DD/MM/YYYY", "YYYY"], age = { column = "age", at = "asked" } }
sex = { columns = ["sex"], codes = { Male = "m", female = "f", unknown = "" } }
phone = { columns = ["phone"] }
"#;

/// Columns: full_name, birth_date, age, asked, sex, phone (the plan's order follows the schema's fields).
fn normalised(values: [&str; 6]) -> (NormalisedRecord, Vec<Problem>) {
    let schema = LinkageSchema::parse(SCHEMA).unwrap();
    let plan = ColumnPlan::of(&schema, PartyIndex(0));
    assert_eq!(
        plan.columns(),
        ["full_name", "birth_date", "age", "asked", "sex", "phone"]
    );
    let raw = RawRecord {
        row: 1,
        key: LocalKey::new("k".into()),
        fields: values
            .iter()
            .map(|value| RawField::new((*value).to_owned()))
            .collect(),
    };
    let mut problems = Vec::new();
    let record = Normaliser::new(&schema, PartyIndex(0), &plan).normalise(&raw, &mut problems);
    (record, problems)
}

fn words(value: &Option<NormalisedValue>) -> Vec<&str> {
    match value {
        Some(NormalisedValue::Words(words)) => words.iter().map(String::as_str).collect(),
        _ => Vec::new(),
    }
}

fn text(value: &Option<NormalisedValue>) -> Option<&str> {
    match value {
        Some(NormalisedValue::Text(text) | NormalisedValue::Code(text)) => Some(text),
        _ => None,
    }
}

#[test]
fn a_full_row_is_read() {
    let (record, problems) = normalised([
        "Md Kazi Rahman",
        "09/03/1988",
        "",
        "",
        "MALE",
        "+91 772-071-743",
    ]);
    assert_eq!(words(&record.values[0]), ["mohammed", "kazi"]);
    assert_eq!(words(&record.values[1]), ["rahman"]);
    assert_eq!(text(&record.values[3]), Some("m"));
    assert_eq!(text(&record.values[4]), Some("772071743"));
    assert!(problems.is_empty());
}

#[test]
fn an_age_stands_in_for_a_missing_date() {
    let (record, _) = normalised(["A", "", "37", "2023-01-25", "", ""]);
    let Some(NormalisedValue::Date(date)) = &record.values[2] else {
        panic!("no date")
    };
    assert_eq!((date.year, date.month), (Some(1986), None));
}

#[test]
fn unusable_values_are_told_by_field_and_kind_only() {
    let (record, problems) = normalised(["A", "someday", "", "", "divers", "n/a"]);
    let kinds: Vec<_> = problems
        .iter()
        .map(|problem| (problem.field, problem.kind))
        .collect();
    assert_eq!(
        kinds,
        [
            (2, ProblemKind::UnreadableDate),
            (3, ProblemKind::UnknownCode),
            (4, ProblemKind::NothingUsable)
        ]
    );
    assert!(record.values[1..].iter().all(Option::is_none));
}

#[test]
fn a_code_mapped_to_nothing_is_missing() {
    let (record, problems) = normalised(["A", "", "", "", "Unknown", ""]);
    assert!(record.values[3].is_none() && problems.is_empty());
}

#[test]
fn a_date_of_noughts_is_no_date() {
    let (record, problems) = normalised(["A", "00/00/0000", "", "", "", ""]);
    assert!(record.values[2].is_none());
    assert_eq!(problems[0].kind, ProblemKind::UnreadableDate);
}

#[test]
fn records_are_marked_with_the_events_their_registry_says_and_no_others() {
    let events = "record_id = \"id\"\nevents = { column = \"kind\", codes = { death = \"death\", d = \"death\" } }";
    let text = SCHEMA.replace("record_id = \"id\"", events);
    let schema = LinkageSchema::parse(&text).unwrap();
    assert_ne!(
        schema.digest(),
        LinkageSchema::parse(SCHEMA).unwrap().digest()
    );
    assert!(schema.party(PartyIndex(0)).marks(LifeEvent::Death));
    assert!(!schema.party(PartyIndex(0)).marks(LifeEvent::Birth));
    let plan = ColumnPlan::of(&schema, PartyIndex(0));
    assert_eq!(plan.columns().last().unwrap(), "kind");
    let normaliser = Normaliser::new(&schema, PartyIndex(0), &plan);
    let event = |word: &str| {
        let fields = ["", "", "", "", "", "", word].map(|value| RawField::new(value.to_owned()));
        let key = LocalKey::new("k".into());
        normaliser.event(&RawRecord {
            row: 1,
            key,
            fields: fields.into(),
        })
    };
    assert_eq!(event(" Death "), Some(LifeEvent::Death));
    assert_eq!(event("D"), Some(LifeEvent::Death));
    assert_eq!(event("birth"), None);
    assert_eq!(event(""), None);
}
