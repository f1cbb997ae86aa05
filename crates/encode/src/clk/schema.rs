//! A linkage schema of version 3 as types.

use num_bigint::BigInt;

use super::date::DateFormat;
use super::error::{Problem, SchemaError};
use super::json::Document;
use super::kdf;
use super::numeric::{Grid, MAX_PRECISION, Threshold};
use super::pattern::Pattern;
use super::place::{Checked, Place};

/// The most bits of a filter before folding.
pub const MAX_FILTER_BITS: usize = 1 << 24;
/// The most features: with keys of one byte HKDF gives no more.
pub const MAX_FEATURES: usize = 8160;
/// The most bits one token or one feature sets.
pub const MAX_INSERTIONS: u64 = 1 << 20;
/// The longest n-gram.
const MAX_GRAM: u64 = 1024;
/// The most points on each side of a number.
const MAX_RESOLUTION: u64 = 10_000;
/// HKDF gives no longer key.
const MAX_KEY_BYTES: u64 = 255 * 64;
/// The longest date format.
const MAX_DATE_FORMAT: usize = 500;

/// A linkage schema, ready to encode with.
pub struct ClkSchema {
    /// Bits of the filter before folding.
    pub(super) filter_bits: usize,
    pub(super) folds: u32,
    pub(super) kdf: Kdf,
    pub(super) features: Vec<Feature>,
}

/// How keys come from the secret.
pub(super) struct Kdf {
    pub(super) sha512: bool,
    pub(super) salt: Vec<u8>,
    pub(super) info: Vec<u8>,
    pub(super) key_bytes: usize,
}

/// One column of the data.
pub(super) struct Feature {
    pub(super) identifier: String,
    /// None when the column is ignored.
    pub(super) rule: Option<Rule>,
}

/// How the values of a column are checked and hashed.
pub(super) struct Rule {
    pub(super) format: Format,
    pub(super) encoding: Encoding,
    pub(super) missing: Option<MissingValue>,
    pub(super) comparison: Comparison,
    pub(super) strategy: Strategy,
    pub(super) hash: HashType,
}

/// What values may be.
pub(super) enum Format {
    Text {
        min_length: u64,
        max_length: u64,
        case: Case,
    },
    Pattern(Box<Pattern>),
    /// Bounds in their shortest decimal form.
    Integer {
        minimum: Option<String>,
        maximum: Option<String>,
    },
    Date(DateFormat),
    /// Sorted.
    Enum(Vec<String>),
}

/// The letters a text may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Upper,
    Lower,
    Mixed,
}

/// The bytes of characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Ascii,
    Utf8,
    Utf16,
    Utf32,
}

/// The text that stands for no value.
pub(super) struct MissingValue {
    pub(super) sentinel: String,
    /// What is hashed in its place.
    pub(super) replacement: String,
}

/// How a value falls into tokens.
pub(super) enum Comparison {
    Ngram { n: usize, positional: bool },
    Exact,
    Numeric(Box<Grid>),
}

/// How many bits each token sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strategy {
    PerToken(usize),
    PerFeature(usize),
}

/// How positions come from a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HashType {
    Blake,
    Double { prevent_singularity: bool },
}

impl ClkSchema {
    /// Reads a linkage schema of version 1, 2 or 3.
    ///
    /// # Errors
    /// Says which place of the document is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, SchemaError> {
        let (document, _) = Document::read(bytes)?;
        Self::from_document(&document)
    }

    /// Builds a schema from a document of version 3.
    ///
    /// # Errors
    /// Says which place of the document is wrong beyond its grammar.
    pub fn from_document(document: &Document) -> Result<Self, SchemaError> {
        let top = Place::top(&document.0);
        let config = top.need("clkConfig")?;
        let (filter_bits, folds) = filter(&config)?;
        let list = top.need("features")?;
        let items = list.items()?;
        if items.len() > MAX_FEATURES {
            let most = MAX_FEATURES as u64;
            return list.refuse(Problem::TooLarge { most });
        }
        let features = items.iter().map(feature).collect::<Checked<Vec<_>>>()?;
        if filter_bits == 1
            && let Some(singular) = features.iter().position(Feature::prevents_singularity)
        {
            return items[singular].refuse(Problem::OneBit);
        }
        Ok(Self {
            filter_bits,
            folds,
            kdf: kdf(&config.need("kdf")?)?,
            features,
        })
    }

    /// Bits of a finished CLK.
    pub fn clk_bits(&self) -> usize {
        self.filter_bits >> self.folds
    }

    /// The identifiers of all columns in order, those of ignored columns too.
    pub fn identifiers(&self) -> impl ExactSizeIterator<Item = &str> {
        self.features
            .iter()
            .map(|feature| feature.identifier.as_str())
    }
}

