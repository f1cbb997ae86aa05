//! A place in a schema document, which knows its name for messages.

use num_bigint::BigInt;

use super::error::{Problem, SchemaError};
use super::json::Json;

/// A value and where it stands.
pub(super) struct Place<'a> {
    json: &'a Json,
    name: String,
    /// Whether whole numbers have to be written as such.
    strict: bool,
}

/// What a check of a place says.
pub(super) type Checked<T = ()> = Result<T, SchemaError>;

impl<'a> Place<'a> {
    pub(super) fn top(json: &'a Json) -> Self {
        Self {
            json,
            name: String::new(),
            strict: false,
        }
    }

    /// Here and below, `5.0` is no whole number.
    pub(super) fn strict(self) -> Self {
        Self {
            strict: true,
            ..self
        }
    }

    pub(super) fn refuse<T>(&self, problem: Problem) -> Checked<T> {
        let top = "the schema".to_owned();
        let place = if self.name.is_empty() {
            top
        } else {
            self.name.clone()
        };
        Err(SchemaError::At { place, problem })
    }

    fn require<T>(&self, found: Option<T>, kind: &'static str) -> Checked<T> {
        found.map_or_else(|| self.refuse(Problem::NotA(kind)), Ok)
    }

    fn at(&self, json: &'a Json, key: &str) -> Place<'a> {
        let dot = if self.name.is_empty() { "" } else { "." };
        let name = format!("{}{dot}{key}", self.name);
        let strict = self.strict;
        Place { json, name, strict }
    }

    /// What stands under `key`.
    pub(super) fn get(&self, key: &str) -> Option<Place<'a>> {
        self.json.get(key).map(|json| self.at(json, key))
    }

    /// What has to stand under `key`.
    pub(super) fn need(&self, key: &'static str) -> Checked<Place<'a>> {
        self.get(key)
            .map_or_else(|| self.refuse(Problem::Missing(key)), Ok)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.json.get(key).is_some()
    }

    /// Checks what stands under `key`, if anything does.
    pub(super) fn may<T>(
        &self,
        key: &str,
        check: impl FnOnce(&Place<'a>) -> Checked<T>,
    ) -> Checked<Option<T>> {
        self.get(key).as_ref().map(check).transpose()
    }

    /// An object.
    pub(super) fn object(&self) -> Checked {
        let object = matches!(self.json, Json::Object(_));
        self.require(object.then_some(()), "an object")
    }

    /// An object of these keys only.
    pub(super) fn only(&self, keys: &[&str]) -> Checked {
        let Json::Object(pairs) = self.json else {
            return self.object();
        };
        match pairs.iter().find(|(key, _)| !keys.contains(&key.as_str())) {
            Some((key, _)) => self.refuse(Problem::Unexpected(key.clone())),
            None => Ok(()),
        }
    }

    /// The items of a list.
    pub(super) fn items(&self) -> Checked<Vec<Place<'a>>> {
        let items = match self.json {
            Json::List(items) => Some(items),
            _ => None,
        };
        let items = self.require(items, "a list")?.iter().enumerate();
        let name = |place| format!("{}[{place}]", self.name);
        Ok(items
            .map(|(place, json)| Place {
                json,
                name: name(place),
                strict: self.strict,
            })
            .collect())
    }

    pub(super) fn text(&self) -> Checked<&'a str> {
        let text = match self.json {
            Json::Text(text) => Some(text.as_str()),
            _ => None,
        };
        self.require(text, "text")
    }

    /// One of these words.
    pub(super) fn word(&self, words: &'static [&'static str]) -> Checked<&'static str> {
        let word = match self.json {
            Json::Text(text) => words.iter().find(|word| *word == text),
            _ => None,
        };
        word.map_or_else(|| self.refuse(Problem::NotOneOf(words)), |word| Ok(*word))
    }

    pub(super) fn bool(&self) -> Checked<bool> {
        let value = match self.json {
            Json::Bool(value) => Some(*value),
            _ => None,
        };
        self.require(value, "true or false")
    }

    /// Whether this is `true` and nothing else.
    pub(super) fn is_true(&self) -> bool {
        *self.json == Json::Bool(true)
    }

    pub(super) fn is_null(&self) -> bool {
        *self.json == Json::Null
    }

    /// A finite number.
    pub(super) fn number(&self) -> Checked<f64> {
        self.require(self.json.float(), "a finite number")
    }

    /// A whole number of any size; `5.0` is one unless strict.
    pub(super) fn whole(&self) -> Checked<BigInt> {
        let whole = self.json.whole();
        let whole = whole.filter(|_| !self.strict || self.is_written_whole());
        self.require(whole, "a whole number")
    }

    /// A whole number not below `least`.
    pub(super) fn at_least(&self, least: u64) -> Checked {
        if self.whole()? < BigInt::from(least) {
            return self.refuse(Problem::TooSmall { least });
        }
        Ok(())
    }

    /// A whole number from `least` to our limit.
    pub(super) fn count(&self, least: u64, most: u64) -> Checked<u64> {
        self.at_least(least)?;
        match u64::try_from(self.whole()?) {
            Ok(count) if count <= most => Ok(count),
            _ => self.refuse(Problem::TooLarge { most }),
        }
    }

    /// The same where clkhash fails on `5.0`.
    pub(super) fn written_count(&self, least: u64, most: u64) -> Checked<u64> {
        let count = self.count(least, most)?;
        self.written_whole()?;
        Ok(count)
    }

    /// A number written without fraction.
    pub(super) fn written_whole(&self) -> Checked {
        if self.is_written_whole() {
            return Ok(());
        }
        self.refuse(Problem::Fraction)
    }

    pub(super) fn is_written_whole(&self) -> bool {
        self.json.is_written_whole()
    }
}
