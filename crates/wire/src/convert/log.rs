//! Messages of the `Log` service.

use audit::{Checkpoint, VerifierKey};
use model::Digest;

use super::place::{MessageError, Place, Problem, at};
use crate::history::{LogHead, SeenHead};
use crate::limits::{MAX_PARTIES, MAX_PROOF_HASHES};
use crate::proto;

/// The checkpoint the caller says it saw last.
pub(crate) fn seen(message: &proto::HeadRequest) -> Result<Option<Checkpoint>, MessageError> {
    let field = at("HeadRequest", "seen");
    let seen = Some(&message.seen).filter(|text| !text.is_empty());
    seen.map(|text| field.checkpoint(text)).transpose()
}

impl From<&LogHead> for proto::HeadResponse {
    fn from(head: &LogHead) -> Self {
        Self {
            key: head.key.to_string(),
            checkpoint: head.checkpoint.to_string(),
            consistency: hashes(&head.path),
            seen: head.seen.iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<proto::HeadResponse> for LogHead {
    type Error = MessageError;

    fn try_from(message: proto::HeadResponse) -> Result<Self, MessageError> {
        let field = |name| at("HeadResponse", name);
        field("seen").at_most(message.seen.len() as u64, MAX_PARTIES as u64)?;
        let seen = message.seen.into_iter().map(TryInto::try_into);
        Ok(Self {
            key: key(field("key"), &message.key)?,
            checkpoint: field("checkpoint").checkpoint(&message.checkpoint)?,
            path: path(field("consistency"), &message.consistency)?,
            seen: seen.collect::<Result<_, _>>()?,
        })
    }
}

impl From<&SeenHead> for proto::SeenHead {
    fn from(seen: &SeenHead) -> Self {
        Self {
            party: seen.party.to_string(),
            checkpoint: seen.checkpoint.to_string(),
            consistency: hashes(&seen.path),
        }
    }
}

impl TryFrom<proto::SeenHead> for SeenHead {
    type Error = MessageError;

    fn try_from(message: proto::SeenHead) -> Result<Self, MessageError> {
        let field = |name| at("SeenHead", name);
        Ok(Self {
            party: field("party").name(&message.party)?,
            checkpoint: field("checkpoint").checkpoint(&message.checkpoint)?,
            path: path(field("consistency"), &message.consistency)?,
        })
    }
}

fn hashes(path: &[Digest]) -> Vec<Vec<u8>> {
    path.iter().map(|hash| hash.as_bytes().to_vec()).collect()
}

fn path(field: Place, hashes: &[Vec<u8>]) -> Result<Vec<Digest>, MessageError> {
    field.at_most(hashes.len() as u64, MAX_PROOF_HASHES as u64)?;
    hashes.iter().map(|hash| field.digest(hash)).collect()
}

fn key(field: Place, text: &str) -> Result<VerifierKey, MessageError> {
    text.parse()
        .map_err(|error: audit::note::NoteError| field.wrong(Problem::Checkpoint(error.into())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::fake::signer;
    use audit::TreeHead;

    fn head() -> LogHead {
        let size = 3;
        let root = Digest::of(b"root");
        let checkpoint = Checkpoint::sign(TreeHead { size, root }, &signer()).unwrap();
        LogHead {
            key: signer().key().clone(),
            checkpoint: checkpoint.clone(),
            path: vec![root],
            seen: vec![SeenHead {
                party: "crvs".parse().unwrap(),
                checkpoint,
                path: vec![root, root],
            }],
        }
    }

    #[test]
    fn heads_round_trip() {
        let message = proto::HeadResponse::from(&head());
        assert_eq!(LogHead::try_from(message), Ok(head()));
        let none = proto::HeadRequest::default();
        assert_eq!(seen(&none), Ok(None));
        let checkpoint = head().checkpoint;
        let some = proto::HeadRequest {
            seen: checkpoint.to_string(),
        };
        assert_eq!(seen(&some), Ok(Some(checkpoint)));
    }

    type Change = fn(&mut proto::HeadResponse);

    #[test]
    fn what_is_wrong_is_named() {
        let changes: [(&str, Change); 5] = [
            ("HeadResponse.key", |m| m.key.clear()),
            ("HeadResponse.checkpoint", |m| m.checkpoint.push('x')),
            ("HeadResponse.consistency", |m| m.consistency[0].clear()),
            ("HeadResponse.consistency", |m| {
                m.consistency = vec![vec![0; 32]; 65]
            }),
            ("SeenHead.party", |m| m.seen[0].party = "A B".to_owned()),
        ];
        for (field, change) in changes {
            let mut message = proto::HeadResponse::from(&head());
            change(&mut message);
            let error = LogHead::try_from(message).unwrap_err().to_string();
            assert!(error.starts_with(field), "{error}");
        }
    }
}
