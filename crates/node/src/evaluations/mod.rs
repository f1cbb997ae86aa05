//! Identifiers whose tokens take the key server: having them evaluated before the registry is prepared.
//!
//! Each value is asked for once in an epoch, blinded, in batches whose blinds follow from the node's secret
//! and the values. So a node that is killed while a batch is under way sends the same batch again, which the
//! key server knows and does not charge again. What comes back counts only with a proof under the public key
//! that the agreement names, and is kept sealed until the epoch's keys are destroyed here.

mod cache;

use std::path::Path;

use audit::Event;
use encode::{EpochKeys, Input, InputReader, UnservedKeys};
use model::agreement::{Clause, KeyServerRules};
use model::digest::Digester;
use model::evaluation::batch_digest;
use model::{
    Agreement, Epoch, EvaluationKey, Progress, Refusal, RefusalCode, RunNumber, SignedAgreement,
};
use oprf::{Blinding, MAX_ELEMENTS, OprfError};
use records::ColumnPlan;
use secret::{Entropy, KeyedEntropy};
use serde::Serialize;
use service::AgreementFault;
use sources::CsvFile;
use wire::{KeyServerClient, KeyServerFacts};

use crate::error::NodeError;
use crate::open::Node;
use crate::project::Project;
use cache::Cache;

/// Records read at once.
const CHUNK_RECORDS: usize = 16_384;

/// Why identifiers were not evaluated, or are missing.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// There is nothing to evaluate.
    #[error("the linkage agreement has no key server; prepare without")]
    NotAgreed,
    /// It is not known where to ask.
    #[error(
        "this node does not know its key server; add `key_server = \"HOST:PORT\"` to node.toml"
    )]
    NoAddress,
    /// The key server is that of other terms.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// What came back does not count.
    #[error(
        "what the key server answered does not count: {0}; nothing of it was kept, tell who runs it and the \
         other custodians"
    )]
    Answer(OprfError),
    /// Nothing was evaluated yet.
    #[error(
        "the agreement has identifiers evaluated by the key server; run `symbolon-node evaluate` with the \
         registry's file first"
    )]
    Missing,
}

/// What was evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Evaluated {
    /// The epoch.
    pub epoch: Epoch,
    /// Values of the registry, each once, and one for each field.
    pub values: u64,
    /// How many of them were there before.
    pub before: u64,
    /// How many were asked for now.
    pub asked: u64,
}

impl Node {
    /// Has the identifiers in the CSV file `input` evaluated that were not in this epoch. What a program that
    /// was killed has had is not asked for again.
    ///
    /// # Errors
    /// [`NodeError`] says which rule said no, that the quota does not suffice, or that the answer does not
    /// count; what was kept before stays.
    pub async fn evaluate(
        &self,
        input: &Path,
        progress: &dyn Progress,
        entropy: &mut (dyn Entropy + Send),
    ) -> Result<Evaluated, NodeError> {
        let _lock = self.home.lock()?;
        let project = self.known_project()?;
        let agreement = self.agreed(project.run)?;
        let rules = agreement.terms().key_server.as_ref();
        let rules = rules.ok_or(EvaluateError::NotAgreed)?;
        let public_key = pinned(rules, project.epoch)?;
        progress.stage("read identifiers", 0);
        let mut missing = self.inputs(input, &project, rules, progress)?;
        let cache = Cache::of(self, project.epoch, public_key)?;
        let values = missing.len() as u64;
        let outputs = cache.read()?;
        missing.retain(|input| !outputs.has(input));
        drop(outputs);
        let asked = missing.len() as u64;
        let evaluated = Evaluated {
            epoch: project.epoch,
            values,
            before: values - asked,
            asked,
        };
        if missing.is_empty() {
            return Ok(evaluated);
        }
        let client = self.dial_key_server().await?;
        let facts = client.facts(project.epoch).await?;
        check(&facts, &agreement, public_key, asked)?;
        progress.stage("evaluate identifiers", asked);
        let asking = Asking {
            node: self,
            client,
            cache,
            epoch: project.epoch,
            public_key,
        };
        for inputs in missing.chunks(MAX_ELEMENTS) {
            asking.batch(inputs, entropy).await?;
            progress.advance(inputs.len() as u64);
        }
        tracing::info!(epoch = %project.epoch, values, asked, "evaluated");
        Ok(evaluated)
    }

    /// Whether the agreement has identifiers evaluated before anything is prepared for `run`.
    ///
    /// # Errors
    /// [`NodeError`] when there is no agreement for it.
    pub fn is_evaluation_asked(&self, run: RunNumber) -> Result<bool, NodeError> {
        Ok(self.agreed(run)?.terms().key_server.is_some())
    }

    /// The keys that this epoch's rows are made under.
    pub(crate) fn epoch_keys(
        &self,
        project: &Project,
        agreed: &Agreement,
    ) -> Result<EpochKeys, NodeError> {
        let (name, epoch) = (&project.project, project.epoch);
        let Some(rules) = &agreed.key_server else {
            return Ok(self.linkage_key(epoch)?.epoch(name, epoch, &self.schema));
        };
        let cache = Cache::of(self, epoch, pinned(rules, epoch)?)?;
        let served = self
            .unserved(project, rules)?
            .serve(&self.schema, cache.read()?);
        Ok(served.map_err(|_| EvaluateError::Missing)?)
    }

