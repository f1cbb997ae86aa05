//! Protobuf at the edge: mutual TLS identity, typed client and server.
//!
//! Nodes only dial out. The coordinator's two roles each listen under a certificate of their own
//! and serve [`Intake`] and their logs; the resolver serves [`Results`] too. Where each role is a program of
//! its own, the matcher serves [`Handover`] to the resolver, which dials it as a [`ResolverClient`]. A [`NodeClient`] checks the role's
//! name in the certificate, whatever host it dials, so roles cannot be swapped; the server takes
//! the calling party from the client's certificate and nothing else. Generated protobuf types stay
//! inside this crate, and so does everything about gRPC.

mod board;
mod client;
mod convert;
mod event_mark;
mod handover;
mod history;
pub mod identity;
mod key_server;
pub mod limits;
mod membership;
mod messages;
pub mod pki;
mod proto;
mod receipt;
mod review;
mod server;
mod status;

pub use board::{MAX_POSTING_BYTES, NotATopic, Posting, Topic};
pub use client::{
    ClientError, KeyServerClient, MembershipAnswer, NodeClient, NodeIdentity, Peer, ResolverClient,
    ResultsSink, Retry, Target,
};
pub use convert::{MESSAGES, MessageError, Problem, Reading, read_any};
pub use event_mark::{EVENT_MARKS_MAGIC, EventMark};
pub use handover::{Comparisons, MatcherOutcome, MatcherRun};
pub use history::{HistoryError, LogHead, SeenHead};
pub use key_server::KeyServerFacts;
pub use membership::{LONE_RECORDS_MAGIC, Membership, MembershipError, MembershipPart};
pub use messages::{
    Count, Description, Found, PartyProgress, ResultsHeader, ResultsRow, Role, RowsDigester,
    RunStatus, UploadState,
};
pub use receipt::{Receipt, ReceiptError};
pub use review::{
    Review, ReviewExplanation, ReviewHeader, ReviewPair, ReviewStep, VERDICTS_MAGIC, Verdict,
    VerdictEntry, review_digest,
};
pub use server::{
    Admission, Board, Evaluations, Everyone, Fault, Gate, Handover, Intake, Logs, Results,
    RoleIdentity, ServeError, Services, admit_chunk, serve, serve_key_server,
};

/// Has TLS use ring, the one provider in this workspace.
fn use_ring() {
    // Refused only when a provider is set already, which then is ring too: no other is compiled in.
    drop(rustls::crypto::ring::default_provider().install_default());
}

#[cfg(test)]
mod tests;
