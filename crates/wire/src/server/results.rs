//! The `Results` service over an implementation in domain types.

use std::pin::Pin;
use std::sync::Arc;

use model::{PartyName, RunNumber};
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::{Fault, Results, blocking, caller};
use crate::limits::{IDLE_TIMEOUT, MAX_PAGE_ROWS};
use crate::proto::collect_response::Part;
use crate::proto::results_server;
use crate::proto::{CollectRequest, CollectResponse, RunStatusRequest, RunStatusResponse};

/// Pages read ahead of the caller.
const PAGES_AHEAD: usize = 2;

type Answers = mpsc::Sender<Result<CollectResponse, Status>>;

/// Serves what `0` implements.
pub(super) struct Service(pub(super) Arc<dyn Results>);

#[tonic::async_trait]
impl results_server::Results for Service {
    type CollectStream = Pin<Box<dyn Stream<Item = Result<CollectResponse, Status>> + Send>>;

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
        let party = caller(&request)?;
        let request = request.into_inner();
        let run = RunNumber(request.run);
        let results = Arc::clone(&self.0);
        let asking = party.clone();
        let header = blocking(move || results.results_header(&asking, run)).await?;
        let (answers, stream) = mpsc::channel(PAGES_AHEAD);
        let pages = Pages {
            results: Arc::clone(&self.0),
            party,
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

/// The rows still to be sent to one caller.
struct Pages {
    results: Arc<dyn Results>,
    party: PartyName,
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
        let (results, party) = (Arc::clone(&self.results), self.party.clone());
        let (run, from_row) = (self.run, self.next_row);
        let rows =
            blocking(move || results.results_rows(&party, run, from_row, MAX_PAGE_ROWS)).await?;
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
