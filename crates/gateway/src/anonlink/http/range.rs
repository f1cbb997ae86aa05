//! Byte ranges of results, so that a long download goes on after a cut (RFC 9110, section 14).

use std::ops::Range;

/// What a `Range` header asks for of `length` bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// All: there is no range, or one that this service does not follow.
    All,
    /// These bytes.
    Part(Range<u64>),
    /// Bytes beyond the end.
    Beyond,
}

impl Asked {
    /// Reads a header of one range; of several, and of other units, all is served.
    pub(super) fn of(header: Option<&str>, length: u64) -> Self {
        let range = header.and_then(|header| header.trim().strip_prefix("bytes="));
        let parts = range.and_then(|range| range.split_once('-'));
        let Some((first, last)) = parts else {
            return Self::All;
        };
        let number = |text: &str| text.trim().parse::<u64>().ok();
        let range = match (
            number(first),
            number(last),
            first.is_empty(),
            last.is_empty(),
        ) {
            (Some(first), Some(last), ..) if first <= last => {
                first..length.min(last.saturating_add(1))
            }
            (Some(first), None, _, true) => first..length,
            (None, Some(last), true, _) => length.saturating_sub(last)..length,
            _ => return Self::All,
        };
        match range.start < range.end {
            true => Self::Part(range),
            false => Self::Beyond,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_are_cut_to_what_there_is() {
        let cases = [
            ("bytes=0-3", Asked::Part(0..4)),
            ("bytes=4-", Asked::Part(4..10)),
            ("bytes=-3", Asked::Part(7..10)),
            ("bytes=-99", Asked::Part(0..10)),
            ("bytes=8-99", Asked::Part(8..10)),
            ("bytes=10-", Asked::Beyond),
            ("bytes=-0", Asked::Beyond),
            ("bytes=3-1", Asked::All),
            ("bytes=0-1,3-4", Asked::All),
            ("lines=0-1", Asked::All),
            ("bytes=-", Asked::All),
        ];
        for (header, expected) in cases {
            assert_eq!(Asked::of(Some(header), 10), expected, "{header}");
        }
        assert_eq!(Asked::of(None, 10), Asked::All);
    }

    proptest! {
        #[test]
        fn no_header_asks_for_what_is_not_there(header in "(bytes=)?[0-9]{0,21}-?[0-9]{0,21},?.{0,3}", length: u64) {
            if let Asked::Part(range) = Asked::of(Some(&header), length) {
                prop_assert!(range.start < range.end && range.end <= length);
            }
        }
    }
}
