//! What has been evaluated for whom, and what is left.

use model::{Epoch, EvaluationKey, PartyName};
use serde::Serialize;

use crate::error::KeyServerError;
use crate::server::KeyServer;

/// What a custodian has had in an epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Spent {
    /// Whose node.
    pub party: PartyName,
    /// Evaluations it has had.
    pub spent: u64,
    /// Evaluations it may have.
    pub quota: u64,
}

/// One epoch with a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EpochStatus {
    /// The epoch.
    pub epoch: Epoch,
    /// Its public key.
    pub public_key: EvaluationKey,
    /// By custodian.
    pub custodians: Vec<Spent>,
}

/// Where the key server stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Why nothing is evaluated now, if so.
    pub refused: Option<String>,
    /// Epochs with a key, in order.
    pub epochs: Vec<EpochStatus>,
}

impl KeyServer {
    /// Where it stands.
    ///
    /// # Errors
    /// [`KeyServerError`] when a key or the log cannot be read.
    pub fn status(&self) -> Result<Status, KeyServerError> {
        let agreement = self.home.agreements().current().ok();
        let rules = agreement.as_ref();
        let rules = rules.and_then(|agreement| agreement.terms().key_server.as_ref());
        let quota = rules.map_or(0, |rules| rules.evaluations);
        let custodians = agreement.iter().flat_map(|of| of.terms().custodians());
        let parties: Vec<PartyName> = custodians.map(|member| member.name.clone()).collect();
        let mut epochs = Vec::new();
        let known = self.keys().epochs();
        for epoch in known {
            let spent = |party: &PartyName| {
                Ok(Spent {
                    spent: self.ledger.spent(epoch, party)?,
                    party: party.clone(),
                    quota,
                })
            };
            let custodians = parties.iter().map(spent);
            epochs.push(EpochStatus {
                epoch,
                public_key: self.keys().get(epoch)?.public(),
                custodians: custodians.collect::<Result<_, KeyServerError>>()?,
            });
        }
        let refused = self.agreed().err().map(|error| error.to_string());
        Ok(Status { refused, epochs })
    }
}
