//! Any bytes as any message, for fuzzers, which see no protobuf types.

use model::{BatchManifest, Evaluation};
use prost::Message;

use super::place::MessageError;
use super::{board, handover, intake, key_server, log, results, review};
use crate::board::{Posting, Topic};
use crate::handover::MatcherRun;
use crate::history::{LogHead, SeenHead};
use crate::key_server::KeyServerFacts;
use crate::messages::{
    Description, PartyProgress, ResultsHeader, ResultsRow, RunStatus, UploadState,
};
use crate::proto;
use crate::receipt::Receipt;
use crate::review::{ReviewHeader, ReviewPair};

/// What bytes are as a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// No protobuf of that message.
    NotAMessage,
    /// A message with a field that is wrong.
    Refused(MessageError),
    /// A message that is taken.
    Taken {
        /// Whether it means the same when it is written again; always, where only we read it.
        comes_back: bool,
    },
}

type Reader = fn(&[u8]) -> Reading;

/// What is read of each message, the ones with an answer to write first.
const READERS: [Reader; MESSAGES] = [
    |bytes| both_ways::<proto::DescribeResponse, Description>(bytes, |value| value.into()),
    |bytes| both_ways::<proto::BatchManifest, BatchManifest>(bytes, |value| value.into()),
    |bytes| both_ways::<proto::HeadResponse, LogHead>(bytes, |value| value.into()),
    |bytes| both_ways::<proto::SeenHead, SeenHead>(bytes, |value| value.into()),
    |bytes| both_ways::<proto::RunStatusResponse, RunStatus>(bytes, |value| value.into()),
    |bytes| both_ways::<proto::PartyProgress, PartyProgress>(bytes, |value| value.into()),
    |bytes| both_ways::<proto::ResultsHeader, ResultsHeader>(bytes, |value| value.into()),
    |bytes| both_ways::<proto::ResultsPage, Vec<ResultsRow>>(bytes, |rows| rows[..].into()),
    |bytes| both_ways::<proto::ReviewHeader, ReviewHeader>(bytes, |value| value.into()),
    |bytes| both_ways::<proto::ReviewPage, Vec<ReviewPair>>(bytes, |pairs| pairs[..].into()),
    |bytes| both_ways::<proto::Posting, Posting>(bytes, |value| value.into()),
    // What cannot be written is told as the empty message, which is no receipt.
    |bytes| {
        let write = |receipt: &Receipt| proto::Receipt::try_from(receipt).unwrap_or_default();
        both_ways::<proto::Receipt, Receipt>(bytes, write)
    },
    |bytes| {
        one_way(
            bytes,
            BatchManifest::try_from as fn(proto::OpenBatchRequest) -> _,
        )
    },
    |bytes| {
        one_way(
            bytes,
            UploadState::try_from as fn(proto::OpenBatchResponse) -> _,
        )
    },
    |bytes| {
        one_way(
            bytes,
            UploadState::try_from as fn(proto::SendChunksResponse) -> _,
        )
    },
    |bytes| {
        one_way(
            bytes,
            Receipt::try_from as fn(proto::AcceptBatchResponse) -> _,
        )
    },
    |bytes| one_way(bytes, |message| log::seen(&message)),
    |bytes| one_way(bytes, board::read),
    |bytes| one_way(bytes, posted),
    |bytes| one_way(bytes, |message| board::asked(&message)),
    |bytes| one_way(bytes, chunk),
    |bytes| one_way(bytes, results::collect_part),
    |bytes| one_way(bytes, review::review_part),
    |bytes| both_ways::<proto::StandingResponse, MatcherRun>(bytes, |value| value.into()),
    |bytes| {
        one_way(
            bytes,
            handover::Wanted::try_from as fn(proto::ComparisonsRequest) -> _,
        )
    },
    |bytes| one_way(bytes, handover::part),
    |bytes| both_ways::<proto::FactsResponse, KeyServerFacts>(bytes, |value| value.into()),
    |bytes| both_ways::<proto::EvaluateResponse, Evaluation>(bytes, |value| value.into()),
    |bytes| one_way(bytes, |message| key_server::asked(&message)),
];

/// How many messages [`read_any`] knows.
pub const MESSAGES: usize = 29;

/// Reads `bytes` as the message of this number.
pub fn read_any(message: usize, bytes: &[u8]) -> Option<Reading> {
    READERS.get(message).map(|read| read(bytes))
}

fn one_way<M: Message + Default, T>(
    bytes: &[u8],
    read: impl Fn(M) -> Result<T, MessageError>,
) -> Reading {
    match M::decode(bytes).map(read) {
        Err(_) => Reading::NotAMessage,
        Ok(Err(error)) => Reading::Refused(error),
        Ok(Ok(_)) => Reading::Taken { comes_back: true },
    }
}

fn both_ways<M: Message + Default, T>(bytes: &[u8], write: impl Fn(&T) -> M) -> Reading
where
    T: TryFrom<M, Error = MessageError> + PartialEq,
{
    let value = match M::decode(bytes).map(T::try_from) {
        Err(_) => return Reading::NotAMessage,
        Ok(Err(error)) => return Reading::Refused(error),
        Ok(Ok(value)) => value,
    };
    let written = write(&value).encode_to_vec();
    let again = M::decode(&written[..]).ok();
    let again = again.and_then(|message| T::try_from(message).ok());
    let comes_back = again.is_some_and(|again| again == value);
    Reading::Taken { comes_back }
}

fn posted(message: proto::PostRequest) -> Result<(Topic, Posting), MessageError> {
    // The party is told by the certificate; any name does.
    let party = super::place::at("PostRequest", "party").name("any")?;
    board::posted(party, message)
}

/// What is read of a message of `SendChunks` before its bytes are held against their digest.
fn chunk(message: proto::SendChunksRequest) -> Result<(), MessageError> {
    use proto::send_chunks_request::Part;
    match intake::chunk_part(message)? {
        Part::ManifestDigest(digest) => {
            intake::manifest_digest("SendChunksRequest", &digest).map(drop)
        }
        Part::Chunk(chunk) => intake::chunk_digest(&chunk).map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::fake;

    #[test]
    fn messages_are_told_from_what_is_none() {
        let manifest = fake::manifest("crvs", b"payload", 4);
        let bytes = proto::BatchManifest::from(&manifest).encode_to_vec();
        let taken = Some(Reading::Taken { comes_back: true });
        assert_eq!(read_any(1, &bytes), taken);
        let receipt = fake::receipt(&manifest);
        let bytes = proto::Receipt::try_from(&receipt).unwrap().encode_to_vec();
        assert_eq!(read_any(11, &bytes), taken);
        assert_eq!(read_any(1, &[0xff]), Some(Reading::NotAMessage));
        assert_eq!(read_any(MESSAGES, &[]), None);
        for message in 0..MESSAGES {
            assert!(read_any(message, &[]).is_some(), "{message}");
        }
        assert!(matches!(read_any(0, &[]), Some(Reading::Refused(_))));
    }
}
