//! Why a call was not done: a rule said no, or something failed.

use std::error::Error;
use std::fmt;
use std::io;

use model::{Refusal, RefusalCode};
use tonic::Status;

use crate::status;

/// Why a call was not done.
#[derive(Debug)]
pub enum Fault {
    /// A rule said no; the caller is told which.
    Refused(Refusal),
    /// Something failed; the caller gets an id, the log the error.
    Failed(Box<dyn Error + Send + Sync>),
}

impl Fault {
    /// A failure, from any error.
    pub fn failed(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed(error.into())
    }

    /// A refusal under `code`, about `detail`.
    pub fn refused(code: RefusalCode, detail: impl Into<String>) -> Self {
        Self::Refused(Refusal::new(code, detail))
    }

    pub(super) fn status(&self) -> Status {
        match self {
            Self::Refused(refusal) => status::refused(refusal),
            Self::Failed(error) => status::failed(error.as_ref()),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::failed(error)
    }
}
