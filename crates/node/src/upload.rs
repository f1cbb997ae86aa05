//! Upload: encodings to the matcher, the handle map to the resolver; before them, where the agreement
//! has it so, block tokens to the matcher, whose answer says which encodings can meet any. What was accepted before is
//! not sent again; what was cut goes on where it stopped.

use std::fs::File;
use std::time::Duration;

use audit::Event;
use model::agreement::Clause;
use model::{BatchKind, BatchManifest, Digest, PartyName, Progress, RunNumber, SignedAgreement};
use serde::Serialize;
use service::AgreementFault;
use wire::{ClientError, MembershipAnswer, Receipt, ReceiptError, Role};

use crate::disclose::Disclosed;
use crate::error::NodeError;
use crate::files::io_error;
use crate::open::Node;
use crate::outbox::{Outbox, OutboxError};
use crate::project::Project;

/// The coordinator's roles, in the order they get their batches.
const ROLES: [Role; 2] = [Role::Matcher, Role::Resolver];

/// The wait between two looks at whether the others' block tokens are there.
const PAUSE: Duration = Duration::from_secs(1);

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
    /// The batches uploaded so far.
    pub batches: Vec<BatchUpload>,
    /// What of all rows is sent, where block tokens went first and it is settled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disclosed: Option<Disclosed>,
    /// Whose block tokens the coordinator waits for, until when no encodings are sent; nobody's while it
    /// works out its answer. Upload again then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<Vec<PartyName>>,
}

/// Whether it is settled which rows are sent.
enum Settled {
    Chosen(Disclosed),
    Waiting(Vec<PartyName>),
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
        let agreement = self.agreed(outbox.run)?;
        self.check_risk(&outbox, &agreement)?;
        let mut summary = UploadSummary {
            run: outbox.run,
            batches: Vec::new(),
            disclosed: None,
            waiting_for: None,
        };
        if outbox.has_tokens() {
            let (role, kind) = (Role::Matcher, BatchKind::BlockTokens);
            self.check_prepared(&outbox.manifest(kind)?, agreement.digest())?;
            let uploaded = self.upload_batch(&outbox, role, kind, progress);
            summary.batches.push(uploaded.await?);
            match self.settle(&outbox, &agreement).await? {
                Settled::Chosen(disclosed) => summary.disclosed = Some(disclosed),
                Settled::Waiting(parties) => {
                    summary.waiting_for = Some(parties);
                    return Ok(summary);
                }
            }
        }
        for role in ROLES {
            // Before each: what an officer says meanwhile counts.
            let agreed = self.agreed(outbox.run)?.digest();
            self.check_prepared(&outbox.manifest(role.batch_kind())?, agreed)?;
            let uploaded = self.upload_batch(&outbox, role, role.batch_kind(), progress);
            summary.batches.push(uploaded.await?);
        }
        Ok(summary)
    }

    /// As [`Node::upload`], and waits up to `wait` for the block tokens of the others where they go first.
    ///
    /// # Errors
    /// As for [`Node::upload`].
    pub async fn upload_within(
        &self,
        wait: Duration,
        progress: &dyn Progress,
    ) -> Result<UploadSummary, NodeError> {
        let mut left = wait;
        loop {
            match self.upload(progress).await {
                Ok(summary) if summary.waiting_for.is_none() || left.is_zero() => {
                    return Ok(summary);
                }
                Err(NodeError::Client(error)) if error.is_transient() && !left.is_zero() => {
                    tracing::warn!(%error, "cut; trying again");
                }
                waiting => drop(waiting?),
            }
            let now = PAUSE.min(left);
            tokio::time::sleep(now).await;
            left -= now;
        }
    }

    /// Settles which rows are sent, if it can be told by now.
    async fn settle(
        &self,
        outbox: &Outbox,
        agreement: &SignedAgreement,
    ) -> Result<Settled, NodeError> {
        if let Some(disclosed) = outbox.chosen()? {
            outbox.forget_made()?;
            return Ok(Settled::Chosen(disclosed));
        }
        let Some(disclosure) = agreement.terms().disclosure else {
            let detail = "block tokens were prepared, and it does not ask for them; prepare again";
            return Err(AgreementFault::from(Clause::Disclosure.refuse(detail)).into());
        };
        let client = self.connect(Role::Matcher).await?;
        let answer = match client.membership(outbox.run).await? {
            MembershipAnswer::Waiting(parties) => return Ok(Settled::Waiting(parties)),
            MembershipAnswer::Ready(answer) => answer,
        };
        let tokens = outbox.manifest(BatchKind::BlockTokens)?;
        let project = Project {
            run: tokens.run,
            epoch: tokens.epoch,
            ..self.known_project()?
        };
        let disclosed = self.choose(outbox, &project, disclosure, answer)?;
        outbox.forget_made()?;
        Ok(Settled::Chosen(disclosed))
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
        kind: BatchKind,
        progress: &dyn Progress,
    ) -> Result<BatchUpload, NodeError> {
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
