//! The background workers, one a role: each takes the run from stage to stage, off the runtime's
//! threads, whenever a batch was accepted or the role before it got further.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use service::Shutdown;
use tokio::sync::Notify;
use tokio::task::JoinError;

use crate::lifecycle::StageError;

/// How long a worker waits before it tries a stage again that failed.
const RETRY: Duration = Duration::from_secs(30);

/// How long a worker waits at most before it looks whether there is something to do: runs end by the day.
const LOOK: Duration = Duration::from_secs(3600);

/// A role whose runs go from stage to stage.
pub(crate) trait Stages: Send + Sync + 'static {
    /// Takes the open run one step further, and says whether there was a step to take.
    fn advance(&self, shutdown: &Shutdown) -> Result<bool, StageError>;
}

/// Works on one role's stages.
pub(crate) struct Worker {
    pub(crate) role: Arc<dyn Stages>,
    /// Told when there may be something to do.
    pub(crate) wake: Arc<Notify>,
    /// Told after every step.
    pub(crate) next: Option<Arc<Notify>>,
    pub(crate) shutdown: Shutdown,
}

impl Worker {
    /// Works until the shutdown. A stage that fails, or panics, is told in the log and tried again
    /// later: the program goes on serving.
    pub(crate) async fn run(self) -> Result<(), Infallible> {
        while !self.shutdown.is_requested() {
            match self.advance().await {
                Ok(Ok(true)) => self.next.iter().for_each(|next| next.notify_one()),
                Ok(Ok(false) | Err(StageError::Stopped)) => self.wait(LOOK).await,
                Ok(Err(error)) => self.give_up_for_now(&chain(&error)).await,
                Err(panic) => self.give_up_for_now(&panic.to_string()).await,
            }
        }
        Ok(())
    }

    async fn advance(&self) -> Result<Result<bool, StageError>, JoinError> {
        let (role, shutdown) = (self.role.clone(), self.shutdown.clone());
        tokio::task::spawn_blocking(move || role.advance(&shutdown)).await
    }

    async fn give_up_for_now(&self, error: &str) {
        tracing::error!(error, "a stage failed and will be tried again");
        self.wait(RETRY).await;
    }

    /// Until there may be something to do, the time is over, or the program should stop.
    async fn wait(&self, limit: Duration) {
        tokio::select! {
            () = self.wake.notified() => {}
            () = tokio::time::sleep(limit) => {}
            () = self.shutdown.requested() => {}
        }
    }
}

/// An error and its causes in one line; causes that their effect names already are left out.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}