fn filter(config: &Place<'_>) -> Checked<(usize, u32)> {
    let most = MAX_FILTER_BITS as u64;
    let length = config.need("l")?;
    let bits = length.written_count(1, most)?;
    let folds = config.may("xor_folds", |folds| folds.written_count(0, 24))?;
    let folds = folds.unwrap_or(0);
    match usize::try_from(bits << folds) {
        Ok(filter) if filter <= MAX_FILTER_BITS => {
            // At most 24.
            Ok((filter, u32::try_from(folds).unwrap_or(0)))
        }
        _ => length.refuse(Problem::TooLarge {
            most: most >> folds,
        }),
    }
}

fn kdf(place: &Place<'_>) -> Checked<Kdf> {
    let base64 = |place: &Place<'_>| {
        let decoded = kdf::decode_base64(place.text()?);
        decoded.map_or_else(|| place.refuse(Problem::Base64), Ok)
    };
    let hash = place.may("hash", |hash| hash.word(super::grammar::KDF_HASHES))?;
    let size = place.may("keySize", |size| size.written_count(1, MAX_KEY_BYTES))?;
    Ok(Kdf {
        sha512: hash == Some("SHA512"),
        salt: place.may("salt", base64)?.unwrap_or_default(),
        info: place.may("info", base64)?.unwrap_or_default(),
        key_bytes: to_usize(size.unwrap_or(64)),
    })
}

fn feature(place: &Place<'_>) -> Checked<Feature> {
    let identifier = place.need("identifier")?.text()?.to_owned();
    let ignored = place.may("ignored", Place::bool)?.unwrap_or(false);
    let rule = if ignored { None } else { Some(rule(place)?) };
    Ok(Feature { identifier, rule })
}

fn rule(place: &Place<'_>) -> Checked<Rule> {
    let format_place = place.need("format")?;
    let hashing = place.need("hashing")?;
    let encoding = format_place.may("encoding", Place::text)?;
    Ok(Rule {
        format: format(&format_place)?,
        encoding: match encoding {
            Some("ascii") => Encoding::Ascii,
            Some("utf-16") => Encoding::Utf16,
            Some("utf-32") => Encoding::Utf32,
            _ => Encoding::Utf8,
        },
        missing: hashing.may("missingValue", missing_value)?,
        comparison: comparison(&hashing.need("comparison")?)?,
        strategy: strategy(&hashing.need("strategy")?)?,
        hash: hashing.may("hash", hash)?.unwrap_or(HashType::Blake),
    })
}

fn format(place: &Place<'_>) -> Checked<Format> {
    let whole = |place: &Place<'_>| place.whole().map(|whole: BigInt| whole.to_string());
    Ok(match place.need("type")?.text()? {
        "integer" => Format::Integer {
            minimum: place.may("minimum", whole)?,
            maximum: place.may("maximum", whole)?,
        },
        "date" => {
            let format = place.need("format")?;
            let text = format.text()?;
            if text.len() > MAX_DATE_FORMAT {
                let most = MAX_DATE_FORMAT as u64;
                return format.refuse(Problem::TooLarge { most });
            }
            Format::Date(DateFormat::compile(text))
        }
        "enum" => {
            let values = place.need("values")?.items()?;
            let values = values.iter().map(|value| value.text().map(str::to_owned));
            let mut values = values.collect::<Checked<Vec<String>>>()?;
            values.sort_unstable();
            Format::Enum(values)
        }
        _ => text_format(place)?,
    })
}

fn text_format(place: &Place<'_>) -> Checked<Format> {
    if let Some(pattern) = place.get("pattern") {
        return match Pattern::compile(pattern.text()?) {
            Ok(compiled) => Ok(Format::Pattern(Box::new(compiled))),
            Err(error) => pattern.refuse(Problem::Pattern(error)),
        };
    }
    // No cell is as long as the greatest length; a greater one says the same.
    let length = |place: &Place<'_>| {
        let whole = place.whole()?;
        Ok(u64::try_from(whole).unwrap_or(u64::MAX))
    };
    Ok(Format::Text {
        min_length: place.may("minLength", length)?.unwrap_or(0),
        max_length: place.may("maxLength", length)?.unwrap_or(u64::MAX),
        case: match place.may("case", Place::text)? {
            Some("upper") => Case::Upper,
            Some("lower") => Case::Lower,
            _ => Case::Mixed,
        },
    })
}

