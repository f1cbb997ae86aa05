//! An entry of a log: an event with who, when and where, and its one byte form.

use std::fmt;
use std::str::FromStr;

use model::{Digest, PartyName};
use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::tree::leaf_hash;

/// The most bytes an entry may take: what the length in an entry bundle can say (tlog-tiles). The
/// longest real one lists the manifests of a run.
pub const MAX_ENTRY_BYTES: usize = u16::MAX as usize;

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
    /// The project's key server.
    KeyServer,
    /// A custodian's node.
    Node(PartyName),
}

/// Text that names no actor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "an actor is `coordinator`, `matcher`, `resolver`, `operator`, `key-server` or `node:` and a party name"
)]
pub struct NotAnActor;

impl fmt::Display for Actor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Coordinator => out.write_str("coordinator"),
            Self::Matcher => out.write_str("matcher"),
            Self::Resolver => out.write_str("resolver"),
            Self::Operator => out.write_str("operator"),
            Self::KeyServer => out.write_str("key-server"),
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
            "key-server" => Ok(Self::KeyServer),
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
    use crate::tree::TreeHead;
    use model::agreement::Act;
    use model::risk::Verdict;
    use model::{BatchKind, Epoch, EvaluationKey, RefusalCode, RunNumber};

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
            Event::MembershipAnswered { run, party: party.clone(), digest: digest(13) },
            Event::EncodingsChosen { run, made: 20, sent: 11, membership: digest(13) },
            Event::RiskMeasured { run, prepared: digest(1), report: digest(14), verdict: Verdict::Hold },
            Event::RiskOverridden { run, report: digest(14), officers: vec![party.clone()] },
            Event::RunSealed { run, manifest_digests: vec![digest(1), digest(4)] },
            Event::RunMatched { run, comparisons_digest: digest(0x5a) },
            Event::RunResolved { run, clusters_digest: digest(6) },
            Event::ResultsCollected { run, party: party.clone(), rows, digest: digest(7) },
            Event::ReviewCollected { run, party, digest: digest(8) },
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
            Event::KeyBackedUp {
                epoch: Epoch(2),
                shares: 5,
                needed: 3,
            },
            Event::KeyRestored { epoch: Epoch(2) },
            Event::KeyDestroyed { epoch: Epoch(2) },
            Event::EvaluationKeyMade { epoch: Epoch(2), public_key: EvaluationKey::new([3; 32]) },
            Event::ElementsEvaluated {
                epoch: Epoch(2),
                party: self::party(),
                batch: digest(15),
                elements: 4096,
                total: 9000,
            },
            Event::ElementsAsked { epoch: Epoch(2), batch: digest(15), elements: 4096 },
            Event::EvaluationKeyDestroyed { epoch: Epoch(2) },
            Event::DocumentPosted { topic: "card-epoch-1".into(), party: self::party(), digest: digest(11) },
            Event::CertificateAdmitted { party: self::party(), certificate: digest(13) },
            Event::CertificateRevoked { certificate: digest(13) },
            Event::CertificateInstalled { certificate: digest(13) },
            Event::WholeRecordAllowed { by: "A. Person, data protection officer".into() },
            Event::AgreementAdopted { agreement: digest(9), number: 2 },
            Event::AgreementStated { agreement: digest(9), party: self::party(), number: 1, act: Act::Suspend },
        ]
    }

    /// An entry as text.
    fn received() -> String {
        let event = Event::ResultsReceived {
            run: RunNumber(2),
            rows: 7,
            digest: digest(0x5a),
        };
        String::from_utf8(of(event).to_bytes().unwrap()).unwrap()
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
        let entry = of(Event::ResultsReceived {
            run: RunNumber(2),
            rows: 7,
            digest: digest(0xab),
        });
        let expected = format!(
            concat!(
                r#"{{"sequence":3,"unix_millis":1700000000000,"actor":"node:crvs","#,
                r#""event":{{"type":"results-received","run":2,"rows":7,"digest":"{}"}}}}"#
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
        let text = received();
        let spaced = text.replace(",\"actor\"", ", \"actor\"");
        let reordered = text.replace(r#""run":2,"rows":7"#, r#""rows":7,"run":2"#);
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
        let text = received();
        let changes = [
            (r#""rows":7"#, r#""rows":7,"extra":1"#),
            ("results-received", "results-guessed"),
            ("node:crvs", "node:CRVS"),
            ("node:crvs", "somebody"),
            (r#""rows":7"#, r#""rows":-7"#),
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
            "key-server",
            "node:crvs",
        ] {
            assert_eq!(text.parse::<Actor>().unwrap().to_string(), text);
        }
        assert_eq!("node:".parse::<Actor>(), Err(NotAnActor));
    }
}
