//! Fetching the pairs that people should look at: header and pages, resumed after cuts and checked
//! at the end.

use model::RunNumber;
use tonic::Streaming;

use super::retry::Attempts;
use super::{ClientError, NodeClient};
use crate::convert::review::review_part;
use crate::limits::CALL_TIMEOUT;
use crate::proto::review_response::Part;
use crate::proto::{ReviewRequest, ReviewResponse};
use crate::review::{Review, ReviewHeader, ReviewPair, review_digest};

impl NodeClient {
    /// Fetches the pairs of `run` that have a record of the party. Only the resolver has them. A cut
    /// connection is made anew as [`super::Retry`] says.
    ///
    /// # Errors
    /// A [`ClientError`] that says what to do.
    pub async fn review(&self, run: RunNumber) -> Result<Review, ClientError> {
        let mut fetching = Fetching {
            client: self,
            run,
            header: None,
            pairs: Vec::new(),
        };
        let mut attempts = Attempts::new(self.retry);
        while let Err(error) = fetching.attempt().await {
            attempts.after(error, fetching.pairs.len() as u64).await?;
        }
        fetching.finish()
    }
}

/// One fetching over all its attempts.
struct Fetching<'a> {
    client: &'a NodeClient,
    run: RunNumber,
    header: Option<ReviewHeader>,
    pairs: Vec<ReviewPair>,
}

impl Fetching<'_> {
    async fn attempt(&mut self) -> Result<(), ClientError> {
        let request = ReviewRequest {
            run: self.run.0,
            from_pair: self.pairs.len() as u32,
        };
        let mut results = self.client.results();
        let call = results.review(request);
        let mut stream = self.client.call(CALL_TIMEOUT, call).await?;
        match self.next_part(&mut stream).await? {
            Some(Part::Header(header)) => self.take_header(header.try_into()?)?,
            _ => return Err(self.contradiction("without a header")),
        }
        while let Some(part) = self.next_part(&mut stream).await? {
            let Part::Page(page) = part else {
                return Err(self.contradiction("with a second header"));
            };
            self.take_pairs(page.try_into()?)?;
        }
        Ok(())
    }

    async fn next_part(
        &self,
        stream: &mut Streaming<ReviewResponse>,
    ) -> Result<Option<Part>, ClientError> {
        let message = self.client.next_message(stream).await?;
        Ok(message.map(review_part).transpose()?)
    }

    fn take_header(&mut self, header: ReviewHeader) -> Result<(), ClientError> {
        if header.run != self.run {
            return Err(self.contradiction("with the pairs of another run"));
        }
        match &self.header {
            Some(first) if *first != header => {
                Err(self.contradiction("with other pairs after the connection was cut"))
            }
            _ => {
                self.header = Some(header);
                Ok(())
            }
        }
    }

    fn take_pairs(&mut self, pairs: Vec<ReviewPair>) -> Result<(), ClientError> {
        let promised = self.header.as_ref().map_or(0, |header| header.pairs);
        if self.pairs.len() + pairs.len() > promised as usize {
            return Err(self.contradiction("with more pairs than it promised"));
        }
        self.pairs.extend(pairs);
        Ok(())
    }

    fn finish(self) -> Result<Review, ClientError> {
        let target = &self.client.target;
        let Some(header) = self.header else {
            return Err(ClientError::contradiction(target, "without a header"));
        };
        let is_whole = self.pairs.len() == header.pairs as usize;
        if !is_whole || review_digest(&self.pairs) != header.pairs_digest {
            let what = "with pairs that are not those it promised";
            return Err(ClientError::contradiction(target, what));
        }
        let pairs = self.pairs;
        Ok(Review { header, pairs })
    }

    fn contradiction(&self, what: &'static str) -> ClientError {
        ClientError::contradiction(&self.client.target, what)
    }
}
