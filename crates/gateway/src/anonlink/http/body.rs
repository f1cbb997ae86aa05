//! Small JSON bodies, and complaints about their fields in the words of the original.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use serde_json::{Map, Value};
use tokio::sync::Semaphore;

use crate::anonlink::problem::Problem;
use crate::anonlink::repr::repr;

/// The most bytes of a name or of notes.
const MAX_TEXT_BYTES: usize = 16 << 10;
/// How long such a body may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether the body is said to be JSON, whatever its parameters.
pub(super) fn expect_json(headers: &HeaderMap) -> Result<(), Problem> {
    let given = headers.get(CONTENT_TYPE).map(|value| value.to_str());
    let given = given.and_then(Result::ok).unwrap_or_default();
    let kind = given.split(';').next().unwrap_or_default().trim();
    let kind = kind.to_ascii_lowercase();
    let is_json =
        kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"));
    match is_json {
        true => Ok(()),
        false => Err(Problem::media_type(given)),
    }
}

/// All of a small body, of `most` bytes at most, once it has a turn.
pub(super) async fn small(turns: &Semaphore, body: Body, most: usize) -> Result<Bytes, Problem> {
    let turn = tokio::time::timeout(PATIENCE, turns.acquire()).await;
    let Ok(Ok(_turn)) = turn else {
        return Err(Problem::busy());
    };
    match tokio::time::timeout(PATIENCE, to_bytes(body, most)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(Problem::too_large("this request", most as u64)),
        Err(_) => Err(Problem::stalled()),
    }
}

/// The object a body is.
pub(super) fn object(bytes: &[u8]) -> Result<Map<String, Value>, Problem> {
    if bytes.is_empty() {
        return Err(Problem::input("None is not of type 'object'"));
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(Value::Null) | Err(_) => Err(Problem::input("Request body is not valid JSON")),
        Ok(other) => {
            let detail = format!("{} is not of type 'object'", repr(&other));
            Err(Problem::input(detail))
        }
    }
}

/// A field that has to be there.
pub(super) fn required<'a>(
    fields: &'a Map<String, Value>,
    name: &str,
) -> Result<&'a Value, Problem> {
    let missing = || Problem::input(format!("'{name}' is a required property"));
    fields.get(name).ok_or_else(missing)
}

/// A text that may be missing, and is empty then.
pub(super) fn text(fields: &Map<String, Value>, name: &str) -> Result<String, Problem> {
    match fields.get(name) {
        None => Ok(String::new()),
        Some(Value::String(text)) if text.len() > MAX_TEXT_BYTES => {
            let detail = format!("the text has more than {MAX_TEXT_BYTES} bytes - '{name}'");
            Err(Problem::input(detail))
        }
        Some(Value::String(text)) => Ok(text.clone()),
        Some(other) => Err(not_of_type(other, "string", name)),
    }
}

/// A field is of another type.
pub(super) fn not_of_type(value: &Value, expected: &str, name: &str) -> Problem {
    let value = repr(value);
    Problem::input(format!("{value} is not of type '{expected}' - '{name}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_comes_under_several_names() {
        let check = |kind: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, kind.parse().unwrap());
            expect_json(&headers)
        };
        for kind in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/x+json",
        ] {
            assert_eq!(check(kind), Ok(()), "{kind}");
        }
        for kind in ["text/plain", "", "application/octet-stream", "text/json"] {
            assert_eq!(check(kind), Err(Problem::media_type(kind)), "{kind}");
        }
        assert_eq!(expect_json(&HeaderMap::new()), Err(Problem::media_type("")));
    }

    #[test]
    fn texts_have_a_longest_length() {
        let long = |bytes| Map::from_iter([("name".to_owned(), "a".repeat(bytes).into())]);
        let taken = text(&long(MAX_TEXT_BYTES), "name").unwrap();
        assert_eq!(taken.len(), MAX_TEXT_BYTES);
        let refused = text(&long(MAX_TEXT_BYTES + 1), "name").unwrap_err();
        assert_eq!(refused.status.as_u16(), 400);
    }

    #[tokio::test]
    async fn bodies_have_a_longest_length() {
        let turns = Semaphore::new(1);
        assert_eq!(small(&turns, "abc".into(), 3).await.unwrap(), "abc");
        let refused = small(&turns, "abcd".into(), 3).await.unwrap_err();
        assert_eq!(refused.status.as_u16(), 413);
    }

    #[test]
    fn bodies_that_are_no_objects_are_told_as_in_the_original() {
        let cases = [
            ("", "None is not of type 'object'"),
            ("null", "Request body is not valid JSON"),
            ("{", "Request body is not valid JSON"),
            ("[1]", "[1] is not of type 'object'"),
        ];
        for (body, detail) in cases {
            assert_eq!(
                object(body.as_bytes()),
                Err(Problem::input(detail)),
                "{body}"
            );
        }
    }
}
