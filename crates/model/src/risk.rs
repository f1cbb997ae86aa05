//! What follows from a custodian's risk report, and the document by which officers answer for an upload
//! that the report says to hold.

use serde::{Deserialize, Serialize};

use crate::day::Day;
use crate::digest::Digest;
use crate::id::{PartyName, ProjectName, RunNumber};

/// The most bytes an override may have.
pub const MAX_OVERRIDE_BYTES: usize = 16 * 1024;
/// How many officers answer for an override together: the custodian's own and at least one other.
pub const OVERRIDING_OFFICERS: usize = 2;
/// The version of the document.
const FORMAT: u32 = 1;
/// The most characters of a reason.
const MAX_REASON: usize = 2000;

/// What a risk report says of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Nothing measured speaks against it.
    Release,
    /// Something does.
    Hold,
}

impl Verdict {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Hold => "hold",
        }
    }
}

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// An officer's word that an upload may go ahead all the same.
    RiskOverride,
}

/// One officer's word that an upload may go ahead although its risk report says to hold it. It counts
/// together with that of another officer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// What the document is.
    pub kind: Kind,
    /// The version of the document.
    pub format: u32,
    /// The project.
    pub project: ProjectName,
    /// The run.
    pub run: RunNumber,
    /// The custodian that uploads.
    pub party: PartyName,
    /// Digest of the risk report, which names what is uploaded.
    pub report: Digest,
    /// The member whose officer says so.
    pub member: PartyName,
    /// The officer, as the agreement names them.
    pub officer: String,
    /// The day.
    pub date: Day,
    /// Why.
    pub reason: String,
}

/// Why a document is no override.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an override of a risk report: {0}")]
pub struct NotAnOverride(String);

impl Override {
    /// The kind and version that this program writes.
    pub const HEAD: (Kind, u32) = (Kind::RiskOverride, FORMAT);

    /// Reads an override.
    ///
    /// # Errors
    /// [`NotAnOverride`] for everything else.
    pub fn parse(bytes: &[u8]) -> Result<Self, NotAnOverride> {
        let not = |why: &str| Err(NotAnOverride(why.to_owned()));
        if bytes.len() > MAX_OVERRIDE_BYTES {
            return not("it is too long");
        }
        let read: Self =
            toml::from_slice(bytes).map_err(|error| NotAnOverride(error.message().to_owned()))?;
        match () {
            () if read.format != FORMAT => not("it has another format"),
            () if read.reason.trim().is_empty() => not("it gives no reason"),
            () if read.reason.chars().count() > MAX_REASON => not("its reason is too long"),
            () => Ok(read),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(reason: &str) -> Override {
        let (kind, format) = Override::HEAD;
        Override {
            kind,
            format,
            project: "p".parse().unwrap(),
            run: RunNumber(3),
            party: "crvs".parse().unwrap(),
            report: Digest::of(b"report"),
            member: "sr".parse().unwrap(),
            officer: "A. Person".to_owned(),
            date: "2026-03-01".parse().unwrap(),
            reason: reason.to_owned(),
        }
    }

    #[test]
    fn an_override_reads_back_and_gives_a_reason() {
        let written = toml::to_string(&word("a flood")).unwrap();
        assert_eq!(
            Override::parse(written.as_bytes()).unwrap(),
            word("a flood")
        );
        assert!(
            written.starts_with("kind = \"risk-override\"\n"),
            "{written}"
        );
        for other in [
            toml::to_string(&word("  ")).unwrap(),
            toml::to_string(&word(&"x".repeat(MAX_REASON + 1))).unwrap(),
            written.replace("format = 1", "format = 2"),
            written.replace("risk-override", "run-approval"),
            format!("{written}more = 1\n"),
            "#".repeat(MAX_OVERRIDE_BYTES + 1),
        ] {
            Override::parse(other.as_bytes()).unwrap_err();
        }
    }
}
