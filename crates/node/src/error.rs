//! What a node's steps can end with, and which exit code that is.

use encode::PrepareError as EncodeError;
use secret::key_file::KeyFileError;
use secret::passphrase::PassphraseError;
use service::{AgreementFault, Exit};
use sources::SourceError;
use wire::ClientError;

use crate::{
    ApproveError, BackupError, CeremonyError, CollectError, DiscloseError, DpoError, EnrolError,
    EvaluateError, FileError, HeadsError, HomeError, InitError, LinkageKeyError, OutboxError,
    PrepareError, ProjectError, ReviewError, RiskError, UploadError, VaultError,
};

/// Why a step of a node was not done.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The node's directory.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Making a node.
    #[error(transparent)]
    Init(#[from] InitError),
    /// A file of the node.
    #[error(transparent)]
    File(#[from] FileError),
    /// A key file.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// The passphrase of key files.
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    /// The linkage key.
    #[error(transparent)]
    LinkageKey(#[from] LinkageKeyError),
    /// A backup of the linkage key.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The certificate.
    #[error(transparent)]
    Enrol(#[from] EnrolError),
    /// What the resolver said of the project.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// The registry's file.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Encoding the records.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// Preparing.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// The linkage agreement.
    #[error(transparent)]
    Agreement(#[from] AgreementFault),
    /// What a data protection officer does.
    #[error(transparent)]
    Dpo(#[from] DpoError),
    /// Approving a run.
    #[error(transparent)]
    Approve(#[from] ApproveError),
    /// Agreeing on a linkage key.
    #[error(transparent)]
    Ceremony(#[from] CeremonyError),
    /// The prepared batches.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// The vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// What is kept of the coordinator's logs.
    #[error(transparent)]
    Heads(#[from] HeadsError),
    /// Measuring the risk, and what follows from it.
    #[error(transparent)]
    Risk(#[from] RiskError),
    /// Having identifiers evaluated.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    /// Uploading.
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// Choosing which rows are sent.
    #[error(transparent)]
    Disclose(#[from] DiscloseError),
    /// Collecting.
    #[error(transparent)]
    Collect(#[from] CollectError),
    /// Reviewing.
    #[error(transparent)]
    Review(#[from] ReviewError),
    /// The coordinator, or the way to it.
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl NodeError {
    /// Whether a rule said no, as opposed to something failing.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Home(error) => error.is_refusal(),
            Self::Init(error) => error.is_refusal(),
            Self::KeyFile(error) | Self::Passphrase(PassphraseError::File(error)) => {
                !matches!(error, KeyFileError::Io { .. })
            }
            Self::Passphrase(error) => matches!(error, PassphraseError::Length),
            Self::Enrol(error) => error.is_refusal(),
            Self::Source(error) => !matches!(error, SourceError::Io { .. }),
            Self::Prepare(error) => error.is_refusal(),
            Self::Vault(error) => error.is_refusal(),
            Self::Disclose(error) => error.is_refusal(),
            Self::Collect(error) => error.is_refusal(),
            Self::Review(error) => error.is_refusal(),
            // What the coordinator cannot have meant to say is a rule it broke.
            Self::Client(
                ClientError::History { .. }
                | ClientError::Contradiction { .. }
                | ClientError::BadReceipt(_),
            ) => true,
            Self::Client(error) => error.refusal().is_some(),
            Self::File(error) => error.is_refusal(),
            Self::Agreement(error) => matches!(error, AgreementFault::Refused(_)),
            Self::Approve(error) => !matches!(error, ApproveError::Document(_)),
            Self::Ceremony(error) => {
                !matches!(error, CeremonyError::Seal(_) | CeremonyError::Document(_))
            }
            Self::Backup(error) => !matches!(error, BackupError::Document(_)),
            Self::Dpo(error) => !matches!(error, DpoError::Statement(_)),
            Self::LinkageKey(_) | Self::Encode(_) | Self::Project(_) | Self::Outbox(_) => true,
            Self::Evaluate(_) => true,
            Self::Risk(error) => !matches!(error, RiskError::Document(_)),
            Self::Upload(UploadError::Outdated { .. }) => true,
            Self::Heads(HeadsError::NotLogKeys(_)) => true,
            Self::Upload(_) | Self::Heads(_) => false,
        }
    }

    /// The exit code of a program that ends with this error.
    pub fn exit(&self) -> Exit {
        if self.is_refusal() {
            Exit::Refused
        } else {
            Exit::Failed
        }
    }
}
