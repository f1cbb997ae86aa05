//! JSON with its numbers as they were written: a linkage schema tells 5 from 5.0, and its whole
//! numbers have no upper end.

use std::fmt;

use num_bigint::BigInt;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::error::SchemaError;

/// No document is nested deeper; a linkage schema needs six.
const MAX_DEPTH: usize = 32;

/// No object has more keys; those of a linkage schema have under ten.
const MAX_KEYS: usize = 1000;

/// A linkage schema as JSON, its text shown with indentation.
#[derive(Debug, Clone, PartialEq)]
pub struct Document(pub(super) Json);

/// A JSON value, its numbers as text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Json>),
    /// In the order written; a repeated key keeps its last value, as Python does it.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads a document.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, SchemaError> {
        let raw: &RawValue = serde_json::from_slice(bytes).map_err(SchemaError::not_json)?;
        Self::from_raw(raw, MAX_DEPTH)
    }

    fn from_raw(raw: &RawValue, depth: usize) -> Result<Self, SchemaError> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(SchemaError::TooDeep { limit: MAX_DEPTH });
        };
        let text = raw.get();
        Ok(match text.as_bytes().first() {
            Some(b'{') => Self::object(text, depth)?,
            Some(b'[') => {
                let items: Vec<&RawValue> = parse(text)?;
                let items = items.into_iter().map(|item| Self::from_raw(item, depth));
                Self::List(items.collect::<Result<_, _>>()?)
            }
            Some(b'"') => Self::Text(parse(text)?),
            Some(b't') => Self::Bool(true),
            Some(b'f') => Self::Bool(false),
            Some(b'n') => Self::Null,
            _ => Self::Number(text.to_owned()),
        })
    }

    fn object(text: &str, depth: usize) -> Result<Self, SchemaError> {
        let pairs: Pairs<'_> = parse(text)?;
        if pairs.0.len() > MAX_KEYS {
            return Err(SchemaError::TooManyKeys { limit: MAX_KEYS });
        }
        let mut object = Self::Object(Vec::new());
        for (key, value) in pairs.0 {
            object.set(&key, Self::from_raw(value, depth)?);
        }
        Ok(object)
    }

    /// The value under `key`; none for what is no object.
    pub(super) fn get(&self, key: &str) -> Option<&Json> {
        let Self::Object(pairs) = self else {
            return None;
        };
        pairs
            .iter()
            .find_map(|(name, value)| (name == key).then_some(value))
    }

    /// Puts `value` under `key`, in the place of an earlier one; nothing for what is no object.
    pub(super) fn set(&mut self, key: &str, value: Json) {
        let Self::Object(pairs) = self else {
            return;
        };
        match pairs.iter_mut().find(|(name, _)| name == key) {
            Some(pair) => pair.1 = value,
            None => pairs.push((key.to_owned(), value)),
        }
    }

    /// Takes out the value under `key`.
    pub(super) fn remove(&mut self, key: &str) -> Option<Json> {
        let Self::Object(pairs) = self else {
            return None;
        };
        let place = pairs.iter().position(|(name, _)| name == key)?;
        Some(pairs.remove(place).1)
    }

    /// An object of these pairs.
    pub(super) fn of<const N: usize>(pairs: [(&str, Json); N]) -> Self {
        Self::Object(
            pairs
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
        )
    }

    /// The whole number this is, also when written with a fraction of zero.
    pub(super) fn whole(&self) -> Option<BigInt> {
        let Self::Number(text) = self else {
            return None;
        };
        if text.len() <= super::number::MAX_DIGITS
            && let Ok(whole) = text.parse()
        {
            return Some(whole);
        }
        let float = self.float()?;
        (float.fract() == 0.0).then(|| super::number::exact(float))
    }

    /// Whether this is a number without fraction or exponent.
    pub(super) fn is_written_whole(&self) -> bool {
        matches!(self, Self::Number(text) if !text.contains(['.', 'e', 'E']))
    }

    /// The number as a double, when finite.
    pub(super) fn float(&self) -> Option<f64> {
        let Self::Number(text) = self else {
            return None;
        };
        text.parse().ok().filter(|float: &f64| float.is_finite())
    }

    fn write(&self, out: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        match self {
            Self::Null => out.write_str("null"),
            Self::Bool(value) => write!(out, "{value}"),
            Self::Number(text) => out.write_str(text),
            Self::Text(text) => write_text(out, text),
            Self::List(items) => write_many(out, depth, ['[', ']'], items, |out, item, depth| {
                item.write(out, depth)
            }),
            Self::Object(pairs) => {
                write_many(out, depth, ['{', '}'], pairs, |out, (key, value), depth| {
                    write_text(out, key)?;
                    out.write_str(": ")?;
                    value.write(out, depth)
                })
            }
        }
    }
}

/// As JSON, indented by two.
impl fmt::Display for Document {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write(out, 0)
    }
}

fn parse<'a, T: serde::Deserialize<'a>>(text: &'a str) -> Result<T, SchemaError> {
    serde_json::from_str(text).map_err(SchemaError::not_json)
}

fn write_text(out: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let text = serde_json::to_string(text).map_err(|_| fmt::Error)?;
    out.write_str(&text)
}

fn write_many<T>(
    out: &mut fmt::Formatter<'_>,
    depth: usize,
    [open, close]: [char; 2],
    items: &[T],
    write: impl Fn(&mut fmt::Formatter<'_>, &T, usize) -> fmt::Result,
) -> fmt::Result {
    write!(out, "{open}")?;
    for (place, item) in items.iter().enumerate() {
        let comma = if place == 0 { "" } else { "," };
        write!(out, "{comma}\n{:1$}", "", 2 * (depth + 1))?;
        write(out, item, depth + 1)?;
    }
    if !items.is_empty() {
        write!(out, "\n{:1$}", "", 2 * depth)?;
    }
    write!(out, "{close}")
}

/// The pairs of an object, values unread.
struct Pairs<'a>(Vec<(String, &'a RawValue)>);

impl<'de> serde::Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Pairs<'de>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_numbers_as_written() {
        let json = Json::parse(br#"{"a": [1, 1.0, 1e2, -0], "b": 123456789012345678901234567890}"#);
        let json = json.unwrap();
        let Some(Json::List(items)) = json.get("a") else {
            panic!("a list")
        };
        let whole: Vec<bool> = items.iter().map(Json::is_written_whole).collect();
        assert_eq!(whole, [true, false, false, true]);
        assert_eq!(items[2].whole(), Some(BigInt::from(100)));
        let long = json.get("b").unwrap().whole().unwrap();
        assert_eq!(long.to_string(), "123456789012345678901234567890");
    }

    #[test]
    fn keeps_the_last_of_repeated_keys_and_the_order_of_all() {
        let json = Json::parse(br#"{"z": 1, "a": true, "z": "\u00e9"}"#).unwrap();
        let pairs = [("z", Json::Text("é".to_owned())), ("a", Json::Bool(true))];
        assert_eq!(json, Json::of(pairs));
        assert_eq!(
            Document(json).to_string(),
            "{\n  \"z\": \"é\",\n  \"a\": true\n}"
        );
    }

    #[test]
    fn refuses_nesting_without_end() {
        let deep = [vec![b'['; 100], vec![b']'; 100]].concat();
        assert!(matches!(
            Json::parse(&deep),
            Err(SchemaError::TooDeep { .. })
        ));
        let deeper = vec![b'['; 100_000];
        assert!(Json::parse(&deeper).is_err());
    }
}
