//! The `KeyServer` service over an implementation in domain types.

use std::sync::Arc;

use model::{Epoch, Refusal};
use tonic::{Request, Response, Status};

use super::{Evaluations, Fault, blocking, caller};
use crate::convert::key_server::asked;
use crate::proto::{
    EvaluateRequest, EvaluateResponse, FactsRequest, FactsResponse, key_server_server,
};

/// Serves what `0` implements.
pub(super) struct Service(pub(super) Arc<dyn Evaluations>);

#[tonic::async_trait]
impl key_server_server::KeyServer for Service {
    async fn facts(
        &self,
        request: Request<FactsRequest>,
    ) -> Result<Response<FactsResponse>, Status> {
        let facts = self.tell(request).await.map_err(|fault| fault.status())?;
        Ok(Response::new(facts))
    }

    async fn evaluate(
        &self,
        request: Request<EvaluateRequest>,
    ) -> Result<Response<EvaluateResponse>, Status> {
        let evaluation = self.answer(request).await.map_err(|fault| fault.status())?;
        Ok(Response::new(evaluation))
    }
}

impl Service {
    async fn tell(&self, request: Request<FactsRequest>) -> Result<FactsResponse, Fault> {
        let party = caller(&request)?;
        let epoch = Epoch(request.into_inner().epoch);
        let evaluations = Arc::clone(&self.0);
        let facts = blocking(move || evaluations.facts(&party, epoch)).await?;
        Ok((&facts).into())
    }

    async fn answer(&self, request: Request<EvaluateRequest>) -> Result<EvaluateResponse, Fault> {
        let party = caller(&request)?;
        let (epoch, elements) = asked(request.get_ref()).map_err(Refusal::from)?;
        let evaluations = Arc::clone(&self.0);
        let answer = blocking(move || evaluations.evaluate(&party, epoch, &elements)).await?;
        Ok((&answer).into())
    }
}
