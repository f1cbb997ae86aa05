//! The clauses by which something is refused, each named as it stands in the document.

use std::fmt;

use crate::refusal::{Refusal, RefusalCode};

/// A clause of an agreement, or what was said of it since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Clause {
    /// Whether there is one at all.
    Agreement,
    /// Who has to sign.
    Signatures,
    /// A statement that suspends it.
    Suspension,
    /// A statement that revokes it.
    Revocation,
    /// `project`.
    Project,
    /// `replaces` and `number`.
    Replaces,
    /// `schema`.
    Schema,
    /// `profile`.
    Profile,
    /// `passes`.
    Passes,
    /// `count_floor`.
    CountFloor,
    /// `review_pairs`.
    ReviewPairs,
    /// `runs`.
    Runs,
    /// `starts`.
    Starts,
    /// `expires`.
    Expires,
    /// `retention_days`.
    Retention,
    /// `noise`.
    Noise,
    /// `disclosure`.
    Disclosure,
    /// `risk`.
    Risk,
    /// `key_server`.
    KeyServer,
    /// `member`.
    Member,
    /// `member.outputs`.
    Outputs,
    /// `member.events`.
    Events,
}

impl Clause {
    /// The clause's name in documents and refusals.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agreement => "agreement",
            Self::Signatures => "signatures",
            Self::Suspension => "suspension",
            Self::Revocation => "revocation",
            Self::Project => "project",
            Self::Replaces => "replaces",
            Self::Schema => "schema",
            Self::Profile => "profile",
            Self::Passes => "passes",
            Self::CountFloor => "count_floor",
            Self::ReviewPairs => "review_pairs",
            Self::Runs => "runs",
            Self::Starts => "starts",
            Self::Expires => "expires",
            Self::Retention => "retention_days",
            Self::Noise => "noise",
            Self::Disclosure => "disclosure",
            Self::Risk => "risk",
            Self::KeyServer => "key_server",
            Self::Member => "member",
            Self::Outputs => "member.outputs",
            Self::Events => "member.events",
        }
    }

    /// A refusal under this clause.
    pub fn refuse(self, detail: impl fmt::Display) -> Refusal {
        let detail = format!("clause `{self}`: {detail}");
        Refusal::new(RefusalCode::OutsideAgreement, detail)
    }
}

impl fmt::Display for Clause {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}
