//! The closed list of what may stand in a log, and its canonical bytes.
//!
//! Entries hold names of parties, counts and digests. They never hold identifiers, handles, block
//! tokens or digests of small or guessable values.

use model::agreement::Act;
use model::{BatchKind, Digest, Epoch, PartyName, ProjectName, RefusalCode, RunNumber};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

use crate::tree::{TreeHead, leaf_hash};

/// The most bytes an entry may take: what the length in an entry bundle can say (tlog-tiles). The
/// longest real one lists the manifests of a run.
pub const MAX_ENTRY_BYTES: usize = u16::MAX as usize;

/// Something that happened, of the kinds that are accounted for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Event {
    /// A coordinator took up a project.
    ProjectOpened {
        /// Which.
        project: ProjectName,
        /// Digest of its linkage schema.
        schema_digest: Digest,
        /// Its parties, in the schema's order.
        parties: Vec<PartyName>,
    },
    /// A coordinator accepted a batch, whole and as its manifest says.
    BatchAccepted {
        /// For which run.
        run: RunNumber,
        /// Whose records.
        party: PartyName,
        /// Encodings or handle map.
        kind: BatchKind,
        /// Digest of the manifest.
        manifest_digest: Digest,
        /// Rows in the batch.
        rows: u64,
        /// Bytes in the batch.
        bytes: u64,
    },
    /// A coordinator refused a batch.
    BatchRefused {
        /// Who offered it.
        party: PartyName,
        /// Why.
        code: RefusalCode,
    },
    /// The matcher told a party which of its block tokens another party has too.
    MembershipAnswered {
        /// For which run.
        run: RunNumber,
        /// Whom.
        party: PartyName,
        /// How many tokens it sent.
        tokens: u64,
        /// How many of them are elsewhere.
        elsewhere: u64,
        /// Digest of the answer.
        digest: Digest,
    },
    /// A node chose which encodings to send, and has sent none yet.
    EncodingsChosen {
        /// For which run.
        run: RunNumber,
        /// Rows it made.
        made: u64,
        /// Rows that can meet somebody, or may seem so by a false positive, and are sent.
        sent: u64,
        /// Digest of the answer it followed.
        membership: Digest,
    },
    /// A run's input became final.
    RunSealed {
        /// Which run.
        run: RunNumber,
        /// Digests of the manifests of all its batches.
        manifest_digests: Vec<Digest>,
    },
    /// The matcher compared the run's candidate pairs.
    RunMatched {
        /// Which run.
        run: RunNumber,
        /// Pairs compared.
        pairs: u64,
        /// Digest of the comparison vectors.
        comparisons_digest: Digest,
    },
    /// The resolver decided the run's links and clusters.
    RunResolved {
        /// Which run.
        run: RunNumber,
        /// Pairs accepted.
        links: u64,
        /// Clusters they form.
        clusters: u64,
        /// Digest of the clusters.
        clusters_digest: Digest,
    },
    /// A node fetched its results from the coordinator.
    ResultsCollected {
        /// Of which run.
        run: RunNumber,
        /// Who fetched them.
        party: PartyName,
        /// Rows in the results.
        rows: u64,
        /// Digest of the results as sent.
        digest: Digest,
    },
    /// A node fetched the pairs of its records that people should look at, with their weights.
    ReviewCollected {
        /// Of which run.
        run: RunNumber,
        /// Who fetched them.
        party: PartyName,
        /// How many.
        pairs: u64,
        /// Digest of the pairs as sent.
        digest: Digest,
    },
    /// A node made a batch, and has sent nothing yet.
    BatchPrepared {
        /// For which run.
        run: RunNumber,
        /// Encodings or handle map.
        kind: BatchKind,
        /// Digest of the manifest.
        manifest_digest: Digest,
        /// Records of the registry that went in.
        records: u64,
        /// Rows in the batch.
        rows: u64,
        /// Bytes in the batch.
        bytes: u64,
    },
    /// A node sent a batch and checked the receipt it got for it.
    BatchUploaded {
        /// For which run.
        run: RunNumber,
        /// Encodings or handle map.
        kind: BatchKind,
        /// Digest of the manifest.
        manifest_digest: Digest,
        /// The coordinator's log at the time of the receipt.
        receipt_head: TreeHead,
    },
    /// The keeper of the log works under a linkage agreement from now on.
    AgreementAdopted {
        /// Digest of its exact bytes.
        agreement: Digest,
        /// 1 for the first of the project, then counted up.
        number: u32,
    },
    /// A custodian's data protection officer said something of an agreement.
    AgreementStated {
        /// Digest of the agreement.
        agreement: Digest,
        /// Whose officer.
        party: PartyName,
        /// The party's statements are counted up.
        number: u32,
        /// What was said.
        act: Act,
    },
    /// A custodian's data protection officer approved what came out of a run.
    RunApproved {
        /// Which run.
        run: RunNumber,
        /// Whose officer.
        party: PartyName,
        /// Digest of the agreement.
        agreement: Digest,
        /// Digest of what came out.
        outcome: Digest,
    },
    /// Results may be collected from now on.
    RunReleased {
        /// Which run.
        run: RunNumber,
        /// Digest of the agreement.
        agreement: Digest,
    },
    /// Counts were published with noise.
    CountsPublished {
        /// Of which run.
        run: RunNumber,
        /// How many.
        counts: u64,
        /// What they cost together, in thousandths of epsilon.
        epsilon_permille: u64,
    },
    /// A run was given up by the programs.
    RunFailed {
        /// Which run.
        run: RunNumber,
    },
    /// A run was given up by people.
    RunCancelled {
        /// Which run.
        run: RunNumber,
    },
    /// Batches and results of a run were removed; logged before they are.
    RunDestroyed {
        /// Which run.
        run: RunNumber,
    },
    /// The resolver's keys were destroyed: handle maps stay closed, pseudonyms cannot be made again.
    ResolverKeysDestroyed,
    /// A custodian's node put up a document for the others.
    DocumentPosted {
        /// Under which topic.
        topic: String,
        /// Whose node.
        party: PartyName,
        /// Digest of the document.
        digest: Digest,
    },
    /// The nodes agreed on the linkage key of an epoch.
    KeyAgreed {
        /// Which epoch.
        epoch: Epoch,
        /// Digest of the agreement.
        agreement: Digest,
        /// Digest of all cards and commitments.
        transcript: Digest,
    },
    /// A node destroyed its key of an epoch.
    KeyDestroyed {
        /// Which epoch.
        epoch: Epoch,
    },
    /// A node received its results.
    ResultsReceived {
        /// Of which run.
        run: RunNumber,
        /// Rows in the results.
        rows: u64,
        /// Digest of the results as received.
        digest: Digest,
    },
    /// Somebody answers for whole-record encodings (CLKs) of real people at a coordinator, which
    /// otherwise takes those of made-up people only.
    WholeRecordAllowed {
        /// Who, by name and office, as the operator wrote it.
        by: String,
    },
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Actor {
    /// The coordinator, in both its roles.
    Coordinator,
    /// The coordinator's role that compares encodings.
    Matcher,
    /// The coordinator's role that decides links.
    Resolver,
    /// The person who runs the daemon that keeps this log.
    Operator,
    /// A custodian's node.
    Node(PartyName),
}

