//! Files of more than a batch against the same rows in small pieces.

use model::Silent;
use zeroize::Zeroizing;

use super::*;
use crate::clk::csv::MAX_ROW;
use crate::clk::{ClkSchema, ClkSecret};

/// The characters of the longest cell that is allowed.
const LONGEST: usize = 100_000;

/// An encoder for filters of `bits` bits and columns `c0`, `c1` and so on.
fn encoder(bits: usize, columns: usize) -> ClkEncoder {
    let feature = |column| {
        format!(
            r#"{{"identifier": "c{column}", "format": {{"type": "string", "maxLength": {LONGEST}}}, "hashing":
            {{"comparison": {{"type": "exact"}}, "strategy": {{"bitsPerFeature": 7}}}}}}"#
        )
    };
    let features: Vec<String> = (0..columns).map(feature).collect();
    let schema = format!(
        r#"{{"version": 3, "clkConfig": {{"l": {bits}, "kdf": {{"type": "HKDF", "keySize": 1}}}},
        "features": [{}]}}"#,
        features.join(", ")
    );
    let secret = ClkSecret::new(Zeroizing::new(b"secret".to_vec()));
    ClkEncoder::new(ClkSchema::parse(schema.as_bytes()).unwrap(), &secret).unwrap()
}

fn encode(encoder: &ClkEncoder, data: &str) -> Result<Vec<String>, EncodeError> {
    let options = ReadOptions {
        header: Header::Absent,
        trim: false,
    };
    let mut output = Vec::new();
    encode_csv(encoder, data.as_bytes(), &mut output, options, &Silent)?;
    let document: serde_json::Value = serde_json::from_slice(&output).unwrap();
    let clks = document["clks"].as_array().unwrap().iter();
    Ok(clks.map(|clk| clk.as_str().unwrap().to_owned()).collect())
}

#[test]
fn rows_of_many_batches_encode_as_in_small_pieces() {
    let encoder = encoder(256, 2);
    let rows: Vec<String> = (0..20_000)
        .map(|row| format!("{row:0>100},{:x>width$}\n", row * 7, width = 90 + row % 29))
        .collect();
    assert!(rows.concat().len() > BATCH_BYTES);
    let whole = encode(&encoder, &rows.concat()).unwrap();
    let pieces = rows.chunks(777).map(<[String]>::concat);
    let pieces = pieces.flat_map(|piece| encode(&encoder, &piece).unwrap());
    assert!(whole.iter().eq(pieces.collect::<Vec<_>>().iter()));
}

#[test]
fn equal_rows_have_equal_clks_at_the_ends_of_batches_too() {
    let row = format!("{},\"{}\"\r\n", "a".repeat(100), "b\"\"\n".repeat(30));
    let count = 2 * BATCH_BYTES / 150;
    let clks = encode(&encoder(256, 2), &row.repeat(count)).unwrap();
    assert_eq!(clks.len(), count);
    assert!(clks.iter().all(|clk| *clk == clks[0]));
}

#[test]
fn a_first_row_longer_than_a_batch_is_encoded() {
    let long = format!("{}\n", vec!["x".repeat(100_000); 30].join(","));
    assert!(long.len() > BATCH_BYTES && long.len() < MAX_ROW);
    let short = format!("{}\n", vec!["y"; 30].join(","));
    let encoder = encoder(64, 30);
    let clks = encode(&encoder, &format!("{long}{short}{long}{long}{short}")).unwrap();
    let [x, y] = [long, short].map(|row| encode(&encoder, &row).unwrap().remove(0));
    assert_ne!(x, y);
    assert!(clks.iter().eq([&x, &y, &x, &x, &y]));
}

#[test]
fn a_row_without_end_is_refused_not_dropped() {
    let columns = MAX_ROW / 100_000 + 1;
    let row = vec!["x".repeat(100_000); columns].join(",");
    let refused = encode(&encoder(64, columns), &row);
    assert!(matches!(refused, Err(EncodeError::RowTooLong { .. })));
}

#[test]
fn of_several_wrong_rows_the_first_is_told() {
    let encoder = encoder(64, 2);
    let refused = |data: &str| encode(&encoder, data).unwrap_err();
    let (cell, row) = (format!("a,{}", "b".repeat(LONGEST + 1)), "a");
    let told = refused(&format!("a,b\n{cell}\n{row}\n"));
    assert!(matches!(told, EncodeError::Cell { .. }), "{told}");
    let told = refused(&format!("a,b\n{row}\n{cell}\n"));
    assert!(matches!(told, EncodeError::RowLength { .. }), "{told}");
}

#[test]
fn batches_are_as_small_as_their_clks_are_long() {
    let sizes = [
        (64, 16_384),
        (1 << 14, 16_384),
        (1 << 20, 383),
        (1 << 24, 23),
    ];
    let size = |bits| {
        let encoder = encoder(bits, 1);
        Encoding::new(&encoder, false).batch_size().rows
    };
    for (bits, rows) in sizes {
        assert_eq!(size(bits), rows, "{bits}");
    }
}
