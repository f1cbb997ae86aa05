//! A key server at work.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use audit::{Checkpoint, Event};
use model::agreement::{Clause, KeyServerRules};
use model::evaluation::batch_digest;
use model::{
    Clock, Day, Element, Epoch, Evaluation, EvaluationKey, PartyName, Refusal, RefusalCode,
    SignedAgreement,
};
use oprf::{ServerKey, check_batch};
use secret::{Entropy, Key32, KeyedEntropy};
use service::{AgreementFault, DirLock, Shutdown};
use tokio::net::TcpListener;
use wire::{Evaluations, Fault, KeyServerFacts, LogHead, Logs, serve_key_server};

use crate::error::KeyServerError;
use crate::gate::{Admitted, LoggedGate};
use crate::home::{Home, Settings};
use crate::keys::Keys;
use crate::ledger::{Charge, ChargeError, Ledger};

/// How often it is looked whether the agreement is over.
const RETIRE_INTERVAL: Duration = Duration::from_secs(600);

/// A key server whose directory has been opened, for this program alone.
pub struct KeyServer {
    pub(crate) home: Home,
    pub(crate) settings: Settings,
    pub(crate) ledger: Arc<Ledger>,
    keys: Mutex<Keys>,
    entropy: Mutex<Box<dyn Entropy + Send>>,
    clock: Arc<dyn Clock>,
    _lock: DirLock,
}

impl KeyServer {
    /// Opens the key server in `root`; proofs draw from `entropy`.
    ///
    /// # Errors
    /// [`KeyServerError`] when there is none, another program has it, or its log does not hold together.
    pub fn open(
        root: &Path,
        clock: Arc<dyn Clock>,
        entropy: Box<dyn Entropy + Send>,
    ) -> Result<Self, KeyServerError> {
        let (home, settings) = Home::open(root)?;
        let lock = home.lock()?;
        let signer = home.signer(&settings.project)?;
        let ledger = Arc::new(Ledger::open(home.log(), signer, clock.clone())?);
        let keys = Keys::new(home.clone(), settings.project.clone(), ledger.clone());
        Ok(Self {
            home,
            settings,
            ledger,
            keys: Mutex::new(keys),
            entropy: Mutex::new(entropy),
            clock,
            _lock: lock,
        })
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn keys(&self) -> MutexGuard<'_, Keys> {
        // What is in it is on disk too.
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the key of `epoch`; returns its public half, which the agreement has to name.
    ///
    /// # Errors
    /// [`KeyServerError`] when there is one, or was.
    pub fn make_key(
        &self,
        epoch: Epoch,
        entropy: &mut dyn Entropy,
    ) -> Result<EvaluationKey, KeyServerError> {
        self.keys().make(epoch, entropy)
    }

    /// Destroys the key of `epoch`: from then on nobody makes a token of the epoch again.
    ///
    /// # Errors
    /// [`KeyServerError`] when there never was one, or the file cannot be overwritten.
    pub fn destroy_key(&self, epoch: Epoch) -> Result<(), KeyServerError> {
        self.keys().destroy(epoch)
    }

    /// Installs the agreement in the directory `from`, its amendment, or the same with new statements.
    ///
    /// # Errors
    /// [`KeyServerError`] when it is not signed by all, is about another project, or names another key server.
    pub fn install_agreement(&self, from: &Path) -> Result<SignedAgreement, KeyServerError> {
        let store = self.home.agreements();
        let installed = store.install(from, |offered| self.fits(offered))?;
        self.ledger.record_once(Event::AgreementAdopted {
            agreement: installed.digest(),
            number: installed.terms().number,
        })?;
        Ok(installed)
    }

    fn fits(&self, agreement: &SignedAgreement) -> Result<(), Refusal> {
        let (terms, settings) = (agreement.terms(), &self.settings);
        if terms.project != settings.project {
            let detail = format!("it is about {}, not {}", terms.project, settings.project);
            return Err(Clause::Project.refuse(detail));
        }
        match &terms.key_server {
            Some(rules) if rules.run_by == settings.name => Ok(()),
            Some(rules) => {
                let detail = format!(
                    "{} runs the key server, not {}",
                    rules.run_by, settings.name
                );
                Err(Clause::KeyServer.refuse(detail))
            }
            None => Err(Clause::KeyServer.refuse("there is none in it")),
        }
    }

    /// The agreement, if anything may be evaluated under it now.
    pub(crate) fn agreed(&self) -> Result<SignedAgreement, AgreementFault> {
        let agreement = self.home.agreements().current()?;
        self.fits(&agreement)?;
        agreement.check_in_force(self.clock.unix_millis())?;
        Ok(agreement)
    }

    /// The agreement and the key of `epoch`, if `party` may ask for it.
    fn asked_by(
        &self,
        party: &PartyName,
        epoch: Epoch,
    ) -> Result<(SignedAgreement, KeyServerRules, Arc<ServerKey>), Fault> {
        let agreement = self.agreed().map_err(agreement_fault)?;
        check_custodian(&agreement, party)?;
        let Some(rules) = agreement.terms().key_server.clone() else {
            return Err(Clause::KeyServer.refuse("there is none in it").into());
        };
        let pinned = rules.key_of(epoch)?;
        let key = self.keys().get(epoch).map_err(fault)?;
        if key.public() != pinned {
            let detail =
                format!("the agreement names {pinned} for epoch {epoch}, the key is another");
            return Err(Clause::KeyServer.refuse(detail).into());
        }
        Ok((agreement, rules, key))
    }

    /// Randomness of one proof.
    fn randomness(&self) -> KeyedEntropy {
        let mut entropy = self.entropy.lock().unwrap_or_else(PoisonError::into_inner);
        KeyedEntropy::new(Key32::generate(&mut **entropy))
    }

    /// Destroys all keys once the last day of the agreement is over; says which.
    ///
    /// # Errors
    /// [`KeyServerError`] when that cannot be told, or a key not destroyed.
    pub fn retire(&self) -> Result<Vec<Epoch>, KeyServerError> {
        let store = self.home.agreements();
        let today = Day::of_millis(self.clock.unix_millis());
        if store.is_empty()? || store.current()?.terms().expires >= today {
            return Ok(Vec::new());
        }
        let mut keys = self.keys();
        let epochs = keys.epochs();
        for epoch in &epochs {
            keys.destroy(*epoch)?;
            tracing::info!(%epoch, "the agreement is over: destroyed the key");
        }
        Ok(epochs)
    }

    /// Serves nodes on `listener` until `shutdown` is requested.
    ///
    /// # Errors
    /// [`KeyServerError`] when it is not enrolled, or the listener breaks.
    pub async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        shutdown: Shutdown,
    ) -> Result<(), KeyServerError> {
        let identity = self.home.identity()?;
        let gate = Arc::new(LoggedGate {
            admitted: Admitted::of(&self.home),
            ledger: self.ledger.clone(),
        });
        let stopping = shutdown.clone();
        let retiring = tokio::spawn(Arc::clone(&self).retire_in_time(shutdown.clone()));
        let served = serve_key_server(listener, &identity, self, gate, stopping.requested()).await;
        shutdown.request();
        drop(retiring.await);
        Ok(served?)
    }

