//! Upload: encodings to the matcher, the handle map to the resolver. What was accepted before is
//! not sent again; what was cut goes on where it stopped.

use std::fs::File;

use audit::Event;
use model::{BatchKind, BatchManifest, Digest, Progress, RunNumber};
use serde::Serialize;
use wire::{ClientError, Receipt, ReceiptError, Role};

use crate::error::NodeError;
use crate::files::io_error;
use crate::open::Node;
use crate::outbox::{Outbox, OutboxError};

/// The coordinator's roles, in the order they get their batches.
const ROLES: [Role; 2] = [Role::Matcher, Role::Resolver];

/// Why an upload does not count.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// Prepared under something that does not hold any more.
    #[error(
        "run {run} was prepared under another {what} than the one installed; prepare it again with \
         `symbolon-node prepare --again`"
    )]
    Outdated {
        /// The run.
        run: RunNumber,
        /// What is another.
        what: &'static str,
    },
    /// A receipt kept from an earlier upload does not prove what it should.
    #[error("the kept receipt for the {} of run {run}: {source}", kind.as_str())]
    KeptReceipt {
        /// The run.
        run: RunNumber,
        /// For which batch.
        kind: BatchKind,
        /// What is wrong with it.
        source: ReceiptError,
    },
}

/// What was uploaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UploadSummary {
    /// The run.
    pub run: RunNumber,
    /// Both batches.
    pub batches: Vec<BatchUpload>,
}

/// One uploaded batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BatchUpload {
    /// Which.
    pub kind: BatchKind,
    /// Its rows.
    pub rows: u64,
    /// Its bytes.
    pub bytes: u64,
    /// The coordinator's receipt.
    pub receipt: Receipt,
    /// Whether it had been uploaded before.
    pub before: bool,
}

impl Node {
    /// Uploads the batches of the latest prepared run and keeps their receipts.
    ///
    /// # Errors
    /// [`NodeError`] when nothing is prepared, or the coordinator cannot be reached or refuses.
    pub async fn upload(&self, progress: &dyn Progress) -> Result<UploadSummary, NodeError> {
        let _lock = self.home.lock()?;
        let outbox = Outbox::latest(&self.home)?.ok_or(OutboxError::Empty)?;
        let mut batches = Vec::new();
        for role in ROLES {
            // Before each: what an officer says meanwhile counts.
            let agreed = self.agreed(outbox.run)?.digest();
            self.check_prepared(&outbox.manifest(role.batch_kind())?, agreed)?;
            batches.push(self.upload_batch(&outbox, role, progress).await?);
        }
        let run = outbox.run;
        Ok(UploadSummary { run, batches })
    }

    /// Holds a batch to the agreement and the schema that are installed here now.
    fn check_prepared(&self, manifest: &BatchManifest, agreed: Digest) -> Result<(), UploadError> {
        let run = manifest.run;
        match (
            manifest.agreement == agreed,
            manifest.schema_digest == self.schema.digest(),
        ) {
            (true, true) => Ok(()),
            (false, _) => Err(UploadError::Outdated {
                run,
                what: "agreement",
            }),
            (true, false) => Err(UploadError::Outdated {
                run,
                what: "linkage schema",
            }),
        }
    }

    async fn upload_batch(
        &self,
        outbox: &Outbox,
        role: Role,
        progress: &dyn Progress,
    ) -> Result<BatchUpload, NodeError> {
        let kind = role.batch_kind();
        let manifest = outbox.manifest(kind)?;
        let kept = outbox.receipt(kind)?;
        let before = kept.is_some();
        let receipt = match kept {
            Some(receipt) => self.checked(receipt, &manifest, role)?,
            None => self.send(outbox, &manifest, role, progress).await?,
        };
        Ok(BatchUpload {
            kind,
            rows: manifest.rows,
            bytes: manifest.bytes,
            receipt,
            before,
        })
    }

    async fn send(
        &self,
        outbox: &Outbox,
        manifest: &BatchManifest,
        role: Role,
        progress: &dyn Progress,
    ) -> Result<Receipt, NodeError> {
        let path = self.home.batch(outbox.run, manifest.kind);
        let file = File::open(&path).map_err(io_error("read", &path))?;
        let client = self.connect(role).await?;
        let key = self.check_log(&client, role, None).await?;
        let receipt = client.upload(manifest, file, progress).await?;
        let signed = receipt.check_signed(manifest, &key);
        signed.map_err(ClientError::from)?;
        self.check_log(&client, role, Some(&receipt.checkpoint))
            .await?;
        self.record_upload(manifest, &receipt)?;
        outbox.keep_receipt(manifest.kind, &receipt)?;
        tracing::info!(run = %manifest.run, kind = manifest.kind.as_str(), "accepted");
        Ok(receipt)
    }

    fn record_upload(&self, manifest: &BatchManifest, receipt: &Receipt) -> Result<(), NodeError> {
        let event = Event::BatchUploaded {
            run: manifest.run,
            kind: manifest.kind,
            manifest_digest: manifest.digest(),
            receipt_head: receipt.proof.head,
        };
        Ok(self.home.record(&event, &self.config.party, &*self.clock)?)
    }

    /// Receipts were checked when they came; one that was kept may have been damaged since.
    fn checked(
        &self,
        receipt: Receipt,
        manifest: &BatchManifest,
        role: Role,
    ) -> Result<Receipt, NodeError> {
        let checked = match self.log_key_of(role)? {
            Some(key) => receipt.check_signed(manifest, &key),
            None => receipt.check(manifest),
        };
        let damaged = |source| UploadError::KeptReceipt {
            run: manifest.run,
            kind: manifest.kind,
            source,
        };
        checked.map_err(damaged)?;
        Ok(receipt)
    }
}
