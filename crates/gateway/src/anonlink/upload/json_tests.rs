//! Uploads in JSON: every shape, every fault, and bytes of any kind.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::anonlink::files::Scratch;
use crate::anonlink::upload::rows::{BLOCK_ROW, parts_of};

/// What became of an upload: what it was found to be, its encodings, and the blocks of each record.
type Outcome = Result<(Found, Vec<u8>, Vec<(u32, [u8; 16])>), ReadError>;

fn read_bytes(bytes: &[u8]) -> Outcome {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let mut writers = Writers {
        encodings: EncodingWriter::new(&at("clks")).unwrap(),
        blocks: BlockWriter::new(Scratch::new(at("raw"))).unwrap(),
    };
    let found = read(bytes, &mut writers)?;
    writers.encodings.finish().unwrap();
    writers.blocks.finish(&at("blocks")).unwrap();
    let encodings = std::fs::read(at("clks")).unwrap();
    let blocks = std::fs::read(at("blocks")).unwrap();
    let rows = blocks.as_chunks::<BLOCK_ROW>().0.iter().map(parts_of);
    let mut blocks: Vec<_> = rows.map(|(block, record)| (record, block)).collect();
    blocks.sort_unstable();
    Ok((found, encodings, blocks))
}

fn read_json(body: &Value) -> Outcome {
    read_bytes(body.to_string().as_bytes())
}

fn block(text: &str) -> [u8; 16] {
    let digest = model::Digest::of(text.as_bytes());
    digest.as_bytes()[..16].try_into().unwrap()
}

#[test]
fn all_shapes_say_the_same() {
    let alike = [
        json!({"clknblocks": [["AQI=", "x", 7], ["AwQ="], ["BQY=", "7"]]}),
        json!({"encodings": ["AQI=", "AwQ=", "BQY="], "blocks": {"0": ["x", 7], "1": [], "2": ["7"]}}),
        json!({"blocks": {"2": [7], "0": ["x", "7", "x"]}, "meta": {"a": [1.5]}, "encodings": ["AQI=", "AwQ=", "BQY="]}),
    ];
    for body in alike {
        let (found, encodings, blocks) = read_json(&body).unwrap();
        assert_eq!((found.shape, found.has_blocks), (Some(Shape::Inline), true));
        assert_eq!(found.unusable, None);
        assert_eq!(encodings, [1, 2, 3, 4, 5, 6]);
        let mut expected = vec![(0, block("x")), (0, block("7")), (2, block("7"))];
        expected.sort_unstable();
        assert_eq!(blocks, expected, "{body}");
    }
    for body in [
        json!({"clks": ["AQI="]}),
        json!({"encodings": ["AQI="], "extra": null}),
    ] {
        let (found, encodings, blocks) = read_json(&body).unwrap();
        assert!(!found.has_blocks && blocks.is_empty());
        assert_eq!(encodings, [1, 2]);
    }
}

#[test]
fn lines_within_an_encoding_do_not_count() {
    let body = json!({"clks": ["AQID\nBAUG\n", "BwgJ CgsM"]});
    let (found, encodings, _) = read_json(&body).unwrap();
    assert_eq!(found.unusable, None);
    assert_eq!(encodings, (1..=12).collect::<Vec<u8>>());
}

#[test]
fn other_shapes_are_none() {
    let others = [
        json!({}),
        json!([]),
        json!("clks"),
        json!({"clks": "x"}),
        json!({"clks": [1]}),
        json!({"clks": [["AQI="]]}),
        json!({"clks": {}}),
        json!({"clks": ["AQI="], "encodings": ["AQI="]}),
        json!({"clks": ["AQI="], "clknblocks": [["AQI="]]}),
        json!({"clknblocks": ["AQI="]}),
        json!({"clknblocks": [[]]}),
        json!({"clknblocks": [["AQI=", 1.5]]}),
        json!({"clknblocks": [["AQI=", null]]}),
        json!({"encodings": {"bucket": "b"}}),
        json!({"encodings": ["AQI="], "blocks": [["x"]]}),
        json!({"encodings": ["AQI="], "blocks": {"0": "x"}}),
        json!({"blocks": {}}),
    ];
    for body in others {
        assert!(matches!(read_json(&body), Err(ReadError::Shape)), "{body}");
    }
    for text in ["", "{", "{\"clks\": [\"AQI=\"", "clks", "{\"clks\": []} x"] {
        let read = read_bytes(text.as_bytes());
        assert!(matches!(read, Err(ReadError::NotJson)), "{text}");
    }
}