    async fn retire_in_time(self: Arc<Self>, shutdown: Shutdown) {
        loop {
            let server = Arc::clone(&self);
            match tokio::task::spawn_blocking(move || server.retire()).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => {
                    tracing::error!(%error, "cannot see whether the agreement is over")
                }
                Err(_) => return,
            }
            tokio::select! {
                () = shutdown.requested() => return,
                () = tokio::time::sleep(RETIRE_INTERVAL) => {}
            }
        }
    }
}

fn check_custodian(agreement: &SignedAgreement, party: &PartyName) -> Result<(), Refusal> {
    let mut custodians = agreement.terms().custodians();
    if custodians.any(|member| member.name == *party) {
        return Ok(());
    }
    let detail = format!("{party} is no custodian in the agreement");
    Err(Refusal::new(RefusalCode::NotAMember, detail))
}

impl Evaluations for KeyServer {
    fn facts(&self, party: &PartyName, epoch: Epoch) -> Result<KeyServerFacts, Fault> {
        let (agreement, rules, key) = self.asked_by(party, epoch)?;
        Ok(KeyServerFacts {
            project: self.settings.project.clone(),
            agreement: agreement.digest(),
            public_key: key.public(),
            quota: rules.evaluations,
            spent: self.ledger.spent(epoch, party).map_err(fault)?,
        })
    }

    fn evaluate(
        &self,
        party: &PartyName,
        epoch: Epoch,
        elements: &[Element],
    ) -> Result<Evaluation, Fault> {
        let (_, rules, key) = self.asked_by(party, epoch)?;
        check_batch(elements)
            .map_err(|error| Refusal::new(RefusalCode::BadMessage, error.to_string()))?;
        let charge = Charge {
            epoch,
            party,
            batch: batch_digest(elements),
            elements: elements.len() as u64,
            quota: rules.evaluations,
        };
        self.ledger.charge(&charge).map_err(|error| match error {
            ChargeError::Refused(refusal) => Fault::Refused(refusal),
            ChargeError::Failed(error) => fault(error),
        })?;
        let evaluated = key.evaluate(elements, &mut self.randomness());
        evaluated.map_err(Fault::failed)
    }
}

impl Logs for KeyServer {
    fn log_head(&self, party: &PartyName, seen: Option<&Checkpoint>) -> Result<LogHead, Fault> {
        let agreement = self.home.agreements().current().map_err(agreement_fault)?;
        check_custodian(&agreement, party)?;
        let size = seen.map_or(0, |seen| seen.head().size);
        let head = self.ledger.log(|log| {
            Ok(LogHead {
                key: self.ledger.signer().key().clone(),
                checkpoint: log.checkpoint().clone(),
                path: log.log().consistency(size).unwrap_or_default(),
                seen: Vec::new(),
            })
        });
        head.map_err(fault)
    }

    fn log_entries(
        &self,
        party: &PartyName,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Vec<u8>>, Fault> {
        let agreement = self.home.agreements().current().map_err(agreement_fault)?;
        check_custodian(&agreement, party)?;
        let entries = self.ledger.log(|log| {
            let (mut entries, mut bytes) = (Vec::new(), 0);
            for index in from..log.log().size() {
                let Some(entry) = log.log().entry_bytes(index)? else {
                    break;
                };
                bytes += entry.len();
                if bytes > limit && !entries.is_empty() {
                    break;
                }
                entries.push(entry);
            }
            Ok(entries)
        });
        entries.map_err(fault)
    }
}

/// What a caller is told: rules as they are, failures by a number.
fn fault(error: KeyServerError) -> Fault {
    match error {
        KeyServerError::Destroyed(epoch) | KeyServerError::NoKey(epoch) => {
            let detail = format!("this key server has no key of epoch {epoch}");
            Fault::refused(RefusalCode::WrongState, detail)
        }
        other => Fault::failed(other),
    }
}

fn agreement_fault(error: AgreementFault) -> Fault {
    match error {
        AgreementFault::Refused(refusal) => Fault::Refused(refusal),
        other => Fault::failed(other),
    }
}
