//! The resolver's side: asks the matcher, and takes its comparisons.

use model::{Clock, Digest, RunNumber};
use tonic::transport::Channel;

use super::retry::Attempts;
use super::{ClientError, Dialled, NodeIdentity, Retry, Target, answer, check_time, dial};
use crate::convert::handover::part;
use crate::handover::MatcherRun;
use crate::limits::{ACCEPT_TIMEOUT, CALL_TIMEOUT, MAX_MESSAGE_BYTES};
use crate::proto::handover_client::HandoverClient;
use crate::proto::{ComparisonsRequest, EndRequest, StandingRequest};

/// A connection of the resolver to the matcher, made anew by itself when it is cut.
#[derive(Clone)]
pub struct ResolverClient {
    channel: Channel,
    target: Dialled,
    retry: Retry,
}

impl ResolverClient {
    /// Connects to the matcher at `target` with the resolver's certificate.
    ///
    /// # Errors
    /// A [`ClientError`] that says what to do.
    pub async fn connect(
        target: &Target,
        identity: &NodeIdentity,
        clock: &dyn Clock,
    ) -> Result<Self, ClientError> {
        check_time(identity, clock)?;
        let target = Dialled::from(target);
        Ok(Self {
            channel: dial(&target, identity).await?,
            target,
            retry: Retry::default(),
        })
    }

    /// Sets how cuts are answered while comparisons are taken.
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Where `run` stands with the matcher.
    ///
    /// # Errors
    /// A [`ClientError`] that says what to do.
    pub async fn standing(&self, run: RunNumber) -> Result<MatcherRun, ClientError> {
        let mut handover = self.handover();
        let asked = handover.standing(StandingRequest { run: run.0 });
        Ok(answer(&self.target, CALL_TIMEOUT, asked)
            .await?
            .try_into()?)
    }

    /// The bytes of the comparisons with this digest from byte `from` on, some of them at least. A cut
    /// connection is made anew as [`Retry`] says. Nothing of the bytes is checked: their digest is known
    /// when all are there.
    ///
    /// # Errors
    /// A [`ClientError`] that says what to do.
    pub async fn comparisons(
        &self,
        run: RunNumber,
        digest: &Digest,
        from: u64,
    ) -> Result<Vec<u8>, ClientError> {
        let request = ComparisonsRequest {
            run: run.0,
            digest: digest.as_bytes().to_vec(),
            from,
        };
        let mut attempts = Attempts::new(self.retry);
        loop {
            let mut handover = self.handover();
            let asked = handover.comparisons(request.clone());
            match answer(&self.target, CALL_TIMEOUT, asked).await {
                Ok(answer) => return Ok(part(answer)?),
                Err(error) => attempts.after(error, 0).await?,
            }
        }
    }

    /// Has the matcher destroy what it keeps of `run`; says no while it is at work on one.
    ///
    /// # Errors
    /// A [`ClientError`] that says what to do.
    pub async fn end(&self, run: RunNumber, is_cancelled: bool) -> Result<bool, ClientError> {
        let request = EndRequest {
            run: run.0,
            cancelled: is_cancelled,
        };
        let mut handover = self.handover();
        let asked = handover.end(request);
        // Large files take their time to go.
        Ok(answer(&self.target, ACCEPT_TIMEOUT, asked).await?.ended)
    }

    fn handover(&self) -> HandoverClient<Channel> {
        HandoverClient::new(self.channel.clone())
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES)
    }
}
