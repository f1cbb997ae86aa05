//! One role's audit log, shared by its threads. An event is durable before its effect is visible,
//! and one that a crash cut off from its effect is not written twice.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use audit::{
    Actor, Checkpoint, Entry, Event, LogError, NoteSigner, Receipt, SignedLog, TreeHead,
    VerifierKey,
};
use model::{Clock, PartyName};
use wire::{LogHead, Role};

use crate::log_key::keeper;
use crate::sync::lock;

/// An event in the log, with the proof that it stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proved {
    pub(crate) entry: Entry,
    pub(crate) proof: Receipt,
    /// The log's head that the proof leads to, as the log signed it.
    pub(crate) checkpoint: Checkpoint,
}

/// A log, and where its events are: with many entries, looking through all of them for one that is not
/// there would hold up every caller.
struct Indexed {
    log: SignedLog,
    /// By hash of an event, the places of those that have it.
    places: HashMap<u64, Vec<u64>>,
}

impl Indexed {
    fn open(path: &Path, signer: Arc<NoteSigner>) -> Result<Self, LogError> {
        let mut indexed = Self {
            log: SignedLog::open(path, signer)?,
            places: HashMap::new(),
        };
        for index in 0..indexed.log.log().size() {
            if let Some(entry) = indexed.log.log().entry(index)? {
                indexed.note(&entry);
            }
        }
        Ok(indexed)
    }

    fn note(&mut self, entry: &Entry) {
        let places = self.places.entry(hash_of(&entry.event)).or_default();
        places.push(entry.sequence);
    }

    fn append(&mut self, event: Event, actor: Actor, unix_millis: u64) -> Result<Entry, LogError> {
        let entry = self.log.append(event, actor, unix_millis)?;
        self.note(&entry);
        Ok(entry)
    }

