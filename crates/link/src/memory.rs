//! How much memory a linkage may take, as people write it.

use std::str::FromStr;

/// The least that work gets on with.
const LEAST: usize = 16 << 20;

/// Bytes of memory for what may grow with the registries. The rest of a program takes some more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory(usize);

/// Why a text is no such number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MemoryError {
    /// Not a number with a unit, or one no machine has.
    #[error("`{0}` is no size; write it as 256MiB or 4GiB")]
    Unreadable(String),
    /// Less than work gets on with.
    #[error("{0} is too little; give at least 16MiB")]
    TooLittle(String),
}

impl Memory {
    /// So many times 2^20 bytes.
    pub const fn mebibytes(number: u16) -> Self {
        Self((number as usize) << 20)
    }

    /// As a number of bytes.
    pub const fn bytes(self) -> usize {
        self.0
    }
}

impl FromStr for Memory {
    type Err = MemoryError;

    fn from_str(text: &str) -> Result<Self, MemoryError> {
        let unreadable = || MemoryError::Unreadable(text.to_owned());
        let with = |unit, shift| text.strip_suffix(unit).map(|number| (number, shift));
        let (number, shift) = with("MiB", 20)
            .or_else(|| with("GiB", 30))
            .ok_or_else(unreadable)?;
        let number: usize = number.trim().parse().map_err(|_| unreadable())?;
        let bytes = number.checked_mul(1 << shift).ok_or_else(unreadable)?;
        if bytes < LEAST {
            return Err(MemoryError::TooLittle(text.to_owned()));
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_binary_units_and_nothing_else() {
        let read = |text: &str| text.parse().map(Memory::bytes).ok();
        assert_eq!(read("256MiB"), Some(256 << 20));
        assert_eq!(read("4 GiB"), Some(4 << 30));
        for wrong in ["", "4", "4GB", "-1GiB", "1MiB", "99999999999999999GiB"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn too_little_is_told_from_what_is_no_size() {
        let error = |text: &str| text.parse::<Memory>().unwrap_err();
        assert_eq!(error("15MiB"), MemoryError::TooLittle("15MiB".to_owned()));
        assert_eq!(error("much"), MemoryError::Unreadable("much".to_owned()));
    }
}
