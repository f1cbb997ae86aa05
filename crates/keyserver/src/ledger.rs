//! The log as the one count of what each custodian has had: an evaluation is charged by the durable entry
//! that stands before it, so that a program that is killed at any point never forgets one.
//!
//! A batch that comes again from the same party is known by its digest. It is answered again, since the
//! answer says nothing new, and not charged again: a node whose connection was cut has to be able to ask.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use audit::{Actor, Event, NoteSigner, SignedLog};
use model::{Clock, Digest, Epoch, PartyName, Refusal, RefusalCode};

use crate::error::KeyServerError;

/// The log, and what follows from it.
pub(crate) struct Ledger {
    path: PathBuf,
    signer: Arc<NoteSigner>,
    clock: Arc<dyn Clock>,
    /// None after a failed append, until it could be opened again.
    book: Mutex<Option<Book>>,
}

/// What the entries add up to.
struct Book {
    log: SignedLog,
    spent: HashMap<(Epoch, PartyName), u64>,
    batches: HashSet<(Epoch, PartyName, Digest)>,
    /// Entries that stand once.
    once: HashSet<Vec<u8>>,
}

/// What a batch takes.
pub(crate) struct Charge<'a> {
    pub(crate) epoch: Epoch,
    pub(crate) party: &'a PartyName,
    pub(crate) batch: Digest,
    pub(crate) elements: u64,
    pub(crate) quota: u64,
}

/// Why a batch was not charged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChargeError {
    /// There are not so many left.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The log cannot be written.
    #[error(transparent)]
    Failed(#[from] KeyServerError),
}

impl Book {
    fn open(path: &std::path::Path, signer: Arc<NoteSigner>) -> Result<Self, KeyServerError> {
        let mut book = Self {
            log: SignedLog::open(path, signer)?,
            spent: HashMap::new(),
            batches: HashSet::new(),
            once: HashSet::new(),
        };
        for index in 0..book.log.log().size() {
            if let Some(entry) = book.log.log().entry(index)? {
                book.take_in(&entry.event);
            }
        }
        Ok(book)
    }

    fn take_in(&mut self, event: &Event) {
        if let Event::ElementsEvaluated {
            epoch,
            party,
            batch,
            elements,
            ..
        } = event
        {
            *self.spent.entry((*epoch, party.clone())).or_default() += elements;
            self.batches.insert((*epoch, party.clone(), *batch));
        } else {
            self.once.insert(bytes_of(event));
        }
    }

    fn has(&self, event: &Event) -> bool {
        self.once.contains(&bytes_of(event))
    }

    fn append(&mut self, event: Event, unix_millis: u64) -> Result<(), KeyServerError> {
        self.log
            .append(event.clone(), Actor::KeyServer, unix_millis)?;
        self.take_in(&event);
        Ok(())
    }
}

/// What does not write is equal to nothing in the log, and appending it fails.
fn bytes_of(event: &Event) -> Vec<u8> {
    serde_json::to_vec(event).unwrap_or_default()
}

impl Ledger {
    pub(crate) fn open(
        path: PathBuf,
        signer: Arc<NoteSigner>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, KeyServerError> {
        let book = Book::open(&path, signer.clone())?;
        Ok(Self {
            path,
            signer,
            clock,
            book: Mutex::new(Some(book)),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Option<Book>> {
        // What is in it is whole: a panic between two entries leaves those that stand.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works on the book; after a failure it is read anew from what is durable.
    fn with<T, E: From<KeyServerError>>(
        &self,
        work: impl FnOnce(&mut Book) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut book = self.lock();
        if book.is_none() {
            let again = Book::open(&self.path, self.signer.clone());
            *book = Some(again.map_err(E::from)?);
        }
        let Some(open) = book.as_mut() else {
            return Err(KeyServerError::LogClosed.into());
        };
        let done = work(open);
        if done.is_err() {
            *book = None;
        }
        done
    }

    /// Charges a batch before it is evaluated, unless it was charged before. Nothing is evaluated under a key
    /// that was destroyed while the batch was on its way, since the log would say so.
    pub(crate) fn charge(&self, charge: &Charge<'_>) -> Result<(), ChargeError> {
        let now = self.clock.unix_millis();
        self.with(|book| {
            let of = (charge.epoch, charge.party.clone());
            if book.has(&Event::EvaluationKeyDestroyed { epoch: of.0 }) {
                return Ok(Err(destroyed(charge.epoch)));
            }
            if book.batches.contains(&(of.0, of.1.clone(), charge.batch)) {
                return Ok(Ok(()));
            }
            let spent = book.spent.get(&of).copied().unwrap_or(0);
            let total = spent.saturating_add(charge.elements);
            if total > charge.quota {
                return Ok(Err(over_quota(charge, spent)));
            }
            let (epoch, party) = of;
            let event = Event::ElementsEvaluated {
                epoch,
                party,
                batch: charge.batch,
                elements: charge.elements,
                total,
            };
            book.append(event, now).map(Ok)
        })?
        .map_err(ChargeError::Refused)
    }

    /// Logs `event` unless it stands there.
    pub(crate) fn record_once(&self, event: Event) -> Result<(), KeyServerError> {
        let now = self.clock.unix_millis();
        self.with(|book| match book.has(&event) {
            true => Ok(()),
            false => book.append(event, now),
        })
    }

    /// Whether `event` stands in the log.
    pub(crate) fn has(&self, event: &Event) -> Result<bool, KeyServerError> {
        self.with(|book| Ok(book.has(event)))
    }

    /// How many evaluations `party` has had in `epoch`.
    pub(crate) fn spent(&self, epoch: Epoch, party: &PartyName) -> Result<u64, KeyServerError> {
        let of = (epoch, party.clone());
        self.with(|book| Ok(book.spent.get(&of).copied().unwrap_or(0)))
    }

    /// Looks at the log itself.
    pub(crate) fn log<T>(
        &self,
        look: impl FnOnce(&SignedLog) -> Result<T, KeyServerError>,
    ) -> Result<T, KeyServerError> {
        self.with(|book| look(&book.log))
    }

    pub(crate) fn signer(&self) -> &NoteSigner {
        &self.signer
    }
}

fn destroyed(epoch: Epoch) -> Refusal {
    let detail = format!("this key server has no key of epoch {epoch} any more");
    Refusal::new(RefusalCode::WrongState, detail)
}

fn over_quota(charge: &Charge<'_>, spent: u64) -> Refusal {
    let Charge {
        epoch,
        party,
        elements,
        quota,
        ..
    } = charge;
    let detail = format!(
        "{party} asks for {elements} evaluations in epoch {epoch}, has had {spent}, and may have {quota}"
    );
    tracing::warn!(%party, %epoch, spent, quota, "a quota is used up");
    Refusal::new(RefusalCode::OverQuota, detail)
}
