//! A reader of JSON that refuses texts and numbers too long to hold, and lists too deep, before
//! anything holds them.

use std::io::{self, Read};

/// The most bytes of one text or number within an upload: the longest encoding, 1024 bytes, has 1,368
/// characters in base64, and tests of the original send 4096 bytes.
pub(crate) const MAX_TOKEN_BYTES: usize = 64 << 10;

/// The most lists and objects within each other. Uploads have three; the parser keeps a byte for each
/// level of what it skips.
const MAX_DEPTH: usize = 128;

/// Passes bytes on as long as no text, number or word among them is too long, and nothing too deep.
pub(crate) struct Bounded<R> {
    inner: R,
    place: Place,
    length: usize,
    depth: usize,
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
            depth: 0,
        }
    }

    fn pass(&mut self, byte: u8) -> Result<(), Excess> {
        self.step(byte);
        if self.length > MAX_TOKEN_BYTES {
            return Err(Excess::TooLong);
        }
        match self.depth > MAX_DEPTH {
            true => Err(Excess::TooDeep),
            false => Ok(()),
        }
    }

    fn step(&mut self, byte: u8) {
        match (self.place, byte) {
            (Place::Outside, b'[' | b'{') => self.depth += 1,
            (Place::Outside, b']' | b'}') => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
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
            let passed = self.pass(*byte);
            passed.map_err(|excess| io::Error::new(io::ErrorKind::InvalidData, excess))?;
        }
        Ok(read)
    }
}

/// There is more than any upload has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Excess {
    /// Of a text or number.
    #[error("a text in the upload has more than {MAX_TOKEN_BYTES} bytes")]
    TooLong,
    /// Of lists and objects within each other.
    #[error("more than {MAX_DEPTH} lists and objects of the upload are within each other")]
    TooDeep,
}

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

    #[test]
    fn lists_and_objects_have_a_deepest_level() {
        assert!(passes(&"[".repeat(MAX_DEPTH)));
        assert!(!passes(&"[".repeat(MAX_DEPTH + 1)));
        assert!(!passes(&"{\"a\":".repeat(MAX_DEPTH + 1)));
        // One after the other, or in a text, they are not deep.
        assert!(passes(&"[{}],".repeat(MAX_DEPTH)));
        assert!(passes(&format!("[\"{}\"]", "[".repeat(MAX_DEPTH + 1))));
    }

    proptest! {
        #[test]
        fn short_bytes_pass_unchanged(text in "[\\[\\]\"\\\\a, :{}]{0,300}") {
            prop_assert!(passes(&text));
        }
    }
}
