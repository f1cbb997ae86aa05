//! The steps of a ceremony at one node, each repeated until everybody has done his.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use audit::Event;
use model::signature::PublicKey;
use model::{Digest, Epoch, PartyName, Signature, SignedAgreement};
use secret::key_file::{self, Purpose};
use secret::{
    Entropy, Key32, RecipientKey, RecipientSecret, SigningKey, constant_time_eq, signing,
};
use service::AgreementFault;
use service::files::create_dir_private;
use wire::{NodeClient, Posting, Role, Topic};

use super::CeremonyError;
use super::documents::{Card, Commitment, Confirmation, Document, Head, Kind, Share, Shares};
use super::protocol::{Ceremony, Way, confirmation};
use crate::error::NodeError;
use crate::files::{io_error, read_text, write};
use crate::linkage_key::Fingerprint;
use crate::open::Node;

/// The most bytes a card or its signature has.
const MAX_CARD_BYTES: u64 = 4096;

/// How far agreeing on a key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyProgress {
    /// Others have to do something first.
    Waiting {
        /// What is awaited.
        what: &'static str,
        /// Of whom.
        missing: Vec<PartyName>,
    },
    /// The key is installed.
    Agreed(Fingerprint),
}

/// A step that either gave everybody's documents, or has to wait for some.
enum Step<T> {
    Done(T),
    Waiting(KeyProgress),
}

/// Goes on with what a step gave, or returns that it waits.
macro_rules! done {
    ($step:expr) => {
        match $step {
            Step::Done(value) => value,
            Step::Waiting(progress) => return Ok(progress),
        }
    };
}

impl Node {
    /// Makes this node's card for `epoch`, with new keys, and says where it is: its data protection
    /// officer has to sign it.
    ///
    /// # Errors
    /// [`NodeError`] when there is one already.
    pub fn new_card(&self, epoch: Epoch, entropy: &mut dyn Entropy) -> Result<PathBuf, NodeError> {
        let _lock = self.home.lock()?;
        self.check_not_destroyed(epoch)?;
        let directory = self.home.epoch(epoch);
        let path = self.home.card(epoch);
        if path.exists() {
            return Err(CeremonyError::CardExists(path).into());
        }
        create_dir_private(&directory).map_err(io_error("make", &directory))?;
        let signing = kept(
            self,
            &self.home.card_signing_key(epoch),
            Purpose::Signing,
            entropy,
        )?;
        let sealing = kept(
            self,
            &self.home.card_sealing_key(epoch),
            Purpose::Results,
            entropy,
        )?;
        let card = Card {
            head: self.head(Kind::NodeCard, epoch, &self.config.party),
            signing: PublicKey::new(SigningKey::from_seed(&signing).public()),
            sealing: PublicKey::new(RecipientSecret::from_key(&sealing).public().0),
        };
        write(&path, &card.to_bytes()?)?;
        Ok(path)
    }

    /// Does what can be done now towards the linkage key of `epoch`. To be repeated until it is
    /// agreed on.
    ///
    /// # Errors
    /// [`NodeError`]; a [`CeremonyError`] that names a party is a reason to stop.
    pub async fn agree_on_key(
        &self,
        epoch: Epoch,
        entropy: &mut (dyn Entropy + Send),
    ) -> Result<KeyProgress, NodeError> {
        let _lock = self.home.lock()?;
        self.check_not_destroyed(epoch)?;
        if self.home.linkage_key(epoch).exists() {
            // Killed after the key was put in place, and before these were gone.
            self.destroy_openers(epoch)?;
            return Ok(KeyProgress::Agreed(self.linkage_key_fingerprint(epoch)?));
        }
        let turn = Turn::new(self, epoch).await?;
        let cards = done!(turn.cards().await?);
        let contribution = kept(
            self,
            &self.home.contribution(epoch),
            Purpose::Contribution,
            entropy,
        )?;
        let commitments = done!(turn.commitments(&cards, &contribution).await?);
        let seen = turn.view(&cards, &commitments);
        let transcript = turn.ceremony.transcript(&seen);
        let shares = done!(
            turn.shares(&cards, &transcript, &contribution, entropy)
                .await?
        );
        let key = turn.key(&shares, &commitments, &transcript, contribution)?;
        done!(turn.confirmations(&cards, &key, &transcript).await?);
        turn.install(&key, transcript)
    }