fn missing_value(place: &Place<'_>) -> Checked<MissingValue> {
    let sentinel = place.need("sentinel")?.text()?.to_owned();
    let replacement = place.may("replaceWith", Place::text)?.map(str::to_owned);
    Ok(MissingValue {
        replacement: replacement.unwrap_or_else(|| sentinel.clone()),
        sentinel,
    })
}

fn comparison(place: &Place<'_>) -> Checked<Comparison> {
    Ok(match place.need("type")?.text()? {
        "ngram" => Comparison::Ngram {
            n: to_usize(place.need("n")?.written_count(1, MAX_GRAM)?),
            positional: place.may("positional", Place::bool)?.unwrap_or(false),
        },
        "numeric" => Comparison::Numeric(Box::new(grid(place)?)),
        _ => Comparison::Exact,
    })
}

fn grid(place: &Place<'_>) -> Checked<Grid> {
    let distance = place.need("thresholdDistance")?;
    let threshold = if distance.is_written_whole() {
        Threshold::Whole(distance.whole()?)
    } else {
        Threshold::Float(distance.number()?)
    };
    let resolution = place.need("resolution")?.written_count(1, MAX_RESOLUTION)?;
    let precision = place.may("fractional_precision", |digits| {
        digits.written_count(0, u64::from(MAX_PRECISION))
    })?;
    let [resolution, precision] = [resolution, precision.unwrap_or(0)]
        // Both are below their limits.
        .map(|count| u32::try_from(count).unwrap_or(u32::MAX));
    Grid::new(threshold, resolution, precision)
        .map_or_else(|| distance.refuse(Problem::ThresholdTooFine), Ok)
}

fn strategy(place: &Place<'_>) -> Checked<Strategy> {
    let bits = |place: &Place<'_>| place.count(1, MAX_INSERTIONS).map(to_usize);
    Ok(match place.may("bitsPerToken", bits)? {
        Some(bits) => Strategy::PerToken(bits),
        None => Strategy::PerFeature(bits(&place.need("bitsPerFeature")?)?),
    })
}

fn hash(place: &Place<'_>) -> Checked<HashType> {
    let prevent = place.get("prevent_singularity");
    if place.need("type")?.text()? == "doubleHash" {
        let prevent = prevent.as_ref().map(Place::bool).transpose()?;
        let prevent_singularity = prevent.unwrap_or(false);
        return Ok(HashType::Double {
            prevent_singularity,
        });
    }
    match prevent {
        // Python takes `null` for absent; any other value is refused, even `false`.
        Some(prevent) if !prevent.is_null() => prevent.refuse(Problem::Singularity),
        _ => Ok(HashType::Blake),
    }
}

/// Counts are far below the greatest `usize`.
fn to_usize(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// What a schema says about one column, in words.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FeatureSummary {
    /// The name of the column.
    pub identifier: String,
    /// `string`, `integer`, `date`, `enum` or `ignored`.
    pub format: &'static str,
    /// How values are compared.
    pub comparison: String,
    /// How many bits are set.
    pub strategy: String,
    /// How bits are chosen.
    pub hash: &'static str,
}

impl ClkSchema {
    /// What the schema says about each column.
    pub fn summary(&self) -> Vec<FeatureSummary> {
        self.features.iter().map(Feature::summary).collect()
    }

    /// How often the filter is folded.
    pub fn folds(&self) -> u32 {
        self.folds
    }
}

impl Feature {
    fn prevents_singularity(&self) -> bool {
        let prevents = HashType::Double {
            prevent_singularity: true,
        };
        self.rule.as_ref().is_some_and(|rule| rule.hash == prevents)
    }

    fn summary(&self) -> FeatureSummary {
        let identifier = self.identifier.clone();
        let Some(rule) = &self.rule else {
            return FeatureSummary {
                identifier,
                format: "ignored",
                comparison: String::new(),
                strategy: String::new(),
                hash: "",
            };
        };
        FeatureSummary {
            identifier,
            format: match rule.format {
                Format::Text { .. } | Format::Pattern(_) => "string",
                Format::Integer { .. } => "integer",
                Format::Date(_) => "date",
                Format::Enum(_) => "enum",
            },
            comparison: match &rule.comparison {
                Comparison::Ngram { n, positional } => {
                    format!("{}{n}-grams", if *positional { "positional " } else { "" })
                }
                Comparison::Exact => "exact".to_owned(),
                Comparison::Numeric(grid) => format!("numeric, {} points", grid.points()),
            },
            strategy: match rule.strategy {
                Strategy::PerToken(bits) => format!("{bits} bits a token"),
                Strategy::PerFeature(bits) => format!("{bits} bits a feature"),
            },
            hash: match rule.hash {
                HashType::Blake => "blakeHash",
                HashType::Double { .. } => "doubleHash",
            },
        }
    }
}
