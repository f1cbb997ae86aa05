//! The grammar of linkage schemas, versions 1, 2 and 3.
//!
//! A document is checked against the grammar of its version, and again after conversion, as clkhash
//! does it; so some keys are let pass here that only the second check refuses.

use super::error::Problem;
use super::json::Json;
use super::place::{Checked, Place};

/// The versions of a linkage schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SchemaVersion {
    /// One number of insertions for all, with weights.
    V1,
    /// A strategy and a hash for each feature.
    V2,
    /// Comparisons beside n-grams.
    V3,
}

pub(super) const ENCODINGS: &[&str] = &["ascii", "utf-8", "utf-16", "utf-32"];
pub(super) const CASES: &[&str] = &["upper", "lower", "mixed"];
pub(super) const KDF_HASHES: &[&str] = &["SHA256", "SHA512"];
pub(super) const HASHES: &[&str] = &["blakeHash", "doubleHash"];
pub(super) const FORMATS: &[&str] = &["string", "integer", "date", "enum"];
pub(super) const COMPARISONS: &[&str] = &["ngram", "exact", "numeric"];

/// Checks a document against the grammar of its version, and says which that is.
pub(super) fn check(document: &Json) -> Checked<SchemaVersion> {
    let mut top = Place::top(document);
    top.object()?;
    let version = version(&top)?;
    if version == SchemaVersion::V1 {
        // Written in a draft of JSON schema for which `5.0` is no whole number.
        top = top.strict();
    }
    clk_config(&top.need("clkConfig")?, version)?;
    for item in top.need("features")?.items()? {
        feature(&item, version)?;
    }
    Ok(version)
}

fn version(top: &Place<'_>) -> Checked<SchemaVersion> {
    let version = top.need("version")?;
    match version.number() {
        Ok(1.0) => Ok(SchemaVersion::V1),
        Ok(2.0) => Ok(SchemaVersion::V2),
        Ok(3.0) => Ok(SchemaVersion::V3),
        _ => version.refuse(Problem::Version),
    }
}

fn clk_config(config: &Place<'_>, version: SchemaVersion) -> Checked {
    config.object()?;
    config.need("l")?.at_least(1)?;
    kdf(&config.need("kdf")?)?;
    config.may("xorFolds", |folds| folds.at_least(0))?;
    if version == SchemaVersion::V1 {
        config.need("k")?.at_least(1)?;
        hash(&config.need("hash")?)?;
    }
    Ok(())
}

fn kdf(kdf: &Place<'_>) -> Checked {
    kdf.object()?;
    kdf.need("type")?.word(&["HKDF"])?;
    kdf.may("hash", |hash| hash.word(KDF_HASHES))?;
    kdf.may("salt", Place::text)?;
    kdf.may("info", Place::text)?;
    kdf.may("keySize", |size| size.at_least(1))?;
    Ok(())
}

fn hash(hash: &Place<'_>) -> Checked {
    hash.object()?;
    if hash.need("type")?.word(HASHES)? == "doubleHash" {
        hash.may("prevent_singularity", Place::bool)?;
    }
    Ok(())
}

/// A feature is ignored, or has format and hashing, and is not both.
fn feature(feature: &Place<'_>, version: SchemaVersion) -> Checked {
    feature.object()?;
    match (
        full_feature(feature, version),
        ignored_feature(feature, version),
    ) {
        (Ok(()), Ok(())) => feature.refuse(Problem::Ambiguous),
        (Ok(()), Err(_)) | (Err(_), Ok(())) => Ok(()),
        (Err(full), Err(ignored)) => {
            let meant_ignored = feature
                .get("ignored")
                .is_some_and(|ignored| ignored.is_true());
            let meant_full = feature.has("hashing") || feature.has("format");
            Err(if meant_ignored && !meant_full {
                ignored
            } else {
                full
            })
        }
    }
}

fn ignored_feature(feature: &Place<'_>, version: SchemaVersion) -> Checked {
    feature.need("identifier")?.text()?;
    let ignored = feature.need("ignored")?;
    if !ignored.is_true() {
        return ignored.refuse(Problem::NotA("true"));
    }
    feature.may("description", Place::text)?;
    if version == SchemaVersion::V3 {
        feature.only(&["identifier", "ignored", "description"])?;
    }
    Ok(())
}

