//! The answer to block tokens.

use model::PartyName;

use super::place::{MessageError, Problem, at};
use crate::limits::{MAX_MEMBERSHIP_BYTES, MAX_MEMBERSHIP_PART, MAX_PARTIES};
use crate::membership::MembershipPart;
use crate::proto::MembershipResponse;

impl From<MembershipPart> for MembershipResponse {
    fn from(part: MembershipPart) -> Self {
        match part {
            MembershipPart::Waiting(parties) => Self {
                waiting: parties.iter().map(PartyName::to_string).collect(),
                ..Self::default()
            },
            MembershipPart::Bytes {
                length,
                digest,
                bytes,
            } => Self {
                ready: true,
                length,
                digest: digest.as_bytes().to_vec(),
                content: bytes,
                ..Self::default()
            },
        }
    }
}

impl TryFrom<MembershipResponse> for MembershipPart {
    type Error = MessageError;

    fn try_from(message: MembershipResponse) -> Result<Self, MessageError> {
        let field = |name| at("MembershipResponse", name);
        field("waiting").at_most(message.waiting.len() as u64, MAX_PARTIES as u64)?;
        if !message.ready {
            let parties = message
                .waiting
                .iter()
                .map(|name| field("waiting").name(name));
            return Ok(Self::Waiting(parties.collect::<Result<_, _>>()?));
        }
        field("length").at_most(message.length, MAX_MEMBERSHIP_BYTES as u64)?;
        field("content").at_most(message.content.len() as u64, MAX_MEMBERSHIP_PART as u64)?;
        if message.content.is_empty() {
            return Err(field("content").wrong(Problem::Missing));
        }
        Ok(Self::Bytes {
            length: message.length,
            digest: field("digest").digest(&message.digest)?,
            bytes: message.content,
        })
    }
}
