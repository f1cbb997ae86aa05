//! Reading a role's log: its head, checked by the caller, and its entries.

use audit::Checkpoint;

use super::{ClientError, NodeClient};
use crate::history::LogHead;
use crate::limits::CALL_TIMEOUT;
use crate::proto::log_client::LogClient;
use crate::proto::{EntriesRequest, HeadRequest};

impl NodeClient {
    /// What the role shows of its log to one who saw `last`. Nothing of it is checked yet:
    /// [`LogHead::check`] does that.
    ///
    /// # Errors
    /// A [`ClientError`] that says what to do.
    pub async fn log_head(&self, last: Option<&Checkpoint>) -> Result<LogHead, ClientError> {
        let seen = last.map(ToString::to_string).unwrap_or_default();
        let mut log = self.log();
        let call = log.head(HeadRequest { seen });
        Ok(self.call(CALL_TIMEOUT, call).await?.try_into()?)
    }

    /// The first `size` entries of the role's log, in their byte form, handed over page by page.
    /// Nothing of them is checked.
    ///
    /// # Errors
    /// A [`ClientError`] that says what to do; an end before `size` entries is one.
    pub async fn log_entries(
        &self,
        size: u64,
        mut take: impl FnMut(Vec<u8>),
    ) -> Result<(), ClientError> {
        let mut from = 0;
        while from < size {
            let mut log = self.log();
            let call = log.entries(EntriesRequest { from });
            let entries = self.call(CALL_TIMEOUT, call).await?.entries;
            if entries.is_empty() {
                let what = "with fewer log entries than its checkpoint says";
                return Err(ClientError::contradiction(&self.target, what));
            }
            for entry in entries.into_iter().take((size - from) as usize) {
                from += 1;
                take(entry);
            }
        }
        Ok(())
    }

    fn log(&self) -> LogClient<tonic::transport::Channel> {
        LogClient::new(self.channel.clone())
            .max_decoding_message_size(crate::limits::MAX_MESSAGE_BYTES)
            .max_encoding_message_size(crate::limits::MAX_MESSAGE_BYTES)
    }
}
