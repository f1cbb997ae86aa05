//! Where a node stands: what is there on this machine, and what the coordinator says.

use model::{Digest, PartyName, ProjectName, RunNumber};
use serde::Serialize;
use wire::identity::CertificateFacts;
use wire::limits::MAX_PEM_BYTES;
use wire::{Role, RunStatus};

use crate::error::NodeError;
use crate::files::read_text;
use crate::open::Node;
use crate::outbox::Outbox;

/// Where a node stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The custodian.
    pub party: PartyName,
    /// The project.
    pub project: ProjectName,
    /// Digest of the linkage schema installed here.
    pub schema_digest: Digest,
    /// The linkage key's fingerprint, if one is installed.
    pub linkage_key: Option<String>,
    /// Until when the node's certificate holds, in seconds since the Unix epoch.
    pub certificate_until: Option<i64>,
    /// Whole days until then; negative when it is over.
    pub certificate_days: Option<i64>,
    /// The latest prepared run.
    pub run: Option<RunProgress>,
    /// The coordinator's current run.
    pub coordinator: Option<RunStatus>,
    /// Why the coordinator's run is not known.
    pub unreachable: Option<String>,
}

/// How far a run is on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RunProgress {
    /// The run.
    pub run: RunNumber,
    /// Whether both batches are prepared.
    pub prepared: bool,
    /// Whether both batches were accepted.
    pub uploaded: bool,
    /// Whether the results are here.
    pub collected: bool,
}

impl Node {
    /// Where the node stands, and the coordinator's run as far as it can be asked.
    ///
    /// # Errors
    /// [`NodeError`] when the node's own files cannot be read; never because of the coordinator.
    pub async fn status(&self) -> Result<Status, NodeError> {
        let mut status = self.local_status()?;
        if status.certificate_until.is_some() {
            match self.ask_run().await {
                Ok(run) => status.coordinator = Some(run),
                Err(error) => status.unreachable = Some(error.to_string()),
            }
        }
        Ok(status)
    }

    /// Where the node stands, without asking anybody.
    ///
    /// # Errors
    /// [`NodeError`] when the node's own files cannot be read.
    pub fn local_status(&self) -> Result<Status, NodeError> {
        let linkage_key = match self.latest_epoch() {
            Some(epoch) => Some(self.linkage_key_fingerprint(epoch)?.to_string()),
            None => None,
        };
        let until = self.certificate_until()?;
        let now = (self.clock.unix_millis() / 1000) as i64;
        let outbox = Outbox::latest(&self.home)?;
        Ok(Status {
            party: self.config.party.clone(),
            project: self.config.project.clone(),
            schema_digest: self.schema.digest(),
            linkage_key,
            certificate_until: until,
            certificate_days: until.map(|until| (until - now).div_euclid(24 * 60 * 60)),
            run: outbox.map(|outbox| self.progress_of(&outbox)),
            coordinator: None,
            unreachable: None,
        })
    }

    fn progress_of(&self, outbox: &Outbox) -> RunProgress {
        RunProgress {
            run: outbox.run,
            prepared: outbox.is_prepared(),
            uploaded: outbox.is_uploaded(),
            collected: self.home.results_summary(outbox.run).exists(),
        }
    }

    fn certificate_until(&self) -> Result<Option<i64>, NodeError> {
        let path = self.home.certificate();
        if !path.exists() {
            return Ok(None);
        }
        let pem = read_text(&path, MAX_PEM_BYTES as u64)?;
        let facts = CertificateFacts::read(&pem).map_err(crate::EnrolError::Certificate)?;
        Ok(Some(facts.not_after))
    }

    async fn ask_run(&self) -> Result<RunStatus, NodeError> {
        let client = self.connect(Role::Resolver).await?;
        self.share_statements(&client).await?;
        Ok(client.run_status().await?)
    }
}
