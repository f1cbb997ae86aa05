//! Messages of the `Handover` service.

use model::{Digest, Epoch, PartyName, RunNumber};

use super::place::{MessageError, Problem, at, plain_text};
use crate::handover::{Comparisons, MatcherOutcome, MatcherRun};
use crate::limits::{MAX_COMPARISONS_BYTES, MAX_COMPARISONS_PART, MAX_PARTIES, MAX_TEXT};
use crate::proto;
use crate::proto::standing_response::Outcome;

/// Comparisons that are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) run: RunNumber,
    pub(crate) digest: Digest,
    pub(crate) from: u64,
}

impl TryFrom<proto::ComparisonsRequest> for Wanted {
    type Error = MessageError;

    fn try_from(message: proto::ComparisonsRequest) -> Result<Self, MessageError> {
        let field = |name| at("ComparisonsRequest", name);
        field("from").at_most(message.from, MAX_COMPARISONS_BYTES)?;
        Ok(Self {
            run: RunNumber(message.run),
            digest: field("digest").digest(&message.digest)?,
            from: message.from,
        })
    }
}

/// The bytes of an answer, which has some: nobody asks from the end on.
pub(crate) fn part(message: proto::ComparisonsResponse) -> Result<Vec<u8>, MessageError> {
    let field = at("ComparisonsResponse", "content");
    field.at_most(message.content.len() as u64, MAX_COMPARISONS_PART as u64)?;
    match message.content.is_empty() {
        true => Err(field.wrong(Problem::Missing)),
        false => Ok(message.content),
    }
}

impl From<&MatcherRun> for proto::StandingResponse {
    fn from(run: &MatcherRun) -> Self {
        let outcome = match &run.outcome {
            MatcherOutcome::Pending => None,
            MatcherOutcome::Failed(reason) => Some(Outcome::Failed(plain_text(reason))),
            MatcherOutcome::Ready(comparisons) => Some(Outcome::Ready(comparisons.into())),
        };
        Self {
            project: run.project.to_string(),
            epoch: run.epoch.0,
            run: run.open.0,
            schema_digest: run.schema_digest.as_bytes().to_vec(),
            delivered: run.delivered.iter().map(PartyName::to_string).collect(),
            outcome,
        }
    }
}

impl TryFrom<proto::StandingResponse> for MatcherRun {
    type Error = MessageError;

    fn try_from(message: proto::StandingResponse) -> Result<Self, MessageError> {
        let field = |name| at("StandingResponse", name);
        field("delivered").at_most(message.delivered.len() as u64, MAX_PARTIES as u64)?;
        let names = message.delivered.iter();
        let delivered = names.map(|name| field("delivered").name(name));
        let outcome = match message.outcome {
            None => MatcherOutcome::Pending,
            Some(Outcome::Failed(reason)) => {
                field("failed").at_most(reason.chars().count() as u64, MAX_TEXT as u64)?;
                MatcherOutcome::Failed(plain_text(&reason))
            }
            Some(Outcome::Ready(head)) => MatcherOutcome::Ready(head.try_into()?),
        };
        Ok(Self {
            project: field("project").name(&message.project)?,
            epoch: Epoch(message.epoch),
            open: RunNumber(message.run),
            schema_digest: field("schema_digest").digest(&message.schema_digest)?,
            delivered: delivered.collect::<Result<_, _>>()?,
            outcome,
        })
    }
}

impl From<&Comparisons> for proto::ComparisonsHead {
    fn from(comparisons: &Comparisons) -> Self {
        let handles = comparisons.handles.iter();
        Self {
            pairs: comparisons.pairs,
            bytes: comparisons.bytes,
            digest: comparisons.digest.as_bytes().to_vec(),
            handles: handles.map(|digest| digest.as_bytes().to_vec()).collect(),
        }
    }
}

impl TryFrom<proto::ComparisonsHead> for Comparisons {
    type Error = MessageError;

    fn try_from(message: proto::ComparisonsHead) -> Result<Self, MessageError> {
        let field = |name| at("ComparisonsHead", name);
        field("bytes").at_most(message.bytes, MAX_COMPARISONS_BYTES)?;
        // A comparison has a byte at least.
        field("pairs").at_most(message.pairs, message.bytes)?;
        field("handles").at_most(message.handles.len() as u64, MAX_PARTIES as u64)?;
        let handles = message.handles.iter();
        let handles = handles.map(|digest| field("handles").digest(digest));
        Ok(Self {
            pairs: message.pairs,
            bytes: message.bytes,
            digest: field("digest").digest(&message.digest)?,
            handles: handles.collect::<Result<_, _>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::fake::matcher_run;

    #[test]
    fn what_the_matcher_tells_comes_back() {
        let ready = matcher_run(b"some comparisons");
        let failed = MatcherRun {
            outcome: MatcherOutcome::Failed("damaged".to_owned()),
            ..ready.clone()
        };
        let pending = MatcherRun {
            outcome: MatcherOutcome::Pending,
            ..ready.clone()
        };
        for run in [ready, failed, pending] {
            let message = proto::StandingResponse::from(&run);
            assert_eq!(MatcherRun::try_from(message), Ok(run));
        }
    }

    #[test]
    fn what_is_told_is_held_to_its_limits() {
        type Spoil = fn(&mut proto::ComparisonsHead);
        let spoils: [(Spoil, &str); 5] = [
            (|m| m.bytes = MAX_COMPARISONS_BYTES + 1, "bytes"),
            (|m| m.pairs = m.bytes + 1, "pairs"),
            (|m| m.digest.truncate(31), "digest"),
            (
                |m| m.handles = vec![vec![0; 32]; MAX_PARTIES + 1],
                "handles",
            ),
            (|m| m.handles = vec![vec![0; 31]], "handles"),
        ];
        let MatcherOutcome::Ready(good) = matcher_run(b"some comparisons").outcome else {
            panic!("not ready");
        };
        for (spoil, field) in spoils {
            let mut message = proto::ComparisonsHead::from(&good);
            spoil(&mut message);
            assert_eq!(Comparisons::try_from(message).unwrap_err().field, field);
        }
        let mut message = proto::StandingResponse::from(&matcher_run(b"x"));
        message.outcome = Some(Outcome::Failed("x".repeat(MAX_TEXT + 1)));
        assert_eq!(MatcherRun::try_from(message).unwrap_err().field, "failed");
    }

    #[test]
    fn a_part_has_bytes_and_not_too_many() {
        let of = |bytes| {
            let content = vec![0; bytes];
            part(proto::ComparisonsResponse { content }).is_ok()
        };
        assert!(of(1) && of(MAX_COMPARISONS_PART));
        assert!(!of(0) && !of(MAX_COMPARISONS_PART + 1));
        let wanted = proto::ComparisonsRequest {
            run: 1,
            digest: vec![0; 32],
            from: MAX_COMPARISONS_BYTES + 1,
        };
        assert_eq!(Wanted::try_from(wanted).unwrap_err().field, "from");
    }
}
