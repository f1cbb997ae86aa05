//! Whatever stands in a schema, a pattern, a date format or a file, the answer is yes or no and no
//! panic; and what is encoded does not depend on how it is cut up.

use proptest::prelude::*;
use proptest::sample::Index;
use zeroize::Zeroizing;

use super::date::DateFormat;
use super::file::{Header, ReadOptions, encode_csv};
use super::pattern::Pattern;
use super::{ClkEncoder, ClkSchema, ClkSecret, Document};

/// A schema with one feature of each kind.
const SCHEMA: &str = r#"{"version": 3, "clkConfig": {"l": 128, "xor_folds": 1, "kdf": {"type": "HKDF",
"salt": "c2FsdA==", "keySize": 32}}, "features": [
{"identifier": "id", "ignored": true},
{"identifier": "name", "format": {"type": "string", "case": "mixed", "minLength": 0, "maxLength": 99, "encoding": "utf-16"},
 "hashing": {"comparison": {"type": "ngram", "n": 2, "positional": true}, "strategy": {"bitsPerToken": 5}}},
{"identifier": "code", "format": {"type": "string", "pattern": "(?i)[a-z\\d]*|(x)?(?(1)y|z).{,3}"},
 "hashing": {"comparison": {"type": "exact"}, "strategy": {"bitsPerFeature": 7}, "hash": {"type": "doubleHash", "prevent_singularity": true}}},
{"identifier": "age", "format": {"type": "integer", "minimum": -5, "maximum": 1e3},
 "hashing": {"comparison": {"type": "numeric", "thresholdDistance": 2.5, "resolution": 2, "fractional_precision": 1},
 "strategy": {"bitsPerFeature": 9}, "missingValue": {"sentinel": "", "replaceWith": "0"}}},
{"identifier": "born", "format": {"type": "date", "format": "%d %b %Y %z"},
 "hashing": {"comparison": {"type": "ngram", "n": 1}, "strategy": {"bitsPerToken": 3}, "missingValue": {"sentinel": ""}}},
{"identifier": "sex", "format": {"type": "enum", "values": ["f", "m", ""]},
 "hashing": {"comparison": {"type": "exact"}, "strategy": {"bitsPerToken": 4}}}]}"#;

const DATA: &str =
    "id,name,code,age,born,sex\n1,Zoë,a1,٣,03 Feb 2001 +01:30,f\n2,\"a \"\"b\"\"\nc\",xy,,,m\r\n";

fn few() -> ProptestConfig {
    ProptestConfig {
        cases: 256,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// `valid` with some bytes changed, cut out or doubled.
fn near(valid: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<Index>(), any::<Index>(), any::<u8>(), 0..4_u8);
    prop::collection::vec(change, 1..4).prop_map(move |changes| {
        let mut bytes = valid.as_bytes().to_vec();
        for (from, to, byte, kind) in changes {
            let from = from.index(bytes.len());
            let to = from + to.index(8.min(bytes.len() - from));
            match kind {
                0 => bytes[from] = byte,
                1 => bytes[from] ^= 1 << (byte % 8),
                2 => drop(bytes.drain(from..to)),
                _ => {
                    let again = bytes[from..to].to_vec();
                    bytes.splice(from..from, again);
                }
            }
        }
        bytes
    })
}

fn encode(schema: ClkSchema, data: &[u8], options: ReadOptions) -> Option<Vec<u8>> {
    let secret = ClkSecret::new(Zeroizing::new(b"secret".to_vec()));
    let encoder = ClkEncoder::new(schema, &secret).ok()?;
    let mut output = Vec::new();
    encode_csv(&encoder, data, &mut output, options, &model::Silent).ok()?;
    Some(output)
}

fn schema() -> ClkSchema {
    ClkSchema::parse(SCHEMA.as_bytes()).unwrap()
}

fn options() -> impl Strategy<Value = ReadOptions> {
    let headers = [Header::Checked, Header::Skipped, Header::Absent];
    let header = prop::sample::select(headers.to_vec());
    (header, any::<bool>()).prop_map(|(header, trim)| ReadOptions { header, trim })
}

#[test]
fn the_unchanged_ones_encode() {
    assert!(encode(schema(), DATA.as_bytes(), ReadOptions::default()).is_some());
}

#[test]
fn one_bit_and_no_singularity_are_refused_together() {
    let with = |filter: &str| SCHEMA.replace(r#""l": 128, "xor_folds": 1"#, filter);
    let refused = ClkSchema::parse(with(r#""l": 1"#).as_bytes());
    let said = refused.err().unwrap().to_string();
    assert!(said.starts_with("features[2]: "), "{said}");
    assert!(ClkSchema::parse(with(r#""l": 1, "xor_folds": 1"#).as_bytes()).is_ok());
    let without = with(r#""l": 1"#).replace(
        r#""prevent_singularity": true"#,
        r#""prevent_singularity": false"#,
    );
    assert!(ClkSchema::parse(without.as_bytes()).is_ok());
}

proptest! {
    #![proptest_config(few())]

    #[test]
    fn schemas_of_any_bytes(bytes in prop_oneof![
        1 => prop::collection::vec(any::<u8>(), 0..300),
        4 => near(SCHEMA),
    ]) {
        if let Ok(schema) = ClkSchema::parse(&bytes) {
            encode(schema, DATA.as_bytes(), ReadOptions::default());
        }
        if let Ok((document, _)) = Document::read(&bytes) {
            // What was read is written as something that reads the same.
            let (again, _) = Document::read(document.to_string().as_bytes()).unwrap();
            prop_assert_eq!(again, document);
        }
    }

    #[test]
    fn data_of_any_bytes(
        bytes in prop_oneof![
            1 => prop::collection::vec(any::<u8>(), 0..300),
            4 => near(DATA),
        ],
        options in options(),
    ) {
        if let Some(output) = encode(schema(), &bytes, options) {
            prop_assert!(serde_json::from_slice::<serde_json::Value>(&output).is_ok());
        }
    }

    #[test]
    fn patterns_of_any_characters(
        pattern in r"([a-c.^$|()\[\]{}*+?\\,:=!<>P0-9dDwWsSbBxui# -]|\PC){0,24}",
        value in r"[a-c0-9 ]{0,12}",
    ) {
        if let Ok(pattern) = Pattern::compile(&pattern) {
            let _ = pattern.check(&value);
        }
    }

    #[test]
    fn dates_of_any_format(format in "(%[a-zA-Z%]|[ -/]|\\PC){0,8}", text in "[0-9 :/,.+-]{0,20}|\\PC{0,12}") {
        let _ = DateFormat::compile(&format).write_date(&text, &mut String::new());
    }

    #[test]
    fn records_encode_alike_wherever_they_stand(
        names in prop::collection::vec("[a-zé ]{0,6}", 1..1500),
        from in any::<Index>(),
    ) {
        let rows: Vec<String> = names.iter().map(|name| format!(",{name},,,,f\n")).collect();
        let read = ReadOptions { header: Header::Absent, trim: false };
        let clks = |rows: &[String]| {
            let output = encode(schema(), rows.concat().as_bytes(), read).unwrap();
            let output: serde_json::Value = serde_json::from_slice(&output).unwrap();
            output["clks"].as_array().unwrap().clone()
        };
        let from = from.index(rows.len());
        prop_assert_eq!(&clks(&rows)[from..], &clks(&rows[from..])[..]);
    }
}
