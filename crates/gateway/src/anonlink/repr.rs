//! JSON values as Python writes them: the texts of errors quote what was sent in that form, and
//! tests of existing callers compare them.

use std::fmt::Write as _;

use serde_json::Value;

/// The most characters of a value that a text quotes.
const MOST: usize = 2000;

/// The value as Python's `repr` has it, cut where it is long.
pub(super) fn repr(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    if let Some((end, _)) = out.char_indices().nth(MOST) {
        out.truncate(end);
        out.push_str("...");
    }
    out
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(text) => quote(text, out),
        Value::Array(items) => {
            let items = items.iter().map(|item| (None, item));
            list(('[', ']'), items, out);
        }
        Value::Object(fields) => {
            let fields = fields.iter().map(|(key, value)| (Some(key), value));
            list(('{', '}'), fields, out);
        }
    }
}

fn list<'a>(
    (open, close): (char, char),
    items: impl Iterator<Item = (Option<&'a String>, &'a Value)>,
    out: &mut String,
) {
    out.push(open);
    for (index, (key, value)) in items.enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        if let Some(key) = key {
            quote(key, out);
            out.push_str(": ");
        }
        write(value, out);
    }
    out.push(close);
}

fn quote(text: &str, out: &mut String) {
    let mark = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    out.push(mark);
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            other if other == mark => out.extend(['\\', other]),
            // Writing to a text cannot fail.
            other if other.is_control() => drop(write!(out, "\\x{:02x}", u32::from(other))),
            other => out.push(other),
        }
    }
    out.push(mark);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_look_as_in_python() {
        let cases = [
            (json!(null), "None"),
            (json!([true, false, 1, 1.5]), "[True, False, 1, 1.5]"),
            (json!({"clks": "x"}), "{'clks': 'x'}"),
            (json!({}), "{}"),
            (json!("it's"), "\"it's\""),
            (json!("it's \"it\""), "'it\\'s \"it\"'"),
            (json!("a\n\u{1}\\"), "'a\\n\\x01\\\\'"),
        ];
        for (value, expected) in cases {
            assert_eq!(repr(&value), expected);
        }
    }

    #[test]
    fn long_values_are_cut_between_characters() {
        let cut = repr(&json!("é".repeat(5000)));
        assert_eq!(cut.chars().count(), MOST + 3);
    }
}
