//! Identifiers and tokens as the API writes them: 48 lower-case hexadecimal characters.

/// Bytes of every identifier and token.
pub(super) const BYTES: usize = 24;

/// The text of 24 bytes.
pub(super) fn text(bytes: &[u8; BYTES]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The 24 bytes of a text, if it is one that [`text`] makes.
pub(super) fn parse(text: &str) -> Option<[u8; BYTES]> {
    let digits = text.as_bytes();
    let mut bytes = [0; BYTES];
    if digits.len() != 2 * BYTES {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(bytes)
}

fn value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn texts_are_read_back(bytes: [u8; BYTES]) {
            let text = text(&bytes);
            prop_assert_eq!(text.len(), 48);
            prop_assert_eq!(parse(&text), Some(bytes));
        }

        #[test]
        fn any_text_is_read_without_fault(text in ".{0,60}") {
            prop_assert!(parse(&text).is_none_or(|bytes| super::text(&bytes) == text));
        }
    }

    #[test]
    fn capitals_and_other_lengths_are_none() {
        for text in [
            "",
            "none",
            &"A".repeat(48),
            &"0".repeat(46),
            &"g".repeat(48),
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