    fn unserved(
        &self,
        project: &Project,
        rules: &KeyServerRules,
    ) -> Result<UnservedKeys, NodeError> {
        let fields = rules.field_indices(&self.schema);
        let key = self.linkage_key(project.epoch)?;
        Ok(key.unserved_epoch(&project.project, project.epoch, &self.schema, &fields))
    }

    /// What the registry's values are put to the key server as.
    fn inputs(
        &self,
        input: &Path,
        project: &Project,
        rules: &KeyServerRules,
        progress: &dyn Progress,
    ) -> Result<Vec<Input>, NodeError> {
        let keys = self.unserved(project, rules)?;
        let plan = ColumnPlan::of(&self.schema, self.party);
        let mut file = CsvFile::open(input, &plan)?;
        let mut reader = InputReader::new(&keys, &self.schema, self.party, &plan);
        loop {
            let chunk = file.next_chunk(CHUNK_RECORDS)?;
            if chunk.is_empty() {
                return Ok(reader.finish());
            }
            chunk.iter().for_each(|raw| reader.read(raw));
            progress.advance(chunk.len() as u64);
        }
    }

    async fn dial_key_server(&self) -> Result<KeyServerClient, NodeError> {
        let address = self.config.key_server.as_ref();
        let address = address.ok_or(EvaluateError::NoAddress)?;
        let identity = self.identity()?;
        Ok(KeyServerClient::connect(address, &identity, &*self.clock).await?)
    }
}

fn pinned(rules: &KeyServerRules, epoch: Epoch) -> Result<EvaluationKey, NodeError> {
    Ok(rules.key_of(epoch).map_err(AgreementFault::from)?)
}

/// Refuses before anything is spent: another project, agreement or key, or too few evaluations left.
fn check(
    facts: &KeyServerFacts,
    agreement: &SignedAgreement,
    public_key: EvaluationKey,
    asked: u64,
) -> Result<(), EvaluateError> {
    let differs = |what| Clause::KeyServer.refuse(format!("the key server has another {what}"));
    let refusal = if facts.project != agreement.terms().project {
        differs("project")
    } else if facts.agreement != agreement.digest() {
        differs("agreement")
    } else if facts.public_key != public_key {
        differs("key")
    } else if is_over(facts, asked) {
        let detail = format!(
            "{asked} values are to be evaluated, and of {} evaluations {} are spent",
            facts.quota, facts.spent
        );
        Refusal::new(RefusalCode::OverQuota, detail)
    } else {
        return Ok(());
    };
    Err(EvaluateError::Refused(refusal))
}

/// Whether more is asked for than can be left. A batch that is under way again may have been charged before.
fn is_over(facts: &KeyServerFacts, asked: u64) -> bool {
    // The key server may name any numbers.
    let left = facts.quota.saturating_sub(facts.spent);
    asked > left.saturating_add(MAX_ELEMENTS as u64)
}

/// Asking one key server in one epoch.
struct Asking<'a> {
    node: &'a Node,
    client: KeyServerClient,
    cache: Cache,
    epoch: Epoch,
    public_key: EvaluationKey,
}

impl Asking<'_> {
    /// Has one batch evaluated, checked and kept.
    async fn batch(
        &self,
        inputs: &[Input],
        entropy: &mut (dyn Entropy + Send),
    ) -> Result<(), NodeError> {
        let blinding = Blinding::of(inputs, &mut self.blinds(inputs)?);
        let blinding = blinding.map_err(EvaluateError::Answer)?;
        let batch = batch_digest(blinding.elements());
        let event = Event::ElementsAsked {
            epoch: self.epoch,
            batch,
            elements: inputs.len() as u64,
        };
        let node = self.node;
        node.home.record(&event, &node.config.party, &*node.clock)?;
        let evaluation = self
            .client
            .evaluate(self.epoch, blinding.elements())
            .await?;
        let outputs = blinding.finish(inputs, &evaluation, &self.public_key);
        let outputs = outputs.map_err(EvaluateError::Answer)?;
        self.cache.write(batch, inputs, &outputs, entropy)
    }

    /// What blinds these inputs, the same whenever they are asked for together.
    fn blinds(&self, inputs: &[Input]) -> Result<KeyedEntropy, NodeError> {
        let mut digester = Digester::new();
        inputs.iter().for_each(|input| digester.update(input));
        let digest = digester.finish();
        let context: [&[u8]; 4] = [
            self.node.config.project.as_str().as_bytes(),
            &self.epoch.0.to_le_bytes(),
            self.public_key.as_bytes(),
            digest.as_bytes(),
        ];
        Ok(KeyedEntropy::new(
            self.node.secret()?.derive("blinds", &context),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_suffices_up_to_a_batch_that_is_sent_again_whatever_the_key_server_names() {
        let over = |quota, spent, asked| {
            let facts = KeyServerFacts {
                project: "p".parse().unwrap(),
                agreement: model::Digest::new([0; 32]),
                public_key: EvaluationKey::new([0; 32]),
                quota,
                spent,
            };
            is_over(&facts, asked)
        };
        let batch = MAX_ELEMENTS as u64;
        assert!(!over(10_000, 10_000, batch) && over(10_000, 10_000, batch + 1));
        assert!(!over(10_000, 2000, 8000 + batch) && over(10_000, 2000, 8001 + batch));
        assert!(over(10, u64::MAX, batch + 1));
        assert!(!over(u64::MAX, 0, u64::MAX));
    }
}
