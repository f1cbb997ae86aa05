//! Messages of clerical review.

use model::{RecordHandle, ReviewId, RunNumber};

use super::place::{MessageError, Place, Problem, at};
use crate::limits::{MAX_PAGE_PAIRS, MAX_REVIEW_PAIRS, MAX_REVIEW_STEPS, MAX_STEP_TEXT};
use crate::proto;
use crate::review::{ReviewExplanation, ReviewHeader, ReviewPair, ReviewStep};

impl From<&ReviewHeader> for proto::ReviewHeader {
    fn from(header: &ReviewHeader) -> Self {
        Self {
            run: header.run.0,
            pairs: header.pairs,
            pairs_digest: header.pairs_digest.as_bytes().to_vec(),
            followed: Some(header.followed.into()),
            contradicted: Some(header.contradicted.into()),
        }
    }
}

impl TryFrom<proto::ReviewHeader> for ReviewHeader {
    type Error = MessageError;

    fn try_from(message: proto::ReviewHeader) -> Result<Self, MessageError> {
        let field = |name| at("ReviewHeader", name);
        field("pairs").at_most(message.pairs.into(), MAX_REVIEW_PAIRS.into())?;
        Ok(Self {
            run: RunNumber(message.run),
            pairs: message.pairs,
            pairs_digest: field("pairs_digest").digest(&message.pairs_digest)?,
            followed: field("followed").count(message.followed)?,
            contradicted: field("contradicted").count(message.contradicted)?,
        })
    }
}

impl From<&ReviewPair> for proto::ReviewPair {
    fn from(pair: &ReviewPair) -> Self {
        let records = std::iter::once(&pair.record).chain(&pair.also);
        let explanation = &pair.explanation;
        Self {
            review_id: pair.id.as_bytes().to_vec(),
            record_handles: records.map(|record| record.as_bytes().to_vec()).collect(),
            other_party: pair.other.to_string(),
            prior_millibits: explanation.prior_millibits,
            steps: explanation.steps.iter().map(Into::into).collect(),
            alternatives_millibits: explanation.alternatives_millibits,
            odds_millibits: explanation.odds_millibits,
        }
    }
}

impl TryFrom<proto::ReviewPair> for ReviewPair {
    type Error = MessageError;

    fn try_from(message: proto::ReviewPair) -> Result<Self, MessageError> {
        let field = |name| at("ReviewPair", name);
        let (record, also) = records(field("record_handles"), &message.record_handles)?;
        field("steps").at_most(message.steps.len() as u64, MAX_REVIEW_STEPS as u64)?;
        let steps = message.steps.into_iter().map(TryInto::try_into);
        Ok(Self {
            id: ReviewId::new(field("review_id").bytes(&message.review_id)?),
            record,
            also,
            other: field("other_party").name(&message.other_party)?,
            explanation: ReviewExplanation {
                prior_millibits: message.prior_millibits,
                steps: steps.collect::<Result<_, _>>()?,
                alternatives_millibits: message.alternatives_millibits,
                odds_millibits: message.odds_millibits,
            },
        })
    }
}

/// One record or two, which are not the same.
fn records(
    place: Place,
    handles: &[Vec<u8>],
) -> Result<(RecordHandle, Option<RecordHandle>), MessageError> {
    let handle = |bytes: &Vec<u8>| place.bytes(bytes).map(RecordHandle::new);
    place.at_most(handles.len() as u64, 2)?;
    let first = handle(place.present(handles.first())?)?;
    let also = handles.get(1).map(handle).transpose()?;
    if also == Some(first) {
        return Err(place.wrong(Problem::Repeated));
    }
    Ok((first, also))
}

impl From<&ReviewStep> for proto::ReviewStep {
    fn from(step: &ReviewStep) -> Self {
        Self {
            variable: step.variable.clone(),
            level: step.level.clone(),
            weight_millibits: step.weight_millibits,
        }
    }
}

impl TryFrom<proto::ReviewStep> for ReviewStep {
    type Error = MessageError;

