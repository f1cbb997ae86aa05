//! The background worker: takes the run from stage to stage, off the runtime's threads, whenever a
//! batch was accepted and when the program starts.

use std::sync::Arc;
use std::time::Duration;

use service::Shutdown;
use tokio::sync::Notify;
use tokio::task::JoinError;

use crate::lifecycle::StageError;
use crate::matcher::Matcher;
use crate::resolver::Resolver;

/// How long the worker waits before it tries a stage again that failed.
const RETRY: Duration = Duration::from_secs(30);

/// Both roles' stages.
pub(crate) struct Worker {
    pub(crate) matcher: Arc<Matcher>,
    pub(crate) resolver: Arc<Resolver>,
    pub(crate) wake: Arc<Notify>,
    pub(crate) shutdown: Shutdown,
}

impl Worker {
    /// Works until the shutdown. A stage that fails is told in the log and tried again later.
    pub(crate) async fn run(self) -> Result<(), JoinError> {
        while !self.shutdown.is_requested() {
            match self.advance().await? {
                Ok(true) => {}
                Ok(false) => self.wait(None).await,
                Err(error) => {
                    tracing::error!(error = %chain(&error), "a stage failed and is tried again");
                    self.wait(Some(RETRY)).await;
                }
            }
        }
        Ok(())
    }

    async fn advance(&self) -> Result<Result<bool, StageError>, JoinError> {
        let (matcher, resolver) = (self.matcher.clone(), self.resolver.clone());
        let shutdown = self.shutdown.clone();
        tokio::task::spawn_blocking(move || step(&matcher, &resolver, &shutdown)).await
    }

    /// Until something is accepted, the time is over, or the program should stop.
    async fn wait(&self, limit: Option<Duration>) {
        let time = async {
            match limit {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.wake.notified() => {}
            () = time => {}
            () = self.shutdown.requested() => {}
        }
    }
}

/// Takes one step in either role, the matcher's first.
pub(crate) fn step(
    matcher: &Matcher,
    resolver: &Resolver,
    shutdown: &Shutdown,
) -> Result<bool, StageError> {
    match matcher.advance(shutdown) {
        Ok(false) => resolver.advance(shutdown),
        Err(StageError::Stopped) => Ok(false),
        other => other,
    }
}

/// An error and its causes in one line; causes that their effect names already are left out.
fn chain(error: &dyn std::error::Error) -> String {
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