/// Text that names no actor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an actor is `coordinator`, `matcher`, `resolver`, `operator` or `node:` and a party name")]
pub struct NotAnActor;

impl fmt::Display for Actor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Coordinator => out.write_str("coordinator"),
            Self::Matcher => out.write_str("matcher"),
            Self::Resolver => out.write_str("resolver"),
            Self::Operator => out.write_str("operator"),
            Self::Node(party) => write!(out, "node:{party}"),
        }
    }
}

impl FromStr for Actor {
    type Err = NotAnActor;

    fn from_str(text: &str) -> Result<Self, NotAnActor> {
        match text {
            "coordinator" => Ok(Self::Coordinator),
            "matcher" => Ok(Self::Matcher),
            "resolver" => Ok(Self::Resolver),
            "operator" => Ok(Self::Operator),
            other => {
                let party = other.strip_prefix("node:").ok_or(NotAnActor)?;
                party.parse().map(Self::Node).map_err(|_| NotAnActor)
            }
        }
    }
}

impl TryFrom<String> for Actor {
    type Error = NotAnActor;

    fn try_from(text: String) -> Result<Self, NotAnActor> {
        text.parse()
    }
}

impl From<Actor> for String {
    fn from(actor: Actor) -> String {
        actor.to_string()
    }
}

