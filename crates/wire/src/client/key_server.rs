//! The node's side of the key server: asking for evaluations.

use model::{Clock, Element, Epoch, Evaluation, PartyName};
use tonic::transport::Channel;

use super::retry::Attempts;
use super::{ClientError, Dialled, NodeIdentity, Peer, Retry, answer, check_own, dial};
use crate::convert::key_server::joined;
use crate::key_server::KeyServerFacts;
use crate::limits::{CALL_TIMEOUT, EVALUATE_TIMEOUT, MAX_MESSAGE_BYTES};
use crate::proto::key_server_client;
use crate::proto::{EvaluateRequest, FactsRequest};

/// A connection to the project's key server, made anew by itself when it is cut.
#[derive(Clone)]
pub struct KeyServerClient {
    channel: Channel,
    target: Dialled,
    party: PartyName,
    retry: Retry,
}

impl KeyServerClient {
    /// Connects to the key server at `address`, host and port. Whether it takes this node's certificate
    /// shows with the first call.
    ///
    /// # Errors
    /// A [`ClientError`] that says what to do.
    pub async fn connect(
        address: &str,
        identity: &NodeIdentity,
        clock: &dyn Clock,
    ) -> Result<Self, ClientError> {
        let party = check_own(identity, clock)?;
        let target = Dialled {
            address: address.to_owned(),
            peer: Peer::KeyServer,
        };
        Ok(Self {
            channel: dial(&target, identity).await?,
            target,
            party,
            retry: Retry::default(),
        })
    }

    /// Sets how cuts are answered.
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// The party the node's certificate names.
    pub fn party(&self) -> &PartyName {
        &self.party
    }

    /// What the key server says of itself and `epoch`.
    ///
    /// # Errors
    /// A [`ClientError`] that says what to do.
    pub async fn facts(&self, epoch: Epoch) -> Result<KeyServerFacts, ClientError> {
        let mut service = self.service();
        let call = service.facts(FactsRequest { epoch: epoch.0 });
        Ok(answer(&self.target, CALL_TIMEOUT, call).await?.try_into()?)
    }

    /// Has a batch evaluated. It is sent again as it is when the connection is cut, which is not counted
    /// again. Nothing of the answer is checked: the proof has to be.
    ///
    /// # Errors
    /// A [`ClientError`] that says what to do.
    pub async fn evaluate(
        &self,
        epoch: Epoch,
        elements: &[Element],
    ) -> Result<Evaluation, ClientError> {
        let request = EvaluateRequest {
            epoch: epoch.0,
            elements: joined(elements),
        };
        let mut attempts = Attempts::new(self.retry);
        loop {
            let mut service = self.service();
            let call = service.evaluate(request.clone());
            match answer(&self.target, EVALUATE_TIMEOUT, call).await {
                Ok(response) => return Ok(response.try_into()?),
                Err(error) => attempts.after(error, 0).await?,
            }
        }
    }

    fn service(&self) -> key_server_client::KeyServerClient<Channel> {
        key_server_client::KeyServerClient::new(self.channel.clone())
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES)
    }
}
