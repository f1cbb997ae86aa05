//! The worker: one run after the other, from where its durable data end.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use service::Shutdown;

use super::{WorkError, output, pairs};
use crate::anonlink::id::ProjectId;
use crate::anonlink::project::{Project, ResultType};
use crate::anonlink::run::{MOST_ATTEMPTS, Run, Stage};
use crate::anonlink::serve::Shared;

/// How long the worker waits when even the catalogue fails.
const RETRY: Duration = Duration::from_secs(5);
/// What a caller is told of a failure whose reason is the operator's business.
const FAILED: &str = "The service failed; its log has the reason";

/// Computes runs.
pub(crate) struct Worker {
    shared: Arc<Shared>,
    shutdown: Shutdown,
}

impl Worker {
    /// One that stops with `shutdown`.
    pub(crate) fn new(shared: Arc<Shared>, shutdown: Shutdown) -> Self {
        Self { shared, shutdown }
    }

    /// Computes runs as they come, until the shutdown.
    pub(crate) async fn run(self) -> Result<(), Infallible> {
        while !self.shutdown.is_requested() {
            let (shared, shutdown) = (self.shared.clone(), self.shutdown.clone());
            let step = tokio::task::spawn_blocking(move || advance(&shared, &shutdown));
            match step.await {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) => self.wait(None).await,
                Ok(Err(error)) => self.give_up_for_now(&error.to_string()).await,
                Err(panic) => self.give_up_for_now(&panic.to_string()).await,
            }
        }
        Ok(())
    }

    async fn give_up_for_now(&self, error: &str) {
        tracing::error!(error, "runs are not computed for now");
        self.wait(Some(RETRY)).await;
    }

    async fn wait(&self, limit: Option<Duration>) {
        let time = async {
            match limit {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.shared.wake.notified() => {}
            () = time => {}
            () = self.shutdown.requested() => {}
        }
    }
}

/// Computes the next run, and says whether there was one.
fn advance(shared: &Shared, shutdown: &Shutdown) -> Result<bool, WorkError> {
    let Some((project, mut run)) = shared.catalogue().next_run()? else {
        return Ok(false);
    };
    match attempt(shared, &project, &mut run, shutdown) {
        Ok(()) | Err(WorkError::Stopped) => {}
        Err(_) if shared.catalogue().find_run(&project, &run.id)?.is_none() => {
            sweep(shared, &project, &run)?;
        }
        Err(error) if error.may_pass() && run.attempts < MOST_ATTEMPTS => return Err(error),
        Err(error) => fail(shared, &project, &mut run, &error)?,
    }
    Ok(true)
}

/// Computes a run, if it did not end the program too often.
fn attempt(
    shared: &Shared,
    project: &ProjectId,
    run: &mut Run,
    shutdown: &Shutdown,
) -> Result<(), WorkError> {
    if !run.attempt() {
        return Err(WorkError::TriedOften);
    }
    // Before anything else: the attempt has to count if it ends the program.
    save(shared, project, run)?;
    let computed = catch_unwind(AssertUnwindSafe(|| compute(shared, project, run, shutdown)));
    // A panic is a fault of the program: other runs should not have to wait for this one.
    computed.unwrap_or(Err(WorkError::Panic))
}

/// Lets a run fail, and removes what it wrote.
fn fail(
    shared: &Shared,
    project: &ProjectId,
    run: &mut Run,
    error: &WorkError,
) -> Result<(), WorkError> {
    tracing::error!(%project, run = %run.id, %error, "a run failed");
    run.fail(Some(match error.is_told() {
        true => error.to_string(),
        false => FAILED.to_owned(),
    }));
    shared.catalogue().save_run(project, run)?;
    let randomness = shared.parts.randomness.as_ref();
    Ok(shared.files.remove_run(project, &run.id, randomness)?)
}

/// Removes what a run wrote while it, or all of its project, was deleted.
fn sweep(shared: &Shared, project: &ProjectId, run: &Run) -> Result<(), WorkError> {
    let randomness = shared.parts.randomness.as_ref();
    match shared.catalogue().find(project)? {
        Some(_) => shared.files.remove_run(project, &run.id, randomness)?,
        None => shared.files.remove_project(project, randomness)?,
    }
    Ok(())
}

fn compute(
    shared: &Shared,
    id: &ProjectId,
    run: &mut Run,
    shutdown: &Shutdown,
) -> Result<(), WorkError> {
    let project = shared.catalogue().find(id)?.ok_or(WorkError::Gone)?;
    let files = shared.files.run(id, &run.id);
    if run.stage < Stage::Output {
        compare(shared, &project, run, shutdown)?;
        pairs::sort(&files)?;
        if project.result_type != ResultType::SimilarityScores {
            run.stage = Stage::Output;
            run.attempts = 0;
            save(shared, id, run)?;
        }
    }
    output::write(&files, &project, shared.parts.randomness.as_ref())?;
    run.complete(shared.now());
    save(shared, id, run)?;
    // What is left is removed when the service is opened.
    drop(files.tidy());
    Ok(())
}

fn compare(
    shared: &Shared,
    project: &Project,
    run: &mut Run,
    shutdown: &Shutdown,
) -> Result<(), WorkError> {
    let inputs = pairs::Inputs::open(shared, project)?;
    run.start(shared.now(), inputs.comparisons()?);
    save(shared, &project.id, run)?;
    inputs.compare(run, shutdown)
}

fn save(shared: &Shared, project: &ProjectId, run: &Run) -> Result<(), WorkError> {
    match shared.catalogue().save_run(project, run)? {
        true => Ok(()),
        false => Err(WorkError::Gone),
    }
}
