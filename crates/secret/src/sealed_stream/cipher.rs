//! Sealing and opening the chunks of one stream, in order.

use super::{KEY_LABEL, MAX_CONTEXT_BYTES, SALT_BYTES, StreamError};
use crate::key::Key32;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::error::Unspecified;

/// Bytes of the associated data before the context: the chunk's index, and 1 if it is the end.
const PLACE_BYTES: usize = 9;

/// A stream's key, and the place of its next chunk.
pub(super) struct ChunkCipher {
    key: LessSafeKey,
    next: u64,
    associated: Vec<u8>,
}

impl ChunkCipher {
    /// `key` must be this stream's alone, for its nonces start from 0.
    pub(super) fn new(key: &Key32, context: &[u8]) -> Self {
        let associated = [&[0; PLACE_BYTES], context].concat();
        Self {
            key: prepared(key),
            next: 0,
            associated,
        }
    }

    /// Index of the next chunk.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Seals the next chunk in place, and appends its tag.
    pub(super) fn seal(&mut self, chunk: &mut Vec<u8>) -> Result<(), StreamError> {
        let (index, nonce) = self.place(chunk.is_empty());
        let sealed = self
            .key
            .seal_in_place_append_tag(nonce, Aad::from(&self.associated), chunk);
        self.step(index, sealed)
    }

    /// Opens the next chunk in place, and takes its tag off.
    pub(super) fn open(&mut self, chunk: &mut Vec<u8>, is_end: bool) -> Result<(), StreamError> {
        let (index, nonce) = self.place(is_end);
        let opened = self
            .key
            .open_in_place(nonce, Aad::from(&self.associated), chunk);
        let length = opened.map(|plaintext| plaintext.len());
        self.step(index, length.map(|length| chunk.truncate(length)))
    }

    /// Writes the next chunk's place into the associated data, and makes the nonce of its index.
    fn place(&mut self, is_end: bool) -> (u64, Nonce) {
        let index = self.next.to_le_bytes();
        self.associated[..8].copy_from_slice(&index);
        self.associated[8] = u8::from(is_end);
        let mut nonce = [0; NONCE_LEN];
        nonce[..8].copy_from_slice(&index);
        (self.next, Nonce::assume_unique_for_key(nonce))
    }

    fn step(&mut self, index: u64, done: Result<(), Unspecified>) -> Result<(), StreamError> {
        done.map_err(|Unspecified| StreamError::Altered(index))?;
        self.next += 1;
        Ok(())
    }
}

/// The key of the stream with this salt and context, under a key that seals many.
pub(super) fn key_of_stream(key: &Key32, salt: &[u8; SALT_BYTES], context: &[u8]) -> Key32 {
    key.derive(KEY_LABEL, &[salt, context])
}

/// Refuses a context over its limit.
pub(super) fn check_context(context: &[u8]) -> Result<(), StreamError> {
    match context.len() {
        0..=MAX_CONTEXT_BYTES => Ok(()),
        length => Err(StreamError::ContextTooLong(length)),
    }
}

#[expect(
    clippy::expect_used,
    reason = "ring refuses only keys of another length"
)]
fn prepared(key: &Key32) -> LessSafeKey {
    let key = UnboundKey::new(&CHACHA20_POLY1305, key.bytes());
    LessSafeKey::new(key.expect("32 bytes are a ChaCha20-Poly1305 key"))
}
