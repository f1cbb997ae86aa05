//! From when and until when a certificate holds.

use std::time::Duration;

use model::Clock;
use rcgen::{CertificateParams, date_time_ymd};

/// How far back a certificate holds from its making: clocks of agencies differ.
const BACKDATED_SECONDS: i64 = 10 * 60;
const DAY_SECONDS: i64 = 24 * 60 * 60;
/// The longest a certificate may hold, in days.
const MAX_DAYS: u32 = 30 * 366;
/// 9999-12-31 23:59:59 UTC, the last moment X.509 knows.
const END_OF_9999: i64 = 253_402_300_799;

/// From when and until when a certificate holds, in seconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// From when.
    pub not_before: i64,
    /// Until when.
    pub not_after: i64,
}

impl Validity {
    /// From a little before now for `days`, at most thirty years.
    pub fn days(clock: &dyn Clock, days: u32) -> Self {
        let now = (clock.unix_millis() / 1000) as i64;
        Self {
            not_before: now - BACKDATED_SECONDS,
            not_after: now + i64::from(days.min(MAX_DAYS)) * DAY_SECONDS,
        }
    }

    /// Writes the times into what is about to be signed.
    pub(super) fn apply(self, params: &mut CertificateParams) {
        let epoch = date_time_ymd(1970, 1, 1);
        params.not_before = epoch + since_epoch(self.not_before);
        params.not_after = epoch + since_epoch(self.not_after);
    }
}

/// Kept within the years a certificate can express.
fn since_epoch(seconds: i64) -> Duration {
    Duration::from_secs(seconds.clamp(0, END_OF_9999) as u64)
}
