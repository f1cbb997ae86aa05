//! Asking which of the block tokens that were sent another party has too.

use model::{Digest, PartyName, RunNumber};

use super::retry::Attempts;
use super::{ClientError, NodeClient};
use crate::limits::CALL_TIMEOUT;
use crate::membership::MembershipPart;
use crate::proto::MembershipRequest;

/// What the matcher says of a party's block tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MembershipAnswer {
    /// Nothing yet: these parties have not sent theirs, or nobody is missing and it is being made.
    Waiting(Vec<PartyName>),
    /// The bytes of a [`Membership`](crate::Membership), undamaged and not yet read.
    Ready(Vec<u8>),
}

impl NodeClient {
    /// Asks for the answer to the party's block tokens of `run`. Only the matcher has it. A cut
    /// connection is made anew as [`super::Retry`] says.
    ///
    /// # Errors
    /// A [`ClientError`] that says what to do.
    pub async fn membership(&self, run: RunNumber) -> Result<MembershipAnswer, ClientError> {
        let mut asking = Asking {
            client: self,
            run,
            bytes: Vec::new(),
            promised: None,
        };
        let mut attempts = Attempts::new(self.retry);
        loop {
            match asking.attempt().await {
                Ok(answer) => return Ok(answer),
                Err(error) => attempts.after(error, asking.bytes.len() as u64).await?,
            }
        }
    }
}

/// One question over all its attempts.
struct Asking<'a> {
    client: &'a NodeClient,
    run: RunNumber,
    bytes: Vec<u8>,
    promised: Option<(u64, Digest)>,
}

impl Asking<'_> {
    async fn attempt(&mut self) -> Result<MembershipAnswer, ClientError> {
        loop {
            let request = MembershipRequest {
                run: self.run.0,
                from: self.bytes.len() as u64,
            };
            let mut intake = self.client.intake();
            let call = intake.membership(request);
            let part = self.client.call(CALL_TIMEOUT, call).await?.try_into()?;
            let (length, digest, bytes) = match part {
                MembershipPart::Waiting(parties) => return Ok(MembershipAnswer::Waiting(parties)),
                MembershipPart::Bytes {
                    length,
                    digest,
                    bytes,
                } => (length, digest, bytes),
            };
            if *self.promised.get_or_insert((length, digest)) != (length, digest) {
                return Err(self.contradiction("with two answers to the same block tokens"));
            }
            self.bytes.extend(bytes);
            if self.bytes.len() as u64 >= length {
                return self.finish(length, digest);
            }
        }
    }

    fn finish(&mut self, length: u64, digest: Digest) -> Result<MembershipAnswer, ClientError> {
        let bytes = std::mem::take(&mut self.bytes);
        if bytes.len() as u64 != length || Digest::of(&bytes) != digest {
            return Err(self.contradiction("with an answer that is not what it promised"));
        }
        Ok(MembershipAnswer::Ready(bytes))
    }

    fn contradiction(&self, what: &'static str) -> ClientError {
        ClientError::contradiction(&self.client.target, what)
    }
}
