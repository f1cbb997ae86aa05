//! How many requests an address may send: so many at once, and so many a second on average.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use service::Stopwatch;

/// Addresses remembered; beyond it, those that are back at their full allowance are forgotten.
const MAX_ADDRESSES: usize = 10_000;

/// Allowances by address.
pub(super) struct Limiter {
    started: Stopwatch,
    per_second: f64,
    burst: f64,
    left: Mutex<HashMap<IpAddr, Allowance>>,
}

/// Requests left to an address at a moment.
#[derive(Clone, Copy)]
struct Allowance {
    left: f64,
    at: Duration,
}

impl Limiter {
    pub(super) fn new(per_second: u32, burst: u32) -> Self {
        Self {
            started: Stopwatch::start(),
            per_second: per_second.into(),
            burst: burst.into(),
            left: Mutex::default(),
        }
    }

    /// Counts a request, unless there are too many.
    pub(super) fn admits(&self, address: IpAddr) -> bool {
        self.admits_at(address, self.started.elapsed())
    }

    fn admits_at(&self, address: IpAddr, now: Duration) -> bool {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if left.len() >= MAX_ADDRESSES && !left.contains_key(&address) {
            left.retain(|_, allowance| self.refilled(*allowance, now) < self.burst);
        }
        if left.len() >= 2 * MAX_ADDRESSES {
            return false;
        }
        let full = Allowance {
            left: self.burst,
            at: now,
        };
        let allowance = left.entry(address).or_insert(full);
        *allowance = Allowance {
            left: self.refilled(*allowance, now),
            at: now,
        };
        let admitted = allowance.left >= 1.0;
        if admitted {
            allowance.left -= 1.0;
        }
        admitted
    }

    fn refilled(&self, allowance: Allowance, now: Duration) -> f64 {
        let passed = now.saturating_sub(allowance.at).as_secs_f64();
        (allowance.left + passed * self.per_second).min(self.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    #[test]
    fn a_burst_passes_and_then_the_average() {
        let limiter = Limiter::new(10, 3);
        let admitted = |millis| limiter.admits_at(address(1), Duration::from_millis(millis));
        let times = [0, 0, 0, 0, 50, 100, 101, 10_000, 10_000, 10_000, 10_000];
        let expected = [
            true, true, true, false, false, true, false, true, true, true, false,
        ];
        assert_eq!(times.map(admitted), expected);
        assert!(limiter.admits_at(address(2), Duration::ZERO));
    }

    #[test]
    fn addresses_are_forgotten_and_never_too_many() {
        let limiter = Limiter::new(1, 1);
        for number in 0..3 * MAX_ADDRESSES as u32 {
            limiter.admits_at(address(number), Duration::ZERO);
        }
        assert_eq!(limiter.left.lock().unwrap().len(), 2 * MAX_ADDRESSES);
        assert!(limiter.admits_at(address(u32::MAX), Duration::from_secs(2)));
        assert_eq!(limiter.left.lock().unwrap().len(), 1);
    }
}
