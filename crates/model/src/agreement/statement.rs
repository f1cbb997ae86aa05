//! What a custodian's DPO says of an agreement after it was signed: suspended, resumed, revoked.

use serde::{Deserialize, Serialize};

use super::{FORMAT, is_hidden};
use crate::day::Day;
use crate::digest::Digest;
use crate::id::PartyName;

/// The most bytes a statement may have.
pub const MAX_STATEMENT_BYTES: usize = 4096;
/// The most characters a reason may have.
const MAX_REASON: usize = 1000;

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A statement about an agreement.
    AgreementStatement,
}

/// What is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// Nothing may be done until the same party says `resume`.
    Suspend,
    /// The party's own suspension is over.
    Resume,
    /// Nothing may be done any more, and everything is destroyed.
    Revoke,
}

impl Act {
    /// The act's name in files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Suspend => "suspend",
            Self::Resume => "resume",
            Self::Revoke => "revoke",
        }
    }
}

/// A statement about an agreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// What the document is.
    pub kind: Kind,
    /// The version of the agreement language.
    pub format: u32,
    /// Digest of the agreement.
    pub agreement: Digest,
    /// The custodian whose DPO says it.
    pub party: PartyName,
    /// Counted up by the party, from 1; the highest number is what holds.
    pub number: u32,
    /// What is said.
    pub act: Act,
    /// Why.
    pub reason: String,
    /// When.
    pub date: Day,
}

/// Why a document is no statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// Longer than any statement.
    #[error("the statement has {0} bytes, the limit is {MAX_STATEMENT_BYTES}")]
    TooLong(usize),
    /// Not TOML of the right shape.
    #[error("not a statement about an agreement: {0}")]
    Malformed(String),
}

impl Statement {
    /// A statement of `party` about the agreement with this digest.
    pub fn new(
        agreement: Digest,
        party: PartyName,
        number: u32,
        act: Act,
        reason: &str,
        date: Day,
    ) -> Self {
        Self {
            kind: Kind::AgreementStatement,
            format: FORMAT,
            agreement,
            party,
            number,
            act,
            reason: reason.to_owned(),
            date,
        }
    }

    /// Reads a statement.
    ///
    /// # Errors
    /// [`StatementError`] when it is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, StatementError> {
        if bytes.len() > MAX_STATEMENT_BYTES {
            return Err(StatementError::TooLong(bytes.len()));
        }
        let malformed = |text: String| Err(StatementError::Malformed(text));
        let statement: Self = match toml::from_slice(bytes) {
            Ok(statement) => statement,
            Err(error) => return malformed(error.to_string()),
        };
        if statement.format != FORMAT {
            return malformed(format!("format {}", statement.format));
        }
        let reason = &statement.reason;
        let is_plain = !reason.trim().is_empty() && !reason.contains(is_hidden);
        if !is_plain || reason.chars().count() > MAX_REASON {
            return malformed(format!(
                "a reason has from 1 to {MAX_REASON} plain characters"
            ));
        }
        Ok(statement)
    }

    /// Whether it holds instead of `other`, of the same party: a revocation above all, then the higher
    /// number, and of two with one number the one that forbids.
    pub fn outranks(&self, other: &Self) -> bool {
        let rank = |of: &Self| (of.act == Act::Revoke, of.number, of.act == Act::Suspend);
        rank(self) > rank(other)
    }

    /// The name of its file, without an ending.
    pub fn file_stem(&self) -> String {
        let Self {
            party, number, act, ..
        } = self;
        format!("statement-{party}-{number}-{}", act.as_str())
    }
}
