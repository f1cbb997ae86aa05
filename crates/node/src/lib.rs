//! A custodian's program: from the registry's file to what is uploaded, and from released results
//! back to the registry's own keys.
//!
//! Everything a node knows lives in one directory ([`Home`]): identity, keys, prepared batches, the
//! vault, results and a log of its own. Each step of [`Node`] can be killed at any point and simply
//! be repeated; what it makes is there whole or not at all. Nodes only dial out.

mod agreement;
mod approve;
mod backup;
mod ceremony;
pub mod cli;
mod collect;
mod disclose;
mod dpo;
mod enrol;
mod error;
mod evaluations;
mod files;
mod handle_map;
mod heads;
mod home;
mod init;
mod linkage_key;
mod log_key;
mod made;
mod open;
mod outbox;
mod outcome;
mod prepare;
mod project;
mod report;
mod results_file;
mod review;
mod risk;
mod seal;
mod status;
mod upload;
mod vault;

#[cfg(test)]
mod tests;

pub use approve::ApproveError;
pub use backup::{BackupError, new_holder_key};
pub use ceremony::{
    Card, CeremonyError, Commitment, Confirmation, Head, KeyProgress, Kind, Share, Shares,
};
pub use collect::{CollectError, CollectOptions, CollectSummary};
pub use disclose::{DiscloseError, Disclosed};
pub use dpo::{
    DpoError, OfficerKey, dpo_public_key, new_dpo_key, sign_agreement, sign_card, state,
    write_draft,
};
pub use enrol::EnrolError;
pub use error::NodeError;
pub use evaluations::{EvaluateError, Evaluated};
pub use files::FileError;
pub use heads::HeadsError;
pub use home::{Home, HomeError};
pub use init::{InitError, InitOptions};
pub use linkage_key::{Fingerprint, LinkageKeyError};
pub use open::{Node, NodeConfig};
pub use outbox::OutboxError;
pub use prepare::PrepareError;
pub use project::{Project, ProjectError};
pub use report::{FieldReport, PrepareReport, ProblemReport};
pub use results_file::Answered;
pub use review::{Answer, Book, OwnRecords, ReviewError, ReviewItem, ReviewSummary};
pub use risk::{RiskError, RiskSummary, override_risk};
pub use status::{RunProgress, Status};
pub use upload::{BatchUpload, UploadError, UploadSummary};
pub use vault::VaultError;
