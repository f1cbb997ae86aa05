//! Old linkage schemas, converted to version 3 as clkhash converts them.

use num_bigint::BigInt;

use super::error::{Problem, SchemaError};
use super::grammar::{self, SchemaVersion};
use super::json::{Document, Json};
use super::number;
use super::place::{Checked, Place};

/// No schema is longer.
pub const MAX_SCHEMA_BYTES: usize = 1 << 20;

impl Document {
    /// Reads a linkage schema of any version, and converts it to version 3.
    ///
    /// # Errors
    /// When the document is no linkage schema, or is none after conversion.
    pub fn read(bytes: &[u8]) -> Result<(Self, SchemaVersion), SchemaError> {
        if bytes.len() > MAX_SCHEMA_BYTES {
            return Err(SchemaError::TooLong {
                limit: MAX_SCHEMA_BYTES,
            });
        }
        let mut document = Json::parse(bytes)?;
        let version = grammar::check(&document)?;
        if version == SchemaVersion::V1 {
            document = v1_to_v2(document)?;
        }
        if version <= SchemaVersion::V2 {
            v2_to_v3(&mut document);
        }
        grammar::check(&document)?;
        Ok((Self(document), version))
    }
}

fn v1_to_v2(mut document: Json) -> Checked<Json> {
    let mut config = document.remove("clkConfig").unwrap_or(Json::Null);
    let hash = config.remove("hash").unwrap_or(Json::Null);
    let k = config.remove("k").unwrap_or(Json::Null);
    let mut kept = Json::Object(Vec::new());
    for key in ["l", "xor_folds", "kdf"] {
        let zero = || Json::Number("0".to_owned());
        kept.set(key, config.remove(key).unwrap_or_else(zero));
    }
    let features = match document.remove("features") {
        Some(Json::List(features)) => features,
        _ => Vec::new(),
    };
    let features = features
        .into_iter()
        .map(|feature| feature_to_v2(feature, &k, &hash));
    Ok(Json::of([
        ("version", Json::Number("2".to_owned())),
        ("clkConfig", kept),
        ("features", Json::List(features.collect::<Checked<_>>()?)),
    ]))
}

fn feature_to_v2(mut feature: Json, k: &Json, hash: &Json) -> Checked<Json> {
    if is_ignored(&feature) {
        return Ok(feature);
    }
    let mut hashing = feature.remove("hashing").unwrap_or(Json::Null);
    let weight = hashing.remove("weight");
    if weight.as_ref().and_then(Json::float) == Some(0.0) {
        let identifier = feature.remove("identifier").unwrap_or(Json::Null);
        return Ok(Json::of([
            ("identifier", identifier),
            ("ignored", Json::Bool(true)),
        ]));
    }
    let insertions = Json::Number(weighted(weight.as_ref(), k)?.to_string());
    hashing.set("strategy", Json::of([("k", insertions)]));
    hashing.set("hash", hash.clone());
    feature.set("hashing", hashing);
    Ok(feature)
}

/// `round(weight * k)`: exact for whole numbers, else one product of doubles rounded half to even.
/// Refused when either is no double, or the product is none, where Python fails.
fn weighted(weight: Option<&Json>, k: &Json) -> Checked<BigInt> {
    let one = Json::Number("1".to_owned());
    let factors = [weight.unwrap_or(&one), k];
    if factors.iter().all(|factor| factor.is_written_whole()) {
        let whole = factors.iter().map(|factor| factor.whole());
        if let Some(product) = whole.product() {
            return Ok(product);
        }
    }
    let product: Option<f64> = factors.iter().map(|factor| factor.float()).product();
    if let Some(product) = product.filter(|product| product.is_finite()) {
        return Ok(number::exact(product.round_ties_even()));
    }
    Place::top(k).refuse(Problem::NotA("less, weight times k is beyond all numbers"))
}