    /// Destroys what could open the shares that the coordinator keeps.
    fn destroy_openers(&self, epoch: Epoch) -> Result<(), NodeError> {
        for path in [
            self.home.contribution(epoch),
            self.home.card_sealing_key(epoch),
        ] {
            key_file::destroy(&path)?;
        }
        Ok(())
    }

    fn head(&self, kind: Kind, epoch: Epoch, party: &PartyName) -> Head {
        Head::new(kind, self.config.project.clone(), epoch, party.clone())
    }
}

/// A card whose signature was checked.
struct Known {
    digest: Digest,
    card: Card,
}

type ByParty<T> = BTreeMap<PartyName, T>;

/// One attempt at all steps.
struct Turn<'a> {
    node: &'a Node,
    client: NodeClient,
    agreement: SignedAgreement,
    ceremony: Ceremony,
    signing: SigningKey,
}

impl<'a> Turn<'a> {
    async fn new(node: &'a Node, epoch: Epoch) -> Result<Self, NodeError> {
        let agreement = node.agreement()?;
        let now = node.clock.unix_millis();
        agreement
            .check_in_force(now)
            .map_err(AgreementFault::from)?;
        let custodians = agreement.terms().custodians();
        let mut parties: Vec<_> = custodians.map(|member| member.name.clone()).collect();
        parties.sort();
        let ceremony = Ceremony {
            project: node.config.project.clone(),
            epoch,
            agreement: agreement.digest(),
            parties,
        };
        for path in [
            node.home.card(epoch),
            node.home.card(epoch).with_extension("sig"),
        ] {
            if !path.exists() {
                return Err(CeremonyError::NoCard { epoch, path }.into());
            }
        }
        let seed = node
            .home
            .unlock()
            .read(&node.home.card_signing_key(epoch), Purpose::Signing)?;
        Ok(Self {
            client: node.dial(Role::Resolver).await?,
            signing: SigningKey::from_seed(&seed),
            node,
            agreement,
            ceremony,
        })
    }

    fn own(&self) -> &PartyName {
        &self.node.config.party
    }

    fn epoch(&self) -> Epoch {
        self.ceremony.epoch
    }

    async fn cards(&self) -> Result<Step<ByParty<Known>>, NodeError> {
        let path = self.node.home.card(self.epoch());
        let document = read_text(&path, MAX_CARD_BYTES)?.as_bytes().to_vec();
        let signature = read_text(&path.with_extension("sig"), MAX_CARD_BYTES)?;
        let signature = Signature::parse(signature.as_bytes()).map_err(|error| {
            let (party, what) = (self.own().clone(), error.to_string());
            CeremonyError::Malformed { party, what }
        })?;
        let posting = self.posting(document, signature);
        let postings = self
            .exchange(Topic::Card(self.epoch()), || Ok(posting))
            .await?;
        let officer = |party: &PartyName| self.agreement.terms().dpo_key(party);
        let known = |party: &PartyName, posting: &Posting| -> Result<Known, CeremonyError> {
            check_signed(posting, officer(party), "card")?;
            let head = self.node.head(Kind::NodeCard, self.epoch(), party);
            Ok(Known {
                digest: Digest::of(&posting.document),
                card: Card::read(&posting.document, &head)?,
            })
        };
        Ok(self.collected("the card", &postings, known)?)
    }

    async fn commitments(
        &self,
        cards: &ByParty<Known>,
        contribution: &Key32,
    ) -> Result<Step<ByParty<Commitment>>, NodeError> {
        let own = Commitment {
            head: self
                .node
                .head(Kind::KeyCommitment, self.epoch(), self.own()),
            agreement: self.ceremony.agreement,
            commitment: self.ceremony.commitment(self.own(), contribution),
        };
        let topic = Topic::Commitment(self.epoch());
        let postings = self.exchange(topic, || self.signed(&own)).await?;
        let known = |party: &PartyName, posting: &Posting| {
            let commitment = self.read::<Commitment>(cards, party, posting, "commitment")?;
            match commitment.agreement == self.ceremony.agreement {
                true => Ok(commitment),
                false => Err(CeremonyError::OtherAgreement(party.clone())),
            }
        };
        Ok(self.collected("the commitment", &postings, known)?)
    }

