//! Long plaintexts sealed as a sequence of chunks, so that neither end holds all of one in memory.
//!
//! ```text
//! stream  = "symseal" version:u8 kind:u8 opening chunk* end
//! opening = 16 random bytes                      kind 0, under a key: a node's vault at rest
//!         | 32 bytes, the encapsulated key       kind 1, to a recipient: HPKE, one set-up a stream
//! chunk   = length:u32-LE sealed[length]         1 to MAX_CHUNK_BYTES of plaintext, and a tag
//! end     = a chunk with an empty plaintext
//! ```
//!
//! The opening gives the stream a key of its own. Each chunk is ChaCha20-Poly1305 (RFC 8439) with
//! its index as the nonce, and bound to its index, to whether it is the end, and to the caller's
//! context (what the stream is, which project, which run). So a stream that was cut, extended,
//! reordered, mixed with another or moved to another place is refused. Chunks come out as they went
//! in: a writer may rely on their boundaries.

mod cipher;
mod reader;
mod writer;

pub use reader::StreamReader;
pub use writer::StreamWriter;

use crate::hpke_box::BoxError;
use std::io;

/// The most plaintext in one chunk.
pub const MAX_CHUNK_BYTES: usize = 1 << 20;

/// The longest context.
pub const MAX_CONTEXT_BYTES: usize = crate::hpke_box::MAX_INFO_BYTES;

const MAGIC: &[u8; 7] = b"symseal";
const VERSION: u8 = 1;
const TAG_BYTES: usize = 16;
const SALT_BYTES: usize = 16;

/// Names this use of a key, in HKDF and as the HPKE exporter context.
const KEY_LABEL: &str = "sealed stream v1";

/// How a stream is keyed; the number stands in its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    UnderKey = 0,
    ToRecipient = 1,
}

