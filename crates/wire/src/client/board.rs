//! Putting up documents for the other custodians, and reading theirs.

use super::{ClientError, NodeClient};
use crate::board::{Posting, Topic};
use crate::convert::board::read;
use crate::limits::{CALL_TIMEOUT, MAX_BOARD_BYTES, MAX_MESSAGE_BYTES};
use crate::proto::board_client::BoardClient;
use crate::proto::{PostRequest, ReadRequest};

impl NodeClient {
    /// Puts up a document of this node's party. Repeating it changes nothing.
    ///
    /// # Errors
    /// A [`ClientError`] that says what to do.
    pub async fn post(&self, topic: Topic, posting: &Posting) -> Result<(), ClientError> {
        let request = PostRequest {
            topic: topic.to_string(),
            document: posting.document.clone(),
            signature: posting.signature.to_text().into_bytes(),
        };
        let mut board = self.board();
        let call = board.post(request);
        self.call(CALL_TIMEOUT, call).await.map(drop)
    }

    /// All that was put up under `topic`, at most one document a party. Signatures are for the
    /// caller to check.
    ///
    /// # Errors
    /// A [`ClientError`] that says what to do.
    pub async fn read(&self, topic: Topic) -> Result<Vec<Posting>, ClientError> {
        let topic = topic.to_string();
        let mut board = self.board();
        let call = board.read(ReadRequest { topic });
        Ok(read(self.call(CALL_TIMEOUT, call).await?)?)
    }

    fn board(&self) -> BoardClient<tonic::transport::Channel> {
        BoardClient::new(self.channel.clone())
            .max_decoding_message_size(MAX_BOARD_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES)
    }
}
