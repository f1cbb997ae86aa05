//! Messages of the `Intake` service.

use audit::entry::EntryError;
use audit::{Entry, TreeHead};
use model::{BatchManifest, Epoch, KeyCheck, PartyName, RunNumber};

use super::place::{MessageError, Problem, at};
use crate::limits::{MAX_PARTIES, MAX_PROOF_HASHES};
use crate::messages::{Description, Role, UploadState};
use crate::proto;
use crate::receipt::Receipt;

impl From<&Description> for proto::DescribeResponse {
    fn from(description: &Description) -> Self {
        let key = description
            .resolver_key
            .filter(|_| description.role == Role::Resolver);
        Self {
            project: description.project.to_string(),
            epoch: description.epoch.0,
            run: description.run.0,
            state: proto::RunState::from(description.state).into(),
            schema_digest: description.schema_digest.as_bytes().to_vec(),
            role: proto::Role::from(description.role).into(),
            resolver_key: key.map(Vec::from).unwrap_or_default(),
            parties: description
                .parties
                .iter()
                .map(PartyName::to_string)
                .collect(),
            agreement: description
                .agreement
                .map(|digest| digest.as_bytes().to_vec())
                .unwrap_or_default(),
        }
    }
}

impl TryFrom<proto::DescribeResponse> for Description {
    type Error = MessageError;

    fn try_from(message: proto::DescribeResponse) -> Result<Self, MessageError> {
        let field = |name| at("DescribeResponse", name);
        let role = field("role").role(message.role)?;
        field("parties").at_most(message.parties.len() as u64, MAX_PARTIES as u64)?;
        let parties = message
            .parties
            .iter()
            .map(|name| field("parties").name(name));
        Ok(Self {
            project: field("project").name(&message.project)?,
            epoch: Epoch(message.epoch),
            run: RunNumber(message.run),
            state: field("state").run_state(message.state)?,
            schema_digest: field("schema_digest").digest(&message.schema_digest)?,
            role,
            resolver_key: resolver_key(role, &message.resolver_key)?,
            parties: parties.collect::<Result<_, _>>()?,
            agreement: match message.agreement.as_slice() {
                [] => None,
                bytes => Some(field("agreement").digest(bytes)?),
            },
        })
    }
}

/// Only the resolver may speak of its key: a matcher that could put its own there could read the
/// handle maps.
fn resolver_key(role: Role, bytes: &[u8]) -> Result<Option<[u8; 32]>, MessageError> {
    let field = at("DescribeResponse", "resolver_key");
    match role {
        Role::Resolver => field.bytes(bytes).map(Some),
        Role::Matcher if bytes.is_empty() => Ok(None),
        Role::Matcher => Err(field.wrong(Problem::Unexpected)),
    }
}

impl From<&BatchManifest> for proto::BatchManifest {
    fn from(manifest: &BatchManifest) -> Self {
        Self {
            project: manifest.project.to_string(),
            run: manifest.run.0,
            epoch: manifest.epoch.0,
            party: manifest.party.to_string(),
            kind: proto::BatchKind::from(manifest.kind).into(),
            schema_digest: manifest.schema_digest.as_bytes().to_vec(),
            key_check: manifest.key_check.as_bytes().to_vec(),
            records: manifest.records,
            set_aside: manifest.set_aside,
            rows: manifest.rows,
            bytes: manifest.bytes,
            chunk_bytes: manifest.chunk_bytes,
            payload_digest: manifest.payload_digest.as_bytes().to_vec(),
            agreement: manifest.agreement.as_bytes().to_vec(),
        }
    }
}

impl TryFrom<proto::BatchManifest> for BatchManifest {
    type Error = MessageError;

    fn try_from(message: proto::BatchManifest) -> Result<Self, MessageError> {
        let field = |name| at("BatchManifest", name);
        Ok(Self {
            project: field("project").name(&message.project)?,
            run: RunNumber(message.run),
            epoch: Epoch(message.epoch),
            party: field("party").name(&message.party)?,
            kind: field("kind").batch_kind(message.kind)?,
            schema_digest: field("schema_digest").digest(&message.schema_digest)?,
            key_check: field("key_check")
                .bytes(&message.key_check)
                .map(KeyCheck::new)?,
            records: message.records,
            set_aside: message.set_aside,
            rows: message.rows,
            bytes: message.bytes,
            chunk_bytes: message.chunk_bytes,
            payload_digest: field("payload_digest").digest(&message.payload_digest)?,
            agreement: field("agreement").digest(&message.agreement)?,
        })
    }
}

