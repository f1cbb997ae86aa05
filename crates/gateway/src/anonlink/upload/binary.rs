//! Uploads of raw bytes: two headers say how many encodings of how many bytes they are.

use std::io::{self, Read};

use axum::http::HeaderMap;

use super::rows::{EncodingWriter, MAX_RECORDS};
use crate::anonlink::problem::Problem;
use crate::anonlink::project::ENCODING_BYTES;

/// What the headers of a binary upload say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BinaryHeaders {
    pub(crate) records: u32,
    pub(crate) encoding_bytes: u32,
}

impl BinaryHeaders {
    /// Reads `Hash-Count` and `Hash-Size`.
    pub(crate) fn read(headers: &HeaderMap) -> Result<Self, Problem> {
        let records = integer(headers, "Hash-Count")?;
        let encoding_bytes = integer(headers, "Hash-Size")?;
        let invalid = |name| Problem::bad(format!("Invalid value for {name} header"));
        let within = |value: i64, range: std::ops::RangeInclusive<u32>| {
            u32::try_from(value)
                .ok()
                .filter(|value| range.contains(value))
        };
        Ok(Self {
            records: within(records, 1..=MAX_RECORDS).ok_or_else(|| invalid("Hash-Count"))?,
            encoding_bytes: within(encoding_bytes, ENCODING_BYTES)
                .ok_or_else(|| invalid("Hash-Size"))?,
        })
    }

    /// Bytes the body should have.
    pub(crate) fn bytes(self) -> u64 {
        u64::from(self.records) * u64::from(self.encoding_bytes)
    }
}

fn integer(headers: &HeaderMap, name: &str) -> Result<i64, Problem> {
    let Some(value) = headers.get(name) else {
        return Err(Problem::input(format!("Missing header parameter '{name}'")));
    };
    let number = value
        .to_str()
        .ok()
        .and_then(|text| text.trim().parse().ok());
    number.ok_or_else(|| {
        Problem::input(format!(
            "Wrong type, expected 'integer' for header parameter '{name}'"
        ))
    })
}

/// Writes the encodings of a body whose length is as its headers say.
pub(crate) fn read_binary(
    mut input: impl Read,
    headers: BinaryHeaders,
    writer: &mut EncodingWriter,
) -> io::Result<()> {
    let mut encoding = vec![0; headers.encoding_bytes as usize];
    for _ in 0..headers.records {
        input.read_exact(&mut encoding)?;
        writer.add(&encoding)?.map_err(io::Error::other)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(count: &str, size: &str) -> Result<BinaryHeaders, Problem> {
        let mut headers = HeaderMap::new();
        headers.insert("hash-count", count.parse().unwrap());
        headers.insert("hash-size", size.parse().unwrap());
        BinaryHeaders::read(&headers)
    }

    #[test]
    fn headers_are_read_within_bounds() {
        let read_ones = read("3", "128").unwrap();
        assert_eq!((read_ones.records, read_ones.encoding_bytes), (3, 128));
        assert_eq!(read_ones.bytes(), 384);
        for (count, size, name) in [
            ("0", "128", "Hash-Count"),
            ("-1", "128", "Hash-Count"),
            ("9999999999", "128", "Hash-Count"),
            ("1", "0", "Hash-Size"),
            ("1", "1025", "Hash-Size"),
        ] {
            let detail = format!("Invalid value for {name} header");
            assert_eq!(read(count, size), Err(Problem::bad(detail)));
        }
        let detail = "Wrong type, expected 'integer' for header parameter 'Hash-Count'";
        assert_eq!(read("abc", "1"), Err(Problem::input(detail)));
        assert!(BinaryHeaders::read(&HeaderMap::new()).is_err());
    }
}
