//! One role's audit log, shared by its threads. An event is durable before its effect is visible,
//! and one that a crash cut off from its effect is not written twice.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use audit::{Actor, Entry, Event, FileStore, Log, LogError, Receipt};
use model::Clock;
use wire::Role;

use crate::sync::lock;

/// An event in the log, with the proof that it stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proved {
    pub(crate) entry: Entry,
    pub(crate) proof: Receipt,
}

/// One role's log.
pub(crate) struct Journal {
    path: PathBuf,
    /// `None` after a failed append, until it is opened again.
    log: Mutex<Option<Log<FileStore>>>,
    actor: Actor,
    clock: Arc<dyn Clock>,
}

impl Journal {
    /// Opens the log at `path`, or makes it.
    pub(crate) fn open(path: PathBuf, role: Role, clock: Arc<dyn Clock>) -> Result<Self, LogError> {
        let log = Log::open(FileStore::open(&path)?)?;
        let actor = match role {
            Role::Matcher => Actor::Matcher,
            Role::Resolver => Actor::Resolver,
        };
        Ok(Self {
            path,
            log: Mutex::new(Some(log)),
            actor,
            clock,
        })
    }

    /// Appends `event`.
    pub(crate) fn record(&self, event: Event) -> Result<(), LogError> {
        self.with(|log| self.append(log, event).map(|_| ()))
    }

    /// Appends `event` unless it stands in the log already.
    pub(crate) fn record_once(&self, event: Event) -> Result<Proved, LogError> {
        self.with(|log| match find(log, &event)? {
            Some(entry) => Ok(proved(log, entry)),
            None => self.append(log, event).map(|entry| proved(log, entry)),
        })
    }

    fn append(&self, log: &mut Log<FileStore>, event: Event) -> Result<Entry, LogError> {
        log.append(event, self.actor.clone(), self.clock.unix_millis())
    }

    /// Works with the log, which after a failure has to be opened anew.
    fn with<T>(
        &self,
        work: impl FnOnce(&mut Log<FileStore>) -> Result<T, LogError>,
    ) -> Result<T, LogError> {
        let mut guard = lock(&self.log);
        let mut log = match guard.take() {
            Some(log) => log,
            None => Log::open(FileStore::open(&self.path)?)?,
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
fn proved(log: &Log<FileStore>, entry: Entry) -> Proved {
    // Only a place past the log's end has no proof.
    let proof = log
        .receipt(entry.sequence)
        .expect("the entry is in the log");
    Proved { entry, proof }
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

    fn event(pairs: u64) -> Event {
        Event::RunMatched {
            run: RunNumber(1),
            pairs,
            comparisons_digest: Digest::of(b"c"),
        }
    }

    #[test]
    fn an_event_found_again_is_proved_and_not_written_twice() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let open = || Journal::open(path.clone(), Role::Matcher, Arc::new(Still)).unwrap();
        let journal = open();
        journal.record(event(1)).unwrap();
        let second = journal.record_once(event(2)).unwrap();
        journal.record(event(3)).unwrap();
        drop(journal);
        let again = open().record_once(event(2)).unwrap();
        assert_eq!(again.entry, second.entry);
        for (proved, size) in [(second, 2), (again, 3)] {
            assert_eq!((proved.proof.index, proved.proof.head.size), (1, size));
            audit::verify::receipt(&proved.entry.to_bytes().unwrap(), &proved.proof).unwrap();
        }
        assert_eq!(open().record_once(event(4)).unwrap().entry.sequence, 3);
    }
}
