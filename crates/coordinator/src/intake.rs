//! How either role takes batches: rules first, then bytes, then an event, then the receipt.

use std::collections::HashMap;
use std::error::Error;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard};

use audit::Event;
use model::agreement::Clause;
use model::digest::Digester;
use model::lifecycle::Phase;
use model::{BatchManifest, Digest, PartyName, RefusalCode};
use tokio::sync::Notify;
use wire::{Admission, Description, Fault, Intake, Receipt, UploadState, admit_chunk};

use crate::context::RoleContext;
use crate::journal::Proved;
use crate::lifecycle::Lifecycle;
use crate::rules::{check_beside, check_manifest};
use crate::store::StoredBatch;
use crate::sync::lock;

const READ_BYTES: usize = 1 << 20;

/// Takes the batches of one role.
pub(crate) struct Desk<L> {
    context: Arc<RoleContext<L>>,
    /// The key handle maps are sealed to, where the role has one.
    recipient: Option<[u8; 32]>,
    /// By party: held while anything happens to its batches.
    parties: Vec<Mutex<()>>,
    /// Held while a batch is compared with the others and taken up or accepted.
    deciding: Mutex<()>,
    /// Told of every accepted batch.
    wake: Arc<Notify>,
    /// By party and code: when a refusal was logged last, in milliseconds since 1970.
    refused: Mutex<HashMap<(PartyName, RefusalCode), u64>>,
}

/// How far apart refusals of one party by one rule are logged: a member that knocks all day does not fill
/// the log.
const BETWEEN_REFUSALS: u64 = 60_000;

impl<L: Lifecycle> Desk<L> {
    pub(crate) fn new(
        context: Arc<RoleContext<L>>,
        recipient: Option<[u8; 32]>,
        wake: Arc<Notify>,
    ) -> Self {
        let parties = context.project.schema.parties.iter();
        Self {
            parties: parties.map(|_| Mutex::new(())).collect(),
            context,
            recipient,
            deciding: Mutex::new(()),
            wake,
            refused: Mutex::default(),
        }
    }

    /// What the role works with.
    pub(crate) fn context(&self) -> &RoleContext<L> {
        &self.context
    }

    fn enter(&self, party: &PartyName) -> Result<MutexGuard<'_, ()>, Fault> {
        let index = self.context.project.member(party)?;
        Ok(lock(&self.parties[index.index()]))
    }

    fn open(&self, manifest: &BatchManifest) -> Result<UploadState, Fault> {
        self.check_agreed(manifest)?;
        let _deciding = lock(&self.deciding);
        let batches = &self.context.batches;
        let known = batches.find(&manifest.digest()).map_err(failed)?;
        if let Some(known) = known.filter(StoredBatch::is_accepted) {
            return Ok(upload_state(&known));
        }
        self.check_beside(manifest)?;
        let opened = batches.open(manifest).map_err(failed)?;
        Ok(upload_state(&opened))
    }

    /// Holds a batch to the agreement as it stands now.
    fn check_agreed(&self, manifest: &BatchManifest) -> Result<(), Fault> {
        let agreement = self.context.agreed(manifest.run)?;
        if agreement.digest() == manifest.agreement {
            return Ok(());
        }
        let detail = format!(
            "the batch was prepared under {}, in force is {}",
            manifest.agreement,
            agreement.digest()
        );
        Err(Clause::Agreement.refuse(detail).into())
    }

    /// Holds a batch to the run as it stands now.
    fn check_beside(&self, manifest: &BatchManifest) -> Result<(), Fault> {
        let others = self.context.batches.list(self.context.project.run);
        check_beside(&others.map_err(failed)?, manifest)?;
        self.check_open()
    }

    fn check_open(&self) -> Result<(), Fault> {
        let state = self.context.state().map_err(failed)?.run_state();
        if state == Phase::Open {
            return Ok(());
        }
        let detail = format!("run {} is {state}", self.context.project.run);
        Err(Fault::refused(RefusalCode::WrongState, detail))
    }

    /// The batch of this manifest, if it is `party`'s.
    fn own(&self, party: &PartyName, digest: &Digest) -> Result<StoredBatch, Fault> {
        let found = self.context.batches.find(digest).map_err(failed)?;
        found
            .filter(|batch| batch.manifest.party == *party)
            .ok_or_else(|| {
                let detail = format!("{party} has no open batch {digest}");
                Fault::refused(RefusalCode::WrongState, detail)
            })
    }

    fn accept(&self, party: &PartyName, digest: &Digest) -> Result<Receipt, Fault> {
        let batch = self.own(party, digest)?;
        if let Some(receipt) = batch.receipt {
            return Ok(receipt);
        }
        self.check_whole(&batch, digest)?;
        let receipt = self.take(&batch, digest)?;
        tracing::info!(role = %self.context.role, %party, rows = batch.manifest.rows, "batch accepted");
        self.wake.notify_one();
        Ok(receipt)
    }

    /// Accepts a batch that is whole, if it still may be.
    fn take(&self, batch: &StoredBatch, digest: &Digest) -> Result<Receipt, Fault> {
        let _deciding = lock(&self.deciding);
        self.check_agreed(&batch.manifest)?;
        self.check_beside(&batch.manifest)?;
        let proved = self.context.journal.record_once(accepted(batch, digest));
        let Proved {
            entry,
            proof,
            checkpoint,
        } = proved.map_err(failed)?;
        let receipt = Receipt {
            manifest_digest: *digest,
            entry,
            proof,
            checkpoint,
        };
        self.context.batches.accept(&receipt).map_err(failed)?;
        Ok(receipt)
    }

    /// Reads the whole batch against its digest; one that differs is thrown away.
    fn check_whole(&self, batch: &StoredBatch, digest: &Digest) -> Result<(), Fault> {
        let (have, want) = (batch.next_chunk, batch.manifest.chunks());
        if have < want {
            let detail = format!("{have} of {want} chunks have come");
            return Err(Fault::refused(RefusalCode::WrongState, detail));
        }
        let bytes = self.context.batches.read(digest).map_err(failed)?;
        let (length, found) = digest_of(bytes)?;
        if (length, found) == (batch.manifest.bytes, batch.manifest.payload_digest) {
            return Ok(());
        }
        self.context.batches.discard(digest).map_err(failed)?;
        let detail = format!(
            "{length} bytes with digest {found} came, {} with digest {} were promised",
            batch.manifest.bytes, batch.manifest.payload_digest
        );
        Err(Fault::refused(RefusalCode::DigestDiffers, detail))
    }

    /// Whether the last such refusal is some time ago.
    fn is_news(&self, party: &PartyName, code: RefusalCode) -> bool {
        let now = self.context.clock.unix_millis();
        let mut refused = lock(&self.refused);
        let last = refused.get(&(party.clone(), code)).copied();
        let is_news = last.is_none_or(|last| now.abs_diff(last) >= BETWEEN_REFUSALS);
        if is_news {
            refused.insert((party.clone(), code), now);
        }
        is_news
    }

    /// Logs a refusal before its caller hears of it.
    fn noted<T>(&self, party: &PartyName, outcome: Result<T, Fault>) -> Result<T, Fault> {
        if let Err(Fault::Refused(refusal)) = &outcome {
            tracing::warn!(role = %self.context.role, %party, %refusal, "batch refused");
            let (party, code) = (party.clone(), refusal.code);
            if self.is_news(&party, code) {
                let event = Event::BatchRefused { party, code };
                self.context.journal.record(event).map_err(failed)?;
            }
        }
        outcome
    }
}