/// An event with its place in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its place, from 0.
    pub sequence: u64,
    /// When, in milliseconds since 1970, by the clock of whoever keeps the log.
    pub unix_millis: u64,
    /// Who.
    pub actor: Actor,
    /// What.
    pub event: Event,
}

/// Why bytes are not an entry.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// Over [`MAX_ENTRY_BYTES`].
    #[error("the entry has {0} bytes, the most is {MAX_ENTRY_BYTES}")]
    TooLong(usize),
    /// Not JSON of the right shape, or an event this version does not know.
    #[error("not an entry this version knows: {0}")]
    Malformed(#[from] serde_json::Error),
    /// The right meaning, written in another way.
    #[error("the entry is not in canonical form")]
    NotCanonical,
}

impl Entry {
    /// The entry's one byte form: JSON without spaces, fields in the order they stand in here,
    /// digests in lower-case hexadecimal.
    ///
    /// # Errors
    /// An entry over [`MAX_ENTRY_BYTES`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, EntryError> {
        let bytes = serde_json::to_vec(self)?;
        check_length(&bytes)?;
        Ok(bytes)
    }

    /// Reads the byte form, and nothing but it: one entry never has two leaf hashes.
    ///
    /// # Errors
    /// Bytes over the limit, of another shape, or in another form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EntryError> {
        check_length(bytes)?;
        let entry: Self = serde_json::from_slice(bytes)?;
        if entry.to_bytes()? != bytes {
            return Err(EntryError::NotCanonical);
        }
        Ok(entry)
    }

    /// The hash by which the log's tree holds the entry.
    ///
    /// # Errors
    /// As [`Entry::to_bytes`].
    pub fn leaf_hash(&self) -> Result<Digest, EntryError> {
        Ok(leaf_hash(&self.to_bytes()?))
    }
}

