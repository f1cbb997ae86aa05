//! The `Handover` service over an implementation in domain types, for the resolver alone.

use std::sync::Arc;

use model::{Refusal, RefusalCode, RunNumber};
use tonic::{Request, Response, Status};

use super::{Fault, Gate, Handover, blocking, certificate};
use crate::convert::handover::Wanted;
use crate::identity::role_of;
use crate::limits::MAX_COMPARISONS_PART;
use crate::messages::Role;
use crate::proto::{
    ComparisonsRequest, ComparisonsResponse, EndRequest, EndResponse, StandingRequest,
    StandingResponse, handover_server,
};

/// Serves what `0` implements.
pub(super) struct Service(pub(super) Arc<dyn Handover>);

/// Holds a call to the resolver's certificate and to the gate, before anything of it is read.
pub(super) fn admitted(gate: &dyn Gate, request: Request<()>) -> Result<Request<()>, Status> {
    let check = || -> Result<(), Fault> {
        let (der, fingerprint) = certificate(&request)?;
        if role_of(&der) != Some(Role::Resolver) {
            let detail = "comparisons are handed to the resolver and to nobody else";
            return Err(Fault::refused(RefusalCode::NotAMember, detail));
        }
        Ok(gate.admit_resolver(&fingerprint)?)
    };
    check().map_err(|fault| fault.status())?;
    Ok(request)
}

#[tonic::async_trait]
impl handover_server::Handover for Service {
    async fn standing(
        &self,
        request: Request<StandingRequest>,
    ) -> Result<Response<StandingResponse>, Status> {
        let (handover, run) = (Arc::clone(&self.0), RunNumber(request.get_ref().run));
        let standing = blocking(move || handover.standing(run)).await;
        let standing = standing.map_err(|fault| fault.status())?;
        Ok(Response::new((&standing).into()))
    }

    async fn comparisons(
        &self,
        request: Request<ComparisonsRequest>,
    ) -> Result<Response<ComparisonsResponse>, Status> {
        let part = self.part(request.into_inner()).await;
        let content = part.map_err(|fault| fault.status())?;
        Ok(Response::new(ComparisonsResponse { content }))
    }

    async fn end(&self, request: Request<EndRequest>) -> Result<Response<EndResponse>, Status> {
        let (handover, request) = (Arc::clone(&self.0), request.into_inner());
        let (run, is_cancelled) = (RunNumber(request.run), request.cancelled);
        let ended = blocking(move || handover.end(run, is_cancelled)).await;
        let ended = ended.map_err(|fault| fault.status())?;
        Ok(Response::new(EndResponse { ended }))
    }
}

impl Service {
    async fn part(&self, request: ComparisonsRequest) -> Result<Vec<u8>, Fault> {
        let Wanted { run, digest, from } = request.try_into().map_err(Refusal::from)?;
        let handover = Arc::clone(&self.0);
        let part = move || handover.comparisons(run, &digest, from, MAX_COMPARISONS_PART);
        let bytes = blocking(part).await?;
        if bytes.is_empty() || bytes.len() > MAX_COMPARISONS_PART {
            let text = format!("{} bytes of comparisons at byte {from}", bytes.len());
            return Err(Fault::failed(text));
        }
        Ok(bytes)
    }
}