#[test]
fn the_first_thing_that_cannot_be_used_is_told() {
    let cases = [
        (
            json!({"clks": ["AQI=", "A*I=", "AQ=="]}),
            Unusable::NotBase64(1),
        ),
        (
            json!({"clks": ["AQI=", "AQ=="]}),
            Unusable::Ragged {
                record: 1,
                bytes: 1,
                expected: 2,
            },
        ),
        (
            json!({"encodings": ["AQI="], "blocks": {"1": []}}),
            Unusable::NoRecord("1".into()),
        ),
        (
            json!({"blocks": {"-1": []}, "encodings": ["AQI="]}),
            Unusable::NoRecord("-1".into()),
        ),
        (
            json!({"blocks": {"x": []}, "encodings": ["AQI="]}),
            Unusable::NoRecord("x".into()),
        ),
    ];
    for (body, expected) in cases {
        assert_eq!(
            read_json(&body).unwrap().0.unusable,
            Some(expected),
            "{body}"
        );
    }
}

#[test]
fn objects_in_a_store_are_seen_as_such() {
    let body = json!({"encodings": {"file": {"bucket": "b", "path": "p"}, "credentials": {}}, "blocks": {"0": []}});
    assert_eq!(read_json(&body).unwrap().0.shape, Some(Shape::InStore));
}

#[test]
fn a_long_text_is_refused_before_it_is_held() {
    let body = json!({"clks": ["A".repeat(1 << 20)]});
    assert!(matches!(
        read_json(&body),
        Err(ReadError::Excess(Excess::TooLong))
    ));
}

/// Pieces of uploads in any order.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"clks\"",
        "\"clknblocks\"",
        "\"encodings\"",
        "\"blocks\"",
        "\"AQI=\"",
        "\"0\"",
        "1",
        "-1",
        "1.5",
        "null",
        "\"file\"",
        "\"\\u0000\"",
        "\"",
    ]);
    prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #[test]
    fn no_bytes_bring_the_reader_down(bytes in prop_oneof![
        pieces(),
        prop::collection::vec(any::<u8>(), 0..60),
    ]) {
        if let Ok((found, encodings, _)) = read_bytes(&bytes) {
            prop_assert!(serde_json::from_slice::<Value>(&bytes).is_ok());
            prop_assert!(found.shape.is_some());
            prop_assert!(encodings.is_empty() || found.shape == Some(Shape::Inline));
        }
    }

    #[test]
    fn encodings_are_read_as_they_were_written(
        rows in prop::collection::vec(prop::array::uniform8(any::<u8>()), 1..40),
    ) {
        let clks: Vec<String> = rows.iter().map(|row| STANDARD.encode(row)).collect();
        let (found, encodings, _) = read_json(&json!({ "clks": clks })).unwrap();
        prop_assert_eq!(found.unusable, None);
        prop_assert_eq!(encodings, rows.concat());
    }
}

#[test]
fn what_is_skipped_is_not_deep_either() {
    let nested = |levels| {
        let (open, shut) = ("[".repeat(levels), "]".repeat(levels));
        read_bytes(format!("{{\"clks\": [], \"x\": {open}{shut}}}").as_bytes())
    };
    assert!(nested(127).is_ok());
    assert!(matches!(
        nested(128),
        Err(ReadError::Excess(Excess::TooDeep))
    ));
}
