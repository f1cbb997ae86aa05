//! The `Intake` service over an implementation in domain types.

use std::sync::Arc;

use model::{BatchManifest, Digest, Refusal, RefusalCode, RunNumber};
use tonic::{Code, Request, Response, Status, Streaming};

use super::{Fault, Intake, Pass, blocking, caller};
use crate::convert::intake::{chunk_digest, chunk_part, manifest_digest};
use crate::limits::{IDLE_TIMEOUT, MAX_MEMBERSHIP_PART};
use crate::messages::UploadState;
use crate::proto::intake_server;
use crate::proto::send_chunks_request::Part;
use crate::proto::{
    AcceptBatchRequest, AcceptBatchResponse, Chunk, DescribeRequest, DescribeResponse,
    MembershipRequest, MembershipResponse, OpenBatchRequest, OpenBatchResponse, SendChunksRequest,
    SendChunksResponse,
};

/// Serves what `0` implements.
pub(super) struct Service(pub(super) Arc<dyn Intake>);

#[tonic::async_trait]
impl intake_server::Intake for Service {
    async fn describe(
        &self,
        request: Request<DescribeRequest>,
    ) -> Result<Response<DescribeResponse>, Status> {
        let description = self
            .description(request)
            .await
            .map_err(|fault| fault.status())?;
        Ok(Response::new(description))
    }

    async fn open_batch(
        &self,
        request: Request<OpenBatchRequest>,
    ) -> Result<Response<OpenBatchResponse>, Status> {
        let state = self.open(request).await.map_err(|fault| fault.status())?;
        let state = Some(state.into());
        Ok(Response::new(OpenBatchResponse { state }))
    }

    async fn send_chunks(
        &self,
        request: Request<Streaming<SendChunksRequest>>,
    ) -> Result<Response<SendChunksResponse>, Status> {
        let state = self
            .receive(request)
            .await
            .map_err(|fault| fault.status())?;
        let state = Some(state.into());
        Ok(Response::new(SendChunksResponse { state }))
    }

    async fn accept_batch(
        &self,
        request: Request<AcceptBatchRequest>,
    ) -> Result<Response<AcceptBatchResponse>, Status> {
        let receipt = self.accept(request).await.map_err(|fault| fault.status())?;
        Ok(Response::new(receipt))
    }

    async fn membership(
        &self,
        request: Request<MembershipRequest>,
    ) -> Result<Response<MembershipResponse>, Status> {
        let part = self.part(request).await.map_err(|fault| fault.status())?;
        Ok(Response::new(part))
    }
}

impl Service {
    async fn description(
        &self,
        request: Request<DescribeRequest>,
    ) -> Result<DescribeResponse, Fault> {
        let party = caller(&request)?;
        let intake = Arc::clone(&self.0);
        let description = blocking(move || intake.describe(&party)).await?;
        Ok((&description).into())
    }

    async fn open(&self, request: Request<OpenBatchRequest>) -> Result<UploadState, Fault> {
        let party = caller(&request)?;
        let manifest = BatchManifest::try_from(request.into_inner()).map_err(Refusal::from)?;
        if manifest.party != party {
            let detail = format!("a batch of {} sent by {party}", manifest.party);
            return Err(Fault::refused(RefusalCode::WrongParty, detail));
        }
        manifest.check_limits()?;
        let intake = Arc::clone(&self.0);
        blocking(move || intake.open_batch(&party, &manifest)).await
    }

    async fn receive(
        &self,
        request: Request<Streaming<SendChunksRequest>>,
    ) -> Result<UploadState, Fault> {
        let pass = Pass::of(&request)?;
        let mut stream = request.into_inner();
        let digest = match next_part(&mut stream).await? {
            Some(Part::ManifestDigest(bytes)) => {
                manifest_digest("SendChunksRequest", &bytes).map_err(Refusal::from)?
            }
            _ => return Err(out_of_place("the first message has to name the batch")),
        };
        let mut next_chunk = None;
        while let Some(part) = next_part(&mut stream).await? {
            let Part::Chunk(chunk) = part else {
                return Err(out_of_place("a stream holds one batch"));
            };
            let index = chunk.index;
            self.put_chunk(pass.clone(), digest, chunk).await?;
            next_chunk = index.checked_add(1);
        }
        let next_chunk = next_chunk.ok_or_else(|| out_of_place("the stream holds no chunk"))?;
        Ok(UploadState {
            next_chunk,
            accepted: false,
        })
    }

    async fn put_chunk(&self, pass: Pass, digest: Digest, chunk: Chunk) -> Result<(), Fault> {
        let promised = chunk_digest(&chunk).map_err(Refusal::from)?;
        if chunk.content.len() > model::manifest::MAX_CHUNK_BYTES as usize {
            let detail = format!("chunk {} has {} bytes", chunk.index, chunk.content.len());
            return Err(Fault::refused(RefusalCode::TooLarge, detail));
        }
        let intake = Arc::clone(&self.0);
        blocking(move || {
            if Digest::of(&chunk.content) != promised {
                let detail = format!("chunk {} is not what its digest says", chunk.index);
                return Err(Fault::refused(RefusalCode::DigestDiffers, detail));
            }
            pass.check()?;
            intake.put_chunk(&pass.party, &digest, chunk.index, &chunk.content)
        })
        .await
    }

    async fn part(&self, request: Request<MembershipRequest>) -> Result<MembershipResponse, Fault> {
        let party = caller(&request)?;
        let MembershipRequest { run, from } = request.into_inner();
        let intake = Arc::clone(&self.0);
        let part =
            blocking(move || intake.membership(&party, RunNumber(run), from, MAX_MEMBERSHIP_PART));
        Ok(part.await?.into())
    }

    async fn accept(
        &self,
        request: Request<AcceptBatchRequest>,
    ) -> Result<AcceptBatchResponse, Fault> {
        let party = caller(&request)?;
        let digest = manifest_digest("AcceptBatchRequest", &request.into_inner().manifest_digest)
            .map_err(Refusal::from)?;
        let intake = Arc::clone(&self.0);
        let receipt = blocking(move || intake.accept_batch(&party, &digest)).await?;
        let receipt = (&receipt).try_into().map_err(Fault::failed)?;
        Ok(AcceptBatchResponse {
            receipt: Some(receipt),
        })
    }
}

/// The next message's part, or `None` at the end of the stream.
async fn next_part(stream: &mut Streaming<SendChunksRequest>) -> Result<Option<Part>, Fault> {
    let message = tokio::time::timeout(IDLE_TIMEOUT, stream.message())
        .await
        .map_err(|_| out_of_place("nothing came for too long"))?
        .map_err(broken)?;
    let part = message.map(chunk_part).transpose();
    Ok(part.map_err(Refusal::from)?)
}

/// A stream ends early for the caller's reasons, except where a message is over its limit.
fn broken(status: Status) -> Fault {
    match status.code() {
        Code::OutOfRange => Fault::refused(RefusalCode::TooLarge, status.message()),
        _ => out_of_place("the stream was cut"),
    }
}

fn out_of_place(detail: &str) -> Fault {
    Fault::refused(RefusalCode::BadMessage, detail)
}