fn full_feature(feature: &Place<'_>, version: SchemaVersion) -> Checked {
    feature.need("identifier")?.text()?;
    feature.may("description", Place::text)?;
    if version == SchemaVersion::V3 {
        feature.may("ignored", Place::bool)?;
    }
    format(&feature.need("format")?)?;
    let hashing = feature.need("hashing")?;
    hashing.object()?;
    hashing.may("missingValue", missing_value)?;
    match version {
        SchemaVersion::V1 => hashing_v1(&hashing),
        SchemaVersion::V2 => hashing_v2(&hashing),
        SchemaVersion::V3 => hashing_v3(&hashing),
    }
}

fn format(format: &Place<'_>) -> Checked {
    format.object()?;
    match format.need("type")?.word(FORMATS)? {
        "string" => text_format(format)?,
        "integer" => {
            format.only(&["type", "minimum", "maximum", "description"])?;
            format.may("minimum", Place::whole)?;
            format.may("maximum", Place::whole)?;
        }
        "date" => {
            format.only(&["type", "format", "description"])?;
            format.need("format")?.text()?;
        }
        _ => {
            format.only(&["type", "values", "description"])?;
            for value in format.need("values")?.items()? {
                value.text()?;
            }
        }
    }
    format.may("description", Place::text)?;
    Ok(())
}

fn text_format(format: &Place<'_>) -> Checked {
    format.may("encoding", |encoding| encoding.word(ENCODINGS))?;
    if format.has("pattern") {
        format.only(&["type", "encoding", "pattern", "description"])?;
        format.need("pattern")?.text()?;
        return Ok(());
    }
    let keys = [
        "type",
        "encoding",
        "case",
        "minLength",
        "maxLength",
        "description",
    ];
    format.only(&keys)?;
    format.may("case", |case| case.word(CASES))?;
    format.may("minLength", |length| length.at_least(0))?;
    format.may("maxLength", |length| length.at_least(1))?;
    Ok(())
}

fn missing_value(missing: &Place<'_>) -> Checked {
    missing.object()?;
    missing.need("sentinel")?.text()?;
    missing.may("replaceWith", Place::text)?;
    Ok(())
}

fn hashing_v1(hashing: &Place<'_>) -> Checked {
    hashing.need("ngram")?.at_least(0)?;
    hashing.may("positional", Place::bool)?;
    hashing.may("weight", |weight| match weight.number()? {
        number if number < 0.0 => weight.refuse(Problem::TooSmall { least: 0 }),
        _ => Ok(()),
    })?;
    Ok(())
}

fn hashing_v2(hashing: &Place<'_>) -> Checked {
    hashing.only(&["hash", "strategy", "ngram", "positional", "missingValue"])?;
    hashing.need("ngram")?.at_least(1)?;
    hashing.may("positional", Place::bool)?;
    hashing.may("hash", hash)?;
    let strategy = hashing.need("strategy")?;
    strategy.object()?;
    if strategy.has("k") == strategy.has("numBits") {
        return strategy.refuse(Problem::ExactlyOne("k", "numBits"));
    }
    Ok(())
}

fn hashing_v3(hashing: &Place<'_>) -> Checked {
    hashing.only(&["hash", "strategy", "comparison", "missingValue"])?;
    hashing.may("hash", hash)?;
    strategy(&hashing.need("strategy")?)?;
    comparison(&hashing.need("comparison")?)
}

fn strategy(strategy: &Place<'_>) -> Checked {
    const KEYS: [&str; 2] = ["bitsPerToken", "bitsPerFeature"];
    strategy.only(&KEYS)?;
    match KEYS.map(|key| strategy.get(key)) {
        [Some(bits), None] | [None, Some(bits)] => bits.at_least(1),
        _ => strategy.refuse(Problem::ExactlyOne(KEYS[0], KEYS[1])),
    }
}

fn comparison(comparison: &Place<'_>) -> Checked {
    comparison.object()?;
    match comparison.need("type")?.word(COMPARISONS)? {
        "ngram" => {
            comparison.need("n")?.at_least(1)?;
            comparison.may("positional", Place::bool)?;
        }
        "numeric" => {
            let threshold = comparison.need("thresholdDistance")?;
            if threshold.number()? <= 0.0 {
                return threshold.refuse(Problem::NotA("a number above zero"));
            }
            comparison.need("resolution")?.at_least(1)?;
            comparison.may("fractional_precision", |digits| digits.at_least(0))?;
        }
        _ => {}
    }
    Ok(())
}
