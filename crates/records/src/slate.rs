//! The memory that the values of a record are worked out in, one after the other.

use zeroize::Zeroizing;

/// The room a text is given at least: enough for most values.
const ROOM: usize = 64;

/// Texts on the way from what a registry wrote to the canonical form. Wiped on drop.
#[derive(Default)]
pub(crate) struct Slate {
    /// What was written, with its words parted.
    pub(crate) parted: Zeroizing<String>,
    /// What was written, folded.
    pub(crate) folded: Zeroizing<String>,
    /// What of it counts.
    pub(crate) kept: Zeroizing<String>,
}

/// Empties `text` for so many bytes: a text that grew beyond its room would leave a copy behind.
pub(crate) fn clear(text: &mut Zeroizing<String>, bytes: usize) {
    text.clear();
    if text.capacity() < bytes {
        *text = Zeroizing::new(String::with_capacity(bytes.max(ROOM)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cleared_text_is_empty_and_has_room() {
        let mut text = Zeroizing::new("before".to_owned());
        for bytes in [3, ROOM, 3 * ROOM] {
            clear(&mut text, bytes);
            assert!(text.is_empty() && text.capacity() >= bytes);
            text.push_str("again");
        }
    }
}
