//! The board: signed documents of custodians, relayed to one another, and the approvals among them
//! that a release waits for.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use audit::Event;
use model::agreement::Clause;
use model::approval::Approval;
use model::signature::PublicKey;
use model::{Digest, Epoch, PartyName, RefusalCode, RunNumber, Signature, SignedAgreement};
use secret::signing;
use serde::Deserialize;
use service::Said;
use service::files::{create_dir_private, write_atomic_private};
use tokio::sync::Notify;
use wire::{Board, Fault, Posting, Topic};

use super::{Resolver, ResolverState};
use crate::intake::failed;
use crate::lifecycle::{Lifecycle as _, StageError};
use crate::sync::lock;

/// Documents on disk, one directory a topic.
#[derive(Debug, Clone)]
pub(super) struct BoardFiles(PathBuf);

impl BoardFiles {
    pub(super) fn new(root: PathBuf) -> Self {
        Self(root)
    }

    /// All documents of a topic, in the order of parties.
    pub(super) fn read(&self, topic: Topic) -> io::Result<Vec<Posting>> {
        let directory = self.0.join(topic.to_string());
        if !directory.exists() {
            return Ok(Vec::new());
        }
        let mut postings = Vec::new();
        for entry in fs::read_dir(&directory)? {
            let path = entry?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "toml")
            {
                postings.extend(posting(&path)?);
            }
        }
        postings.sort_by(|one, other| one.party.cmp(&other.party));
        Ok(postings)
    }

    /// The signature first: a document without one would not be read.
    fn put(&self, topic: Topic, posting: &Posting) -> io::Result<()> {
        let directory = self.0.join(topic.to_string());
        create_dir_private(&directory)?;
        let path = directory.join(format!("{}.sig", posting.party));
        write_atomic_private(&path, posting.signature.to_text().as_bytes())?;
        write_atomic_private(&path.with_extension("toml"), &posting.document)
    }
}

fn posting(path: &Path) -> io::Result<Option<Posting>> {
    let name = path.file_stem().and_then(|stem| stem.to_str());
    let Some(party) = name.and_then(|name| name.parse().ok()) else {
        return Ok(None);
    };
    let signature = fs::read(path.with_extension("sig"))?;
    Ok(Some(Posting {
        party,
        document: fs::read(path)?,
        signature: Signature::parse(&signature).map_err(io::Error::other)?,
    }))
}

/// Takes documents for the board; `wake` is told of every approval.
pub(crate) struct BoardDesk {
    resolver: Arc<Resolver>,
    wake: Arc<Notify>,
    /// Held while a document is compared with the one there and put up.
    posting: Mutex<()>,
}

impl BoardDesk {
    pub(crate) fn new(resolver: Arc<Resolver>, wake: Arc<Notify>) -> Self {
        Self {
            resolver,
            wake,
            posting: Mutex::new(()),
        }
    }

    fn take(&self, topic: Topic, posting: &Posting) -> Result<(), Fault> {
        let _turn = lock(&self.posting);
        let party = &posting.party;
        let there = self.resolver.board.read(topic)?;
        match there.into_iter().find(|there| there.party == *party) {
            Some(there) if there.document == posting.document => return Ok(()),
            // An approval of what was amended since, or by a key that was replaced, approves nothing.
            Some(there) if self.is_void(topic, &there)? => {}
            Some(_) => {
                let detail = format!("{party} has put up another document as {topic}");
                return Err(Fault::refused(RefusalCode::AlreadyAccepted, detail));
            }
            None => {}
        }
        let event = self.check(topic, posting)?;
        self.resolver
            .context
            .journal
            .record_once(event)
            .map_err(failed)?;
        self.resolver.board.put(topic, posting)?;
        tracing::info!(%topic, %party, "document put up");
        self.wake.notify_one();
        Ok(())
    }

