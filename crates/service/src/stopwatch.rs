//! Measures how long work takes. The one place that reads the machine's steady clock.

use std::time::{Duration, Instant};

/// Time since it was started. For telling people and logs, never for deciding anything.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch {
    started: Instant,
}

impl Stopwatch {
    /// Starts now.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the steady clock"
    )]
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
        }
    }

    /// Time since the start.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_does_not_run_backwards() {
        let stopwatch = Stopwatch::start();
        let first = stopwatch.elapsed();
        assert!(stopwatch.elapsed() >= first);
    }
}