    /// Cards and commitments as this node sees them.
    fn view(
        &self,
        cards: &ByParty<Known>,
        commitments: &ByParty<Commitment>,
    ) -> Vec<(Digest, Digest)> {
        let pairs = cards.values().zip(commitments.values());
        pairs
            .map(|(known, committed)| (known.digest, committed.commitment))
            .collect()
    }

    async fn shares(
        &self,
        cards: &ByParty<Known>,
        transcript: &Digest,
        contribution: &Key32,
        entropy: &mut (dyn Entropy + Send),
    ) -> Result<Step<ByParty<Shares>>, NodeError> {
        let topic = Topic::Shares(self.epoch());
        let make = || self.signed(&self.own_shares(cards, transcript, contribution, entropy)?);
        let postings = self.exchange(topic, make).await?;
        let known = |party: &PartyName, posting: &Posting| -> Result<Shares, CeremonyError> {
            let shares = self.read::<Shares>(cards, party, posting, "share")?;
            match shares.transcript == *transcript {
                true => Ok(shares),
                false => Err(CeremonyError::DifferentView(party.clone())),
            }
        };
        Ok(self.collected("the share", &postings, known)?)
    }

    fn own_shares(
        &self,
        cards: &ByParty<Known>,
        transcript: &Digest,
        contribution: &Key32,
        entropy: &mut dyn Entropy,
    ) -> Result<Shares, CeremonyError> {
        let from = self.own();
        let mut share = Vec::new();
        for (to, known) in cards.iter().filter(|(to, _)| *to != from) {
            let way = Way {
                transcript,
                from,
                to,
            };
            let recipient = RecipientKey(*known.card.sealing.as_bytes());
            share.push(Share {
                to: to.clone(),
                sealed: Ceremony::seal(&way, &recipient, contribution, entropy)?,
            });
        }
        Ok(Shares {
            head: self.node.head(Kind::KeyShares, self.epoch(), from),
            transcript: *transcript,
            share,
        })
    }

    fn key(
        &self,
        shares: &ByParty<Shares>,
        commitments: &ByParty<Commitment>,
        transcript: &Digest,
        own: Key32,
    ) -> Result<Key32, NodeError> {
        let path = self.node.home.card_sealing_key(self.epoch());
        let secret = self.node.home.unlock().read(&path, Purpose::Results)?;
        let secret = RecipientSecret::from_key(&secret);
        let mut contributions = BTreeMap::from([(self.own(), own)]);
        let to = self.own();
        for (from, theirs) in shares.iter().filter(|(from, _)| *from != to) {
            let swapped = || CeremonyError::SwappedShare(from.clone());
            let share = theirs
                .share
                .iter()
                .find(|share| share.to == *to)
                .ok_or_else(swapped)?;
            let committed = commitments.get(from).ok_or_else(swapped)?;
            let way = Way {
                transcript,
                from,
                to,
            };
            let opened = self
                .ceremony
                .open(&way, &secret, &share.sealed, &committed.commitment)?;
            contributions.insert(from, opened);
        }
        let contributions: Vec<&Key32> = contributions.values().collect();
        Ok(self.ceremony.key(&contributions))
    }

    async fn confirmations(
        &self,
        cards: &ByParty<Known>,
        key: &Key32,
        transcript: &Digest,
    ) -> Result<Step<ByParty<()>>, NodeError> {
        let own = Confirmation {
            head: self
                .node
                .head(Kind::KeyConfirmation, self.epoch(), self.own()),
            transcript: *transcript,
            confirmation: confirmation(key, transcript, self.own()),
        };
        let topic = Topic::Confirmation(self.epoch());
        let postings = self.exchange(topic, || self.signed(&own)).await?;
        let known = |party: &PartyName, posting: &Posting| -> Result<(), CeremonyError> {
            let theirs = self.read::<Confirmation>(cards, party, posting, "confirmation")?;
            let expected = confirmation(key, transcript, party);
            let is_same = constant_time_eq(theirs.confirmation.as_bytes(), expected.as_bytes());
            match is_same && theirs.transcript == *transcript {
                true => Ok(()),
                false => Err(CeremonyError::KeysDiffer(party.clone())),
            }
        };
        Ok(self.collected("the confirmation", &postings, known)?)
    }

