//! Approving what came out of a run: the custodian's data protection officer signs, and nothing is
//! released before every custodian's officer has.

use std::path::Path;

use audit::Event;
use model::approval::Approval;
use model::{RunNumber, Signature};
use secret::SigningKey;
use secret::key_file::{self, Purpose};
use wire::{Posting, Role, RunState, RunStatus, Topic};

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
        state: RunState,
        /// What it waits for.
        detail: String,
    },
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
    pub async fn approve(&self, key: &Path) -> Result<Approval, NodeError> {
        let _lock = self.home.lock()?;
        let key = SigningKey::from_seed(&key_file::read(key, Purpose::Signing)?);
        if model::signature::PublicKey::new(key.public()).fingerprint() != self.config.dpo {
            return Err(ApproveError::OtherKey.into());
        }
        let client = self.connect(Role::Resolver).await?;
        let approval = self.approval_of(client.run_status().await?)?;
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
        let outcome = status.outcome.filter(|_| {
            matches!(
                state,
                RunState::Linked | RunState::Approved | RunState::Released
            )
        });
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
