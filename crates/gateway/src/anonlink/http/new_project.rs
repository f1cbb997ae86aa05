//! What a request for a new project asks for.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::body::{not_of_type, object, required, text};
use crate::anonlink::problem::Problem;
use crate::anonlink::project::ResultType;
use crate::anonlink::repr::repr;

/// The most parties of a project.
const MAX_PARTIES: u64 = 256;

/// The most bytes of a linkage schema.
const MAX_SCHEMA_BYTES: usize = 1 << 20;

/// A project as it is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NewProject {
    pub(super) schema: String,
    pub(super) result_type: ResultType,
    pub(super) parties: usize,
    pub(super) name: String,
    pub(super) notes: String,
    pub(super) uses_blocking: bool,
}

impl NewProject {
    /// Reads a request's body.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Problem> {
        let fields = object(body)?;
        let (schema, result_type) = (
            required(&fields, "schema")?,
            required(&fields, "result_type")?,
        );
        if !schema.is_object() {
            return Err(not_of_type(schema, "object", "schema"));
        }
        let new = Self {
            schema: raw_schema(body)?,
            result_type: parse_result_type(result_type)?,
            parties: parties(&fields)?,
            name: text(&fields, "name")?,
            notes: text(&fields, "notes")?,
            uses_blocking: uses_blocking(&fields)?,
        };
        if new.parties > 2 && new.result_type != ResultType::Groups {
            let detail = "Multi-party linkage requires result type 'groups'.";
            return Err(Problem::bad(detail));
        }
        Ok(new)
    }
}

/// The schema's text as it came.
fn raw_schema(body: &[u8]) -> Result<String, Problem> {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        schema: &'a RawValue,
    }
    let body: Body<'_> = serde_json::from_slice(body)
        .map_err(|_| Problem::input("Request body is not valid JSON"))?;
    let schema = body.schema.get();
    match schema.len() > MAX_SCHEMA_BYTES {
        true => Err(Problem::too_large("a schema", MAX_SCHEMA_BYTES as u64)),
        false => Ok(schema.to_owned()),
    }
}

fn parse_result_type(value: &Value) -> Result<ResultType, Problem> {
    let named = |(name, _): &&(&str, ResultType)| value.as_str() == Some(name);
    match (ResultType::ALL.iter().find(named), value) {
        (Some((_, result_type)), _) => Ok(*result_type),
        (None, Value::String(_)) => Err(Problem::input(format!(
            "{} is not one of ['groups', 'permutations', 'similarity_scores'] - 'result_type'",
            repr(value)
        ))),
        (None, _) => Err(not_of_type(value, "string", "result_type")),
    }
}

fn parties(fields: &Map<String, Value>) -> Result<usize, Problem> {
    let Some(value) = fields.get("number_parties") else {
        return Ok(2);
    };
    let Value::Number(number) = value else {
        return Err(not_of_type(value, "integer", "number_parties"));
    };
    if number.is_f64() {
        return Err(not_of_type(value, "integer", "number_parties"));
    }
    match number.as_u64() {
        Some(parties @ 2..=MAX_PARTIES) => Ok(parties as usize),
        Some(parties) if parties > MAX_PARTIES => Err(Problem::input(format!(
            "{parties} is greater than the maximum of {MAX_PARTIES} - 'number_parties'"
        ))),
        _ => Err(Problem::input(format!(
            "{number} is less than the minimum of 2 - 'number_parties'"
        ))),
    }
}

/// Texts are taken as PostgreSQL takes them, for the original does.
fn uses_blocking(fields: &Map<String, Value>) -> Result<bool, Problem> {
    let value = match fields.get("uses_blocking") {
        None => return Ok(false),
        Some(value) => value,
    };
    let word = value.as_str().map(|text| text.trim().to_ascii_lowercase());
    match (value, word.as_deref()) {
        (Value::Bool(uses), _) => Ok(*uses),
        (_, Some("true" | "t" | "yes" | "y" | "on" | "1")) => Ok(true),
        (_, Some("false" | "f" | "no" | "n" | "off" | "0")) => Ok(false),
        _ => Err(not_of_type(value, "boolean", "uses_blocking")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(change: &Value) -> Result<NewProject, Problem> {
        let mut body = json!({"schema": {}, "result_type": "groups"});
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        NewProject::parse(body.to_string().as_bytes())
    }

    #[test]
    fn what_is_not_asked_for_has_a_default() {
        let new = parse(&json!({"extra": 1})).unwrap();
        assert_eq!((new.parties, new.uses_blocking), (2, false));
        assert_eq!((new.name.as_str(), new.notes.as_str()), ("", ""));
        let new = parse(&json!({"number_parties": 5, "uses_blocking": "True"})).unwrap();
        assert_eq!((new.parties, new.uses_blocking), (5, true));
    }

    #[test]
    fn the_schema_stays_as_it_came() {
        let schema = r#"{"b" : 1.0,"a":12345678901234567890123}"#;
        let body = format!(r#"{{"result_type": "groups", "schema": {schema}}}"#);
        assert_eq!(NewProject::parse(body.as_bytes()).unwrap().schema, schema);
    }

    #[test]
    fn schemas_have_a_longest_length() {
        let of = |bytes| json!({"schema": {"a": "x".repeat(bytes - r#"{"a":""}"#.len())}});
        assert!(parse(&of(MAX_SCHEMA_BYTES)).is_ok());
        let refused = parse(&of(MAX_SCHEMA_BYTES + 1)).unwrap_err();
        assert_eq!(refused.status.as_u16(), 413);
    }

    #[test]
    fn mistakes_are_told_in_the_words_of_the_original() {
        let cases = [
            (
                json!({"schema": []}),
                "[] is not of type 'object' - 'schema'",
            ),
            (
                json!({"result_type": 1}),
                "1 is not of type 'string' - 'result_type'",
            ),
            (
                json!({"number_parties": "3"}),
                "'3' is not of type 'integer' - 'number_parties'",
            ),
            (
                json!({"number_parties": true}),
                "True is not of type 'integer' - 'number_parties'",
            ),
            (
                json!({"number_parties": 2.5}),
                "2.5 is not of type 'integer' - 'number_parties'",
            ),
            (
                json!({"number_parties": 1}),
                "1 is less than the minimum of 2 - 'number_parties'",
            ),
            (
                json!({"number_parties": -4}),
                "-4 is less than the minimum of 2 - 'number_parties'",
            ),
            (
                json!({"number_parties": 257}),
                "257 is greater than the maximum of 256 - 'number_parties'",
            ),
            (
                json!({"name": null}),
                "None is not of type 'string' - 'name'",
            ),
            (
                json!({"notes": [1]}),
                "[1] is not of type 'string' - 'notes'",
            ),
            (
                json!({"uses_blocking": 2}),
                "2 is not of type 'boolean' - 'uses_blocking'",
            ),
        ];
        for (change, detail) in cases {
            assert_eq!(parse(&change), Err(Problem::input(detail)), "{change}");
        }
        let pair = json!({"number_parties": 3, "result_type": "permutations"});
        assert_eq!(parse(&pair).unwrap_err().title, None);
    }
}
