//! The node's directory: where everything is, who may use it, and the node's own log.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use audit::{Actor, Event, KeyKind, LogError, SignedLog, TileDir};
use model::schema::SchemaError;
use model::{BatchKind, Clock, Epoch, PartyName, ProjectName, RunNumber};
use secret::Unlock;
use secret::key_file::KeyFileError;
use service::files::LockError;
use service::{ConfigError, DirLock};
use wire::Role;

use crate::log_key;

/// Why the node's directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// There is no node there.
    #[error("{} is not a node's directory; make one with `symbolon-node init`", .0.display())]
    NotANode(PathBuf),
    /// `node.toml` is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The linkage schema is wrong.
    #[error("{}: {source}", path.display())]
    Schema {
        /// The schema file.
        path: PathBuf,
        /// What is wrong.
        source: SchemaError,
    },
    /// The schema does not know the node's party.
    #[error("the linkage schema has no party `{party}`; it has: {known}")]
    UnknownParty {
        /// The node's party.
        party: PartyName,
        /// The parties there are.
        known: String,
    },
    /// Another program works in the directory.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The node's log cannot be kept.
    #[error("the node's log: {0}")]
    Log(#[from] LogError),
    /// There is no log.
    #[error("{} holds no log; restore the node's directory from a copy", .0.display())]
    NoLog(PathBuf),
    /// The log cannot be signed.
    #[error("the node's log: {0}")]
    LogKey(#[from] KeyFileError),
}

impl HomeError {
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::UnknownParty { .. })
    }
}

/// The paths of a node's directory.
#[derive(Debug, Clone)]
pub struct Home {
    root: PathBuf,
    unlock: Unlock,
}

impl Home {
    /// The node's directory at `root`.
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            unlock: Unlock::default(),
        }
    }

    /// The same, its key files opened by `unlock`.
    #[must_use]
    pub fn unlocked(mut self, unlock: Unlock) -> Self {
        self.unlock = unlock;
        self
    }

    /// What opens its key files.
    pub fn unlock(&self) -> &Unlock {
        &self.unlock
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The settings.
    pub fn config(&self) -> PathBuf {
        self.root.join("node.toml")
    }

    /// The private key of the node's certificate, in PEM.
    pub fn tls_key(&self) -> PathBuf {
        self.root.join("identity/node.key")
    }

    /// The request for the node's certificate, for the coordinator's operator.
    pub fn certificate_request(&self) -> PathBuf {
        self.root.join("identity/request.csr")
    }

    /// The node's certificate, there once it is enrolled.
    pub fn certificate(&self) -> PathBuf {
        self.root.join("identity/node.pem")
    }

    /// The project's certificate authority, there once the node is enrolled.
    pub fn authority(&self) -> PathBuf {
        self.root.join("identity/ca.pem")
    }

    /// What belongs to the linkage key of one epoch.
    pub fn epoch(&self, epoch: Epoch) -> PathBuf {
        self.root.join(format!("keys/epoch-{epoch}"))
    }

    /// The custodians' shared linkage key of an epoch.
    pub fn linkage_key(&self, epoch: Epoch) -> PathBuf {
        self.epoch(epoch).join("linkage.key")
    }

    /// The node's public keys for agreeing on the epoch's key, and beside it the signature of the
    /// custodian's data protection officer.
    pub fn card(&self, epoch: Epoch) -> PathBuf {
        self.epoch(epoch).join("card.toml")
    }

    /// The private key that signs what the node puts up.
    pub fn card_signing_key(&self, epoch: Epoch) -> PathBuf {
        self.epoch(epoch).join("signing.key")
    }

    /// The private key that opens the others' shares; destroyed once the key is agreed on.
    pub fn card_sealing_key(&self, epoch: Epoch) -> PathBuf {
        self.epoch(epoch).join("sealing.key")
    }

    /// What the node contributes; destroyed once the key is agreed on.
    pub fn contribution(&self, epoch: Epoch) -> PathBuf {
        self.epoch(epoch).join("contribution.key")
    }

    /// What the key server gave in an epoch, sealed.
    pub fn evaluations(&self, epoch: Epoch) -> PathBuf {
        self.epoch(epoch).join("evaluations")
    }

    /// The node's own secret, from which handles, noise and the keys at rest derive.
    pub fn node_secret(&self) -> PathBuf {
        self.root.join("keys/node.key")
    }

    /// The linkage agreements, by number.
    pub fn agreements(&self) -> PathBuf {
        self.root.join("agreements")
    }

    /// What the resolver last said of the project.
    pub fn project(&self) -> PathBuf {
        self.root.join("project.json")
    }

    /// The directory of prepared batches.
    pub fn outbox(&self) -> PathBuf {
        self.root.join("outbox")
    }

    /// The prepared batches of one run.
    pub fn outbox_of(&self, run: RunNumber) -> PathBuf {
        self.outbox().join(format!("run-{run}"))
    }

    /// The prepared batch of one kind.
    pub fn batch(&self, run: RunNumber, kind: BatchKind) -> PathBuf {
        self.outbox_of(run).join(batch_name(kind))
    }

    /// The sealed way back from record handles to local keys.
    pub fn vault(&self, run: RunNumber) -> PathBuf {
        self.root.join(format!("vault/run-{run}.sealed"))
    }

    /// The pairs up for review and what was said of them, sealed.
    pub fn review(&self) -> PathBuf {
        self.root.join("review.sealed")
    }

    /// The registry's rows with their pseudonyms.
    pub fn results(&self, run: RunNumber) -> PathBuf {
        self.root.join(format!("results/run-{run}.csv"))
    }

    /// The summary of the results.
    pub fn results_summary(&self, run: RunNumber) -> PathBuf {
        self.root.join(format!("results/run-{run}.json"))
    }

    /// The directory of the node's log: see `audit::signed_log`.
    pub fn log(&self) -> PathBuf {
        self.root.join("log")
    }

    /// The key the node signs its log with.
    pub fn log_key(&self) -> PathBuf {
        self.root.join("keys/log.key")
    }

    /// What the node was shown of the log of `role`.
    pub(crate) fn heads_of(&self, role: Role) -> PathBuf {
        self.root.join("heads").join(role.as_str())
    }

    /// The last checkpoint of the log of `role` that the node saw, cosigned.
    pub fn head(&self, role: Role) -> PathBuf {
        self.heads_of(role).join("checkpoint")
    }

    /// The key by which the node knows the log of `role`.
    pub fn head_key(&self, role: Role) -> PathBuf {
        self.heads_of(role).join("key")
    }

    /// Takes the directory for this program alone.
    pub(crate) fn lock(&self) -> Result<DirLock, HomeError> {
        Ok(DirLock::acquire(&self.root)?)
    }

    /// Puts `event` into the node's log unless it stands there already: a step that was killed
    /// after it and is repeated does not count twice. The caller holds the directory's lock.
    pub(crate) fn record(
        &self,
        event: &Event,
        party: &PartyName,
        clock: &dyn Clock,
    ) -> Result<(), HomeError> {
        let mut log = self.open_log()?;
        if stands_in(&log, event)? {
            return Ok(());
        }
        let actor = Actor::Node(party.clone());
        log.append(event.clone(), actor, clock.unix_millis())?;
        Ok(())
    }
}

