//! The vocabulary of linkage as types, free of input and output: ids, the linkage schema and the
//! layout of encodings it implies, batch manifests, refusals, progress and time.
//!
//! Everything here is either public knowledge among the members of a project or random stand-ins;
//! raw identifiers live in `records`, keys in `secret` and `encode`.

pub mod agreement;
pub mod approval;
pub mod clock;
pub mod day;
pub mod digest;
pub mod evaluation;
mod hex;
pub mod id;
pub mod layout;
pub mod life_event;
pub mod lifecycle;
pub mod manifest;
pub mod noise;
pub mod profile;
pub mod progress;
pub mod refusal;
pub mod risk;
pub mod schema;
pub mod signature;
pub mod words;

pub use agreement::{Agreement, SignedAgreement};
pub use clock::{Clock, SystemClock};
pub use day::Day;
pub use digest::Digest;
pub use evaluation::{Element, Evaluation, EvaluationKey};
pub use id::{
    BlockToken, Epoch, KeyCheck, LinkageId, PartyIndex, PartyName, PassHandle, PassIndex,
    ProjectName, Pseudonym, RecordHandle, ReviewId, RunNumber,
};
pub use layout::{Layout, Part, PartRole, Slot};
pub use life_event::LifeEvent;
pub use manifest::{BatchKind, BatchManifest};
pub use progress::{Progress, Silent};
pub use refusal::{Refusal, RefusalCode};
pub use schema::LinkageSchema;
pub use signature::Signature;
