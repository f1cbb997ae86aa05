//! When a run's batches and results have to go: so many days after its release, when the agreement is
//! over, and at once when it is revoked. The program sees to it by itself; time is passed in.

use std::fmt;

use model::SignedAgreement;
use model::agreement::Standing;

/// A day, in milliseconds.
const DAY: u64 = 86_400_000;

/// Why a run has to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// It was kept as long as the agreement allows.
    Retention,
    /// The agreement's last day is over.
    Expired,
    /// The agreement was revoked.
    Revoked,
}

impl fmt::Display for Due {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Retention => "kept as long as the agreement allows",
            Self::Expired => "the agreement is over",
            Self::Revoked => "the agreement was revoked",
        })
    }
}

/// Whether a run under `agreement` has to go at `now`; `released` is when it was released, if it was. Both
/// in milliseconds since 1970.
pub(crate) fn due(agreement: &SignedAgreement, released: Option<u64>, now: u64) -> Option<Due> {
    let terms = agreement.terms();
    let kept = u64::from(terms.retention_days).saturating_mul(DAY);
    if agreement.standing() == Standing::Revoked {
        Some(Due::Revoked)
    } else if now >= terms.expires.start_millis().saturating_add(DAY) {
        Some(Due::Expired)
    } else if released.is_some_and(|released| now > released.saturating_add(kept)) {
        Some(Due::Retention)
    } else {
        None
    }
}
