//! How often and how patiently a cut connection is made anew.

use std::time::Duration;

use super::ClientError;

/// How cuts are answered: by another attempt, after a wait that doubles each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Attempts in a row that may fail without anything getting further.
    pub attempts: u32,
    /// The wait before the second attempt.
    pub first_wait: Duration,
    /// The longest wait.
    pub longest_wait: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 12,
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(60),
        }
    }
}

impl Retry {
    /// The wait after `failed` attempts in a row.
    fn wait(&self, failed: u32) -> Duration {
        let factor = 1_u32
            .checked_shl(failed.saturating_sub(1))
            .unwrap_or(u32::MAX);
        self.first_wait
            .saturating_mul(factor)
            .min(self.longest_wait)
    }
}

/// The attempts of one piece of work.
pub(super) struct Attempts {
    retry: Retry,
    failed: u32,
    reached: u64,
}

impl Attempts {
    pub(super) fn new(retry: Retry) -> Self {
        Self {
            retry,
            failed: 0,
            reached: 0,
        }
    }

    /// Waits before the next attempt, or gives the error back when there is none. `reached` counts
    /// up with the work: an attempt that got further does not count as failed.
    pub(super) async fn after(
        &mut self,
        error: ClientError,
        reached: u64,
    ) -> Result<(), ClientError> {
        if reached > self.reached {
            self.reached = reached;
            self.failed = 0;
        }
        self.failed += 1;
        if !error.is_transient() || self.failed >= self.retry.attempts {
            return Err(error);
        }
        tracing::warn!(%error, attempt = self.failed, "cut; trying again");
        tokio::time::sleep(self.retry.wait(self.failed)).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let retry = Retry::default();
        let waits: Vec<_> = [1, 2, 3, 8, 40].map(|failed| retry.wait(failed)).into();
        let millis = [500, 1000, 2000, 60_000, 60_000];
        assert_eq!(waits, millis.map(Duration::from_millis));
    }
}