impl TryFrom<proto::OpenBatchRequest> for BatchManifest {
    type Error = MessageError;

    fn try_from(message: proto::OpenBatchRequest) -> Result<Self, MessageError> {
        at("OpenBatchRequest", "manifest")
            .present(message.manifest)?
            .try_into()
    }
}

impl From<UploadState> for proto::UploadState {
    fn from(state: UploadState) -> Self {
        Self {
            next_chunk: state.next_chunk,
            accepted: state.accepted,
        }
    }
}

impl From<proto::UploadState> for UploadState {
    fn from(message: proto::UploadState) -> Self {
        Self {
            next_chunk: message.next_chunk,
            accepted: message.accepted,
        }
    }
}

impl TryFrom<proto::OpenBatchResponse> for UploadState {
    type Error = MessageError;

    fn try_from(message: proto::OpenBatchResponse) -> Result<Self, MessageError> {
        at("OpenBatchResponse", "state")
            .present(message.state)
            .map(Self::from)
    }
}

impl TryFrom<proto::SendChunksResponse> for UploadState {
    type Error = MessageError;

    fn try_from(message: proto::SendChunksResponse) -> Result<Self, MessageError> {
        at("SendChunksResponse", "state")
            .present(message.state)
            .map(Self::from)
    }
}

impl TryFrom<&Receipt> for proto::Receipt {
    type Error = EntryError;

    fn try_from(receipt: &Receipt) -> Result<Self, EntryError> {
        let path = receipt.proof.path.iter();
        Ok(Self {
            manifest_digest: receipt.manifest_digest.as_bytes().to_vec(),
            entry: receipt.entry.to_bytes()?,
            leaf_index: receipt.proof.index,
            tree_size: receipt.proof.head.size,
            tree_root: receipt.proof.head.root.as_bytes().to_vec(),
            path: path.map(|hash| hash.as_bytes().to_vec()).collect(),
            checkpoint: receipt.checkpoint.to_string(),
        })
    }
}

impl TryFrom<proto::AcceptBatchResponse> for Receipt {
    type Error = MessageError;

    fn try_from(message: proto::AcceptBatchResponse) -> Result<Self, MessageError> {
        at("AcceptBatchResponse", "receipt")
            .present(message.receipt)?
            .try_into()
    }
}

impl TryFrom<proto::Receipt> for Receipt {
    type Error = MessageError;

    fn try_from(message: proto::Receipt) -> Result<Self, MessageError> {
        let field = |name| at("Receipt", name);
        field("path").at_most(message.path.len() as u64, MAX_PROOF_HASHES as u64)?;
        let path = message.path.iter().map(|hash| field("path").digest(hash));
        let entry = Entry::from_bytes(&message.entry)
            .map_err(|error| field("entry").wrong(Problem::Entry(error.to_string())))?;
        let checkpoint = field("checkpoint").checkpoint(&message.checkpoint)?;
        let head = TreeHead {
            size: message.tree_size,
            root: field("tree_root").digest(&message.tree_root)?,
        };
        Ok(Self {
            manifest_digest: field("manifest_digest").digest(&message.manifest_digest)?,
            entry,
            proof: audit::Receipt {
                index: message.leaf_index,
                head,
                path: path.collect::<Result<_, _>>()?,
            },
            checkpoint,
        })
    }
}

/// The digest a `SendChunksRequest` or `AcceptBatchRequest` names its batch by.
pub(crate) fn manifest_digest(
    message: &'static str,
    bytes: &[u8],
) -> Result<model::Digest, MessageError> {
    at(message, "manifest_digest").digest(bytes)
}

/// The digest of a chunk's content.
pub(crate) fn chunk_digest(chunk: &proto::Chunk) -> Result<model::Digest, MessageError> {
    at("Chunk", "digest").digest(&chunk.digest)
}

/// The part a message of `SendChunks` has to hold.
pub(crate) fn chunk_part(
    message: proto::SendChunksRequest,
) -> Result<proto::send_chunks_request::Part, MessageError> {
    at("SendChunksRequest", "part").present(message.part)
}
