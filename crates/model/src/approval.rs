//! A custodian's approval of what came out of a run: signed by its data protection officer, and bound
//! to the run, the agreement and the outcome.

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, Digester};
use crate::id::{PartyName, ProjectName, RunNumber};

/// The most bytes an approval may have.
pub const MAX_APPROVAL_BYTES: usize = 4096;
/// The version of the document.
const FORMAT: u32 = 1;

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// An approval of a run's outcome.
    RunApproval,
}

/// An approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// What the document is.
    pub kind: Kind,
    /// The version of the document.
    pub format: u32,
    /// The project.
    pub project: ProjectName,
    /// The run.
    pub run: RunNumber,
    /// The custodian that approves.
    pub party: PartyName,
    /// Digest of the agreement under which.
    pub agreement: Digest,
    /// Digest of what came out, see [`outcome`].
    pub outcome: Digest,
}

/// Why a document is no approval.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the approval of a run: {0}")]
pub struct NotAnApproval(String);

impl Approval {
    /// An approval by `party`.
    pub fn new(
        project: ProjectName,
        run: RunNumber,
        party: PartyName,
        agreement: Digest,
        outcome: Digest,
    ) -> Self {
        Self {
            kind: Kind::RunApproval,
            format: FORMAT,
            project,
            run,
            party,
            agreement,
            outcome,
        }
    }

    /// Reads an approval.
    ///
    /// # Errors
    /// [`NotAnApproval`] for everything else.
    pub fn parse(bytes: &[u8]) -> Result<Self, NotAnApproval> {
        if bytes.len() > MAX_APPROVAL_BYTES {
            return Err(NotAnApproval(format!(
                "more than {MAX_APPROVAL_BYTES} bytes"
            )));
        }
        let approval: Self =
            toml::from_slice(bytes).map_err(|error| NotAnApproval(error.message().to_owned()))?;
        match approval.format {
            FORMAT => Ok(approval),
            other => Err(NotAnApproval(format!("format {other}"))),
        }
    }
}

/// The digest that stands for what came out of a run: its input, by the manifests' digests in the
/// schema's order of parties, and its clusters.
pub fn outcome(
    project: &ProjectName,
    run: RunNumber,
    manifests: &[Digest],
    clusters: &Digest,
) -> Digest {
    let mut digester = Digester::new();
    digester.field(b"symbolon outcome v1");
    digester.field(project.as_str().as_bytes());
    digester.field(&run.0.to_le_bytes());
    for manifest in manifests {
        digester.field(manifest.as_bytes());
    }
    digester.field(clusters.as_bytes());
    digester.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn approval() -> Approval {
        let outcome = outcome(
            &"p".parse().unwrap(),
            RunNumber(2),
            &[],
            &Digest::of(b"clusters"),
        );
        let agreement = Digest::of(b"agreement");
        Approval::new(
            "p".parse().unwrap(),
            RunNumber(2),
            "a".parse().unwrap(),
            agreement,
            outcome,
        )
    }

    #[test]
    fn an_approval_reads_back_and_nothing_else_does() {
        let text = toml::to_string(&approval()).unwrap();
        assert!(text.starts_with("kind = \"run-approval\"\n"), "{text}");
        assert_eq!(Approval::parse(text.as_bytes()).unwrap(), approval());
        for other in [
            text.replace("run-approval", "linkage-agreement"),
            text.replace("format = 1", "format = 2"),
            text.replace("run = 2", "run = -2"),
            format!("{text}more = 1\n"),
            "#".repeat(MAX_APPROVAL_BYTES + 1),
        ] {
            assert!(Approval::parse(other.as_bytes()).is_err(), "{other}");
        }
    }

    #[test]
    fn every_part_counts_in_the_outcome() {
        let (p, q) = ("p".parse().unwrap(), "q".parse().unwrap());
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        let all = [
            outcome(&p, RunNumber(1), &[one, two], &one),
            outcome(&q, RunNumber(1), &[one, two], &one),
            outcome(&p, RunNumber(2), &[one, two], &one),
            outcome(&p, RunNumber(1), &[two, one], &one),
            outcome(&p, RunNumber(1), &[one], &two),
        ];
        let distinct: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
    }
}
