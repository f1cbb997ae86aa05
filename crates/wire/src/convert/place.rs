//! Reads single fields of a message and says which one is wrong.

use std::str::FromStr;

use audit::{Checkpoint, CheckpointError};
use model::id::IdError;
use model::{Digest, Refusal, RefusalCode};

use crate::limits::{MAX_CHECKPOINT_BYTES, MAX_TEXT};

/// Which field of a message from the other side is wrong, and how.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}.{field} {problem}")]
pub struct MessageError {
    /// The message.
    pub message: &'static str,
    /// The field.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It has to be there.
    #[error("is missing")]
    Missing,
    /// It may not be there.
    #[error("may not be set here")]
    Unexpected,
    /// It has another length than its kind.
    #[error("has {is} bytes instead of {must}")]
    Length {
        /// Its length.
        is: usize,
        /// The length it has to have.
        must: usize,
    },
    /// It is not a name.
    #[error("is no name: {0}")]
    Name(#[from] IdError),
    /// It is none of the values this version knows.
    #[error("has the unknown value {0}")]
    UnknownValue(i32),
    /// There is too much of it.
    #[error("has {is} entries, the limit is {limit}")]
    TooMany {
        /// How many there are.
        is: u64,
        /// How many there may be.
        limit: u64,
    },
    /// It names one thing twice.
    #[error("has the same entry twice")]
    Repeated,
    /// It is too long for its kind of text, or has control characters.
    #[error("is no plain text of at most {limit} bytes")]
    NotPlain {
        /// How many bytes it may have.
        limit: usize,
    },
    /// It is no signed checkpoint of a log.
    #[error("is no checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// It is no signature file.
    #[error("is no signature: {0}")]
    Signature(String),
    /// It names no topic.
    #[error("names no topic this version knows")]
    Topic,
    /// It is no log entry.
    #[error("is no log entry: {0}")]
    Entry(String),
}

impl From<MessageError> for Refusal {
    fn from(error: MessageError) -> Self {
        Self::new(RefusalCode::BadMessage, error.to_string())
    }
}

/// A field of a message, for reading it and for blaming it.
#[derive(Clone, Copy)]
pub(super) struct Place {
    message: &'static str,
    field: &'static str,
}

/// The field `field` of the message `message`.
pub(super) const fn at(message: &'static str, field: &'static str) -> Place {
    Place { message, field }
}

impl Place {
    pub(super) fn wrong(self, problem: Problem) -> MessageError {
        MessageError {
            message: self.message,
            field: self.field,
            problem,
        }
    }

    pub(super) fn present<T>(self, value: Option<T>) -> Result<T, MessageError> {
        value.ok_or_else(|| self.wrong(Problem::Missing))
    }

    pub(super) fn bytes<const N: usize>(self, bytes: &[u8]) -> Result<[u8; N], MessageError> {
        let is = bytes.len();
        bytes
            .try_into()
            .map_err(|_| self.wrong(Problem::Length { is, must: N }))
    }

    pub(super) fn digest(self, bytes: &[u8]) -> Result<Digest, MessageError> {
        self.bytes(bytes).map(Digest::new)
    }

    pub(super) fn name<T: FromStr<Err = IdError>>(self, text: &str) -> Result<T, MessageError> {
        text.parse()
            .map_err(|error: IdError| self.wrong(error.into()))
    }

    pub(super) fn checkpoint(self, text: &str) -> Result<Checkpoint, MessageError> {
        self.at_most(text.len() as u64, MAX_CHECKPOINT_BYTES as u64)?;
        text.parse()
            .map_err(|error: CheckpointError| self.wrong(error.into()))
    }

    pub(super) fn at_most(self, is: u64, limit: u64) -> Result<(), MessageError> {
        if is > limit {
            return Err(self.wrong(Problem::TooMany { is, limit }));
        }
        Ok(())
    }
}

/// `text` within the limit for people and without control characters.
pub(crate) fn plain_text(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().take(MAX_TEXT).map(plain).collect()
}
