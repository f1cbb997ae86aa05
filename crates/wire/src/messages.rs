//! What is said over the wire, as domain types.

use std::fmt;

use model::agreement::Rights;
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

    /// Whether the role takes batches of this kind.
    pub const fn takes(self, kind: BatchKind) -> bool {
        match self {
            Self::Matcher => matches!(kind, BatchKind::Encodings | BatchKind::BlockTokens),
            Self::Resolver => matches!(kind, BatchKind::HandleMap),
        }
    }

    /// The kind of batch that a run needs of every party.
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
    /// What the agreement gave the party when the run was released: what rows tell, in which order.
    pub rights: Rights,
}

/// How many of the collecting party's records were found at another party.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// The other party.
    pub party: PartyName,
    /// Records of the collecting party found there.
    pub records: Count,
}

/// One record, and what the collecting party may know of its person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResultsRow {
    /// The record, by the handle its node gave it.
    pub record: RecordHandle,
    /// The person's pseudonym towards the collecting party, where it may have it.
    pub pseudonym: Option<Pseudonym>,
    /// By bit, in the order of [`Rights::known_at`]: whether the person is known there.
    pub known_at: u32,
    /// By bit, in the order of [`Rights::events`]: whether another party has registered it.
    pub events: u8,
}

impl ResultsRow {
    /// Bytes of a row.
    pub const BYTES: usize = 37;

    /// Handle (16), pseudonym (16, zeros where there is none), known at (4), events (1).
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..16].copy_from_slice(self.record.as_bytes());
        if let Some(pseudonym) = &self.pseudonym {
            bytes[16..32].copy_from_slice(pseudonym.as_bytes());
        }
        bytes[32..36].copy_from_slice(&self.known_at.to_le_bytes());
        bytes[36] = self.events;
        bytes
    }

    /// Reads a row.
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let (mut record, mut pseudonym, mut known_at) = ([0; 16], [0; 16], [0; 4]);
        record.copy_from_slice(&bytes[..16]);
        pseudonym.copy_from_slice(&bytes[16..32]);
        known_at.copy_from_slice(&bytes[32..36]);
        Self {
            record: RecordHandle::new(record),
            pseudonym: (pseudonym != [0; 16]).then(|| Pseudonym::new(pseudonym)),
            known_at: u32::from_le_bytes(known_at),
            events: bytes[36],
        }
    }

    /// Whether the row tells what `rights` give, and nothing besides.
    pub fn fits(&self, rights: &Rights) -> bool {
        let is_within = |bits: u32, things: usize| u64::from(bits) >> things == 0;
        self.pseudonym.is_some() == rights.pseudonyms
            && is_within(self.known_at, rights.known_at.len())
            && is_within(self.events.into(), rights.events.len())
    }
}

/// Computes the digest of a party's rows: SHA-256 over the bytes of each, in order.
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
        self.digester.update(&row.to_bytes());
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
            pseudonym: Some(Pseudonym::new([!byte; 16])),
            known_at: 0,
            events: 0,
        };
        let of = |rows: &[ResultsRow]| {
            let mut digester = RowsDigester::new();
            rows.iter().for_each(|row| digester.add(row));
            digester.finish()
        };
        assert_ne!(of(&[row(1), row(2)]), of(&[row(2), row(1)]));
        assert_eq!(of(&[]), Digest::of(b""));
    }

    #[test]
    fn rows_come_back_and_tell_no_more_than_the_rights_give() {
        let rights = Rights {
            pseudonyms: false,
            counts: false,
            known_at: vec!["b".parse().unwrap(), "c".parse().unwrap()],
            events: vec![model::LifeEvent::Death],
        };
        let row = ResultsRow {
            record: RecordHandle::new([1; 16]),
            pseudonym: None,
            known_at: 0b10,
            events: 1,
        };
        let named = ResultsRow {
            pseudonym: Some(Pseudonym::new([2; 16])),
            ..row
        };
        for row in [row, named] {
            assert_eq!(ResultsRow::from_bytes(&row.to_bytes()), row);
        }
        assert!(row.fits(&rights) && !named.fits(&rights));
        assert!(!ResultsRow { known_at: 4, ..row }.fits(&rights));
        assert!(!ResultsRow { events: 2, ..row }.fits(&rights));
        let pseudonyms = Rights {
            pseudonyms: true,
            ..rights
        };
        assert!(!row.fits(&pseudonyms) && named.fits(&pseudonyms));
    }
}
