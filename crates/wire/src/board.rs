//! What custodians put up for one another: signed documents under topics, relayed by the resolver.

use std::fmt;
use std::str::FromStr;

use model::{Epoch, PartyName, RunNumber, Signature};

/// The most bytes a document may have.
pub const MAX_POSTING_BYTES: usize = 64 << 10;

/// What a document is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// A custodian approves what came out of a run.
    Approval(RunNumber),
    /// What officers say of the agreement of this number: suspended, resumed, revoked.
    Statements(u32),
    /// A node's public keys for agreeing on an epoch's linkage key.
    Card(Epoch),
    /// What a node commits itself to contribute.
    Commitment(Epoch),
    /// What it contributes, sealed to each other node.
    Shares(Epoch),
    /// That it has the key.
    Confirmation(Epoch),
}

/// Text that names no topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no topic; use the same version of the programs on both sides")]
pub struct NotATopic;

impl Topic {
    const fn parts(self) -> (&'static str, u32) {
        match self {
            Self::Approval(run) => ("approval-run-", run.0),
            Self::Statements(agreement) => ("statements-agreement-", agreement),
            Self::Card(epoch) => ("card-epoch-", epoch.0),
            Self::Commitment(epoch) => ("commitment-epoch-", epoch.0),
            Self::Shares(epoch) => ("shares-epoch-", epoch.0),
            Self::Confirmation(epoch) => ("confirmation-epoch-", epoch.0),
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, number) = self.parts();
        write!(out, "{word}{number}")
    }
}

impl FromStr for Topic {
    type Err = NotATopic;

    fn from_str(text: &str) -> Result<Self, NotATopic> {
        let (_, number) = text.rsplit_once('-').ok_or(NotATopic)?;
        let number = number.parse().map_err(|_| NotATopic)?;
        let (run, epoch) = (RunNumber(number), Epoch(number));
        let all = [
            Self::Approval(run),
            Self::Statements(number),
            Self::Card(epoch),
            Self::Commitment(epoch),
            Self::Shares(epoch),
            Self::Confirmation(epoch),
        ];
        // Compared as text, so that one topic has one name.
        let mut all = all.into_iter();
        all.find(|topic| topic.to_string() == text).ok_or(NotATopic)
    }
}

/// A document that a party put up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// Whose certificate put it up.
    pub party: PartyName,
    /// Its exact bytes.
    pub document: Vec<u8>,
    /// A signature over them; of which key is for the reader to check.
    pub signature: Signature,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_have_one_name_each() {
        let (run, epoch) = (RunNumber(12), Epoch(3));
        for topic in [
            Topic::Approval(run),
            Topic::Statements(2),
            Topic::Card(epoch),
            Topic::Commitment(epoch),
            Topic::Shares(epoch),
            Topic::Confirmation(epoch),
        ] {
            assert_eq!(topic.to_string().parse(), Ok(topic));
        }
        assert_eq!(Topic::Approval(run).to_string(), "approval-run-12");
    }

    #[test]
    fn other_texts_name_none() {
        for text in [
            "",
            "approval",
            "approval-run-",
            "approval-run-01",
            "approval-run--1",
            "../approval-run-1",
            "approval-run-99999999999",
            "Approval-run-1",
        ] {
            assert_eq!(text.parse::<Topic>(), Err(NotATopic), "{text}");
        }
    }
}
