//! The vectors made with clkhash 0.18.3: encodings bit for bit, conversions, refusals.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use zeroize::Zeroizing;

use super::file::{Header, ReadOptions, encode_csv};
use super::filter::{Bits, Filter};
use super::hashing::TokenHash;
use super::schema::Encoding;
use super::{ClkEncoder, ClkSchema, ClkSecret, Document, kdf};

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

#[test]
fn the_steps_in_between_are_those_of_clkhash() {
    for record in read("intermediates.json").as_array().unwrap() {
        let schema = record["schema"].to_string();
        let schema = ClkSchema::parse(schema.as_bytes()).unwrap();
        let bits = schema.filter_bits;
        let secret = record["secret"].as_str().unwrap().as_bytes().to_vec();
        let secret = ClkSecret::new(Zeroizing::new(secret));
        let keys = kdf::derive(&secret, &schema.kdf, schema.features.len()).unwrap();
        let expected = record["features"].as_array().unwrap();
        for ((feature, keys), expected) in schema.features.iter().zip(keys).zip(expected) {
            assert_eq!(hex(&keys.first), expected["key0"]);
            assert_eq!(hex(&keys.second), expected["key1"]);
            let Some(rule) = &feature.rule else { continue };
            let mut room = String::new();
            let value = rule.value(expected["value"].as_str().unwrap(), true, &mut room);
            assert_eq!(
                value.as_deref(),
                Ok(expected["formatted"].as_str().unwrap())
            );
            let hash = TokenHash::new(rule.hash, keys, bits);
            for token in expected["tokens"].as_array().unwrap() {
                check_token(rule.encoding, &hash, bits, token);
            }
        }
    }
}

/// Holds the bytes and the positions of one token against the vector.
fn check_token(encoding: Encoding, hash: &TokenHash, bits: usize, expected: &Value) {
    let mut room = Vec::new();
    let token = encoding.bytes(expected["token"].as_str().unwrap(), &mut room);
    let token = token.unwrap();
    assert_eq!(hex(token), expected["token_bytes"]);
    let insertions = usize::try_from(expected["insertions"].as_u64().unwrap()).unwrap();
    let mut filter = Filter::new(bits);
    hash.insert(
        &mut Bits::of(filter.lines_mut(), bits),
        token,
        &hash.seed(token, bits).unwrap(),
        insertions,
    );
    let set = |place: &usize| filter.words()[place / 64] >> (63 - place % 64) & 1 == 1;
    let mut positions: Vec<u64> = expected["bit_positions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|position| position.as_u64().unwrap())
        .collect();
    positions.sort_unstable();
    positions.dedup();
    let found: Vec<u64> = (0..bits).filter(set).map(|place| place as u64).collect();
    assert_eq!(found, positions);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
