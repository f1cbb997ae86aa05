//! The keys of epochs: made once each, and destroyed once for good.

use std::collections::HashMap;
use std::sync::Arc;

use audit::Event;
use model::{Epoch, EvaluationKey, ProjectName};
use oprf::ServerKey;
use secret::key_file::{self, Purpose};
use secret::{Entropy, Key32};

use crate::error::KeyServerError;
use crate::home::Home;
use crate::ledger::Ledger;

/// The keys that are there, each worked out when it is first needed.
pub(crate) struct Keys {
    home: Home,
    project: ProjectName,
    ledger: Arc<Ledger>,
    known: HashMap<Epoch, Arc<ServerKey>>,
}

impl Keys {
    pub(crate) fn new(home: Home, project: ProjectName, ledger: Arc<Ledger>) -> Self {
        Self {
            home,
            project,
            ledger,
            known: HashMap::new(),
        }
    }

    /// The key of `epoch`.
    pub(crate) fn get(&mut self, epoch: Epoch) -> Result<Arc<ServerKey>, KeyServerError> {
        if let Some(key) = self.known.get(&epoch) {
            return Ok(key.clone());
        }
        self.check_not_destroyed(epoch)?;
        let path = self.home.epoch_key(epoch);
        if !path.exists() {
            return Err(KeyServerError::NoKey(epoch));
        }
        let seed = self.home.unlock().read(&path, Purpose::Evaluation)?;
        let key = Arc::new(self.derive(epoch, &seed)?);
        self.known.insert(epoch, key.clone());
        Ok(key)
    }

    /// A seed that is put to another project or epoch gives another key.
    fn derive(&self, epoch: Epoch, seed: &Key32) -> Result<ServerKey, KeyServerError> {
        // Names hold no line breaks, so no two read alike.
        let info = format!("symbolon key server v1\n{}\n{epoch}", self.project);
        Ok(ServerKey::derive(seed, info.as_bytes())?)
    }

    /// Makes the key of `epoch`; returns its public half. A draw that was cut before it was logged is taken up.
    pub(crate) fn make(
        &mut self,
        epoch: Epoch,
        entropy: &mut dyn Entropy,
    ) -> Result<EvaluationKey, KeyServerError> {
        self.check_not_destroyed(epoch)?;
        let path = self.home.epoch_key(epoch);
        if !path.exists() {
            let seed = Key32::generate(entropy);
            self.home
                .unlock()
                .write(&path, Purpose::Evaluation, &seed)?;
        }
        let public_key = self.get(epoch)?.public();
        let event = Event::EvaluationKeyMade { epoch, public_key };
        if self.ledger.has(&event)? {
            return Err(KeyServerError::Made { epoch, public_key });
        }
        self.ledger.record_once(event)?;
        Ok(public_key)
    }

    /// Destroys the key of `epoch`, logged before it is. What was destroyed stays so.
    pub(crate) fn destroy(&mut self, epoch: Epoch) -> Result<(), KeyServerError> {
        let event = Event::EvaluationKeyDestroyed { epoch };
        let path = self.home.epoch_key(epoch);
        if !path.exists() && !self.ledger.has(&event)? {
            return Err(KeyServerError::NoKey(epoch));
        }
        self.ledger.record_once(event)?;
        self.known.remove(&epoch);
        Ok(key_file::destroy(&path)?)
    }

    fn check_not_destroyed(&self, epoch: Epoch) -> Result<(), KeyServerError> {
        let event = Event::EvaluationKeyDestroyed { epoch };
        match self.ledger.has(&event)? {
            true => Err(KeyServerError::Destroyed(epoch)),
            false => Ok(()),
        }
    }

    /// The epochs with a key, in order.
    pub(crate) fn epochs(&self) -> Vec<Epoch> {
        let entries = std::fs::read_dir(self.home.root().join("keys"));
        let names = entries.into_iter().flatten().flatten();
        let epoch = |name: std::ffi::OsString| {
            let name = name.to_str()?.strip_prefix("epoch-")?;
            name.strip_suffix(".key")?.parse().ok().map(Epoch)
        };
        let mut epochs: Vec<Epoch> = names.filter_map(|entry| epoch(entry.file_name())).collect();
        epochs.sort_unstable();
        epochs
    }
}