    fn try_from(message: proto::ReviewStep) -> Result<Self, MessageError> {
        let field = |name| at("ReviewStep", name);
        Ok(Self {
            variable: plain(field("variable"), message.variable)?,
            level: plain(field("level"), message.level)?,
            weight_millibits: message.weight_millibits,
        })
    }
}

/// Refused rather than cut: what is kept has to have the digest that was told.
fn plain(place: Place, text: String) -> Result<String, MessageError> {
    let limit = MAX_STEP_TEXT;
    if text.len() > limit || text.chars().any(char::is_control) {
        return Err(place.wrong(Problem::NotPlain { limit }));
    }
    Ok(text)
}

impl From<&[ReviewPair]> for proto::ReviewPage {
    fn from(pairs: &[ReviewPair]) -> Self {
        Self {
            pairs: pairs.iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<proto::ReviewPage> for Vec<ReviewPair> {
    type Error = MessageError;

    fn try_from(message: proto::ReviewPage) -> Result<Self, MessageError> {
        at("ReviewPage", "pairs").at_most(message.pairs.len() as u64, MAX_PAGE_PAIRS as u64)?;
        message.pairs.into_iter().map(TryInto::try_into).collect()
    }
}

/// The part a message of `Review` has to hold.
pub(crate) fn review_part(
    message: proto::ReviewResponse,
) -> Result<proto::review_response::Part, MessageError> {
    at("ReviewResponse", "part").present(message.part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::Count;
    use crate::tests::fake::review_pair;
    use model::Digest;

    #[test]
    fn headers_and_pairs_come_back() {
        let header = ReviewHeader {
            run: RunNumber(7),
            pairs: 3,
            pairs_digest: Digest::of(b"pairs"),
            followed: Count::Exact(12),
            contradicted: Count::FewerThan(10),
        };
        let message = proto::ReviewHeader::from(&header);
        assert_eq!(ReviewHeader::try_from(message).unwrap(), header);
        let mut pairs = vec![review_pair(1), review_pair(2)];
        pairs[1].also = Some(RecordHandle::new([77; 16]));
        let page = proto::ReviewPage::from(pairs.as_slice());
        assert_eq!(Vec::<ReviewPair>::try_from(page).unwrap(), pairs);
    }

    #[test]
    fn what_is_wrong_is_named() {
        type Spoil = fn(&mut proto::ReviewPair);
        let cases: [(Spoil, &str); 7] = [
            (
                |m| m.review_id.clear(),
                "ReviewPair.review_id has 0 bytes instead of 16",
            ),
            (
                |m| m.record_handles.clear(),
                "ReviewPair.record_handles is missing",
            ),
            (
                |m| m.record_handles = vec![vec![1; 16]; 2],
                "ReviewPair.record_handles has the same entry twice",
            ),
            (
                |m| m.record_handles = vec![vec![1; 16]; 3],
                "ReviewPair.record_handles has 3 entries, the limit is 2",
            ),
            (
                |m| m.steps = vec![m.steps[0].clone(); 65],
                "ReviewPair.steps has 65 entries, the limit is 64",
            ),
            (
                |m| m.steps[0].level = "x".repeat(161),
                "ReviewStep.level is no plain text of at most 160 bytes",
            ),
            (
                |m| m.steps[0].variable = "\u{1b}[2J".to_owned(),
                "ReviewStep.variable is no plain text of at most 160 bytes",
            ),
        ];
        for (spoil, expected) in cases {
            let mut message = proto::ReviewPair::from(&review_pair(1));
            spoil(&mut message);
            let text = ReviewPair::try_from(message).unwrap_err().to_string();
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn too_many_pairs_are_not_taken() {
        let pairs = vec![proto::ReviewPair::default(); MAX_PAGE_PAIRS + 1];
        let page = proto::ReviewPage { pairs };
        let text = Vec::<ReviewPair>::try_from(page).unwrap_err().to_string();
        assert_eq!(text, "ReviewPage.pairs has 65 entries, the limit is 64");
        let header = proto::ReviewHeader {
            pairs: MAX_REVIEW_PAIRS + 1,
            ..Default::default()
        };
        let text = ReviewHeader::try_from(header).unwrap_err().to_string();
        assert!(text.contains("the limit is 10000"), "{text}");
    }
}
