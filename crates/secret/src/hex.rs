//! Lower-case hexadecimal for 32-byte values, secret ones included: what is decoded comes back in a
//! wiping buffer.

use zeroize::Zeroizing;

/// Characters that 32 bytes take.
pub(crate) const HEX_CHARS: usize = 64;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The 64 characters of `bytes`, in a buffer that wipes itself.
pub(crate) fn encode(bytes: &[u8; 32]) -> Zeroizing<[u8; HEX_CHARS]> {
    let mut text = Zeroizing::new([0; HEX_CHARS]);
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    text
}

/// The 32 bytes that exactly 64 hexadecimal characters of either case stand for.
pub(crate) fn decode(text: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    if text.len() != HEX_CHARS {
        return None;
    }
    let mut bytes = Zeroizing::new([0; 32]);
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        b'A'..=b'F' => Some(character - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn refuses_what_is_not_64_hexadecimal_characters() {
        assert!(decode(&[b'a'; 63]).is_none());
        assert!(decode(&[b'a'; 65]).is_none());
        assert!(decode(&[b'g'; 64]).is_none());
        assert!(decode(&[b' '; 64]).is_none());
    }

    proptest! {
        #[test]
        fn round_trips_in_either_case(bytes: [u8; 32]) {
            let text = encode(&bytes);
            prop_assert_eq!(decode(&text[..]).map(|decoded| *decoded), Some(bytes));
            prop_assert_eq!(decode(&text.to_ascii_uppercase()).map(|decoded| *decoded), Some(bytes));
        }
    }
}
