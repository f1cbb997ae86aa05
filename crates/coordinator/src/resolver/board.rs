//! The board: signed documents of custodians, relayed to one another, and the approvals among them
//! that a release waits for.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use audit::Event;
use model::approval::Approval;
use model::{Digest, Epoch, PartyName, RefusalCode, RunNumber, Signature, SignedAgreement};
use secret::signing;
use service::files::{create_dir_private, write_atomic_private};
use tokio::sync::Notify;
use wire::{Board, Fault, Posting, Topic};

use super::{Resolver, ResolverState};
use crate::intake::failed;
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

    /// Holds a document to what it is about, and says what happens by it.
    fn check(&self, topic: Topic, posting: &Posting) -> Result<Event, Fault> {
        match topic {
            Topic::Approval(run) => self.resolver.check_approval(run, posting),
            Topic::Card(epoch)
            | Topic::Commitment(epoch)
            | Topic::Shares(epoch)
            | Topic::Confirmation(epoch) => {
                self.resolver.check_epoch(epoch)?;
                Ok(Event::DocumentPosted {
                    topic: topic.to_string(),
                    party: posting.party.clone(),
                    digest: Digest::of(&posting.document),
                })
            }
        }
    }
}

impl Board for BoardDesk {
    fn post(&self, topic: Topic, posting: &Posting) -> Result<(), Fault> {
        self.resolver.context.project.member(&posting.party)?;
        self.take(topic, posting)
    }

    fn read(&self, party: &PartyName, topic: Topic) -> Result<Vec<Posting>, Fault> {
        self.resolver.context.project.member(party)?;
        Ok(self.resolver.board.read(topic)?)
    }
}

impl Resolver {
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
        let refuse = |code, detail: &str| Err(Fault::refused(code, detail));
        let state = self.context.state().map_err(failed)?;
        let outcome = match state {
            _ if run != self.context.project.run => {
                return refuse(RefusalCode::WrongRun, "another run is open");
            }
            ResolverState::Linked { .. } => self.outcome_of(&state),
            other => {
                let detail = format!(
                    "run {run} is {}",
                    crate::lifecycle::Lifecycle::run_state(&other)
                );
                return refuse(RefusalCode::WrongState, &detail);
            }
        };
        let Ok(approval) = Approval::parse(&posting.document) else {
            return refuse(RefusalCode::BadMessage, "not the approval of a run");
        };
        let is_about_it = approval.project == self.context.project.name
            && approval.run == run
            && approval.agreement == agreement.digest()
            && Some(approval.outcome) == outcome;
        if approval.party != posting.party {
            return refuse(RefusalCode::WrongParty, "the approval is another party's");
        }
        if !is_about_it {
            let detail = "the approval is of another run, agreement or outcome";
            return refuse(RefusalCode::DigestDiffers, detail);
        }
        check_officer(&agreement, posting)?;
        Ok(Event::RunApproved {
            run,
            party: approval.party,
            agreement: approval.agreement,
            outcome: approval.outcome,
        })
    }

    /// Who approved the run, so far as the signatures still hold.
    pub(super) fn approvals(
        &self,
        run: RunNumber,
        agreement: &SignedAgreement,
    ) -> io::Result<Vec<PartyName>> {
        let postings = self.board.read(Topic::Approval(run))?.into_iter();
        let valid = postings.filter(|posting| check_officer(agreement, posting).is_ok());
        Ok(valid.map(|posting| posting.party).collect())
    }
}

fn check_officer(agreement: &SignedAgreement, posting: &Posting) -> Result<(), Fault> {
    let key = agreement.terms().dpo_key(&posting.party);
    let signed = |key| {
        posting
            .signature
            .is_of(&key, &posting.document, signing::verify)
    };
    if key.is_some_and(signed) {
        return Ok(());
    }
    let detail = format!(
        "the officer of {} has not signed the approval",
        posting.party
    );
    Err(model::agreement::Clause::Signatures.refuse(detail).into())
}
