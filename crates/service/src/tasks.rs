//! A program's named tasks: when one fails or panics, the program stops and says which.

use std::collections::HashMap;
use std::error::Error;
use std::future::Future;
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};

use crate::shutdown::Shutdown;

/// How long tasks have to end after a stop was asked for.
pub const GRACE: Duration = Duration::from_secs(15);

type AnyError = Box<dyn Error + Send + Sync>;

/// Which task brought the program down.
#[derive(Debug, thiserror::Error)]
#[error("{name} failed: {source}")]
pub struct TaskError {
    /// The task's name.
    pub name: &'static str,
    /// What happened; a panic shows as one.
    pub source: AnyError,
}

/// The tasks of a program.
#[derive(Debug)]
pub struct Tasks {
    shutdown: Shutdown,
    running: JoinSet<Result<(), AnyError>>,
    names: HashMap<Id, &'static str>,
}

impl Tasks {
    /// No tasks yet. They end when `shutdown` is requested, and request it when they fail.
    pub fn new(shutdown: Shutdown) -> Self {
        Self {
            shutdown,
            running: JoinSet::new(),
            names: HashMap::new(),
        }
    }

    /// Starts a task; it should end soon after the shutdown was requested. Has to be called within
    /// a Tokio runtime.
    pub fn spawn<E: Into<AnyError>>(
        &mut self,
        name: &'static str,
        task: impl Future<Output = Result<(), E>> + Send + 'static,
    ) {
        let handle = self.running.spawn(async { task.await.map_err(Into::into) });
        self.names.insert(handle.id(), name);
    }

    /// Waits until all tasks have ended. After a stop was asked for, those that do not end within
    /// [`GRACE`] are dropped.
    ///
    /// # Errors
    /// The first failure; the other tasks were asked to stop then.
    pub async fn run(mut self) -> Result<(), TaskError> {
        let stop = self.shutdown.requested();
        let overdue = async {
            stop.await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::pin!(overdue);
        let mut first_failure = Ok(());
        loop {
            let ended = tokio::select! {
                ended = self.running.join_next_with_id() => ended,
                () = &mut overdue => break,
            };
            let Some(ended) = ended else { break };
            if let Err(error) = self.outcome(ended) {
                tracing::error!(%error, "stopping");
                self.shutdown.request();
                first_failure = first_failure.and(Err(error));
            }
        }
        self.drop_overdue();
        first_failure
    }

    fn outcome(
        &self,
        ended: Result<(Id, Result<(), AnyError>), JoinError>,
    ) -> Result<(), TaskError> {
        let (id, source) = match ended {
            Ok((_, Ok(()))) => return Ok(()),
            Ok((id, Err(error))) => (id, error),
            Err(panic) => (panic.id(), panic.into()),
        };
        let name = self.names.get(&id).copied().unwrap_or("a task");
        Err(TaskError { name, source })
    }

    fn drop_overdue(&mut self) {
        if !self.running.is_empty() {
            tracing::warn!(
                tasks = self.running.len(),
                "dropping tasks that did not end"
            );
            self.running.abort_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::io;

    use super::*;

    async fn until(stop: impl Future<Output = ()>) -> io::Result<()> {
        stop.await;
        Ok(())
    }

    #[tokio::test]
    async fn all_tasks_ending_ends_the_program() {
        let shutdown = Shutdown::new();
        let mut tasks = Tasks::new(shutdown.clone());
        tasks.spawn("listener", until(shutdown.requested()));
        tasks.spawn("one-off", async { io::Result::Ok(()) });
        shutdown.request();
        tasks.run().await.unwrap();
    }

    #[tokio::test]
    async fn an_error_stops_the_others_and_is_named() {
        let shutdown = Shutdown::new();
        let mut tasks = Tasks::new(shutdown.clone());
        tasks.spawn("listener", until(shutdown.requested()));
        tasks.spawn("linking", async { Err(io::Error::other("disk is full")) });
        let error = tasks.run().await.unwrap_err();
        assert_eq!(error.to_string(), "linking failed: disk is full");
        assert!(shutdown.is_requested());
    }

    #[tokio::test]
    async fn a_panic_stops_the_others_and_is_named() {
        async fn explode() -> io::Result<()> {
            panic!("a fault");
        }
        let shutdown = Shutdown::new();
        let mut tasks = Tasks::new(shutdown.clone());
        tasks.spawn("listener", until(shutdown.requested()));
        tasks.spawn("linking", explode());
        assert_eq!(tasks.run().await.unwrap_err().name, "linking");
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_does_not_end_is_dropped() {
        let shutdown = Shutdown::new();
        let mut tasks = Tasks::new(shutdown.clone());
        tasks.spawn("stuck", pending::<io::Result<()>>());
        shutdown.request();
        tasks.run().await.unwrap();
    }
}
