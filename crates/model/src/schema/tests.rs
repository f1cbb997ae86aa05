//! What a schema may say, and how each mistake is told.

use super::*;

const GOOD: &str = r#"
format = 1
name = "sample"
revision = 3
profile = "standard"
latest_year = 2025

[[field]]
name = "given"
kind = "given-name"
[[field]]
name = "born"
kind = "date"
[[field]]
name = "locality"
kind = "place"
within = "district"
[[field]]
name = "district"
kind = "code"

[[pass]]
name = "name-and-year"
block = ["given.code", "born.year"]

[[party]]
name = "sr"
title = "Social registry"
duplicates = true
record_id = "record_id"
[party.map]
given = { columns = ["full_name"], order = "given-first" }
born = { columns = ["birth_date"], formats = ["DD/MM/YYYY", "YYYY"], age = { column = "age", at = "asked" } }
"#;

fn refused(from: &str, to: &str) -> String {
    let text = GOOD.replacen(from, to, 1);
    assert_ne!(text, GOOD, "the replacement must change something");
    LinkageSchema::parse(&text).unwrap_err().to_string()
}

#[test]
fn a_good_schema_is_read() {
    let schema = LinkageSchema::parse(GOOD).unwrap();
    assert_eq!(schema.fields.len(), 4);
    assert_eq!(schema.fields[2].within, Some(3));
    assert_eq!(schema.passes[0].components[0].form, BlockForm::Code);
    assert_eq!(
        schema.party_index(&"sr".parse().unwrap()),
        Some(PartyIndex(0))
    );
    assert!(schema.parties[0].sources[2].is_none());
}

#[test]
fn the_digest_follows_meaning_not_spelling() {
    let digest = LinkageSchema::parse(GOOD).unwrap().digest();
    let spaced = GOOD.replace(" = ", "   =  ") + "\n# a comment\n";
    assert_eq!(LinkageSchema::parse(&spaced).unwrap().digest(), digest);
    let changed = GOOD.replace("revision = 3", "revision = 4");
    assert_ne!(LinkageSchema::parse(&changed).unwrap().digest(), digest);
}

#[test]
fn mistakes_are_named_with_their_place() {
    assert!(refused("format = 1", "format = 9").contains("format 9"));
    assert!(
        refused("\"given.code\"", "\"giver.code\"")
            .contains("pass `name-and-year`: there is no field `giver`")
    );
    assert!(refused("\"given.code\"", "\"born.code\"").contains("no form `code`"));
    assert!(refused("given = {", "surname = {").contains("names the field `surname`"));
    assert!(refused("\"DD/MM/YYYY\"", "\"DD/mm/YYYY\"").contains("is not a date format"));
    assert!(refused("within = \"district\"", "within = \"region\"").contains("no field `region`"));
    assert!(
        refused(
            "name = \"district\"\nkind = \"code\"",
            "name = \"district\"\nkind = \"date\""
        )
        .contains("must be a place")
    );
    assert!(refused("profile = \"standard\"", "profile = \"best\"").contains("best"));
    assert!(refused("revision = 3", "revision = 3\nextra = 1").contains("extra"));
}

#[test]
fn a_pass_on_one_common_value_is_refused() {
    let message = refused("[\"given.code\", \"born.year\"]", "[\"given.code\"]");
    assert!(message.contains("frequency attack"), "{message}");
    for lone in ["[\"given.code\", \"given\"]", "[\"district\"]"] {
        assert!(refused("[\"given.code\", \"born.year\"]", lone).contains("frequency attack"));
    }
    let date_alone = GOOD.replacen("[\"given.code\", \"born.year\"]", "[\"born\"]", 1);
    assert!(LinkageSchema::parse(&date_alone).is_ok());
}

#[test]
fn more_parts_than_presence_bits_are_refused() {
    let dates: String = (0..22)
        .map(|i| format!("[[field]]\nname = \"d{i}\"\nkind = \"date\"\n"))
        .collect();
    let message = refused(
        "[[field]]\nname = \"locality\"",
        &format!("{dates}[[field]]\nname = \"locality\""),
    );
    assert!(message.contains("allowed are 64"), "{message}");
}

#[test]
fn review_is_off_until_asked_for_and_counts_in_the_digest() {
    let of = |pairs: &str| {
        let text = GOOD.replacen(
            "latest_year = 2025",
            &format!("latest_year = 2025\n{pairs}"),
            1,
        );
        LinkageSchema::parse(&text).unwrap()
    };
    let (without, none, some) = (of(""), of("review.pairs = 0"), of("review.pairs = 20"));
    assert!(!without.review.is_on() && some.review.is_on());
    assert_eq!(without.digest(), none.digest());
    assert_ne!(without.digest(), some.digest());
}

#[test]
fn too_much_review_and_review_without_fields_are_refused() {
    let with = |pairs: u32| format!("latest_year = 2025\nreview = {{ pairs = {pairs} }}");
    let text = refused("latest_year = 2025", &with(10_001));
    assert_eq!(text, "review: `pairs` is 10001, the limit is 10000");
    let whole = format!("profile = \"record-clk\"\n{}", with(5));
    let text = refused("profile = \"standard\"\nlatest_year = 2025", &whole);
    assert!(text.contains("one vector a record"), "{text}");
}
