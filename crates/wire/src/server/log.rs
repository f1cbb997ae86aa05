//! The `Log` service over an implementation in domain types.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::{Fault, Logs, blocking, caller};
use crate::convert::log::seen;
use crate::limits::MAX_ENTRIES_BYTES;
use crate::proto::{EntriesRequest, EntriesResponse, HeadRequest, HeadResponse, log_server};
use model::Refusal;

/// Serves the log of what `0` implements.
pub(super) struct Service(pub(super) Arc<dyn Logs>);

#[tonic::async_trait]
impl log_server::Log for Service {
    async fn head(&self, request: Request<HeadRequest>) -> Result<Response<HeadResponse>, Status> {
        let head = self.show(request).await.map_err(|fault| fault.status())?;
        Ok(Response::new(head))
    }

    async fn entries(
        &self,
        request: Request<EntriesRequest>,
    ) -> Result<Response<EntriesResponse>, Status> {
        let entries = self.page(request).await.map_err(|fault| fault.status())?;
        Ok(Response::new(EntriesResponse { entries }))
    }
}

impl Service {
    async fn show(&self, request: Request<HeadRequest>) -> Result<HeadResponse, Fault> {
        let party = caller(&request)?;
        let seen = seen(&request.into_inner()).map_err(Refusal::from)?;
        let logs = Arc::clone(&self.0);
        let head = blocking(move || logs.log_head(&party, seen.as_ref())).await?;
        Ok((&head).into())
    }

    async fn page(&self, request: Request<EntriesRequest>) -> Result<Vec<Vec<u8>>, Fault> {
        let party = caller(&request)?;
        let from = request.into_inner().from;
        let logs = Arc::clone(&self.0);
        blocking(move || logs.log_entries(&party, from, MAX_ENTRIES_BYTES)).await
    }
}
