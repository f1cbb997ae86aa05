//! Texts of up to 16 bytes in a register: tokens and values are made, compared and looked up as such,
//! without a text in memory.

/// The most bytes.
const MAX_BYTES: usize = 16;

/// A short text.
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(super) struct Short {
    /// The first byte lowest, zeros behind the last.
    bytes: u128,
    length: usize,
}

impl Short {
    /// The text as such; none for a longer one. Start and end are read, which overlap in between;
    /// that is faster than copying a few bytes.
    #[inline]
    pub(super) fn of(text: &[u8]) -> Option<Self> {
        let length = text.len();
        let bytes = match text {
            &[one, two] => u128::from(u16::from_le_bytes([one, two])),
            _ if length > MAX_BYTES => return None,
            _ => Self::read(text),
        };
        Some(Self { bytes, length })
    }

    #[inline]
    fn read(text: &[u8]) -> u128 {
        let length = text.len();
        if let (Some(start), Some(end)) = (text.first_chunk(), text.last_chunk()) {
            let (start, end) = (u64::from_le_bytes(*start), u64::from_le_bytes(*end));
            return u128::from(start) | u128::from(end) << (8 * (length - 8));
        }
        if let (Some(start), Some(end)) = (text.first_chunk(), text.last_chunk()) {
            let (start, end) = (u32::from_le_bytes(*start), u32::from_le_bytes(*end));
            return u128::from(u64::from(start) | u64::from(end) << (8 * (length - 4)));
        }
        let bytes = text.iter().rev();
        u128::from(bytes.fold(0, |word: u32, byte| word << 8 | u32::from(*byte)))
    }

    /// A number in decimal with a blank behind it.
    #[inline]
    pub(super) fn numbered(number: usize) -> Self {
        let (mut bytes, mut length, mut left) = (u64::from(b' '), 1, number);
        loop {
            bytes = (bytes << 8) | (u64::from(b'0') + (left % 10) as u64);
            length += 1;
            left /= 10;
            // Seven digits are more than a token has a place for.
            if left == 0 || length == 8 {
                let bytes = u128::from(bytes);
                return Self { bytes, length };
            }
        }
    }

    /// This and behind it another; none when that is longer than short.
    #[inline]
    pub(super) fn then(self, other: Self) -> Option<Self> {
        let length = self.length + other.length;
        let shift = 8 * self.length;
        (length <= MAX_BYTES).then(|| Self {
            // No shift of all bits: a full first one has only nothing behind it.
            bytes: self.bytes | other.bytes.checked_shl(shift as u32).unwrap_or(0),
            length,
        })
    }

    /// Its length and its bytes, different for all texts.
    #[inline]
    pub(super) fn words(self) -> (u64, [u64; 2]) {
        let [low, high] = [self.bytes as u64, (self.bytes >> 64) as u64];
        (self.length as u64, [low, high])
    }

    /// The text, put into `room`.
    pub(super) fn text(self, room: &mut [u8; MAX_BYTES]) -> &str {
        *room = self.bytes.to_le_bytes();
        // Made of whole texts: never anything else.
        std::str::from_utf8(&room[..self.length]).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(short: Short) -> String {
        short.text(&mut [0; MAX_BYTES]).to_owned()
    }

    #[test]
    fn numbers_are_decimal() {
        for number in [0, 7, 10, 99, 100, 1_234_567] {
            assert_eq!(text(Short::numbered(number)), format!("{number} "));
        }
    }

    proptest! {
        #[test]
        fn texts_come_back_unless_they_are_long(one in "[a-zé\u{0}]{0,17}", other in "[a-zé]{0,17}") {
            let short = |text: &str| Short::of(text.as_bytes());
            prop_assert_eq!(short(&one).map(text), (one.len() <= MAX_BYTES).then(|| one.clone()));
            prop_assert_eq!(short(&one) == short(&other), one == other || one.len().min(other.len()) > MAX_BYTES);
            if let (Some(first), Some(second)) = (short(&one), short(&other)) {
                prop_assert!(first.then(second) == short(&(one + &other)));
            }
        }
    }
}
