//! clkhash's linkage schemas and data.

use std::io::Read;

use encode::clk::{ClkEncoder, ClkSchema, ClkSecret, Document, Header, ReadOptions, encode_csv};
use serde_json::Value;
use zeroize::Zeroizing;

/// Values of cells that some feature or other takes.
const CELLS: [&str; 6] = ["", "Zoë \u{1f600}", "12", "-3.75", "2001-02-03", "m"];

/// What a schema costs to encode with, at most: longer filters and more insertions are allowed and slow.
const MOST_WORK: usize = 1 << 16;

/// A schema of version 1, 2 or 3: converted and read again it is the same, and encodes what its
/// features take.
pub fn schemas(bytes: &[u8]) -> bool {
    let Ok((document, _)) = Document::read(bytes) else {
        assert!(ClkSchema::parse(bytes).is_err());
        return false;
    };
    let text = document.to_string();
    let (again, _) = Document::read(text.as_bytes()).unwrap();
    assert!(
        again == document,
        "a converted schema changes when it is read again"
    );
    let Ok(schema) = ClkSchema::parse(bytes) else {
        assert!(ClkSchema::from_document(&document).is_err());
        return false;
    };
    if work(&document, &schema) > MOST_WORK {
        return true;
    }
    let bits = schema.clk_bits();
    let columns = schema.identifiers().len();
    let Ok(encoder) = ClkEncoder::new(schema, &secret()) else {
        return true;
    };
    let encoder = encoder.without_validation();
    for cell in CELLS {
        let mut clk = String::new();
        if encoder
            .worker()
            .encode(&vec![cell; columns], &mut clk)
            .is_ok()
        {
            assert_eq!(clk.len(), bits.div_ceil(8).div_ceil(3) * 4);
        }
    }
    true
}

/// About what a record costs: the largest number in the schema, or the length of the filter. A number with
/// an exponent counts for too much.
fn work(document: &Document, schema: &ClkSchema) -> usize {
    let text = document.to_string();
    let is_exponent = |two: &[u8]| two[0].is_ascii_digit() && two[1].eq_ignore_ascii_case(&b'e');
    if text.as_bytes().windows(2).any(is_exponent) {
        return usize::MAX;
    }
    let numbers = text.split(|letter: char| !letter.is_ascii_digit());
    let numbers = numbers.filter(|digits| !digits.is_empty());
    let largest = numbers
        .map(|digits| digits.parse().unwrap_or(usize::MAX))
        .max();
    largest.unwrap_or_default().max(schema.clk_bits())
}

fn secret() -> ClkSecret {
    ClkSecret::new(Zeroizing::new(b"a secret".to_vec()))
}

/// One feature of each kind, an ignored one, and a filter that is folded.
const SCHEMA: &str = r#"{"version": 3, "clkConfig": {"l": 4096, "xor_folds": 1, "kdf": {"type": "HKDF",
"hash": "SHA512", "salt": "c2FsdA==", "info": "aW5mbw==", "keySize": 16}}, "features": [
{"identifier": "id", "ignored": true},
{"identifier": "name", "format": {"type": "string", "case": "lower", "maxLength": 40, "encoding": "utf-8"},
 "hashing": {"comparison": {"type": "ngram", "n": 2, "positional": true}, "strategy": {"bitsPerToken": 5}}},
{"identifier": "code", "format": {"type": "string", "pattern": "[a-z]{1,3}\\d*|-(?=\\d)\\d+"},
 "hashing": {"comparison": {"type": "exact"}, "strategy": {"bitsPerFeature": 7}, "hash": {"type": "doubleHash", "prevent_singularity": true}}},
{"identifier": "weight", "format": {"type": "integer", "minimum": -50, "maximum": 5000},
 "hashing": {"comparison": {"type": "numeric", "thresholdDistance": 2.5, "resolution": 3, "fractional_precision": 1},
 "strategy": {"bitsPerFeature": 9}, "missingValue": {"sentinel": "none", "replaceWith": "0"}}},
{"identifier": "born", "format": {"type": "date", "format": "%d/%m/%Y"},
 "hashing": {"comparison": {"type": "ngram", "n": 1, "positional": true}, "strategy": {"bitsPerToken": 3}, "missingValue": {"sentinel": ""}}},
{"identifier": "sex", "format": {"type": "enum", "values": ["f", "m", ""]},
 "hashing": {"comparison": {"type": "exact"}, "strategy": {"bitsPerToken": 4}}}]}"#;

/// Records as CSV, behind one byte that says how they are read: they become as many CLKs as there are
/// rows, the same however few bytes come at a time.
pub fn data(bytes: &[u8]) -> bool {
    let Some((how, csv)) = bytes.split_first() else {
        return false;
    };
    let header = match how & 3 {
        0 => Header::Checked,
        1 => Header::Skipped,
        _ => Header::Absent,
    };
    let options = ReadOptions {
        header,
        trim: how & 4 != 0,
    };
    // Short filters are encoded with caches, which are costly to make: seldom.
    let schema = match how & 16 {
        0 => SCHEMA.to_owned(),
        _ => SCHEMA.replace("4096", "256"),
    };
    let encoder = ClkEncoder::new(ClkSchema::parse(schema.as_bytes()).unwrap(), &secret()).unwrap();
    let encoder = match how & 8 {
        0 => encoder,
        _ => encoder.without_validation(),
    };
    let at_once = encoded(&encoder, csv, options);
    let slowly = encoded(&encoder, Slow(csv), options);
    assert_eq!(
        at_once, slowly,
        "what comes slowly is read as something else"
    );
    at_once.is_ok()
}

/// The CLKs as JSON, held against what it has to be.
fn encoded(
    encoder: &ClkEncoder,
    input: impl Read + Send,
    options: ReadOptions,
) -> Result<Value, String> {
    let mut output = Vec::new();
    encode_csv(encoder, input, &mut output, options, &model::Silent)
        .map_err(|error| error.to_string())?;
    let read: Value = serde_json::from_slice(&output).unwrap();
    let letters = encoder.schema().clk_bits().div_ceil(8).div_ceil(3) * 4;
    for clk in read["clks"].as_array().unwrap() {
        assert_eq!(clk.as_str().unwrap().len(), letters);
    }
    Ok(read)
}

/// Gives one byte at a time.
struct Slow<'a>(&'a [u8]);

impl Read for Slow<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let most = out.len().min(1);
        self.0.read(&mut out[..most])
    }
}
