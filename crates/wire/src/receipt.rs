//! The receipt for a batch, and checking it.

use audit::verify::{self, ProofError};
use audit::{Checkpoint, CheckpointError, Entry, Event, VerifierKey};
use model::{BatchManifest, Digest};
use serde::{Deserialize, Serialize};

/// What a node keeps to show that its batch was accepted: proof that the event stands in the log
/// of the role that accepted it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// Names the batch.
    pub manifest_digest: Digest,
    /// The log's entry that the batch was accepted.
    pub entry: Entry,
    /// Where it stands in the log.
    pub proof: audit::Receipt,
    /// The log's head that the proof leads to, as the role signed it.
    pub checkpoint: Checkpoint,
}

/// Why a receipt proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// It is about another batch or another event.
    #[error("the receipt is not about the acceptance of this batch")]
    OtherEvent,
    /// The entry does not stand where the receipt says.
    #[error("the receipt is about entry {entry} and proves entry {proved}")]
    OtherPlace {
        /// The place the entry names.
        entry: u64,
        /// The place the proof is for.
        proved: u64,
    },
    /// The entry has no canonical bytes.
    #[error("the receipt's entry: {0}")]
    Entry(#[from] audit::entry::EntryError),
    /// The proof does not hold.
    #[error("the receipt's proof: {0}")]
    Proof(#[from] ProofError),
    /// The proof leads to another head than the signed one.
    #[error("the receipt's proof does not lead to the head that the role signed")]
    OtherHead,
    /// The role did not sign the head.
    #[error("the receipt's checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
}

impl Receipt {
    /// Checks that the log it names holds the acceptance of the batch with this manifest: of its party,
    /// for its run, and all of it.
    ///
    /// # Errors
    /// [`ReceiptError`] when that is not proved.
    pub fn check(&self, manifest: &BatchManifest) -> Result<(), ReceiptError> {
        let expected = Event::BatchAccepted {
            run: manifest.run,
            party: manifest.party.clone(),
            kind: manifest.kind,
            manifest_digest: manifest.digest(),
            rows: manifest.rows,
            bytes: manifest.bytes,
        };
        match self.entry.event == expected {
            true => self.check_proof(&manifest.digest()),
            false => Err(ReceiptError::OtherEvent),
        }
    }

    /// As [`Receipt::check`], and that the log with this `key` signed the head.
    ///
    /// # Errors
    /// [`ReceiptError`] when that is not proved.
    pub fn check_signed(
        &self,
        manifest: &BatchManifest,
        key: &VerifierKey,
    ) -> Result<(), ReceiptError> {
        self.check(manifest)?;
        self.checkpoint.signed_by(key)?;
        Ok(())
    }

    /// Checks as much as can be without the manifest itself: that the log with this `key` holds and
    /// signed the acceptance of the batch that `manifest_digest` names.
    ///
    /// # Errors
    /// [`ReceiptError`] when that is not proved.
    pub fn check_digest(
        &self,
        manifest_digest: &Digest,
        key: &VerifierKey,
    ) -> Result<(), ReceiptError> {
        self.check_proof(manifest_digest)?;
        self.checkpoint.signed_by(key)?;
        Ok(())
    }

    /// As [`Receipt::check_digest`], whoever signed the head.
    ///
    /// # Errors
    /// [`ReceiptError`] when that is not proved.
    pub fn check_proof(&self, manifest_digest: &Digest) -> Result<(), ReceiptError> {
        let accepted = match &self.entry.event {
            Event::BatchAccepted {
                manifest_digest, ..
            } => manifest_digest,
            _ => return Err(ReceiptError::OtherEvent),
        };
        if accepted != manifest_digest || self.manifest_digest != *manifest_digest {
            return Err(ReceiptError::OtherEvent);
        }
        if self.entry.sequence != self.proof.index {
            return Err(ReceiptError::OtherPlace {
                entry: self.entry.sequence,
                proved: self.proof.index,
            });
        }
        verify::receipt(&self.entry.to_bytes()?, &self.proof)?;
        match self.checkpoint.head() == self.proof.head {
            true => Ok(()),
            false => Err(ReceiptError::OtherHead),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::fake;
    use model::{BatchKind, RunNumber};

    fn receipt() -> (Receipt, BatchManifest) {
        let manifest = fake::manifest("crvs", b"payload", 4);
        (fake::receipt(&manifest), manifest)
    }

    #[test]
    fn a_receipt_proves_its_batch_and_no_other() {
        let (receipt, manifest) = receipt();
        receipt.check(&manifest).unwrap();
        let key = fake::signer().key().clone();
        receipt.check_signed(&manifest, &key).unwrap();
        receipt.check_digest(&manifest.digest(), &key).unwrap();
        let public = [9; 32];
        let other = VerifierKey { public, ..key };
        let refused = receipt.check_signed(&manifest, &other);
        assert!(matches!(refused, Err(ReceiptError::Checkpoint(_))));
        let other = fake::manifest("crvs", b"another", 4);
        let other = receipt.check(&other);
        assert!(matches!(other, Err(ReceiptError::OtherEvent)));
    }

    /// An acceptance under the right digest that says something else of the batch would take it out of
    /// its run.
    #[test]
    fn an_acceptance_for_another_run_party_kind_or_size_proves_nothing() {
        let (_, manifest) = receipt();
        let changes: [fn(&mut Event); 4] = [
            |event| set(event, |run, _, _, _| *run = RunNumber(99)),
            |event| set(event, |_, party, _, _| *party = "sr".parse().unwrap()),
            |event| set(event, |_, _, kind, _| *kind = BatchKind::HandleMap),
            |event| set(event, |_, _, _, rows| *rows += 1),
        ];
        for change in changes {
            let receipt = fake::receipt_of(&manifest, change);
            let refused = receipt.check(&manifest);
            assert!(matches!(refused, Err(ReceiptError::OtherEvent)));
            let key = fake::signer().key().clone();
            receipt.check_digest(&manifest.digest(), &key).unwrap();
        }
    }

    fn set(
        event: &mut Event,
        change: impl FnOnce(&mut RunNumber, &mut model::PartyName, &mut BatchKind, &mut u64),
    ) {
        let Event::BatchAccepted {
            run,
            party,
            kind,
            rows,
            ..
        } = event
        else {
            panic!("not an acceptance");
        };
        change(run, party, kind, rows);
    }

    #[test]
    fn every_change_is_found() {
        let (good, manifest) = receipt();
        let changes: [fn(&mut Receipt); 5] = [
            |r| r.entry.unix_millis += 1,
            |r| r.entry.sequence += 1,
            |r| r.proof.head.root = Digest::of(b"other"),
            |r| r.manifest_digest = Digest::of(b"other"),
            |r| {
                let head = audit::TreeHead {
                    size: 9,
                    root: r.proof.head.root,
                };
                r.checkpoint = Checkpoint::sign(head, &fake::signer()).unwrap();
            },
        ];
        for change in changes {
            let mut changed = good.clone();
            change(&mut changed);
            assert!(changed.check(&manifest).is_err());
        }
    }
}
