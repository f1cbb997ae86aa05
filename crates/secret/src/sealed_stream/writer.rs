//! Writing a sealed stream.

use super::cipher::{ChunkCipher, check_context, key_of_stream};
use super::{KEY_LABEL, Kind, MAGIC, MAX_CHUNK_BYTES, SALT_BYTES, StreamError, TAG_BYTES, VERSION};
use crate::entropy::Entropy;
use crate::hpke_box::{BoxError, RecipientKey, set_up_sender};
use crate::key::Key32;
use std::io::Write;
use zeroize::Zeroizing;

/// Seals chunks to `W`. Without [`StreamWriter::finish`] the stream has no end, and its reader
/// refuses it.
pub struct StreamWriter<W> {
    out: W,
    cipher: ChunkCipher,
    buffer: Zeroizing<Vec<u8>>,
}

impl<W: Write> StreamWriter<W> {
    /// Starts a stream under `key`, for the use and place `context` names.
    ///
    /// # Errors
    /// A context over its limit; a medium that fails.
    pub fn under_key(
        out: W,
        key: &Key32,
        context: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Result<Self, StreamError> {
        check_context(context)?;
        let mut salt = [0; SALT_BYTES];
        entropy.fill(&mut salt);
        let stream_key = key_of_stream(key, &salt, context);
        Self::start(out, Kind::UnderKey, &salt, &stream_key, context)
    }

    /// Starts a stream that only the holder of `recipient`'s secret can read.
    ///
    /// # Errors
    /// A recipient key that cannot be used; a context over its limit; a medium that fails.
    pub fn to_recipient(
        out: W,
        recipient: &RecipientKey,
        context: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Result<Self, StreamError> {
        check_context(context)?;
        let mut seed = Zeroizing::new([0; 32]);
        entropy.fill(&mut seed[..]);
        let (encapsulated, sender) = set_up_sender(recipient, context, &seed)?;
        let mut exported = Zeroizing::new([0; 32]);
        sender
            .export(KEY_LABEL.as_bytes(), &mut exported[..])
            .map_err(|_| BoxError::Refused)?;
        let stream_key = Key32::from_bytes(&mut exported);
        Self::start(out, Kind::ToRecipient, &encapsulated, &stream_key, context)
    }

    /// Seals `plaintext` as the next chunk. An empty one writes nothing.
    ///
    /// # Errors
    /// A chunk over [`MAX_CHUNK_BYTES`]; a medium that fails.
    pub fn write_chunk(&mut self, plaintext: &[u8]) -> Result<(), StreamError> {
        if plaintext.len() > MAX_CHUNK_BYTES {
            return Err(StreamError::ChunkTooLong {
                chunk: self.cipher.next(),
                bytes: plaintext.len(),
            });
        }
        if plaintext.is_empty() {
            return Ok(());
        }
        self.write_frame(plaintext)
    }

    /// Writes the end and hands the medium back, flushed; making it durable is its owner's work.
    ///
    /// # Errors
    /// A medium that fails.
    pub fn finish(mut self) -> Result<W, StreamError> {
        self.write_frame(&[])?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn start(
        mut out: W,
        kind: Kind,
        opening: &[u8],
        stream_key: &Key32,
        context: &[u8],
    ) -> Result<Self, StreamError> {
        out.write_all(MAGIC)?;
        out.write_all(&[VERSION, kind as u8])?;
        out.write_all(opening)?;
        // Room for the longest chunk at once: growing would leave plaintext behind, unwiped.
        let buffer = Zeroizing::new(Vec::with_capacity(MAX_CHUNK_BYTES + TAG_BYTES));
        Ok(Self {
            out,
            cipher: ChunkCipher::new(stream_key, context),
            buffer,
        })
    }

    fn write_frame(&mut self, plaintext: &[u8]) -> Result<(), StreamError> {
        self.buffer.clear();
        self.buffer.extend_from_slice(plaintext);
        self.cipher.seal(&mut self.buffer)?;
        // At most MAX_CHUNK_BYTES and a tag, which four bytes hold.
        self.out
            .write_all(&(self.buffer.len() as u32).to_le_bytes())?;
        self.out.write_all(&self.buffer)?;
        Ok(())
    }
}