    fn find(&self, event: &Event) -> Result<Option<Entry>, LogError> {
        let places = self.places.get(&hash_of(event)).into_iter().flatten();
        for index in places {
            let entry = self.log.log().entry(*index)?;
            if let Some(entry) = entry.filter(|entry| entry.event == *event) {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }
}

/// Two events may share it; equal ones do.
fn hash_of(event: &Event) -> u64 {
    let mut hasher = DefaultHasher::new();
    // What does not write is found nowhere, and appending it fails.
    serde_json::to_vec(event)
        .unwrap_or_default()
        .hash(&mut hasher);
    hasher.finish()
}

/// One role's log.
pub(crate) struct Journal {
    path: PathBuf,
    /// `None` after a failed append, until it is opened again.
    log: Mutex<Option<Indexed>>,
    signer: Arc<NoteSigner>,
    actor: Actor,
    clock: Arc<dyn Clock>,
}

impl Journal {
    /// Opens the log in the directory at `path`, or makes it. It is signed with `signer`.
    pub(crate) fn open(
        path: PathBuf,
        role: Role,
        signer: NoteSigner,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, LogError> {
        let signer = Arc::new(signer);
        let log = Indexed::open(&path, signer.clone())?;
        Ok(Self {
            path,
            log: Mutex::new(Some(log)),
            signer,
            actor: keeper(role),
            clock,
        })
    }

    /// Appends `event`.
    pub(crate) fn record(&self, event: Event) -> Result<(), LogError> {
        self.with(|log| self.append(log, event).map(|_| ()))
    }

    /// Appends `event` unless it stands in the log already.
    pub(crate) fn record_once(&self, event: Event) -> Result<Proved, LogError> {
        self.with(|log| match log.find(&event)? {
            Some(entry) => Ok(proved(log, entry)),
            None => self.append(log, event).map(|entry| proved(log, entry)),
        })
    }

    /// The key that the log's checkpoints are checked with.
    pub(crate) fn key(&self) -> &VerifierKey {
        self.signer.key()
    }

    /// Whether the log had this head once.
    pub(crate) fn has(&self, head: &TreeHead) -> Result<bool, LogError> {
        self.with(|log| Ok(log.log.log().head_at(head.size) == Some(*head)))
    }

    /// When the first event of this kind happened, in milliseconds since 1970, if it has.
    pub(crate) fn time_of(&self, is_it: impl Fn(&Event) -> bool) -> Result<Option<u64>, LogError> {
        self.with(|Indexed { log, .. }| {
            for index in 0..log.log().size() {
                let entry = log.log().entry(index)?;
                if let Some(entry) = entry.filter(|entry| is_it(&entry.event)) {
                    return Ok(Some(entry.unix_millis));
                }
            }
            Ok(None)
        })
    }

    /// What the log shows to one who saw `last`; others say they were shown `seen`.
    pub(crate) fn show(
        &self,
        last: Option<&Checkpoint>,
        seen: Vec<(PartyName, Checkpoint)>,
    ) -> Result<LogHead, LogError> {
        let key = self.key();
        self.with(|Indexed { log, .. }| {
            Ok(LogHead::of(log.log(), key, log.checkpoint(), last, seen))
        })
    }

    /// Entries from number `from` on, in their byte form: as many as take at most `limit` bytes, but
    /// one if there is one.
    pub(crate) fn entries(&self, from: u64, limit: usize) -> Result<Vec<Vec<u8>>, LogError> {
        self.with(|Indexed { log, .. }| {
            let (mut entries, mut bytes) = (Vec::new(), 0);
            for index in from..log.log().size() {
                let Some(entry) = log.log().entry_bytes(index)? else {
                    break;
                };
                bytes += entry.len();
                if bytes > limit && !entries.is_empty() {
                    break;
                }
                entries.push(entry);
            }
            Ok(entries)
        })
    }

    fn append(&self, log: &mut Indexed, event: Event) -> Result<Entry, LogError> {
        log.append(event, self.actor.clone(), self.clock.unix_millis())
    }

    /// Works with the log, which after a failure has to be opened anew.
    fn with<T>(
        &self,
        work: impl FnOnce(&mut Indexed) -> Result<T, LogError>,
    ) -> Result<T, LogError> {
        let mut guard = lock(&self.log);
        let mut log = match guard.take() {
            Some(log) => log,
            None => Indexed::open(&self.path, self.signer.clone())?,
        };
        let done = work(&mut log)?;
        *guard = Some(log);
        Ok(done)
    }
}

#[expect(clippy::expect_used, reason = "the entry was just read from this log")]
fn proved(Indexed { log, .. }: &Indexed, entry: Entry) -> Proved {
    // Only a place past the log's end has no proof.
    let proof = log.log().receipt(entry.sequence);
    Proved {
        entry,
        proof: proof.expect("the entry is in the log"),
        checkpoint: log.checkpoint().clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Digest, RunNumber};

    struct Still;

    impl Clock for Still {
        fn unix_millis(&self) -> u64 {
            1_700_000_000_000
        }
    }

    fn event(rows: u64) -> Event {
        Event::ResultsReceived {
            run: RunNumber(1),
            rows,
            digest: Digest::of(b"rows"),
        }
    }

    #[test]
    fn an_event_found_again_is_proved_and_not_written_twice() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let open = || {
            let signer = crate::tests::fixture::signer(Role::Matcher);
            Journal::open(path.clone(), Role::Matcher, signer, Arc::new(Still)).unwrap()
        };
        let journal = open();
        journal.record(event(1)).unwrap();
        let second = journal.record_once(event(2)).unwrap();
        journal.record(event(3)).unwrap();
        drop(journal);
        let again = open().record_once(event(2)).unwrap();
        assert_eq!(again.entry, second.entry);
        for (proved, size) in [(second, 2), (again, 3)] {
            assert_eq!((proved.proof.index, proved.proof.head.size), (1, size));
            let key = crate::tests::fixture::signer(Role::Matcher).key().clone();
            assert_eq!(proved.checkpoint.signed_by(&key), Ok(proved.proof.head));
            audit::verify::receipt(&proved.entry.to_bytes().unwrap(), &proved.proof).unwrap();
        }
        assert_eq!(open().record_once(event(4)).unwrap().entry.sequence, 3);
    }
}
