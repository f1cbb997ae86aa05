//! The receipt for a batch, and checking it.

use audit::verify::{self, ProofError};
use audit::{Checkpoint, CheckpointError, Entry, Event, VerifierKey};
use model::Digest;
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
    Entry(#[from] audit::event::EntryError),
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
    /// Checks that the log it names holds the acceptance of the batch with this manifest.
    ///
    /// # Errors
    /// [`ReceiptError`] when that is not proved.
    pub fn check(&self, manifest_digest: &Digest) -> Result<(), ReceiptError> {
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

    /// As [`Receipt::check`], and that the log with this `key` signed the head.
    ///
    /// # Errors
    /// [`ReceiptError`] when that is not proved.
    pub fn check_signed(
        &self,
        manifest_digest: &Digest,
        key: &VerifierKey,
    ) -> Result<(), ReceiptError> {
        self.check(manifest_digest)?;
        self.checkpoint.signed_by(key)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::fake;

    fn receipt() -> (Receipt, Digest) {
        let manifest = fake::manifest("crvs", b"payload", 4);
        (fake::receipt(&manifest), manifest.digest())
    }

    #[test]
    fn a_receipt_proves_its_batch_and_no_other() {
        let (receipt, digest) = receipt();
        receipt.check(&digest).unwrap();
        let key = fake::signer().key().clone();
        receipt.check_signed(&digest, &key).unwrap();
        let public = [9; 32];
        let other = VerifierKey { public, ..key };
        let refused = receipt.check_signed(&digest, &other);
        assert!(matches!(refused, Err(ReceiptError::Checkpoint(_))));
        let other = receipt.check(&Digest::of(b"other"));
        assert!(matches!(other, Err(ReceiptError::OtherEvent)));
    }

    #[test]
    fn every_change_is_found() {
        let (good, digest) = receipt();
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
            assert!(changed.check(&digest).is_err());
        }
    }
}
