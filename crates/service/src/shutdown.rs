//! Asking a program to stop, once for all its parts.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::exit::Exit;

/// Tells every part of a program that it should come to an end. Clones are the same request.
#[derive(Debug, Clone)]
pub struct Shutdown {
    requested: watch::Sender<bool>,
}

impl Shutdown {
    /// One that is requested only by [`Shutdown::request`].
    pub fn new() -> Self {
        Self {
            requested: watch::Sender::new(false),
        }
    }

    /// One that is also requested by SIGINT (ctrl-c) and SIGTERM; the second of them ends the
    /// program on the spot. Has to be called within a Tokio runtime.
    ///
    /// # Errors
    /// When the signals cannot be listened to.
    pub fn on_signals() -> io::Result<Self> {
        let shutdown = Self::new();
        let mut signals = Signals::listen()?;
        let requested = shutdown.clone();
        tokio::spawn(async move {
            signals.next().await;
            tracing::info!("stopping; once more stops at once");
            requested.request();
            signals.next().await;
            std::process::exit(Exit::Failed.code().into());
        });
        Ok(shutdown)
    }

    /// Asks for the end. Asking again changes nothing.
    pub fn request(&self) {
        self.requested.send_replace(true);
    }

    /// Whether the end was asked for; for loops on threads that block.
    pub fn is_requested(&self) -> bool {
        *self.requested.borrow()
    }

    /// Ready once the end was asked for.
    pub fn requested(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut requested = self.requested.subscribe();
        // The sender lives in `self`'s clones; when all are gone nobody can ask any more.
        let sender = self.requested.clone();
        async move {
            drop(requested.wait_for(|is| *is).await);
            drop(sender);
        }
    }
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn clones_hear_of_it_before_and_after() {
        let shutdown = Shutdown::new();
        let other = shutdown.clone();
        let waiting = tokio::spawn(other.requested());
        assert!(!other.is_requested());
        shutdown.request();
        waiting.await.unwrap();
        other.requested().await;
        assert!(other.is_requested());
    }
}
