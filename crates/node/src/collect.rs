//! Collect: wait until the run is released, fetch what the agreement gives, and lead it back from
//! record handles to the registry's own keys.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use audit::Event;
use model::agreement::Rights;
use model::lifecycle::Phase;
use model::{BatchKind, BatchManifest, Progress, RecordHandle, RunNumber};
use serde::Serialize;
use wire::{
    ClientError, Count, Found, NodeClient, ResultsHeader, ResultsRow, ResultsSink, Role, RunStatus,
};

use crate::error::NodeError;
use crate::files::write_json;
use crate::open::Node;
use crate::outbox::{Outbox, OutboxError};
use crate::results_file::{Answered, Lines};
use crate::vault::Vault;

/// The first wait between two looks at the run.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// The longest wait between two looks at the run.
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// Why results were not collected.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// The run is not released.
    #[error("run {run} is {state} ({detail}); collect again later, or wait with --wait SECONDS")]
    NotReleased {
        /// The run.
        run: RunNumber,
        /// Where it stands.
        state: Phase,
        /// What it waits for.
        detail: String,
    },
    /// The run will not be released any more.
    #[error("run {run} is {state} ({detail}); there is nothing to collect")]
    Over {
        /// The run.
        run: RunNumber,
        /// Where it ended.
        state: Phase,
        /// Why.
        detail: String,
    },
    /// The coordinator is at an earlier run.
    #[error("the coordinator is at run {theirs}, run {ours} is prepared here; check the addresses")]
    EarlierRun {
        /// The coordinator's run.
        theirs: RunNumber,
        /// The run prepared here.
        ours: RunNumber,
    },
    /// Results for records this node did not send.
    #[error(
        "{count} results are for records that the vault of run {run} does not hold; the registry \
         was prepared anew after the upload, or tell the coordinator's operator"
    )]
    Strangers {
        /// The run.
        run: RunNumber,
        /// How many.
        count: u64,
    },
    /// The results file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: csv::Error,
    },
}

impl CollectError {
    pub(crate) fn is_refusal(&self) -> bool {
        !matches!(self, Self::Strangers { .. } | Self::Write { .. })
    }
}

/// How to collect.
#[derive(Debug, Clone, Default)]
pub struct CollectOptions {
    /// How long to wait for the run to be released.
    pub wait: Duration,
    /// Where the results go, if not into the node's directory.
    pub out: Option<PathBuf>,
    /// The officer's key to approve the run with when it is linked, if that was not done yet.
    pub approve: Option<PathBuf>,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CollectSummary {
    /// The run.
    pub run: RunNumber,
    /// Where the results are: `record_id`, `pseudonym` and other answers, in the registry's order.
    pub results: PathBuf,
    /// Records of the registry, each of which has a line there.
    pub records: u64,
    /// Records with a pseudonym.
    pub with_pseudonym: u64,
    /// Records with the answer yes, by question.
    pub answered: Vec<Answered>,
    /// Records set aside when the registry was prepared; they have no answers.
    pub set_aside: u64,
    /// Persons these records stand for.
    pub persons: Count,
    /// How many of the records were found at each other party.
    pub found: Vec<Found>,
}

impl Node {
    /// Collects the results of the latest prepared run.
    ///
    /// # Errors
    /// [`NodeError`] when the run is not released within the wait, or what comes back does not fit
    /// the vault.
    pub async fn collect(
        &self,
        options: &CollectOptions,
        progress: &dyn Progress,
    ) -> Result<CollectSummary, NodeError> {
        let outbox = Outbox::latest(&self.home)?.ok_or(OutboxError::Empty)?;
        let manifest = outbox.manifest(BatchKind::HandleMap)?;
        progress.stage("wait for release", 0);
        let client = self.released(outbox.run, options).await?;
        {
            let _lock = self.home.lock()?;
            self.check_log(&client, Role::Resolver, None).await?;
            self.share_statements(&client).await?;
        }
        let agreed = self.agreement()?;
        let rights = agreed.terms().rights(&self.config.party);
        let rights = rights.map_err(service::AgreementFault::from)?;
        let mut results = Rows::new(manifest.records, rights);
        let header = client.collect(outbox.run, &mut results, progress).await?;
        self.keep(&manifest, &header, results, options)
    }

    /// Waits until `run` is released. A connection that is cut meanwhile is made anew.
    async fn released(
        &self,
        run: RunNumber,
        options: &CollectOptions,
    ) -> Result<NodeClient, NodeError> {
        let (mut left, mut pause) = (options.wait, FIRST_WAIT);
        loop {
            let error = match self.look(run).await {
                Ok(client) => return Ok(client),
                Err(error) => error,
            };
            if let (Some(key), true) = (&options.approve, is_linked(&error)) {
                self.approve(key).await?;
            }
            if left.is_zero() || !may_pass(&error) {
                return Err(error);
            }
            let now = pause.min(left);
            tokio::time::sleep(now).await;
            left -= now;
            pause = (pause * 2).min(LONGEST_WAIT);
        }
    }

    async fn look(&self, run: RunNumber) -> Result<NodeClient, NodeError> {
        let client = self.connect(Role::Resolver).await?;
        check_released(run, client.run_status().await?)?;
        Ok(client)
    }