impl<L: Lifecycle + 'static> Intake for Desk<L> {
    fn describe(&self, party: &PartyName) -> Result<Description, Fault> {
        let project = &self.context.project;
        project.member(party)?;
        Ok(Description {
            project: project.name.clone(),
            epoch: project.epoch,
            run: project.run,
            state: self.context.state().map_err(failed)?.run_state(),
            schema_digest: project.schema.digest(),
            role: self.context.role,
            resolver_key: self.recipient,
            parties: project.parties(),
            agreement: self.context.agreement().ok().map(|agreed| agreed.digest()),
        })
    }

    fn open_batch(
        &self,
        party: &PartyName,
        manifest: &BatchManifest,
    ) -> Result<UploadState, Fault> {
        let checked = check_manifest(&self.context.project, self.context.role, party, manifest);
        let opened = checked.map_err(Fault::from).and_then(|()| {
            let _turn = self.enter(party)?;
            self.open(manifest)
        });
        self.noted(party, opened)
    }

    fn put_chunk(
        &self,
        party: &PartyName,
        manifest_digest: &Digest,
        index: u64,
        bytes: &[u8],
    ) -> Result<(), Fault> {
        let _turn = self.enter(party)?;
        let batch = self.own(party, manifest_digest)?;
        match admit_chunk(&batch.manifest, batch.next_chunk, index, bytes.len())? {
            Admission::AlreadyStored => Ok(()),
            Admission::Store => {
                // A suspension stops an upload that is under way too.
                self.context.agreed(batch.manifest.run)?;
                let stored = self.context.batches.append(manifest_digest, bytes);
                stored.map_err(failed)
            }
        }
    }

    fn accept_batch(&self, party: &PartyName, manifest_digest: &Digest) -> Result<Receipt, Fault> {
        let accepted = self
            .enter(party)
            .and_then(|_turn| self.accept(party, manifest_digest));
        self.noted(party, accepted)
    }
}

fn upload_state(batch: &StoredBatch) -> UploadState {
    UploadState {
        next_chunk: batch.next_chunk,
        accepted: batch.is_accepted(),
    }
}

fn accepted(batch: &StoredBatch, digest: &Digest) -> Event {
    let manifest = &batch.manifest;
    Event::BatchAccepted {
        run: manifest.run,
        party: manifest.party.clone(),
        kind: manifest.kind,
        manifest_digest: *digest,
        rows: manifest.rows,
        bytes: manifest.bytes,
    }
}

/// Length and digest of all that `bytes` gives.
fn digest_of(mut bytes: impl Read) -> io::Result<(u64, Digest)> {
    let mut digester = Digester::new();
    let mut buffer = vec![0; READ_BYTES];
    let mut length = 0;
    loop {
        let read = bytes.read(&mut buffer)?;
        if read == 0 {
            return Ok((length, digester.finish()));
        }
        digester.update(&buffer[..read]);
        length += read as u64;
    }
}

/// A failure as the wire takes it, from any error.
pub(crate) fn failed(error: impl Error + Send + Sync + 'static) -> Fault {
    Fault::failed(error)
}

#[cfg(test)]
#[path = "intake_tests.rs"]
mod tests;
