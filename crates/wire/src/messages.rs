//! What is said over the wire, as domain types.

use std::fmt;

use model::digest::Digester;
use model::lifecycle::Phase;
use model::{BatchKind, Digest, Epoch, PartyName, ProjectName, Pseudonym, RecordHandle, RunNumber};
use serde::{Deserialize, Serialize};

/// One of the coordinator's two roles, each with its own keys, state and TLS identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Sees encodings under pass handles, cannot join passes.
    Matcher,
    /// Sees handles and comparison levels, never encodings; serves results.
    Resolver,
}

impl Role {
    /// The role's name in certificates, files and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Matcher => "matcher",
            Self::Resolver => "resolver",
        }
    }

    /// The kind of batch the role takes.
    pub const fn batch_kind(self) -> BatchKind {
        match self {
            Self::Matcher => BatchKind::Encodings,
            Self::Resolver => BatchKind::HandleMap,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a node has to know before it prepares a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Description {
    /// The project.
    pub project: ProjectName,
    /// The epoch whose keys encode.
    pub epoch: Epoch,
    /// The current run.
    pub run: RunNumber,
    /// Where the run stands.
    pub state: Phase,
    /// Digest of the linkage schema the project agreed on.
    pub schema_digest: Digest,
    /// Who answers.
    pub role: Role,
    /// The X25519 public key handle maps are sealed to; the resolver tells it and nobody else.
    pub resolver_key: Option<[u8; 32]>,
    /// The members, in the linkage schema's order.
    pub parties: Vec<PartyName>,
    /// Digest of the linkage agreement the coordinator works under.
    pub agreement: Option<Digest>,
}

/// How far an upload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadState {
    /// The chunk expected next; all before it are durable.
    pub next_chunk: u64,
    /// Whether the batch is accepted.
    pub accepted: bool,
}

/// Where the current run stands, and who has delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunStatus {
    /// The run.
    pub run: RunNumber,
    /// Where it stands.
    pub state: Phase,
    /// What it waits for or why it stopped, for people.
    pub detail: String,
    /// Which batches were accepted, in the linkage schema's order of parties.
    pub parties: Vec<PartyProgress>,
    /// What custodians approve; see [`model::approval::outcome`]. None before the run is linked.
    pub outcome: Option<Digest>,
}

/// Which batches of one party were accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartyProgress {
    /// The party.
    pub party: PartyName,
    /// Whether the matcher has its encodings.
    pub encodings: bool,
    /// Whether the resolver has its handle map.
    pub handle_map: bool,
    /// Whether its data protection officer approved what came out.
    pub approved: bool,
}

/// A count as a member may know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Count {
    /// The number itself.
    Exact(u64),
    /// The number is below this floor.
    FewerThan(u32),
    /// The number with noise.
    About(u64),
    /// The agreement does not allow it to be told.
    Withheld,
}

impl Count {
    /// `value` as it may be told when counts below `floor` are not told exactly.
    pub const fn floored(value: u64, floor: u32) -> Self {
        if value < floor as u64 {
            Self::FewerThan(floor)
        } else {
            Self::Exact(value)
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(value) => value.fmt(f),
            Self::FewerThan(floor) => write!(f, "fewer than {floor}"),
            Self::About(value) => write!(f, "about {value}"),
            Self::Withheld => f.write_str("withheld"),
        }
    }
}

/// What stands before a party's rows: totals and the digest that makes them checkable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResultsHeader {
    /// The run.
    pub run: RunNumber,
    /// Rows in all.
    pub rows: u64,
    /// Digest of all rows, see [`RowsDigester`].
    pub rows_digest: Digest,
    /// The party's records that took part.
    pub records: u64,
    /// Persons these records stand for.
    pub clusters: Count,
    /// How many of the party's records were found at each other party.
    pub found: Vec<Found>,
}

/// How many of the collecting party's records were found at another party.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// The other party.
    pub party: PartyName,
    /// Records of the collecting party found there.
    pub records: Count,
}

/// One record and the pseudonym of its person towards the collecting party.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResultsRow {
    /// The record, by the handle its node gave it.
    pub record: RecordHandle,
    /// The person.
    pub pseudonym: Pseudonym,
}

/// Computes the digest of a party's rows: SHA-256 over handle and pseudonym of each, in order.
#[derive(Clone, Default)]
pub struct RowsDigester {
    digester: Digester,
    rows: u64,
}

impl RowsDigester {
    /// Starts over no rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next row.
    pub fn add(&mut self, row: &ResultsRow) {
        self.digester.update(row.record.as_bytes());
        self.digester.update(row.pseudonym.as_bytes());
        self.rows += 1;
    }

    /// Rows added so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The digest of all rows added.
    pub fn finish(self) -> Digest {
        self.digester.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_below_the_floor_are_not_told() {
        assert_eq!(Count::floored(9, 10).to_string(), "fewer than 10");
        assert_eq!(Count::floored(10, 10).to_string(), "10");
        assert_eq!(Count::floored(0, 0), Count::Exact(0));
    }

    #[test]
    fn the_rows_digest_depends_on_order() {
        let row = |byte| ResultsRow {
            record: RecordHandle::new([byte; 16]),
            pseudonym: Pseudonym::new([!byte; 16]),
        };
        let of = |rows: &[ResultsRow]| {
            let mut digester = RowsDigester::new();
            rows.iter().for_each(|row| digester.add(row));
            digester.finish()
        };
        assert_ne!(of(&[row(1), row(2)]), of(&[row(2), row(1)]));
        assert_eq!(of(&[]), Digest::of(b""));
    }
}