    fn keep(
        &self,
        manifest: &BatchManifest,
        header: &ResultsHeader,
        results: Rows,
        options: &CollectOptions,
    ) -> Result<CollectSummary, NodeError> {
        let _lock = self.home.lock()?;
        let run = manifest.run;
        let own = self.home.results(run);
        let path = options.out.clone().unwrap_or(own);
        let mut vault = Vault::open(&self.home.vault(run), &self.vault_key(run)?)?;
        let mut lines = Lines::create(&path, &header.rights, results.by_record)?;
        loop {
            let entries = vault.next_entries()?;
            if entries.is_empty() {
                break;
            }
            lines.write(&entries)?;
        }
        let event = Event::ResultsReceived {
            run,
            rows: header.rows,
            digest: header.rows_digest,
        };
        let tally = lines.finish(run, || {
            Ok(self.home.record(&event, &self.config.party, &*self.clock)?)
        })?;
        let summary = CollectSummary {
            run,
            results: path,
            records: tally.records,
            with_pseudonym: tally.with_pseudonym,
            answered: tally.answered,
            set_aside: manifest.set_aside,
            persons: header.clusters,
            found: header.found.clone(),
        };
        write_json(&self.home.results_summary(run), &summary)?;
        tracing::info!(%run, records = summary.records, "collected");
        Ok(summary)
    }
}

/// Whether the run waits for approval.
fn is_linked(error: &NodeError) -> bool {
    let NodeError::Collect(CollectError::NotReleased { state, .. }) = error else {
        return false;
    };
    *state == Phase::Linked
}

/// Whether a later look may go better.
fn may_pass(error: &NodeError) -> bool {
    match error {
        NodeError::Client(error) => ClientError::is_transient(error),
        NodeError::Collect(CollectError::NotReleased { .. }) => true,
        _ => false,
    }
}

fn check_released(run: RunNumber, status: RunStatus) -> Result<(), CollectError> {
    let (state, detail) = (status.state, status.detail);
    if status.run < run {
        return Err(CollectError::EarlierRun {
            theirs: status.run,
            ours: run,
        });
    }
    match state {
        // An earlier run than the current one may still have its results.
        _ if status.run > run => Ok(()),
        Phase::Released => Ok(()),
        Phase::Destroyed | Phase::Cancelled | Phase::Failed => {
            Err(CollectError::Over { run, state, detail })
        }
        Phase::Draft
        | Phase::Signed
        | Phase::Open
        | Phase::Sealed
        | Phase::Linking
        | Phase::Linked
        | Phase::Approved => Err(CollectError::NotReleased { run, state, detail }),
    }
}

/// The rows as they come, by record.
struct Rows {
    by_record: HashMap<RecordHandle, ResultsRow>,
    limit: u64,
    /// What the agreement gives, as this node knows it.
    rights: Rights,
}

impl Rows {
    fn new(limit: u64, rights: Rights) -> Self {
        Self {
            by_record: HashMap::new(),
            limit,
            rights,
        }
    }
}

impl ResultsSink for Rows {
    fn header(&mut self, header: &ResultsHeader) -> io::Result<()> {
        if !self.rights.cover(&header.rights) {
            let text = "the resolver offers more than the agreement gives this party; nothing of it was kept";
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        if header.rows > self.limit {
            let (rows, limit) = (header.rows, self.limit);
            let text = format!("the resolver offers {rows} results for {limit} records");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok(())
    }

    fn rows(&mut self, rows: &[ResultsRow]) -> io::Result<()> {
        for row in rows {
            if self.by_record.insert(row.record, *row).is_some() {
                let text = "the resolver sent two results for one record";
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Digest, Pseudonym};

    fn status(run: u32, state: Phase) -> RunStatus {
        RunStatus {
            run: RunNumber(run),
            state,
            detail: "waiting for ibr".into(),
            parties: Vec::new(),
            outcome: None,
        }
    }

    #[test]
    fn only_a_released_or_an_earlier_run_can_be_collected() {
        let outcome = |state| check_released(RunNumber(2), status(2, state));
        assert!(outcome(Phase::Released).is_ok());
        for state in [
            Phase::Open,
            Phase::Sealed,
            Phase::Linking,
            Phase::Linked,
            Phase::Approved,
        ] {
            let error = outcome(state).unwrap_err();
            assert!(matches!(error, CollectError::NotReleased { .. }));
            assert!(error.to_string().contains("waiting for ibr"));
        }
        for state in [Phase::Destroyed, Phase::Cancelled, Phase::Failed] {
            assert!(matches!(outcome(state), Err(CollectError::Over { .. })));
        }
        assert!(check_released(RunNumber(1), status(2, Phase::Open)).is_ok());
        let ahead = check_released(RunNumber(3), status(2, Phase::Released));
        assert!(matches!(ahead, Err(CollectError::EarlierRun { .. })));
    }

    #[test]
    fn a_record_comes_once_and_no_more_come_than_were_sent() {
        let row = ResultsRow {
            record: RecordHandle::new([1; 16]),
            pseudonym: Some(Pseudonym::new([2; 16])),
            known_at: 0,
            events: 0,
        };
        let rights = Rights {
            pseudonyms: true,
            ..Rights::default()
        };
        let mut sink = Rows::new(2, rights.clone());
        assert!(sink.rows(&[row]).is_ok());
        assert!(sink.rows(&[row]).is_err());
        let header = ResultsHeader {
            run: RunNumber(1),
            rows: 3,
            rows_digest: Digest::of(b""),
            records: 3,
            clusters: Count::Exact(3),
            found: Vec::new(),
            rights,
        };
        assert!(sink.header(&header).is_err());
        let mut more = ResultsHeader { rows: 2, ..header };
        assert!(sink.header(&more).is_ok());
        more.rights.known_at.push("crvs".parse().unwrap());
        assert!(sink.header(&more).is_err(), "more than the agreement gives");
    }
}
