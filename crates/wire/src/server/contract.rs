//! What a role implements, in domain types. The services beside this file do the rest.

use std::cmp::Ordering;

use audit::Checkpoint;
use model::{
    BatchManifest, Digest, Element, Epoch, Evaluation, PartyName, Refusal, RefusalCode, RunNumber,
};

use super::Fault;
use crate::board::{Posting, Topic};
use crate::handover::MatcherRun;
use crate::history::LogHead;
use crate::key_server::KeyServerFacts;
use crate::membership::MembershipPart;
use crate::messages::{Description, ResultsHeader, ResultsRow, RunStatus, UploadState};
use crate::receipt::Receipt;
use crate::review::Review;

/// Shows a role's log to members. Called as [`Intake`] is.
pub trait Logs: Send + Sync + 'static {
    /// The log's head, with the proof that it extends `seen`, which the party saw last and
    /// cosigned, and with what other members say they were shown.
    ///
    /// # Errors
    /// A [`Fault`]; `NotAMember` when the party does not take part.
    fn log_head(&self, party: &PartyName, seen: Option<&Checkpoint>) -> Result<LogHead, Fault>;

    /// Entries from number `from` on, in their byte form: as many as take at most `limit` bytes, but
    /// one if there is one.
    ///
    /// # Errors
    /// A [`Fault`], as for [`Logs::log_head`].
    fn log_entries(
        &self,
        party: &PartyName,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Vec<u8>>, Fault>;
}

/// Takes batches. Each call is made on a thread that may block, with the party its caller's
/// certificate names; calls of several nodes run at once.
pub trait Intake: Logs {
    /// What a node has to know before it prepares a batch.
    ///
    /// # Errors
    /// A [`Fault`]; `NotAMember` when the party does not take part.
    fn describe(&self, party: &PartyName) -> Result<Description, Fault>;

    /// Announces a batch. The same manifest again resumes where durable data ends; another one
    /// replaces the partial upload. Sizes are already held to the limits, and the manifest's party
    /// is the caller.
    ///
    /// # Errors
    /// A [`Fault`]; `AlreadyAccepted` when another batch of the party was accepted in this run.
    fn open_batch(&self, party: &PartyName, manifest: &BatchManifest)
    -> Result<UploadState, Fault>;

    /// Makes a chunk durable. Its digest has been checked, its place and length have not:
    /// [`admit_chunk`] does that. After a cut, a late call of the old stream may overlap with the
    /// first of the new one.
    ///
    /// # Errors
    /// A [`Fault`]; `WrongState` when no batch of this manifest is open.
    fn put_chunk(
        &self,
        party: &PartyName,
        manifest_digest: &Digest,
        index: u64,
        bytes: &[u8],
    ) -> Result<(), Fault>;

    /// Checks the whole batch and accepts it. Repeating it gives the same receipt.
    ///
    /// # Errors
    /// A [`Fault`]; `DigestDiffers` when the bytes are not those the manifest promised.
    fn accept_batch(&self, party: &PartyName, manifest_digest: &Digest) -> Result<Receipt, Fault>;

    /// The answer to the block tokens the party sent for `run`, from byte `from` on and at most
    /// `limit` bytes of it; the same bytes whenever it is asked for. Only a matcher has any.
    ///
    /// # Errors
    /// A [`Fault`]; `WrongState` when the party has sent no tokens, or none are taken.
    fn membership(
        &self,
        party: &PartyName,
        run: RunNumber,
        from: u64,
        limit: usize,
    ) -> Result<MembershipPart, Fault> {
        let _ = (party, run, from, limit);
        Err(Fault::refused(
            RefusalCode::WrongState,
            "no block tokens are taken here",
        ))
    }
}

/// Evaluates blinded elements. Called as [`Intake`] is.
pub trait Evaluations: Logs {
    /// What a node has to know before it asks for evaluations in `epoch`.
    ///
    /// # Errors
    /// A [`Fault`]; `OutsideAgreement` when the agreement does not have the epoch or the party.
    fn facts(&self, party: &PartyName, epoch: Epoch) -> Result<KeyServerFacts, Fault>;

    /// Evaluates a batch, of at most [`model::evaluation::MAX_ELEMENTS`], once it is counted and logged.
    ///
    /// # Errors
    /// A [`Fault`]; `OverQuota` when the party has none left, `BadMessage` when one is no element.
    fn evaluate(
        &self,
        party: &PartyName,
        epoch: Epoch,
        elements: &[Element],
    ) -> Result<Evaluation, Fault>;
}

/// Serves results. Called as [`Intake`] is.
pub trait Results: Send + Sync + 'static {
    /// Where the current run stands.
    ///
    /// # Errors
    /// A [`Fault`]; `NotAMember` when the party does not take part.
    fn run_status(&self, party: &PartyName) -> Result<RunStatus, Fault>;

    /// The totals of the party's results.
    ///
    /// # Errors
    /// A [`Fault`]; `WrongState` while the run is not released, `WrongRun` for an unknown one.
    fn results_header(&self, party: &PartyName, run: RunNumber) -> Result<ResultsHeader, Fault>;

    /// Up to `limit` of the party's rows from row `from_row`, always in the same order. Fewer only
    /// at the end.
    ///
    /// # Errors
    /// A [`Fault`], as for [`Results::results_header`].
    fn results_rows(
        &self,
        party: &PartyName,
        run: RunNumber,
        from_row: u64,
        limit: usize,
    ) -> Result<Vec<ResultsRow>, Fault>;

    /// All pairs for review that have a record of the party, always in the same order.
    ///
    /// # Errors
    /// A [`Fault`], as for [`Results::results_header`].
    fn review(&self, party: &PartyName, run: RunNumber) -> Result<Review, Fault>;
}

