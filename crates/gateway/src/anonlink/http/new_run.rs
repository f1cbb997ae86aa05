//! What a request for a new run asks for.

use super::body::{not_of_type, object, required, text};
use crate::anonlink::problem::Problem;

/// A run as it is asked for.
#[derive(Debug, PartialEq)]
pub(super) struct NewRun {
    pub(super) threshold: f64,
    pub(super) name: String,
    pub(super) notes: String,
}

impl NewRun {
    /// Reads a request's body.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Problem> {
        let fields = object(body)?;
        let value = required(&fields, "threshold")?;
        let Some(threshold) = value.as_f64() else {
            return Err(not_of_type(value, "number", "threshold"));
        };
        if !(threshold > 0.0 && threshold <= 1.0) {
            return Err(Problem::input(format!(
                "{value} is not above 0 and at most 1 - 'threshold'"
            )));
        }
        Ok(Self {
            threshold,
            name: text(&fields, "name")?,
            notes: text(&fields, "notes")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_read_to_the_last_bit() {
        for text in [
            "0.85",
            "1",
            "0.1234567890123456789",
            "5e-324",
            "0.9999999999999999",
        ] {
            let body = format!("{{\"threshold\": {text}}}");
            let new = NewRun::parse(body.as_bytes()).unwrap();
            assert_eq!(new.threshold, text.parse::<f64>().unwrap());
        }
    }

    #[test]
    fn mistakes_are_told() {
        let cases = [
            ("{}", "'threshold' is a required property"),
            (
                r#"{"threshold": "x"}"#,
                "'x' is not of type 'number' - 'threshold'",
            ),
            (
                r#"{"threshold": null}"#,
                "None is not of type 'number' - 'threshold'",
            ),
            (
                r#"{"threshold": 0}"#,
                "0 is not above 0 and at most 1 - 'threshold'",
            ),
            (
                r#"{"threshold": -1}"#,
                "-1 is not above 0 and at most 1 - 'threshold'",
            ),
            (
                r#"{"threshold": 1.1}"#,
                "1.1 is not above 0 and at most 1 - 'threshold'",
            ),
            (
                r#"{"threshold": 0.9, "name": 3}"#,
                "3 is not of type 'string' - 'name'",
            ),
        ];
        for (body, detail) in cases {
            assert_eq!(NewRun::parse(body.as_bytes()), Err(Problem::input(detail)));
        }
    }
}
