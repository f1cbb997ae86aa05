//! Messages of the `Board` service.

use model::{PartyName, Signature};

use super::place::{MessageError, Place, Problem, at};
use crate::board::{MAX_POSTING_BYTES, Posting, Topic};
use crate::limits::MAX_PARTIES;
use crate::proto;

impl Place {
    pub(crate) fn topic(self, text: &str) -> Result<Topic, MessageError> {
        text.parse().map_err(|_| self.wrong(Problem::Topic))
    }

    fn signature(self, bytes: &[u8]) -> Result<Signature, MessageError> {
        Signature::parse(bytes).map_err(|error| self.wrong(Problem::Signature(error.to_string())))
    }

    fn document(self, bytes: Vec<u8>) -> Result<Vec<u8>, MessageError> {
        match bytes.len() {
            0 => Err(self.wrong(Problem::Missing)),
            1..=MAX_POSTING_BYTES => Ok(bytes),
            is => Err(self.wrong(Problem::TooMany {
                is: is as u64,
                limit: MAX_POSTING_BYTES as u64,
            })),
        }
    }
}

/// What `party` puts up, and under which topic.
pub(crate) fn posted(
    party: PartyName,
    message: proto::PostRequest,
) -> Result<(Topic, Posting), MessageError> {
    let field = |name| at("PostRequest", name);
    let posting = Posting {
        party,
        document: field("document").document(message.document)?,
        signature: field("signature").signature(&message.signature)?,
    };
    Ok((field("topic").topic(&message.topic)?, posting))
}

/// The topic that is asked for.
pub(crate) fn asked(message: &proto::ReadRequest) -> Result<Topic, MessageError> {
    at("ReadRequest", "topic").topic(&message.topic)
}

impl From<&Posting> for proto::Posting {
    fn from(posting: &Posting) -> Self {
        Self {
            party: posting.party.to_string(),
            document: posting.document.clone(),
            signature: posting.signature.to_text().into_bytes(),
        }
    }
}

impl TryFrom<proto::Posting> for Posting {
    type Error = MessageError;

    fn try_from(message: proto::Posting) -> Result<Self, MessageError> {
        let field = |name| at("Posting", name);
        Ok(Self {
            party: field("party").name(&message.party)?,
            document: field("document").document(message.document)?,
            signature: field("signature").signature(&message.signature)?,
        })
    }
}

/// At most one posting a party.
pub(crate) fn read(message: proto::ReadResponse) -> Result<Vec<Posting>, MessageError> {
    let field = at("ReadResponse", "postings");
    field.at_most(message.postings.len() as u64, MAX_PARTIES as u64)?;
    let postings = message.postings.into_iter().map(TryInto::try_into);
    let postings: Vec<Posting> = postings.collect::<Result<_, _>>()?;
    let mut parties: Vec<&PartyName> = postings.iter().map(|posting| &posting.party).collect();
    parties.sort();
    parties.dedup();
    if parties.len() < postings.len() {
        return Err(field.wrong(Problem::Repeated));
    }
    Ok(postings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn posting(party: &str) -> Posting {
        let document = b"approved".to_vec();
        Posting {
            party: party.parse().unwrap(),
            signature: Signature::make(&document, [1; 32], |_| [2; 64]),
            document,
        }
    }

    fn message(parties: &[&str]) -> proto::ReadResponse {
        let postings = parties.iter().map(|party| (&posting(party)).into());
        proto::ReadResponse {
            postings: postings.collect(),
        }
    }

    #[test]
    fn postings_come_back() {
        assert_eq!(
            read(message(&["a", "b"])).unwrap(),
            [posting("a"), posting("b")]
        );
        let error = read(message(&["a", "b", "a"])).unwrap_err();
        assert_eq!(error.problem, Problem::Repeated);
    }

    #[test]
    fn what_is_put_up_is_held_to_its_limits() {
        type Spoil = fn(&mut proto::PostRequest);
        let spoils: [(Spoil, &str); 4] = [
            (|m| m.topic = "gossip".to_owned(), "topic"),
            (|m| m.document.clear(), "document"),
            (|m| m.document = vec![0; MAX_POSTING_BYTES + 1], "document"),
            (|m| m.signature.truncate(9), "signature"),
        ];
        let good = || {
            let posting = proto::Posting::from(&posting("a"));
            proto::PostRequest {
                topic: "approval-run-1".to_owned(),
                document: posting.document,
                signature: posting.signature,
            }
        };
        let party = || "a".parse().unwrap();
        assert_eq!(posted(party(), good()).unwrap().1, posting("a"));
        for (spoil, field) in spoils {
            let mut message = good();
            spoil(&mut message);
            assert_eq!(posted(party(), message).unwrap_err().field, field);
        }
    }
}
