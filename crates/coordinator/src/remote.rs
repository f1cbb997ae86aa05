//! The matcher of another operator, as the resolver sees it: asked over mutual TLS, looked at again and again
//! while it is away, and what was found last kept for `status`.

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use model::{Clock, Digest, Refusal, RefusalCode, RunNumber};
use serde::{Deserialize, Serialize};
use service::Shutdown;
use service::files::write_atomic_private;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use wire::{ClientError, Fault, Handover, MatcherRun, NodeIdentity, ResolverClient, Retry, Target};

use crate::project::Project;
use crate::sync::lock;

/// How often the resolver looks at the matcher.
const LOOK: Duration = Duration::from_secs(2);

/// How cuts are answered while comparisons are taken; afterwards the stage is tried again.
const RETRY: Retry = Retry {
    attempts: 6,
    first_wait: Duration::from_millis(250),
    longest_wait: Duration::from_secs(4),
};

/// How the resolver last found the matcher.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatcherReport {
    /// Host and port.
    pub address: String,
    /// Whether it answered, and works on the same as the resolver.
    pub answers: bool,
    /// Why not, for people.
    pub reason: Option<String>,
    /// Since when, in milliseconds since 1970.
    pub since_unix_millis: u64,
}

impl MatcherReport {
    /// Reads what a resolver wrote at `path`; none before it looked for the first time.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn read(path: &Path) -> io::Result<Option<Self>> {
        match std::fs::read(path) {
            Ok(text) => Ok(serde_json::from_slice(&text).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// What the last look gave: how the matcher stands, or why it does not answer.
type Seen = Result<MatcherRun, String>;

/// The matcher, over the network.
pub(crate) struct RemoteMatcher {
    target: Target,
    identity: NodeIdentity,
    project: Arc<Project>,
    clock: Arc<dyn Clock>,
    report: PathBuf,
    client: Mutex<Option<ResolverClient>>,
    seen: Mutex<Option<Seen>>,
    /// Whether it has to be told once more that a run has ended.
    is_owed: AtomicBool,
}

impl RemoteMatcher {
    /// The matcher at `target`; what is found of it is kept at `report`. Nothing is dialled yet.
    pub(crate) fn new(
        target: Target,
        identity: NodeIdentity,
        project: Arc<Project>,
        clock: Arc<dyn Clock>,
        report: PathBuf,
    ) -> Self {
        Self {
            target,
            identity,
            project,
            clock,
            report,
            client: Mutex::new(None),
            seen: Mutex::new(None),
            is_owed: AtomicBool::new(false),
        }
    }

    /// Looks at the matcher until the shutdown, and wakes the resolver whenever anything is new, or the matcher
    /// is there and has not heard yet that a run has ended.
    pub(crate) async fn watch(
        self: Arc<Self>,
        wake: Arc<Notify>,
        shutdown: Shutdown,
    ) -> Result<(), std::convert::Infallible> {
        while !shutdown.is_requested() {
            let is_new = self.look().await;
            let is_there = matches!(&*lock(&self.seen), Some(Ok(_)));
            if is_new || (is_there && self.is_owed.swap(false, Ordering::SeqCst)) {
                wake.notify_one();
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = shutdown.requested() => {}
            }
        }
        Ok(())
    }

    /// Looks at the matcher; says whether anything is new.
    async fn look(&self) -> bool {
        let asked = self.ask(self.project.run).await;
        let found = asked.map_err(|fault| fault.to_string());
        let before = lock(&self.seen).replace(found.clone());
        let is_new = before.as_ref() != Some(&found);
        let has_turned = before.is_none_or(|before| before.is_ok() != found.is_ok());
        if has_turned || (is_new && found.is_err()) {
            self.tell(&found);
        }
        is_new
    }

    /// Tells the program's log and `status` how the matcher was found.
    fn tell(&self, found: &Seen) {
        let matcher = &self.target.address;
        match found {
            Ok(_) => tracing::info!(%matcher, "the matcher answers"),
            Err(reason) => tracing::error!(%matcher, reason, "the matcher does not answer"),
        }
        let report = MatcherReport {
            address: matcher.clone(),
            answers: found.is_ok(),
            reason: found.clone().err(),
            since_unix_millis: self.clock.unix_millis(),
        };
        let text = serde_json::to_vec(&report).map_err(io::Error::from);
        let written = text.and_then(|text| write_atomic_private(&self.report, &text));
        if let Err(error) = written {
            tracing::warn!(%error, "how the matcher was found cannot be kept for `status`");
        }
    }

    async fn ask(&self, run: RunNumber) -> Result<MatcherRun, Fault> {
        let client = self.client().await?;
        let told = client.standing(run).await.map_err(fault)?;
        self.check(run, &told)?;
        Ok(told)
    }

    /// Holds the matcher to the same project, schema, epoch and run.
    fn check(&self, run: RunNumber, told: &MatcherRun) -> Result<(), Refusal> {
        let project = &self.project;
        let differ = |code, detail: String| Err(Refusal::new(code, detail));
        if (&told.project, told.schema_digest) != (&project.name, project.schema.digest()) {
            let detail = format!(
                "the matcher works on project {} under schema {}, the resolver on {} under {}",
                told.project,
                told.schema_digest,
                project.name,
                project.schema.digest()
            );
            return differ(RefusalCode::SchemaDiffers, detail);
        }
        let is_same_epoch = told.open != project.run || told.epoch == project.epoch;
        if told.open < run || !is_same_epoch {
            let detail = format!(
                "the matcher has run {} of epoch {} open, the resolver run {} of epoch {}; both operators have to open the same",
                told.open, told.epoch, project.run, project.epoch
            );
            return differ(RefusalCode::WrongRun, detail);
        }
        Ok(())
    }

    /// The connection, made at the first call; afterwards it mends itself.
    async fn client(&self) -> Result<ResolverClient, Fault> {
        if let Some(client) = lock(&self.client).clone() {
            return Ok(client);
        }
        let connected = ResolverClient::connect(&self.target, &self.identity, &*self.clock).await;
        let client = connected.map_err(fault)?.with_retry(RETRY);
        *lock(&self.client) = Some(client.clone());
        Ok(client)
    }

    /// Waits for an answer on a thread that may block.
    fn wait<T>(&self, answer: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        Handle::try_current()
            .map_err(Fault::failed)?
            .block_on(answer)
    }
}

impl Handover for RemoteMatcher {
    /// As the last look found it, where there was one and it is about the open run.
    fn standing(&self, run: RunNumber) -> Result<MatcherRun, Fault> {
        let seen = lock(&self.seen).clone();
        match seen.filter(|_| run == self.project.run) {
            Some(seen) => seen.map_err(Fault::failed),
            None => self.wait(self.ask(run)),
        }
    }

    fn comparisons(
        &self,
        run: RunNumber,
        digest: &Digest,
        from: u64,
        _limit: usize,
    ) -> Result<Vec<u8>, Fault> {
        self.wait(async {
            let client = self.client().await?;
            client.comparisons(run, digest, from).await.map_err(fault)
        })
    }

    fn end(&self, run: RunNumber, is_cancelled: bool) -> Result<bool, Fault> {
        let ended = self.wait(async {
            let client = self.client().await?;
            client.end(run, is_cancelled).await.map_err(fault)
        });
        if !matches!(ended, Ok(true)) {
            self.is_owed.store(true, Ordering::SeqCst);
        }
        ended
    }
}

fn fault(error: ClientError) -> Fault {
    match error {
        ClientError::Refused(refusal) => Fault::Refused(refusal),
        other => Fault::failed(other),
    }
}
