//! A reader of JSON that refuses texts and numbers too long to hold, before anything holds them.

use std::io::{self, Read};

/// The most bytes of one text or number within an upload: the longest encoding, 1024 bytes, has 1,368
/// characters in base64, and tests of the original send 4096 bytes.
pub(crate) const MAX_TOKEN_BYTES: usize = 64 << 10;

/// Passes bytes on as long as no text, number or word among them is too long.
pub(crate) struct Bounded<R> {
    inner: R,
    place: Place,
    length: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Outside,
    Text,
    /// Behind a backslash.
    Escape,
}

impl<R> Bounded<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self {
            inner,
            place: Place::Outside,
            length: 0,
        }
    }

    fn pass(&mut self, byte: u8) {
        let (next, ends) = match (self.place, byte) {
            (Place::Outside, b'"') => (Place::Text, true),
            (Place::Outside, b' ' | b'\t' | b'\n' | b'\r') => (Place::Outside, true),
            (Place::Outside, b',' | b':' | b'[' | b']' | b'{' | b'}') => (Place::Outside, true),
            (Place::Text, b'"') => (Place::Outside, true),
            (Place::Text, b'\\') => (Place::Escape, false),
            (Place::Escape, _) => (Place::Text, false),
            (place, _) => (place, false),
        };
        self.place = next;
        self.length = if ends { 0 } else { self.length + 1 };
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(out)?;
        for byte in &out[..read] {
            self.pass(*byte);
            if self.length > MAX_TOKEN_BYTES {
                return Err(io::Error::new(io::ErrorKind::InvalidData, TokenTooLong));
            }
        }
        Ok(read)
    }
}

/// A text or number is longer than any in an upload.
#[derive(Debug, thiserror::Error)]
#[error("a text in the upload has more than {MAX_TOKEN_BYTES} bytes")]
pub(crate) struct TokenTooLong;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn passes(text: &str) -> bool {
        let mut out = Vec::new();
        let read = Bounded::new(text.as_bytes()).read_to_end(&mut out);
        assert!(read.is_err() || out == text.as_bytes());
        read.is_ok()
    }

    #[test]
    fn texts_and_numbers_have_a_longest_length() {
        let long = "a".repeat(MAX_TOKEN_BYTES);
        assert!(passes(&format!("[\"{long}\", \"{long}\"]")));
        assert!(!passes(&format!("[\"{long}a\"]")));
        assert!(!passes(&format!(
            "[\"{}\"]",
            r#"\""#.repeat(MAX_TOKEN_BYTES)
        )));
        assert!(!passes(&format!("[1{}]", "0".repeat(MAX_TOKEN_BYTES))));
        assert!(passes(&"[1, \"a\"], ".repeat(MAX_TOKEN_BYTES)));
    }

    proptest! {
        #[test]
        fn short_bytes_pass_unchanged(text in "[\\[\\]\"\\\\a, :{}]{0,300}") {
            prop_assert!(passes(&text));
        }
    }
}