fn check_length(bytes: &[u8]) -> Result<(), EntryError> {
    match bytes.len() {
        0..=MAX_ENTRY_BYTES => Ok(()),
        length => Err(EntryError::TooLong(length)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(byte: u8) -> Digest {
        Digest::new([byte; 32])
    }

    fn party() -> PartyName {
        "crvs".parse().unwrap()
    }

    fn of(event: Event) -> Entry {
        let actor = Actor::Node(party());
        Entry {
            sequence: 3,
            unix_millis: 1_700_000_000_000,
            actor,
            event,
        }
    }

    #[rustfmt::skip]
    fn every_kind() -> Vec<Event> {
        let (run, kind, party) = (RunNumber(2), BatchKind::Encodings, party());
        let (manifest_digest, rows, bytes, records) = (digest(1), 10, 1000, 5);
        let project = "p".parse().unwrap();
        let handle_map = BatchKind::HandleMap;
        let receipt_head = TreeHead { size: 4, root: digest(2) };
        vec![
            Event::ProjectOpened { project, schema_digest: digest(3), parties: vec![party.clone()] },
            Event::BatchAccepted { run, party: party.clone(), kind, manifest_digest, rows, bytes },
            Event::BatchRefused { party: party.clone(), code: RefusalCode::TooLarge },
            Event::MembershipAnswered { run, party: party.clone(), tokens: 9, elsewhere: 4, digest: digest(13) },
            Event::EncodingsChosen { run, made: 20, sent: 11, membership: digest(13) },
            Event::RunSealed { run, manifest_digests: vec![digest(1), digest(4)] },
            Event::RunMatched { run, pairs: 7, comparisons_digest: digest(0x5a) },
            Event::RunResolved { run, links: 6, clusters: 4, clusters_digest: digest(6) },
            Event::ResultsCollected { run, party: party.clone(), rows, digest: digest(7) },
            Event::ReviewCollected { run, party, pairs: 9, digest: digest(8) },
            Event::BatchPrepared { run, kind: handle_map, manifest_digest, records, rows, bytes },
            Event::BatchUploaded { run, kind, manifest_digest, receipt_head },
            Event::ResultsReceived { run, rows, digest: digest(7) },
            Event::RunApproved { run, party: self::party(), agreement: digest(9), outcome: digest(10) },
            Event::RunReleased { run, agreement: digest(9) },
            Event::CountsPublished { run, counts: 12, epsilon_permille: 6000 },
            Event::RunFailed { run },
            Event::RunCancelled { run },
            Event::RunDestroyed { run },
            Event::ResolverKeysDestroyed,
            Event::KeyAgreed { epoch: Epoch(2), agreement: digest(9), transcript: digest(12) },
            Event::KeyDestroyed { epoch: Epoch(2) },
            Event::DocumentPosted { topic: "card-epoch-1".into(), party: self::party(), digest: digest(11) },
            Event::WholeRecordAllowed { by: "A. Person, data protection officer".into() },
            Event::AgreementAdopted { agreement: digest(9), number: 2 },
            Event::AgreementStated { agreement: digest(9), party: self::party(), number: 1, act: Act::Suspend },
        ]
    }

    #[test]
    fn every_kind_round_trips() {
        for event in every_kind() {
            let entry = of(event);
            let bytes = entry.to_bytes().unwrap();
            assert_eq!(Entry::from_bytes(&bytes).unwrap(), entry);
        }
    }

    /// Logs outlive versions: this form must never change.
    #[test]
    fn the_byte_form_is_as_published() {
        let entry = of(Event::RunMatched {
            run: RunNumber(2),
            pairs: 7,
            comparisons_digest: digest(0xab),
        });
        let expected = format!(
            concat!(
                r#"{{"sequence":3,"unix_millis":1700000000000,"actor":"node:crvs","#,
                r#""event":{{"type":"run-matched","run":2,"pairs":7,"comparisons_digest":"{}"}}}}"#
            ),
            "ab".repeat(32)
        );
        assert_eq!(
            String::from_utf8(entry.to_bytes().unwrap()).unwrap(),
            expected
        );
    }

    #[test]
    fn refuses_other_forms_of_the_same_entry() {
        let bytes = of(every_kind().remove(4)).to_bytes().unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let spaced = text.replace(",\"actor\"", ", \"actor\"");
        let reordered = text.replace(r#""run":2,"pairs":7"#, r#""pairs":7,"run":2"#);
        let upper = text.replace(&digest(0x5a).to_string(), &"5A".repeat(32));
        for other in [spaced, reordered, upper] {
            assert_ne!(other, text);
            assert!(matches!(
                Entry::from_bytes(other.as_bytes()),
                Err(EntryError::NotCanonical)
            ));
        }
    }

    #[test]
    fn refuses_unknown_fields_events_and_actors() {
        let text = String::from_utf8(of(every_kind().remove(4)).to_bytes().unwrap()).unwrap();
        let changes = [
            (r#""pairs":7"#, r#""pairs":7,"extra":1"#),
            ("run-matched", "run-guessed"),
            ("node:crvs", "node:CRVS"),
            ("node:crvs", "somebody"),
            (r#""pairs":7"#, r#""pairs":-7"#),
        ];
        for (from, to) in changes {
            let changed = text.replace(from, to);
            assert!(matches!(
                Entry::from_bytes(changed.as_bytes()),
                Err(EntryError::Malformed(_))
            ));
        }
    }

    #[test]
    fn refuses_entries_over_the_limit() {
        let entry = of(Event::RunSealed {
            run: RunNumber(1),
            manifest_digests: vec![digest(1); 1000],
        });
        assert!(matches!(entry.to_bytes(), Err(EntryError::TooLong(_))));
        let long = vec![b' '; MAX_ENTRY_BYTES + 1];
        assert!(matches!(
            Entry::from_bytes(&long),
            Err(EntryError::TooLong(_))
        ));
    }

    #[test]
    fn actors_round_trip_as_text() {
        for text in [
            "coordinator",
            "matcher",
            "resolver",
            "operator",
            "node:crvs",
        ] {
            assert_eq!(text.parse::<Actor>().unwrap().to_string(), text);
        }
        assert_eq!("node:".parse::<Actor>(), Err(NotAnActor));
    }
}
