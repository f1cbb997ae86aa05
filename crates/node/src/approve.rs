//! Approving what came out of a run: the custodian's data protection officer signs, and nothing is
//! released before every custodian's officer has.

use audit::Event;
use model::approval::Approval;
use model::lifecycle::Phase;
use model::{RunNumber, Signature};
use wire::{Posting, Role, RunStatus, Topic};

use crate::dpo::OfficerKey;
use crate::error::NodeError;
use crate::open::Node;

/// Why a run was not approved.
#[derive(Debug, thiserror::Error)]
pub enum ApproveError {
    /// There is nothing to approve, or no longer.
    #[error("run {run} is {state} ({detail}); a run is approved when it is linked")]
    NotLinked {
        /// The run.
        run: RunNumber,
        /// Where it stands.
        state: Phase,
        /// What it waits for.
        detail: String,
    },
    /// What the resolver tells is not what its log says.
    #[error(
        "the outcome that the resolver tells of run {0} does not follow from its log; do not approve \
         it, and tell the other officers and the auditor"
    )]
    NotLogged(RunNumber),
    /// The run was made without this custodian's batch.
    #[error(
        "run {0} was not sealed with what this node uploaded; do not approve it, and tell the other \
         officers and the auditor"
    )]
    NotSealed(RunNumber),
    /// A log that is too long to read.
    #[error("the resolver's log has {0} entries, more than a node reads; ask the auditor")]
    LongLog(u64),
    /// Not the key of this custodian's officer.
    #[error("the key is not that of the officer this node trusts (`dpo` in node.toml)")]
    OtherKey,
    /// The approval cannot be written.
    #[error("the approval cannot be written: {0}")]
    Document(#[from] toml::ser::Error),
}

impl Node {
    /// Approves the coordinator's current run with the officer's key in the file `key`. Repeating it
    /// changes nothing.
    ///
    /// # Errors
    /// [`NodeError`] when the run is not linked, or the agreement does not allow it.
    pub async fn approve(&self, key: impl Into<OfficerKey<'_>>) -> Result<Approval, NodeError> {
        let _lock = self.home.lock()?;
        let key = key.into().read()?;
        if model::signature::PublicKey::new(key.public()).fingerprint() != self.config.dpo {
            return Err(ApproveError::OtherKey.into());
        }
        let client = self.connect(Role::Resolver).await?;
        self.share_statements(&client).await?;
        let approval = self.approval_of(client.run_status().await?)?;
        // After the state was told: the log has to say so too.
        self.check_log(&client, Role::Resolver, None).await?;
        self.check_outcome(&client, approval.run, approval.outcome)
            .await?;
        let document = toml::to_string(&approval)
            .map_err(ApproveError::from)?
            .into_bytes();
        let signature = Signature::make(&document, key.public(), |bytes| key.sign(bytes));
        let party = self.config.party.clone();
        let posting = Posting {
            party,
            document,
            signature,
        };
        self.record_approval(&approval)?;
        client.post(Topic::Approval(approval.run), &posting).await?;
        Ok(approval)
    }

    fn approval_of(&self, status: RunStatus) -> Result<Approval, NodeError> {
        let RunStatus {
            run, state, detail, ..
        } = status;
        let agreement = self.agreed(run)?.digest();
        let outcome = status
            .outcome
            .filter(|_| matches!(state, Phase::Linked | Phase::Approved | Phase::Released));
        let Some(outcome) = outcome else {
            return Err(ApproveError::NotLinked { run, state, detail }.into());
        };
        let (project, party) = (self.config.project.clone(), self.config.party.clone());
        Ok(Approval::new(project, run, party, agreement, outcome))
    }

    fn record_approval(&self, approval: &Approval) -> Result<(), NodeError> {
        let event = Event::RunApproved {
            run: approval.run,
            party: approval.party.clone(),
            agreement: approval.agreement,
            outcome: approval.outcome,
        };
        Ok(self.home.record(&event, &self.config.party, &*self.clock)?)
    }
}