/// Why a stream was not written or not read on. After any of these the stream is of no further use.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The medium failed.
    #[error("cannot read or write the sealed stream: {0}")]
    Io(#[from] io::Error),
    /// The first bytes are something else.
    #[error("this is not a sealed stream of version {VERSION}")]
    NotAStream,
    /// Sealed under a key where a recipient was expected, or the other way round.
    #[error(
        "the stream is sealed in another way than expected here (to a recipient, or under a key)"
    )]
    WrongKind,
    /// The recipient's public key cannot be used.
    #[error("cannot key the stream: {0}")]
    Key(#[from] BoxError),
    /// The caller's context is over its limit.
    #[error("the context is {0} bytes long, the most is {MAX_CONTEXT_BYTES}")]
    ContextTooLong(usize),
    /// A chunk, written or announced, is over the limit.
    #[error("chunk {chunk} has {bytes} bytes, the most is {MAX_CHUNK_BYTES}")]
    ChunkTooLong {
        /// Index of the chunk, from 0.
        chunk: u64,
        /// Its plaintext length.
        bytes: usize,
    },
    /// The stream stops before its end.
    #[error("the stream stops in or before chunk {0}: it was cut, transfer it again")]
    Truncated(u64),
    /// A chunk does not open.
    #[error(
        "chunk {0} does not open: altered, out of place, or sealed with another key or for another use"
    )]
    Altered(u64),
    /// Something follows the end.
    #[error("bytes follow the end of the stream")]
    Trailing,
    /// An earlier call was refused.
    #[error("the stream was refused before and is not read on")]
    Abandoned,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Key32, RecipientSecret, SeededEntropy};
    use proptest::prelude::*;
    use static_assertions::assert_not_impl_any;
    use std::fmt::{Debug, Display};

    assert_not_impl_any!(StreamWriter<Vec<u8>>: Debug, Display, Clone, PartialEq);
    assert_not_impl_any!(StreamReader<&[u8]>: Debug, Display, Clone, PartialEq);

    const HEADER: usize = 9;

    fn key() -> Key32 {
        Key32::from_bytes(&mut [7; 32])
    }

    fn recipient() -> RecipientSecret {
        RecipientSecret::from_key(&key())
    }

    fn sealed(kind: Kind, seed: u64, context: &[u8], chunks: &[&[u8]]) -> Vec<u8> {
        let mut entropy = SeededEntropy::new(seed);
        let mut writer = match kind {
            Kind::UnderKey => StreamWriter::under_key(Vec::new(), &key(), context, &mut entropy),
            Kind::ToRecipient => {
                StreamWriter::to_recipient(Vec::new(), &recipient().public(), context, &mut entropy)
            }
        }
        .unwrap();
        chunks
            .iter()
            .for_each(|chunk| writer.write_chunk(chunk).unwrap());
        writer.finish().unwrap()
    }

    fn opened(kind: Kind, context: &[u8], stream: &[u8]) -> Result<Vec<Vec<u8>>, StreamError> {
        let mut reader = match kind {
            Kind::UnderKey => StreamReader::under_key(stream, &key(), context)?,
            Kind::ToRecipient => StreamReader::to_recipient(stream, &recipient(), context)?,
        };
        let mut chunks = Vec::new();
        while let Some(chunk) = reader.next_chunk()? {
            chunks.push(chunk.to_vec());
        }
        Ok(chunks)
    }

    fn opening(kind: Kind) -> usize {
        match kind {
            Kind::UnderKey => SALT_BYTES,
            Kind::ToRecipient => 32,
        }
    }

    /// The stream of three four-byte chunks, and where each of its frames begins.
    fn three(kind: Kind) -> (Vec<u8>, [usize; 4]) {
        let stream = sealed(kind, 1, b"here", &[b"aaaa", b"bbbb", b"cccc"]);
        let start = HEADER + opening(kind);
        let frame = 4 + 4 + TAG_BYTES;
        (
            stream,
            [start, start + frame, start + 2 * frame, start + 3 * frame],
        )
    }

    const KINDS: [Kind; 2] = [Kind::UnderKey, Kind::ToRecipient];

    #[test]
    fn empty_streams_and_the_longest_chunk_round_trip() {
        let longest = vec![3; MAX_CHUNK_BYTES];
        for kind in KINDS {
            assert!(
                opened(kind, b"", &sealed(kind, 1, b"", &[]))
                    .unwrap()
                    .is_empty()
            );
            let stream = sealed(kind, 1, b"", &[&longest]);
            assert_eq!(opened(kind, b"", &stream).unwrap(), [&longest[..]]);
        }
    }

    #[test]
    fn refuses_chunks_and_contexts_over_their_limits() {
        let mut entropy = SeededEntropy::new(1);
        let mut writer = StreamWriter::under_key(Vec::new(), &key(), b"", &mut entropy).unwrap();
        let refusal = writer.write_chunk(&vec![0; MAX_CHUNK_BYTES + 1]);
        assert!(matches!(
            refusal,
            Err(StreamError::ChunkTooLong { chunk: 0, .. })
        ));
        let long = [0; MAX_CONTEXT_BYTES + 1];
        let refusal = StreamWriter::under_key(Vec::new(), &key(), &long, &mut entropy);
        assert!(matches!(refusal, Err(StreamError::ContextTooLong(_))));
    }

    #[test]
    fn a_chunk_announced_over_the_limit_is_refused_before_it_is_read() {
        let (mut stream, starts) = three(Kind::UnderKey);
        stream[starts[1]..starts[1] + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        let refusal = opened(Kind::UnderKey, b"here", &stream);
        assert!(matches!(
            refusal,
            Err(StreamError::ChunkTooLong { chunk: 1, .. })
        ));
    }

    #[test]
    fn refuses_a_stream_cut_anywhere() {
        for kind in KINDS {
            let (stream, _) = three(kind);
            for length in 0..stream.len() {
                assert!(
                    opened(kind, b"here", &stream[..length]).is_err(),
                    "cut to {length}"
                );
            }
            assert!(opened(kind, b"here", &stream).is_ok());
        }
    }

    #[test]
    fn says_what_happened_to_a_cut_or_extended_stream() {
        let (mut stream, starts) = three(Kind::ToRecipient);
        let cut = opened(Kind::ToRecipient, b"here", &stream[..starts[3]]);
        assert!(matches!(cut, Err(StreamError::Truncated(3))));
        stream.push(0);
        assert!(matches!(
            opened(Kind::ToRecipient, b"here", &stream),
            Err(StreamError::Trailing)
        ));
    }

    #[test]
    fn refuses_dropped_repeated_and_swapped_chunks() {
        for kind in KINDS {
            let (stream, at) = three(kind);
            let frame = |n: usize| &stream[at[n]..at[n + 1]];
            let (head, end) = (&stream[..at[0]], &stream[at[3]..]);
            for wrong in [
                [head, frame(0), frame(2), end].concat(),
                [head, frame(0), frame(0), frame(1), frame(2), end].concat(),
                [head, frame(1), frame(0), frame(2), end].concat(),
                [head, frame(0), frame(1), end].concat(),
                [head, end].concat(),
            ] {
                assert!(matches!(
                    opened(kind, b"here", &wrong),
                    Err(StreamError::Altered(_))
                ));
            }
        }
    }

    #[test]
    fn refuses_chunks_of_another_stream_under_the_same_key() {
        for kind in KINDS {
            let (mut stream, at) = three(kind);
            let other = sealed(kind, 2, b"here", &[b"aaaa", b"xxxx", b"cccc"]);
            stream[at[1]..at[2]].copy_from_slice(&other[at[1]..at[2]]);
            assert!(matches!(
                opened(kind, b"here", &stream),
                Err(StreamError::Altered(1))
            ));
        }
    }

    #[test]
    fn refuses_another_context_kind_version_or_key() {
        for kind in KINDS {
            let (mut stream, _) = three(kind);
            assert!(matches!(
                opened(kind, b"there", &stream),
                Err(StreamError::Altered(0))
            ));
            let other = if kind == Kind::UnderKey {
                Kind::ToRecipient
            } else {
                Kind::UnderKey
            };
            assert!(matches!(
                opened(other, b"here", &stream),
                Err(StreamError::WrongKind)
            ));
            stream[7] = 2;
            assert!(matches!(
                opened(kind, b"here", &stream),
                Err(StreamError::NotAStream)
            ));
        }
        let (stream, _) = three(Kind::UnderKey);
        let other = Key32::from_bytes(&mut [8; 32]);
        let mut reader = StreamReader::under_key(&stream[..], &other, b"here").unwrap();
        assert!(matches!(reader.next_chunk(), Err(StreamError::Altered(0))));
    }

    #[test]
    fn a_refused_stream_stays_refused_and_a_finished_one_finished() {
        let (mut stream, at) = three(Kind::UnderKey);
        let mut reader = StreamReader::under_key(&stream[..], &key(), b"here").unwrap();
        while reader.next_chunk().unwrap().is_some() {}
        assert!(reader.next_chunk().unwrap().is_none());

        stream[at[1] + 4] ^= 1;
        let mut reader = StreamReader::under_key(&stream[..], &key(), b"here").unwrap();
        assert!(reader.next_chunk().unwrap().is_some());
        assert!(matches!(reader.next_chunk(), Err(StreamError::Altered(1))));
        assert!(matches!(reader.next_chunk(), Err(StreamError::Abandoned)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn round_trips_and_refuses_any_changed_bit(
            to_recipient: bool,
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..50), 0..5),
            at: usize,
            bit in 0u32..8,
        ) {
            let kind = if to_recipient { Kind::ToRecipient } else { Kind::UnderKey };
            let slices: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
            let mut stream = sealed(kind, 3, b"c", &slices);
            prop_assert_eq!(opened(kind, b"c", &stream).unwrap(), chunks);
            let at = at % stream.len();
            stream[at] ^= 1 << bit;
            prop_assert!(opened(kind, b"c", &stream).is_err());
        }
    }
}
