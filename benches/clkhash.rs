//! The clkhash-compatible encoder: records a second on one thread, for a schema of six features of
//! the kind its users have, for tokens seen before and tokens never seen.

#![allow(
    clippy::expect_used,
    reason = "a bench that cannot be set up has nothing to measure"
)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use encode::clk::{ClkEncoder, ClkSchema, ClkSecret, Header, ReadOptions, encode_csv};
use zeroize::Zeroizing;

const RECORDS: u64 = 4096;

/// Ends of the schema: the hash of all features.
const HASHES: [&str; 2] = ["blakeHash", "doubleHash"];

fn encoder(hash: &str) -> ClkEncoder {
    let feature = |name: &str, format: &str, comparison: &str, strategy: &str| {
        format!(
            r#"{{"identifier": "{name}", "format": {format}, "hashing": {{"comparison": {comparison},
            "strategy": {strategy}, "hash": {{"type": "{hash}"}}}}}}"#
        )
    };
    let (text, bigrams) = (r#"{"type": "string"}"#, r#"{"type": "ngram", "n": 2}"#);
    let digits = r#"{"type": "ngram", "n": 1, "positional": true}"#;
    let (token, whole) = (r#"{"bitsPerToken": 15}"#, r#"{"bitsPerFeature": 200}"#);
    let features = [
        feature("given_name", text, bigrams, token),
        feature("surname", text, bigrams, token),
        feature(
            "born",
            r#"{"type": "date", "format": "%Y-%m-%d"}"#,
            digits,
            r#"{"bitsPerToken": 20}"#,
        ),
        feature("street", text, bigrams, whole),
        feature("postcode", text, digits, r#"{"bitsPerFeature": 100}"#),
        feature(
            "sex",
            r#"{"type": "enum", "values": ["f", "m"]}"#,
            r#"{"type": "exact"}"#,
            r#"{"bitsPerToken": 20}"#,
        ),
    ];
    let schema = format!(
        r#"{{"version": 3, "clkConfig": {{"l": 1024, "kdf": {{"type": "HKDF"}}}}, "features": [{}]}}"#,
        features.join(",")
    );
    let schema = ClkSchema::parse(schema.as_bytes()).expect("a schema");
    let secret = ClkSecret::new(Zeroizing::new(b"secret".to_vec()));
    ClkEncoder::new(schema, &secret).expect("keys")
}

/// Names of syllables, dates, numbers: the same in every run.
fn records() -> String {
    const SYLLABLES: [&str; 20] = [
        "ka", "ri", "mo", "ten", "sa", "lo", "ber", "ham", "wil", "son", "ne", "ta", "gar", "dun",
        "ley", "ford", "mar", "stein", "vic", "os",
    ];
    let mut state = 1_u64;
    let mut below = |most: usize| {
        // Knuth's linear congruential generator; its upper bits are good enough here.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 40).unwrap_or(0) % most
    };
    let mut text = String::new();
    for _ in 0..RECORDS {
        let mut name = |parts| (0..parts).map(|_| SYLLABLES[below(20)]).collect::<String>();
        let (given, surname, street) = (name(2), name(3), name(4));
        let (year, month, day) = (1920 + below(90), 1 + below(12), 1 + below(28));
        let (house, postcode) = (below(400), 1000 + below(8000));
        let sex = ["f", "m"][below(2)];
        text += &format!(
            "{given},{surname},{year}-{month:02}-{day:02},{house} {street} street,{postcode},{sex}\n"
        );
    }
    text
}

fn encode(criterion: &mut Criterion) {
    let records = records();
    let rows: Vec<Vec<&str>> = records
        .lines()
        .map(|row| row.split(',').collect())
        .collect();
    let mut group = criterion.benchmark_group("clkhash");
    group.throughput(Throughput::Elements(RECORDS));
    for hash in HASHES {
        let encoder = encoder(hash);
        let mut worker = encoder.worker();
        let mut out = String::new();
        group.bench_function(format!("records, {hash}"), |bencher| {
            bencher.iter(|| {
                for row in &rows {
                    out.clear();
                    worker.encode(row, &mut out).expect("good records");
                }
                black_box(&out);
            });
        });
        group.bench_function(format!("tokens never seen, {hash}"), |bencher| {
            bencher.iter(|| {
                out.clear();
                // A worker that knows no tokens yet.
                let mut worker = encoder.worker();
                for row in &rows[..64] {
                    worker.encode(row, &mut out).expect("good records");
                }
            });
        });
    }
    let encoder = encoder(HASHES[0]);
    let options = ReadOptions {
        header: Header::Absent,
        trim: false,
    };
    group.bench_function("CSV to JSON on all cores", |bencher| {
        bencher.iter(|| {
            let mut output = Vec::new();
            encode_csv(
                &encoder,
                records.as_bytes(),
                &mut output,
                options,
                &model::Silent,
            )
            .expect("good records");
            black_box(output)
        });
    });
    group.finish();
}

criterion_group!(benches, encode);
criterion_main!(benches);
