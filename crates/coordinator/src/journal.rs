//! One role's audit log, shared by its threads. An event is durable before its effect is visible,
//! and one that a crash cut off from its effect is not written twice.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use audit::{
    Actor, Checkpoint, Entry, Event, FileStore, Log, LogError, NoteSigner, Receipt, SignedLog,
    TreeHead, VerifierKey,
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

/// One role's log.
pub(crate) struct Journal {
    path: PathBuf,
    /// `None` after a failed append, until it is opened again.
    log: Mutex<Option<SignedLog>>,
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
        let log = SignedLog::open(&path, signer.clone())?;
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
        self.with(|log| match find(log.log(), &event)? {
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
        self.with(|log| Ok(log.log().head_at(head.size) == Some(*head)))
    }

    /// When the first event of this kind happened, in milliseconds since 1970, if it has.
    pub(crate) fn time_of(&self, is_it: impl Fn(&Event) -> bool) -> Result<Option<u64>, LogError> {
        self.with(|log| {
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
        self.with(|log| Ok(LogHead::of(log.log(), key, log.checkpoint(), last, seen)))
    }

    /// Entries from number `from` on, in their byte form: as many as take at most `limit` bytes, but
    /// one if there is one.
    pub(crate) fn entries(&self, from: u64, limit: usize) -> Result<Vec<Vec<u8>>, LogError> {
        self.with(|log| {
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

    fn append(&self, log: &mut SignedLog, event: Event) -> Result<Entry, LogError> {
        log.append(event, self.actor.clone(), self.clock.unix_millis())
    }

    /// Works with the log, which after a failure has to be opened anew.
    fn with<T>(
        &self,
        work: impl FnOnce(&mut SignedLog) -> Result<T, LogError>,
    ) -> Result<T, LogError> {
        let mut guard = lock(&self.log);
        let mut log = match guard.take() {
            Some(log) => log,
            None => SignedLog::open(&self.path, self.signer.clone())?,
        };
        let done = work(&mut log)?;
        *guard = Some(log);
        Ok(done)
    }
}

/// Looks from the end, where an event that is looked for nearly always is.
fn find(log: &Log<FileStore>, event: &Event) -> Result<Option<Entry>, LogError> {
    for index in (0..log.size()).rev() {
        let entry = log.entry(index)?;
        if let Some(entry) = entry.filter(|entry| entry.event == *event) {
            return Ok(Some(entry));
        }
    }
    Ok(None)
}

#[expect(clippy::expect_used, reason = "the entry was just read from this log")]
fn proved(log: &SignedLog, entry: Entry) -> Proved {
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
