//! The `Results` service over an implementation in domain types.

use std::pin::Pin;
use std::sync::Arc;

use model::RunNumber;
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::{Fault, Pass, Results, blocking, caller};
use crate::limits::{IDLE_TIMEOUT, MAX_PAGE_PAIRS, MAX_PAGE_ROWS};
use crate::proto::collect_response::Part;
use crate::proto::{CollectRequest, CollectResponse, RunStatusRequest, RunStatusResponse};
use crate::proto::{ReviewRequest, ReviewResponse, results_server, review_response};
use crate::review::Review;

/// Pages read ahead of the caller.
const PAGES_AHEAD: usize = 2;

type Answers = mpsc::Sender<Result<CollectResponse, Status>>;

/// What a call is answered with, message by message.
type Messages<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Serves what `0` implements.
pub(super) struct Service(pub(super) Arc<dyn Results>);

#[tonic::async_trait]
impl results_server::Results for Service {
    type CollectStream = Messages<CollectResponse>;
    type ReviewStream = Messages<ReviewResponse>;

    async fn run_status(
        &self,
        request: Request<RunStatusRequest>,
    ) -> Result<Response<RunStatusResponse>, Status> {
        let status = self.status(request).await.map_err(|fault| fault.status())?;
        Ok(Response::new(status))
    }

    async fn collect(
        &self,
        request: Request<CollectRequest>,
    ) -> Result<Response<Self::CollectStream>, Status> {
        let stream = self.pages(request).await.map_err(|fault| fault.status())?;
        Ok(Response::new(Box::pin(stream)))
    }

    async fn review(
        &self,
        request: Request<ReviewRequest>,
    ) -> Result<Response<Self::ReviewStream>, Status> {
        let messages = self.pairs(request).await.map_err(|fault| fault.status())?;
        let stream = tokio_stream::iter(messages.into_iter().map(Ok));
        Ok(Response::new(Box::pin(stream)))
    }
}

impl Service {
    async fn status(&self, request: Request<RunStatusRequest>) -> Result<RunStatusResponse, Fault> {
        let party = caller(&request)?;
        let results = Arc::clone(&self.0);
        let status = blocking(move || results.run_status(&party)).await?;
        Ok((&status).into())
    }

    async fn pages(
        &self,
        request: Request<CollectRequest>,
    ) -> Result<ReceiverStream<Result<CollectResponse, Status>>, Fault> {
        let pass = Pass::of(&request)?;
        let request = request.into_inner();
        let run = RunNumber(request.run);
        let results = Arc::clone(&self.0);
        let asking = pass.party.clone();
        let header = blocking(move || results.results_header(&asking, run)).await?;
        let (answers, stream) = mpsc::channel(PAGES_AHEAD);
        let pages = Pages {
            results: Arc::clone(&self.0),
            pass,
            run,
            next_row: request.from_row,
            rows: header.rows,
        };
        let first = CollectResponse {
            part: Some(Part::Header((&header).into())),
        };
        tokio::spawn(pages.send(first, answers));
        Ok(ReceiverStream::new(stream))
    }
}

impl Service {
    async fn pairs(&self, request: Request<ReviewRequest>) -> Result<Vec<ReviewResponse>, Fault> {
        let party = caller(&request)?;
        let request = request.into_inner();
        let results = Arc::clone(&self.0);
        let run = RunNumber(request.run);
        let review = blocking(move || results.review(&party, run)).await?;
        Ok(review_messages(&review, request.from_pair as usize))
    }
}

/// The header and all pages from `from_pair` on. There are few enough pairs to hold them at once.
fn review_messages(review: &Review, from_pair: usize) -> Vec<ReviewResponse> {
    let header = review_response::Part::Header((&review.header).into());
    let pairs = review.pairs.get(from_pair..).unwrap_or_default();
    let pages = pairs.chunks(MAX_PAGE_PAIRS);
    let pages = pages.map(|page| review_response::Part::Page(page.into()));
    let parts = std::iter::once(header).chain(pages);
    parts
        .map(|part| ReviewResponse { part: Some(part) })
        .collect()
}

/// The rows still to be sent to one caller.
struct Pages {
    results: Arc<dyn Results>,
    pass: Pass,
    run: RunNumber,
    next_row: u64,
    rows: u64,
}

impl Pages {
    /// Sends header and pages until all are sent or the caller takes no more.
    async fn send(mut self, header: CollectResponse, answers: Answers) {
        let mut answer = Ok(header);
        loop {
            let is_last = answer.is_err() || self.next_row >= self.rows;
            let sent = answers.send_timeout(answer, IDLE_TIMEOUT).await;
            if is_last || sent.is_err() {
                return;
            }
            answer = self.next_page().await.map_err(|fault| fault.status());
        }
    }

    async fn next_page(&mut self) -> Result<CollectResponse, Fault> {
        let (results, pass) = (Arc::clone(&self.results), self.pass.clone());
        let (run, from_row) = (self.run, self.next_row);
        let page = move || {
            pass.check()?;
            results.results_rows(&pass.party, run, from_row, MAX_PAGE_ROWS)
        };
        let rows = blocking(page).await?;
        if rows.is_empty() || rows.len() > MAX_PAGE_ROWS {
            let text = format!("a page of {} rows at row {from_row}", rows.len());
            return Err(Fault::failed(text));
        }
        self.next_row += rows.len() as u64;
        Ok(CollectResponse {
            part: Some(Part::Page(rows.as_slice().into())),
        })
    }
}
