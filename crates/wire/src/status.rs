//! Refusals and failures as gRPC statuses, and back: the one table.

use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};

use model::{Clock, Refusal, RefusalCode, SystemClock};
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};

use crate::convert::place::plain_text;

const REFUSAL: &str = "symbolon-refusal";
const FAILURE: &str = "symbolon-failure";

/// The gRPC status a refusal travels under. Several codes share one; the refusal's own code
/// travels beside it.
const fn grpc_code(code: RefusalCode) -> Code {
    match code {
        RefusalCode::NotAMember | RefusalCode::WrongParty | RefusalCode::CertificateRevoked => {
            Code::PermissionDenied
        }
        RefusalCode::WrongRun
        | RefusalCode::SchemaDiffers
        | RefusalCode::KeyDiffers
        | RefusalCode::WrongState
        | RefusalCode::OutsideAgreement => Code::FailedPrecondition,
        RefusalCode::TooLarge | RefusalCode::OverQuota => Code::ResourceExhausted,
        RefusalCode::BadManifest | RefusalCode::BadMessage => Code::InvalidArgument,
        RefusalCode::DigestDiffers => Code::DataLoss,
        RefusalCode::AlreadyAccepted => Code::AlreadyExists,
    }
}

/// The status that carries `refusal`.
pub(crate) fn refused(refusal: &Refusal) -> Status {
    let mut metadata = MetadataMap::new();
    let name = MetadataValue::from_static(refusal.code.as_str());
    metadata.insert(REFUSAL, name);
    let detail = plain_text(&refusal.detail);
    Status::with_metadata(grpc_code(refusal.code), detail, metadata)
}

/// The status of a failure: an id and nothing else. What happened goes to the log under the id.
pub(crate) fn failed(error: &(dyn Error + 'static)) -> Status {
    let id = failure_id(&SystemClock);
    tracing::error!(failure = %id, error = %chain(error), "a call failed");
    let mut metadata = MetadataMap::new();
    if let Ok(value) = id.parse() {
        metadata.insert(FAILURE, value);
    }
    Status::with_metadata(Code::Internal, format!("failure {id}"), metadata)
}

/// An id that is not used twice, also not by the next start of the program.
fn failure_id(clock: &dyn Clock) -> String {
    static FAILURES: AtomicU64 = AtomicU64::new(0);
    let number = FAILURES.fetch_add(1, Ordering::Relaxed);
    format!("{:x}-{number}", clock.unix_millis())
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

/// What a status received from the coordinator means.
pub(crate) enum Verdict {
    /// A rule said no.
    Refused(Refusal),
    /// The coordinator failed and has a log entry under this id.
    Failed(String),
    /// Neither: the connection or something on the way.
    Trouble,
}

/// Reads a status; the inverse of [`refused`] and [`failed`].
pub(crate) fn verdict(status: &Status) -> Verdict {
    let text = |key| {
        status
            .metadata()
            .get(key)
            .and_then(|value| value.to_str().ok())
    };
    if let Some(code) = text(REFUSAL).and_then(RefusalCode::parse) {
        return Verdict::Refused(Refusal::new(code, plain_text(status.message())));
    }
    if let Some(id) = text(FAILURE) {
        return Verdict::Failed(plain_text(id));
    }
    // The transport's own limit on messages; it knows nothing of refusals.
    if status.code() == Code::OutOfRange {
        let detail = plain_text(status.message());
        return Verdict::Refused(Refusal::new(RefusalCode::TooLarge, detail));
    }
    Verdict::Trouble
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_comes_back_as_it_was() {
        for code in RefusalCode::ALL {
            let refusal = Refusal::new(code, "the batch is für crvs");
            let Verdict::Refused(back) = verdict(&refused(&refusal)) else {
                panic!("{code:?} did not come back");
            };
            assert_eq!(back, refusal);
        }
    }

    #[test]
    fn a_failure_tells_its_id_and_nothing_else() {
        let status = failed(&std::io::Error::other("/srv/matcher/state is full"));
        assert_eq!(status.code(), Code::Internal);
        assert!(!format!("{status:?}").contains("srv"));
        let Verdict::Failed(id) = verdict(&status) else {
            panic!("a failure did not come back");
        };
        assert!(status.message().ends_with(&id));
    }

    #[test]
    fn text_for_people_is_cut_and_made_harmless() {
        let refusal = Refusal::new(RefusalCode::TooLarge, "\u{1b}[2J".repeat(1000));
        let Verdict::Refused(back) = verdict(&refused(&refusal)) else {
            panic!("it did not come back");
        };
        assert_eq!(back.detail.chars().count(), crate::limits::MAX_TEXT);
        assert!(!back.detail.contains('\u{1b}'));
    }

    #[test]
    fn other_statuses_are_trouble() {
        assert!(matches!(
            verdict(&Status::unavailable("gone")),
            Verdict::Trouble
        ));
    }
}
