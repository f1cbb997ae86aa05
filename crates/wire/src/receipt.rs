//! The receipt for a batch, and checking it.

use audit::verify::{self, ProofError};
use audit::{Entry, Event};
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
        Ok(verify::receipt(&self.entry.to_bytes()?, &self.proof)?)
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
        let other = receipt.check(&Digest::of(b"other"));
        assert!(matches!(other, Err(ReceiptError::OtherEvent)));
    }

    #[test]
    fn every_change_is_found() {
        let (good, digest) = receipt();
        let changes: [fn(&mut Receipt); 4] = [
            |r| r.entry.unix_millis += 1,
            |r| r.entry.sequence += 1,
            |r| r.proof.head.root = Digest::of(b"other"),
            |r| r.manifest_digest = Digest::of(b"other"),
        ];
        for change in changes {
            let mut changed = good.clone();
            change(&mut changed);
            assert!(changed.check(&digest).is_err());
        }
    }
}