/// Relays signed documents among custodians. Called as [`Intake`] is.
pub trait Board: Send + Sync + 'static {
    /// Puts up a document of the calling party. The same again changes nothing.
    ///
    /// # Errors
    /// A [`Fault`]; `AlreadyAccepted` when the party has put up another one under the topic.
    fn post(&self, topic: Topic, posting: &Posting) -> Result<(), Fault>;

    /// All documents of a topic, at most one a party.
    ///
    /// # Errors
    /// A [`Fault`]; `NotAMember` when the party does not take part.
    fn read(&self, party: &PartyName, topic: Topic) -> Result<Vec<Posting>, Fault>;
}

/// The matcher's side, and all that the resolver ever asks of it. Called as [`Intake`] is, but with the
/// resolver's certificate alone; a resolver in the same program calls it too.
pub trait Handover: Send + Sync + 'static {
    /// Where `run` stands with the matcher.
    ///
    /// # Errors
    /// A [`Fault`] when the matcher cannot tell.
    fn standing(&self, run: RunNumber) -> Result<MatcherRun, Fault>;

    /// The bytes of the comparisons with this digest from byte `from` on: at most `limit`, one at least.
    ///
    /// # Errors
    /// A [`Fault`]; `WrongState` when the run has no comparisons, `DigestDiffers` when it has others,
    /// `BadMessage` when they end before `from`.
    fn comparisons(
        &self,
        run: RunNumber,
        digest: &Digest,
        from: u64,
        limit: usize,
    ) -> Result<Vec<u8>, Fault>;

    /// Destroys what the matcher keeps of `run`, which people gave up before it was over if
    /// `is_cancelled`. Says no while the matcher is at work on one. Repeating it changes nothing.
    ///
    /// # Errors
    /// A [`Fault`] when something is left.
    fn end(&self, run: RunNumber, is_cancelled: bool) -> Result<bool, Fault>;
}

/// Decides whether a certificate still counts, before any call is looked at.
pub trait Gate: Send + Sync + 'static {
    /// Whether calls under the certificate with this fingerprint are heard.
    ///
    /// # Errors
    /// The [`Refusal`] to answer with.
    fn admit(&self, party: &PartyName, certificate: &Digest) -> Result<(), Refusal>;

    /// The same, for the resolver's certificate, under which comparisons are taken.
    ///
    /// # Errors
    /// As for [`Gate::admit`].
    fn admit_resolver(&self, certificate: &Digest) -> Result<(), Refusal>;
}

/// Admits every certificate that TLS does.
#[derive(Debug, Clone, Copy, Default)]
pub struct Everyone;

impl Gate for Everyone {
    fn admit(&self, _party: &PartyName, _certificate: &Digest) -> Result<(), Refusal> {
        Ok(())
    }

    fn admit_resolver(&self, _certificate: &Digest) -> Result<(), Refusal> {
        Ok(())
    }
}

/// What to do with a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It is the one expected next: make it durable.
    Store,
    /// It is durable already, and came again because the sender did not hear so before the
    /// connection was cut: do nothing. The digest of the whole batch is checked all the same.
    AlreadyStored,
}

/// Says what to do with chunk `index` of `len` bytes where `next_chunk` is expected.
///
/// # Errors
/// The [`Refusal`] to answer with when the chunk has the wrong length or leaves a gap.
pub fn admit_chunk(
    manifest: &BatchManifest,
    next_chunk: u64,
    index: u64,
    len: usize,
) -> Result<Admission, Refusal> {
    let refuse = |detail| Err(Refusal::new(RefusalCode::BadMessage, detail));
    let Some(expected) = manifest.chunk_len(index) else {
        return refuse(format!("the batch has no chunk {index}"));
    };
    if expected != len as u64 {
        return refuse(format!(
            "chunk {index} has {len} bytes instead of {expected}"
        ));
    }
    match index.cmp(&next_chunk) {
        Ordering::Less => Ok(Admission::AlreadyStored),
        Ordering::Equal => Ok(Admission::Store),
        Ordering::Greater => refuse(format!(
            "chunk {index} came where chunk {next_chunk} is expected"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::fake::manifest;

    #[test]
    fn chunks_are_admitted_in_order_and_whole() {
        let manifest = manifest("crvs", b"ten bytes!", 4);
        let admit = |index, len| admit_chunk(&manifest, 1, index, len).ok();
        assert_eq!(admit(1, 4), Some(Admission::Store));
        assert_eq!(admit(0, 4), Some(Admission::AlreadyStored));
        for (index, len) in [(0, 3), (1, 3), (2, 2), (3, 0), (u64::MAX, 4)] {
            assert_eq!(admit(index, len), None, "chunk {index} of {len}");
        }
    }
}