    /// Takes up a statement about the agreement in force, at once.
    fn hear(&self, number: u32, posting: &Posting) -> Result<(), Fault> {
        if self.resolver.context.hear_posting(number, posting)? {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Whether a document that is there is an approval that does not count any more.
    fn is_void(&self, topic: Topic, there: &Posting) -> Result<bool, Fault> {
        let Topic::Approval(run) = topic else {
            return Ok(false);
        };
        let state = self.resolver.context.runs.state(run).map_err(failed)?;
        let agreement = self.resolver.context.agreement()?;
        Ok(self.resolver.holds(there, run, &state, &agreement).is_err())
    }

    /// Holds a document to what it is about, and says what happens by it.
    fn check(&self, topic: Topic, posting: &Posting) -> Result<Event, Fault> {
        match topic {
            Topic::Approval(run) => self.resolver.check_approval(run, posting),
            // They are kept with the agreement, not on the board.
            Topic::Statements(_) => {
                let detail = "statements are taken up, not put up";
                Err(Fault::refused(RefusalCode::BadMessage, detail))
            }
            Topic::Card(epoch) => {
                self.resolver.check_epoch(epoch)?;
                // Whoever has a node's certificate alone is not to take the place of its card.
                check_officer(&self.resolver.context.agreement()?, posting, "card")?;
                Ok(posted(topic, posting))
            }
            Topic::Commitment(epoch) | Topic::Shares(epoch) | Topic::Confirmation(epoch) => {
                self.resolver.check_epoch(epoch)?;
                self.check_by_card(epoch, posting)?;
                Ok(posted(topic, posting))
            }
        }
    }

    /// Whether what a node puts up is signed by the key of its card: whoever has its certificate alone
    /// does not take its place.
    fn check_by_card(&self, epoch: Epoch, posting: &Posting) -> Result<(), Fault> {
        let cards = self.resolver.board.read(Topic::Card(epoch))?;
        let card = cards.into_iter().find(|card| card.party == posting.party);
        let key = card.and_then(|card| toml::from_slice::<CardKey>(&card.document).ok());
        let Some(CardKey { signing: key }) = key else {
            let detail = format!("{} has put up no card for epoch {epoch}", posting.party);
            return Err(Fault::refused(RefusalCode::WrongState, detail));
        };
        let (document, key) = (&posting.document, key.fingerprint());
        match posting.signature.is_of(&key, document, signing::verify) {
            true => Ok(()),
            false => {
                let detail = format!("not signed by the key of the card of {}", posting.party);
                Err(Clause::Signatures.refuse(detail).into())
            }
        }
    }
}

/// What the resolver reads of a card; the rest is for nodes.
#[derive(Deserialize)]
struct CardKey {
    signing: PublicKey,
}

fn posted(topic: Topic, posting: &Posting) -> Event {
    Event::DocumentPosted {
        topic: topic.to_string(),
        party: posting.party.clone(),
        digest: Digest::of(&posting.document),
    }
}

impl Board for BoardDesk {
    fn post(&self, topic: Topic, posting: &Posting) -> Result<(), Fault> {
        self.resolver.context.project.member(&posting.party)?;
        match topic {
            Topic::Statements(number) => self.hear(number, posting),
            _ => self.take(topic, posting),
        }
    }

    fn read(&self, party: &PartyName, topic: Topic) -> Result<Vec<Posting>, Fault> {
        self.resolver.context.project.member(party)?;
        match topic {
            Topic::Statements(number) => Ok(self.resolver.statements(number)?),
            _ => Ok(self.resolver.board.read(topic)?),
        }
    }
}

impl Resolver {
    /// What holds of the statements about the agreement of this number, also those that came with the
    /// operator's own copy; none when another agreement is in force.
    fn statements(&self, number: u32) -> Result<Vec<Posting>, StageError> {
        if self.context.agreement()?.terms().number != number {
            return Ok(Vec::new());
        }
        let posting = |said: Said| Posting {
            party: said.statement.party,
            document: said.document,
            signature: said.signature,
        };
        Ok(self.context.said()?.into_iter().map(posting).collect())
    }

    /// Keys are agreed on for this epoch and the next, and under an agreement in force.
    fn check_epoch(&self, epoch: Epoch) -> Result<(), Fault> {
        self.context.agreed(self.context.project.run)?;
        let current = self.context.project.epoch;
        if epoch == current || epoch.0 == current.0.saturating_add(1) {
            return Ok(());
        }
        let detail = format!("keys are agreed on for epoch {current} and the next, not {epoch}");
        Err(Fault::refused(RefusalCode::WrongRun, detail))
    }

    fn check_approval(&self, run: RunNumber, posting: &Posting) -> Result<Event, Fault> {
        let agreement = self.context.agreed(run)?;
        if run != self.context.project.run {
            return Err(Fault::refused(RefusalCode::WrongRun, "another run is open"));
        }
        let state = self.context.state().map_err(failed)?;
        if !matches!(state, ResolverState::Linked { .. }) {
            let detail = format!("run {run} is {}", state.run_state());
            return Err(Fault::refused(RefusalCode::WrongState, detail));
        }
        let approval = self.holds(posting, run, &state, &agreement)?;
        Ok(Event::RunApproved {
            run,
            party: approval.party,
            agreement: approval.agreement,
            outcome: approval.outcome,
        })
    }

    /// The approval of `run` that a document is: of its party, under this agreement, of what came out,
    /// and signed by the party's officer. Asked when it comes and whenever it counts.
    fn holds(
        &self,
        posting: &Posting,
        run: RunNumber,
        state: &ResolverState,
        agreement: &SignedAgreement,
    ) -> Result<Approval, Fault> {
        let Ok(approval) = Approval::parse(&posting.document) else {
            let detail = "not the approval of a run";
            return Err(Fault::refused(RefusalCode::BadMessage, detail));
        };
        if approval.party != posting.party {
            let detail = "the approval is another party's";
            return Err(Fault::refused(RefusalCode::WrongParty, detail));
        }
        let is_about_it = approval.project == self.context.project.name
            && approval.run == run
            && approval.agreement == agreement.digest()
            && Some(approval.outcome) == self.outcome_of(run, state);
        if !is_about_it {
            let detail = "the approval is of another run, agreement or outcome";
            return Err(Fault::refused(RefusalCode::DigestDiffers, detail));
        }
        check_officer(agreement, posting, "approval")?;
        Ok(approval)
    }

    /// Whose approvals of `run`, which stands at `state`, hold.
    pub(super) fn approvals(
        &self,
        run: RunNumber,
        state: &ResolverState,
        agreement: &SignedAgreement,
    ) -> io::Result<Vec<PartyName>> {
        let postings = self.board.read(Topic::Approval(run))?.into_iter();
        let valid = postings.filter(|posting| self.holds(posting, run, state, agreement).is_ok());
        Ok(valid.map(|posting| posting.party).collect())
    }
}

fn check_officer(agreement: &SignedAgreement, posting: &Posting, what: &str) -> Result<(), Fault> {
    let key = agreement.terms().dpo_key(&posting.party);
    let signed = |key| {
        posting
            .signature
            .is_of(&key, &posting.document, signing::verify)
    };
    if key.is_some_and(signed) {
        return Ok(());
    }
    let detail = format!("the officer of {} has not signed the {what}", posting.party);
    Err(Clause::Signatures.refuse(detail).into())
}
