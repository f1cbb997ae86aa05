//! The vectors made with clkhash 0.18.3: encodings bit for bit, conversions, refusals.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use zeroize::Zeroizing;

use super::file::{Header, ReadOptions, encode_csv};
use super::{ClkEncoder, ClkSchema, ClkSecret, Document};

fn directory() -> PathBuf {
    PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/data/clkhash"
    ))
}

fn read(name: &str) -> Value {
    let bytes = fs::read(directory().join(name)).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn texts(value: &Value) -> Vec<String> {
    let texts = value.as_array().unwrap().iter();
    texts
        .map(|text| text.as_str().unwrap().to_owned())
        .collect()
}

/// Header and rows as CSV, everything quoted.
fn csv(vector: &Value) -> String {
    let rows = vector["rows"].as_array().unwrap();
    let rows = std::iter::once(&vector["header"]).chain(rows);
    let quote = |cell: String| format!("\"{}\"", cell.replace('"', "\"\""));
    rows.map(|row| {
        let cells: Vec<String> = texts(row).into_iter().map(quote).collect();
        cells.join(",") + "\n"
    })
    .collect()
}

/// The CLKs, or why there are none.
fn encode(vector: &Value, options: ReadOptions) -> Result<Vec<String>, String> {
    let schema = vector["schema"].to_string();
    let schema = ClkSchema::parse(schema.as_bytes()).map_err(|error| error.to_string())?;
    let secret = vector["secret"].as_str().unwrap_or("secret");
    let secret = ClkSecret::new(Zeroizing::new(secret.as_bytes().to_vec()));
    let encoder = ClkEncoder::new(schema, &secret).map_err(|error| error.to_string())?;
    let mut output = Vec::new();
    let input = csv(vector);
    encode_csv(
        &encoder,
        input.as_bytes(),
        &mut output,
        options,
        &model::Silent,
    )
    .map_err(|error| error.to_string())?;
    let output: Value = serde_json::from_slice(&output).unwrap();
    Ok(texts(&output["clks"]))
}

#[test]
fn encodings_are_those_of_clkhash() {
    let mut names: Vec<String> = fs::read_dir(directory())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with(|first: char| first.is_ascii_digit()))
        .collect();
    names.sort();
    assert_eq!(names.len(), 25);
    for name in names {
        let vector = read(&name);
        let clks = encode(&vector, ReadOptions::default());
        assert_eq!(clks, Ok(texts(&vector["clks"])), "{name}");
    }
}

#[test]
fn trimmed_encodings_are_those_of_earlier_versions() {
    let vector = read("trim-compat.json");
    let trimmed = ReadOptions {
        header: Header::Checked,
        trim: true,
    };
    assert_eq!(encode(&vector, trimmed), Ok(texts(&vector["clks_trimmed"])));
    assert!(encode(&vector, ReadOptions::default()).is_err());
}

#[test]
fn old_schemas_convert_as_in_clkhash() {
    for pair in read("conversions.json").as_array().unwrap() {
        let from = pair["from"].to_string();
        let (converted, _) = Document::read(from.as_bytes()).unwrap();
        let converted: Value = serde_json::from_str(&converted.to_string()).unwrap();
        assert_eq!(converted, pair["to"]);
    }
}

#[test]
fn bad_schemas_are_refused() {
    let errors = read("errors.json");
    for case in errors["invalid_schemas"].as_array().unwrap() {
        let schema = case["schema"].to_string();
        let refused = ClkSchema::parse(schema.as_bytes());
        assert!(refused.is_err(), "{}: {}", case["name"], case["why"]);
    }
}

#[test]
fn bad_data_is_refused_with_row_and_column_and_without_value() {
    let errors = read("errors.json");
    for case in errors["invalid_data"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let error = encode(case, ReadOptions::default()).expect_err(name);
        let reference = case["message"].as_str().unwrap();
        if reference.contains("in row 0") {
            assert!(
                error.starts_with("row 0 (line 2), column `a`"),
                "{name}: {error}"
            );
        }
        if reference.starts_with("Row 1") {
            assert!(error.starts_with("row 1 (line 3)"), "{name}: {error}");
        }
        for value in texts(&case["rows"][0])
            .iter()
            .filter(|value| value.len() > 1)
        {
            assert!(!error.contains(value.as_str()), "{name}: {error}");
        }
    }
}
