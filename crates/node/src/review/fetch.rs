//! Fetching the pairs for review of a released run, and leading their record handles back to the
//! registry's own keys.

use std::collections::{HashMap, HashSet};

use model::{BatchKind, PartyName, RecordHandle, RunNumber};
use records::LocalKey;
use secret::Entropy;
use serde::Serialize;
use wire::limits::MAX_REVIEW_PAIRS;
use wire::{Count, ReviewPair, Role};

use super::{Book, ReviewError, ReviewItem};
use crate::error::NodeError;
use crate::open::Node;
use crate::outbox::{Outbox, OutboxError};
use crate::vault::Vault;

/// What a run asks of its reviewers, and what became of earlier verdicts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReviewSummary {
    /// The run.
    pub run: RunNumber,
    /// Pairs with a record of this registry.
    pub pairs: usize,
    /// Pairs nobody here has answered yet.
    pub open: usize,
    /// Decisions of all parties that the run followed.
    pub followed: Count,
    /// Decisions of all parties that others contradicted.
    pub contradicted: Count,
}

impl Node {
    /// Fetches the pairs for review of the latest prepared run, which has to be released. None when
    /// the linkage schema has no review.
    ///
    /// # Errors
    /// [`NodeError`] when they cannot be fetched, or do not fit the vault.
    pub async fn fetch_review(
        &self,
        entropy: &mut (dyn Entropy + Send),
    ) -> Result<Option<ReviewSummary>, NodeError> {
        if !self.schema.review.is_on() {
            return Ok(None);
        }
        let outbox = Outbox::latest(&self.home)?.ok_or(OutboxError::Empty)?;
        let run = outbox.manifest(BatchKind::HandleMap)?.run;
        let client = {
            let _lock = self.home.lock()?;
            self.dial(Role::Resolver).await?
        };
        let review = client.review(run).await?;
        let pairs = review.pairs.len();
        let open = self.keep_review(run, review.pairs, entropy)?;
        Ok(Some(ReviewSummary {
            run,
            pairs,
            open,
            followed: review.header.followed,
            contradicted: review.header.contradicted,
        }))
    }

    /// Takes the pairs up into the book; says how many nobody has answered.
    pub(crate) fn keep_review(
        &self,
        run: RunNumber,
        pairs: Vec<ReviewPair>,
        entropy: &mut dyn Entropy,
    ) -> Result<usize, NodeError> {
        check(&pairs, &self.config.party, |party| {
            self.schema.party_index(party).is_some()
        })?;
        let _lock = self.home.lock()?;
        let keys = self.local_keys(run, &pairs)?;
        let missing = |pair: &&ReviewPair| !handles(pair).all(|record| keys.contains_key(record));
        let count = pairs.iter().filter(missing).count();
        if count > 0 {
            return Err(ReviewError::Strangers { run, count }.into());
        }
        let items = pairs.into_iter().filter_map(|pair| item(run, pair, &keys));
        let key = self.review_key()?;
        let mut book = Book::open(&self.home.review(), &key)?;
        book.take(run, items.collect());
        book.seal(&self.home.review(), &key, entropy)?;
        Ok(book.open_items().count())
    }

    /// The local keys of the records in `pairs`, as far as the vault of `run` has them.
    fn local_keys(
        &self,
        run: RunNumber,
        pairs: &[ReviewPair],
    ) -> Result<HashMap<RecordHandle, LocalKey>, NodeError> {
        let wanted: HashSet<&RecordHandle> = pairs.iter().flat_map(handles).collect();
        let mut keys = HashMap::new();
        let mut vault = Vault::open(&self.home.vault(run), &self.vault_key(run)?)?;
        loop {
            let entries = vault.next_entries()?;
            if entries.is_empty() {
                return Ok(keys);
            }
            let own = entries
                .into_iter()
                .filter(|(handle, _)| wanted.contains(handle));
            keys.extend(own);
        }
    }
}

fn handles(pair: &ReviewPair) -> impl Iterator<Item = &RecordHandle> {
    std::iter::once(&pair.record).chain(&pair.also)
}

/// Holds the pairs to what can be, before anything is kept of them.
fn check(
    pairs: &[ReviewPair],
    own: &PartyName,
    is_known: impl Fn(&PartyName) -> bool,
) -> Result<(), ReviewError> {
    if pairs.len() > MAX_REVIEW_PAIRS as usize {
        return Err(ReviewError::BadPair("there are too many"));
    }
    let mut ids = HashSet::new();
    for pair in pairs {
        if !ids.insert(pair.id) {
            return Err(ReviewError::BadPair("one id comes twice"));
        }
        if !is_known(&pair.other) {
            return Err(ReviewError::BadPair("it names an unknown party"));
        }
        if pair.also.is_some() != (pair.other == *own) {
            return Err(ReviewError::BadPair(
                "both records are told exactly when both are this node's own",
            ));
        }
    }
    Ok(())
}

fn item(
    run: RunNumber,
    pair: ReviewPair,
    keys: &HashMap<RecordHandle, LocalKey>,
) -> Option<ReviewItem> {
    let also = match pair.also {
        Some(handle) => Some(copy(keys.get(&handle)?)),
        None => None,
    };
    Some(ReviewItem {
        id: pair.id,
        run,
        answer: None,
        record: copy(keys.get(&pair.record)?),
        also,
        other: pair.other,
        explanation: pair.explanation,
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "one record may stand in several pairs of the sealed book"
)]
fn copy(key: &LocalKey) -> LocalKey {
    LocalKey::new(key.expose().to_owned())
}