    /// Logs the key, puts it in place, and destroys what could open the shares the coordinator has.
    fn install(&self, key: &Key32, transcript: Digest) -> Result<KeyProgress, NodeError> {
        let (node, epoch) = (self.node, self.epoch());
        let event = Event::KeyAgreed {
            epoch,
            agreement: self.ceremony.agreement,
            transcript,
        };
        node.home.record(&event, self.own(), &*node.clock)?;
        node.put_linkage_key(epoch, key)?;
        node.destroy_openers(epoch)?;
        Ok(KeyProgress::Agreed(Fingerprint::of(key)))
    }

    /// Puts up this node's document unless it stands there already, and reads everybody's.
    async fn exchange(
        &self,
        topic: Topic,
        own: impl FnOnce() -> Result<Posting, CeremonyError>,
    ) -> Result<Vec<Posting>, NodeError> {
        let mut postings = self.client.read(topic).await?;
        let there = postings.iter().find(|posting| posting.party == *self.own());
        if there.is_some_and(|posting| !self.is_own(topic, posting)) {
            let what = "document that the coordinator shows as this node's own";
            let party = self.own().clone();
            return Err(CeremonyError::Unsigned { party, what }.into());
        }
        if !postings.iter().any(|posting| posting.party == *self.own()) {
            let own = own()?;
            self.client.post(topic, &own).await?;
            postings.push(own);
        }
        Ok(postings)
    }

    /// Whether a document that stands as this node's own is one it signed. The card is its officer's.
    fn is_own(&self, topic: Topic, posting: &Posting) -> bool {
        if matches!(topic, Topic::Card(_)) {
            return true;
        }
        let key = PublicKey::new(self.signing.public()).fingerprint();
        posting
            .signature
            .is_of(&key, &posting.document, signing::verify)
    }

    /// Everybody's documents once all are there and right; whoever's is wrong is told at once.
    fn collected<T>(
        &self,
        what: &'static str,
        postings: &[Posting],
        known: impl Fn(&PartyName, &Posting) -> Result<T, CeremonyError>,
    ) -> Result<Step<ByParty<T>>, CeremonyError> {
        let mut all = BTreeMap::new();
        let mut missing = Vec::new();
        for party in &self.ceremony.parties {
            match postings.iter().find(|posting| posting.party == *party) {
                Some(posting) => drop(all.insert(party.clone(), known(party, posting)?)),
                None => missing.push(party.clone()),
            }
        }
        Ok(match missing.is_empty() {
            true => Step::Done(all),
            false => Step::Waiting(KeyProgress::Waiting { what, missing }),
        })
    }

    /// A party's document, signed by the key of its card.
    fn read<T: Document>(
        &self,
        cards: &ByParty<Known>,
        party: &PartyName,
        posting: &Posting,
        what: &'static str,
    ) -> Result<T, CeremonyError> {
        let key = cards
            .get(party)
            .map(|known| known.card.signing.fingerprint());
        check_signed(posting, key, what)?;
        T::read(
            &posting.document,
            &self.node.head(T::KIND, self.epoch(), party),
        )
    }

    fn signed(&self, document: &impl Document) -> Result<Posting, CeremonyError> {
        let document = document.to_bytes()?;
        let key = &self.signing;
        let signature = Signature::make(&document, key.public(), |bytes| key.sign(bytes));
        Ok(self.posting(document, signature))
    }

    fn posting(&self, document: Vec<u8>, signature: Signature) -> Posting {
        Posting {
            party: self.own().clone(),
            document,
            signature,
        }
    }
}

fn check_signed(
    posting: &Posting,
    key: Option<Digest>,
    what: &'static str,
) -> Result<(), CeremonyError> {
    let (document, signature) = (&posting.document, &posting.signature);
    match key.is_some_and(|key| signature.is_of(&key, document, signing::verify)) {
        true => Ok(()),
        false => Err(CeremonyError::Unsigned {
            party: posting.party.clone(),
            what,
        }),
    }
}

/// The key in the file at `path`, drawn now if there is none.
fn kept(
    node: &Node,
    path: &Path,
    purpose: Purpose,
    entropy: &mut dyn Entropy,
) -> Result<Key32, NodeError> {
    if !path.exists() {
        node.put(path, purpose, &Key32::generate(entropy))?;
    }
    Ok(node.home.unlock().read(path, purpose)?)
}
