//! Agreeing on an epoch's linkage key among the nodes: commit, reveal to each other, confirm. The
//! coordinator relays documents that it can neither read nor exchange unnoticed.
//!
//! 1. Each node makes a *card* with public keys for this epoch, and its data protection officer signs
//!    it; the agreement pins the officers' keys.
//! 2. Each node draws a *contribution* and puts up a commitment to it.
//! 3. When all commitments are there, each node seals its contribution to every other node.
//! 4. Each makes the key from all contributions, shows that it has it, and installs it when all have.
//!
//! A step that was killed is repeated; nothing is drawn twice.

mod documents;
mod protocol;
mod steps;

use std::path::PathBuf;

use model::{Epoch, PartyName};
use secret::hpke_box::BoxError;

pub use documents::{Card, Commitment, Confirmation, Head, Kind, Share, Shares};
pub use steps::KeyProgress;

/// Why a key was not agreed on. Whatever names a party is a reason to stop, and to ask there by
/// another way than over the coordinator.
#[derive(Debug, thiserror::Error)]
pub enum CeremonyError {
    /// There is no card, or nobody signed it.
    #[error(
        "{} is missing; run `symbolon-node key card --epoch {epoch}`, and have the data protection \
         officer sign it with `symbolon-node agree card`",
        path.display()
    )]
    NoCard {
        /// For which epoch.
        epoch: Epoch,
        /// The file.
        path: PathBuf,
    },
    /// There is a card already.
    #[error("{} exists already; a card is made once an epoch", .0.display())]
    CardExists(PathBuf),
    /// A document that is not signed by whom it should be.
    #[error(
        "the {what} of {party} is not signed by the key that counts; somebody on the way exchanged \
         it, or {party} signed with another key: ask there before you go on"
    )]
    Unsigned {
        /// Whose.
        party: PartyName,
        /// Which document.
        what: &'static str,
    },
    /// A document that cannot be read.
    #[error("a document of {party} cannot be read: {what}")]
    Malformed {
        /// Whose.
        party: PartyName,
        /// What is wrong.
        what: String,
    },
    /// A contribution that is not what its node had committed itself to, or was sealed to others.
    #[error(
        "the share of {0} is not what it committed itself to; it was exchanged on the way or at \
         {0}: begin anew with the next epoch when you know why"
    )]
    SwappedShare(PartyName),
    /// Two nodes were shown different cards or commitments.
    #[error(
        "{0} saw other cards or commitments than this node; the coordinator showed different things \
         to different nodes: compare card fingerprints by telephone"
    )]
    DifferentView(PartyName),
    /// A commitment from before the agreement was amended.
    #[error(
        "{0} committed itself under another agreement than the one in force here; install the same \
         agreement everywhere, and begin anew with the next epoch"
    )]
    OtherAgreement(PartyName),
    /// A node that made another key.
    #[error("{0} made another key than this node; begin anew with the next epoch")]
    KeysDiffer(PartyName),
    /// A share cannot be sealed.
    #[error("a share cannot be sealed: {0}")]
    Seal(#[from] BoxError),
    /// A document cannot be written.
    #[error("a document cannot be written: {0}")]
    Document(#[from] toml::ser::Error),
}
