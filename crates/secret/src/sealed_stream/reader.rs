//! Reading a sealed stream.

use super::cipher::{ChunkCipher, check_context, key_of_stream};
use super::{KEY_LABEL, Kind, MAGIC, MAX_CHUNK_BYTES, SALT_BYTES, StreamError, TAG_BYTES, VERSION};
use crate::hpke_box::{BoxError, ENCAPSULATED_BYTES, RecipientSecret, set_up_receiver};
use crate::key::Key32;
use std::io::{ErrorKind, Read};
use zeroize::Zeroizing;

/// Opens the chunks of a stream, in order.
///
/// Each chunk is genuine when it is handed out, but only the `None` at the end says that the stream
/// is whole: what a caller does with the chunks must not take effect before.
pub struct StreamReader<R> {
    input: R,
    cipher: ChunkCipher,
    progress: Progress,
}

#[derive(Clone, Copy)]
enum Progress {
    Open,
    Ended,
    Refused,
}

impl<R: Read> StreamReader<R> {
    /// Opens a stream sealed under `key` for the use and place `context` names.
    ///
    /// # Errors
    /// Anything but the header of such a stream. A wrong key or context shows at the first chunk.
    pub fn under_key(mut input: R, key: &Key32, context: &[u8]) -> Result<Self, StreamError> {
        check_context(context)?;
        read_header(&mut input, Kind::UnderKey)?;
        let salt: [u8; SALT_BYTES] = read_opening(&mut input)?;
        Ok(Self::start(
            input,
            &key_of_stream(key, &salt, context),
            context,
        ))
    }

    /// Opens a stream sealed to the public half of `secret`.
    ///
    /// # Errors
    /// Anything but the header of such a stream. A wrong secret or context shows at the first
    /// chunk.
    pub fn to_recipient(
        mut input: R,
        secret: &RecipientSecret,
        context: &[u8],
    ) -> Result<Self, StreamError> {
        check_context(context)?;
        read_header(&mut input, Kind::ToRecipient)?;
        let encapsulated: [u8; ENCAPSULATED_BYTES] = read_opening(&mut input)?;
        let receiver = set_up_receiver(secret, context, &encapsulated)?;
        let mut exported = Zeroizing::new([0; 32]);
        receiver
            .export(KEY_LABEL.as_bytes(), &mut exported[..])
            .map_err(|_| BoxError::Refused)?;
        Ok(Self::start(
            input,
            &Key32::from_bytes(&mut exported),
            context,
        ))
    }

    /// The next chunk, or `None` once the stream has ended as its writer ended it.
    ///
    /// # Errors
    /// A stream that is not exactly what was written; from then on [`StreamError::Abandoned`].
    pub fn next_chunk(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, StreamError> {
        match self.progress {
            Progress::Ended => return Ok(None),
            Progress::Refused => return Err(StreamError::Abandoned),
            Progress::Open => {}
        }
        let read = self.read_chunk();
        self.progress = match &read {
            Ok(Some(_)) => Progress::Open,
            Ok(None) => Progress::Ended,
            Err(_) => Progress::Refused,
        };
        read
    }

    fn start(input: R, stream_key: &Key32, context: &[u8]) -> Self {
        Self {
            input,
            cipher: ChunkCipher::new(stream_key, context),
            progress: Progress::Open,
        }
    }

    fn read_chunk(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, StreamError> {
        let sealed_bytes = self.read_length()?;
        let mut chunk = Zeroizing::new(vec![0; sealed_bytes]);
        self.read_exact(&mut chunk)?;
        self.cipher.open(&mut chunk, sealed_bytes == TAG_BYTES)?;
        if !chunk.is_empty() {
            return Ok(Some(chunk));
        }
        self.expect_nothing_more().map(|()| None)
    }

    /// Reads the length of the next sealed chunk, tag included, and holds it to its limits.
    fn read_length(&mut self) -> Result<usize, StreamError> {
        let mut length = [0; 4];
        self.read_exact(&mut length)?;
        let length = u32::from_le_bytes(length) as usize;
        let chunk = self.cipher.next();
        let bytes = length
            .checked_sub(TAG_BYTES)
            .ok_or(StreamError::Altered(chunk))?;
        if bytes > MAX_CHUNK_BYTES {
            return Err(StreamError::ChunkTooLong { chunk, bytes });
        }
        Ok(length)
    }

    fn read_exact(&mut self, out: &mut [u8]) -> Result<(), StreamError> {
        let chunk = self.cipher.next();
        self.input
            .read_exact(out)
            .map_err(|error| match error.kind() {
                ErrorKind::UnexpectedEof => StreamError::Truncated(chunk),
                _ => StreamError::Io(error),
            })
    }

    fn expect_nothing_more(&mut self) -> Result<(), StreamError> {
        match self.input.read_exact(&mut [0]) {
            Ok(()) => Err(StreamError::Trailing),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(()),
            Err(error) => Err(StreamError::Io(error)),
        }
    }
}

fn read_header(input: &mut impl Read, expected: Kind) -> Result<(), StreamError> {
    let header: [u8; MAGIC.len() + 2] = read_opening(input)?;
    let (magic, rest) = header.split_at(MAGIC.len());
    if magic != MAGIC || rest[0] != VERSION {
        return Err(StreamError::NotAStream);
    }
    if rest[1] != expected as u8 {
        return Err(StreamError::WrongKind);
    }
    Ok(())
}

/// Reads `N` bytes before the first chunk. Too few, and this is no stream.
fn read_opening<const N: usize>(input: &mut impl Read) -> Result<[u8; N], StreamError> {
    let mut bytes = [0; N];
    input
        .read_exact(&mut bytes)
        .map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => StreamError::NotAStream,
            _ => StreamError::Io(error),
        })?;
    Ok(bytes)
}