/// Whether `event` stands in the log.
fn stands_in(log: &SignedLog, event: &Event) -> Result<bool, HomeError> {
    for index in 0..log.log().size() {
        let entry = log.log().entry(index)?;
        if entry.is_some_and(|entry| entry.event == *event) {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Home {
    /// Whether `event` stands in the node's log.
    pub(crate) fn has_recorded(&self, event: &Event) -> Result<bool, HomeError> {
        stands_in(&self.open_log()?, event)
    }

    /// Makes the node's log, empty.
    pub(crate) fn make_log(
        &self,
        project: &ProjectName,
        party: &PartyName,
    ) -> Result<(), HomeError> {
        let name = log_key::name(project, party);
        let signer = log_key::read(self, name, KeyKind::Log)?;
        SignedLog::open(&self.log(), Arc::new(signer))?;
        Ok(())
    }

    /// Opens the node's log under the name it was made with.
    fn open_log(&self) -> Result<SignedLog, HomeError> {
        let key = TileDir::new(&self.log()).key().map_err(LogError::from)?;
        let key = key.ok_or_else(|| HomeError::NoLog(self.log()))?;
        let signer = log_key::read(self, key.name, KeyKind::Log)?;
        Ok(SignedLog::open(&self.log(), Arc::new(signer))?)
    }
}

/// The file name of a prepared batch.
pub(crate) const fn batch_name(kind: BatchKind) -> &'static str {
    match kind {
        BatchKind::Encodings => "encodings.bin",
        BatchKind::HandleMap => "handle-map.sealed",
        BatchKind::BlockTokens => "block-tokens.bin",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Digest;

    struct Still;

    impl Clock for Still {
        fn unix_millis(&self) -> u64 {
            1_800_000_000_000
        }
    }

    #[test]
    fn an_event_recorded_twice_stands_once() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path());
        let event = |rows| Event::ResultsReceived {
            run: RunNumber(1),
            rows,
            digest: Digest::of(b"rows"),
        };
        let party = "crvs".parse().unwrap();
        std::fs::create_dir(dir.path().join("keys")).unwrap();
        log_key::make(&home, &mut secret::SeededEntropy::new(1)).unwrap();
        home.make_log(&"p".parse().unwrap(), &party).unwrap();
        for rows in [1, 2, 1] {
            home.record(&event(rows), &party, &Still).unwrap();
        }
        let log = home.open_log().unwrap();
        assert_eq!(log.log().size(), 2);
        let head = log
            .checkpoint()
            .signed_by(TileDir::new(&home.log()).key().unwrap().as_ref().unwrap());
        assert_eq!(head, Ok(log.log().head()));
    }

    #[test]
    fn one_program_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path());
        let _first = home.lock().unwrap();
        assert!(matches!(
            home.lock(),
            Err(HomeError::Lock(LockError::InUse { .. }))
        ));
    }
}