fn v2_to_v3(document: &mut Json) {
    document.set("version", Json::Number("3".to_owned()));
    let Some(Json::List(mut features)) = document.remove("features") else {
        return;
    };
    features.iter_mut().for_each(feature_to_v3);
    document.set("features", Json::List(features));
}

fn feature_to_v3(feature: &mut Json) {
    if is_ignored(feature) {
        return;
    }
    let Some(mut hashing) = feature.remove("hashing") else {
        return;
    };
    if let Some(mut strategy) = hashing.remove("strategy") {
        for (old, new) in [("k", "bitsPerToken"), ("numBits", "bitsPerFeature")] {
            if let Some(bits) = strategy.remove(old) {
                strategy.set(new, bits);
                break;
            }
        }
        hashing.set("strategy", strategy);
    }
    let n = hashing.remove("ngram").unwrap_or(Json::Null);
    let positional = hashing.remove("positional").unwrap_or(Json::Bool(false));
    let comparison = Json::of([
        ("type", Json::Text("ngram".to_owned())),
        ("n", n),
        ("positional", positional),
    ]);
    hashing.set("comparison", comparison);
    feature.set("hashing", hashing);
}

/// Whether clkhash converts a feature no further; other values than `true` fail the second check.
fn is_ignored(feature: &Json) -> bool {
    match feature.get("ignored") {
        None | Some(Json::Null | Json::Bool(false)) => false,
        Some(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v1(hashing: &str) -> Result<String, SchemaError> {
        v1_of("5", hashing)
    }

    fn v1_of(k: &str, hashing: &str) -> Result<String, SchemaError> {
        let text = format!(
            r#"{{"version": 1, "clkConfig": {{"l": 64, "k": {k}, "kdf": {{"type": "HKDF"}},
            "hash": {{"type": "doubleHash"}}, "other": 1}}, "features": [{{"identifier": "a",
            "format": {{"type": "string"}}, "hashing": {hashing}}}]}}"#
        );
        let (document, version) = Document::read(text.as_bytes())?;
        assert_eq!(version, SchemaVersion::V1);
        Ok(document.to_string())
    }

    #[test]
    fn weights_round_half_to_even() {
        for (weight, bits) in [("0.5", 2), ("0.7", 4), ("1", 5), ("4.5", 22), ("2.0", 10)] {
            let text = v1(&format!(r#"{{"ngram": 2, "weight": {weight}}}"#)).unwrap();
            assert!(
                text.contains(&format!("\"bitsPerToken\": {bits}\n")),
                "{weight}: {text}"
            );
        }
        assert!(v1(r#"{"ngram": 2, "weight": 0.1}"#).is_err());
    }

    #[test]
    fn a_factor_beyond_all_doubles_is_refused_not_dropped() {
        for digits in [310, 3000, 5000] {
            let k = "9".repeat(digits);
            for weight in ["2.0", "3.5", "1e-300"] {
                let hashing = format!(r#"{{"ngram": 2, "weight": {weight}}}"#);
                assert!(v1_of(&k, &hashing).is_err(), "{digits} {weight}");
            }
            // Exact, and left to the limit on bits.
            if let Ok(converted) = v1_of(&k, r#"{"ngram": 2, "weight": 2}"#) {
                let schema = super::super::ClkSchema::parse(converted.as_bytes());
                assert!(schema.is_err(), "{digits}");
            }
        }
    }

    #[test]
    fn a_weight_of_zero_ignores() {
        let text = v1(r#"{"ngram": 2, "weight": 0.0}"#).unwrap();
        assert!(text.contains("\"ignored\": true") && !text.contains("hashing"));
        assert!(!text.contains("other"));
    }

    #[test]
    fn refuses_what_only_the_second_check_sees() {
        assert!(v1(r#"{"ngram": 0}"#).is_err());
        assert!(v1(r#"{"ngram": 2, "foo": 1}"#).is_err());
        assert!(v1(r#"{"ngram": 2.0}"#).is_err());
        assert!(v1(r#"{"ngram": 2, "weight": 1e308}"#).is_err());
    }
}
