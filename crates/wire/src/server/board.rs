//! The `Board` service over an implementation in domain types.

use std::sync::Arc;

use model::Refusal;
use tonic::{Request, Response, Status};

use super::{Board, Fault, blocking, caller};
use crate::convert::board::{asked, posted};
use crate::proto::{PostRequest, PostResponse, ReadRequest, ReadResponse, board_server};

/// Serves what `0` implements.
pub(super) struct Service(pub(super) Arc<dyn Board>);

#[tonic::async_trait]
impl board_server::Board for Service {
    async fn post(&self, request: Request<PostRequest>) -> Result<Response<PostResponse>, Status> {
        self.take(request).await.map_err(|fault| fault.status())?;
        Ok(Response::new(PostResponse {}))
    }

    async fn read(&self, request: Request<ReadRequest>) -> Result<Response<ReadResponse>, Status> {
        let postings = self.show(request).await.map_err(|fault| fault.status())?;
        Ok(Response::new(postings))
    }
}

impl Service {
    async fn take(&self, request: Request<PostRequest>) -> Result<(), Fault> {
        let party = caller(&request)?;
        let (topic, posting) = posted(party, request.into_inner()).map_err(Refusal::from)?;
        let board = Arc::clone(&self.0);
        blocking(move || board.post(topic, &posting)).await
    }

    async fn show(&self, request: Request<ReadRequest>) -> Result<ReadResponse, Fault> {
        let party = caller(&request)?;
        let topic = asked(request.get_ref()).map_err(Refusal::from)?;
        let board = Arc::clone(&self.0);
        let postings = blocking(move || board.read(&party, topic)).await?;
        Ok(ReadResponse {
            postings: postings.iter().map(Into::into).collect(),
        })
    }
}
