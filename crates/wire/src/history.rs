//! A role's log as it shows itself to members, and checking that it has told all of them the same.

use audit::verify::{self, ProofError};
use audit::{Checkpoint, CheckpointError, EntryStore, Log, TreeHead, VerifierKey};
use model::{Digest, PartyName};

/// What a role shows of its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogHead {
    /// The log's key, as the role tells it.
    pub key: VerifierKey,
    /// The head, as the role signed it.
    pub checkpoint: Checkpoint,
    /// Proof that it extends what the caller saw last.
    pub path: Vec<Digest>,
    /// What other members say they were shown.
    pub seen: Vec<SeenHead>,
}

/// What another member was shown of a role's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenHead {
    /// The member.
    pub party: PartyName,
    /// What it was shown, with its cosignature.
    pub checkpoint: Checkpoint,
    /// Proof that the role's head extends it.
    pub path: Vec<Digest>,
}

/// How a role's log is not one history.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// Its key changed.
    #[error("the log has another key than when it was first seen")]
    OtherKey,
    /// What it shows is not signed by it.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// What it shows now does not extend what it showed before.
    #[error("the log does not extend the {size} entries it showed this node before: {source}")]
    Rewritten {
        /// Entries shown before.
        size: u64,
        /// Why it does not.
        source: ProofError,
    },
    /// It has no head that follows both from what it showed before and from a receipt.
    #[error(
        "the log never shows the history of the receipt, which is of {size} entries, as that of what it showed before"
    )]
    Apart {
        /// Entries at the time of the receipt.
        size: u64,
    },
    /// What it shows here does not extend what it showed someone else.
    #[error(
        "the log shows another history here than to {party}, who was shown {size} entries: {source}"
    )]
    Forked {
        /// Who was shown the other one.
        party: PartyName,
        /// Entries shown there.
        size: u64,
        /// Why they are not one.
        source: ProofError,
    },
}

impl LogHead {
    /// What `log` shows to a caller who saw `last`; others say they were shown `seen`.
    pub fn of<S: EntryStore>(
        log: &Log<S>,
        key: &VerifierKey,
        checkpoint: &Checkpoint,
        last: Option<&Checkpoint>,
        seen: Vec<(PartyName, Checkpoint)>,
    ) -> Self {
        // Where there is no proof, an empty one shows the caller that there is none.
        let path_from = |old: &Checkpoint| log.consistency(old.head().size).unwrap_or_default();
        let seen = seen.into_iter().map(|(party, checkpoint)| SeenHead {
            path: path_from(&checkpoint),
            party,
            checkpoint,
        });
        Self {
            key: key.clone(),
            checkpoint: checkpoint.clone(),
            path: last.map(path_from).unwrap_or_default(),
            seen: seen.collect(),
        }
    }

    /// Checks that the log with this `key` signed what is shown, that it extends `last`, the
    /// checkpoint seen before, and that no other member was shown another history. Returns the head.
    ///
    /// # Errors
    /// [`HistoryError`] says in what it fails.
    pub fn check(
        &self,
        key: &VerifierKey,
        last: Option<&Checkpoint>,
    ) -> Result<TreeHead, HistoryError> {
        if self.key != *key {
            return Err(HistoryError::OtherKey);
        }
        let head = self.checkpoint.signed_by(key)?;
        if let Some(last) = last {
            let old = last.signed_by(key)?;
            let extends = verify::consistency(&old, &head, &self.path);
            extends.map_err(|source| HistoryError::Rewritten {
                size: old.size,
                source,
            })?;
        }
        self.seen
            .iter()
            .try_for_each(|seen| seen.check(key, &head))?;
        Ok(head)
    }
}

impl SeenHead {
    fn check(&self, key: &VerifierKey, head: &TreeHead) -> Result<(), HistoryError> {
        let old = self.checkpoint.signed_by(key)?;
        let extends = verify::consistency(&old, head, &self.path);
        extends.map_err(|source| HistoryError::Forked {
            party: self.party.clone(),
            size: old.size,
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::fake::signer;
    use audit::{Actor, Event, MemoryStore};
    use model::RunNumber;

    fn log(runs: impl IntoIterator<Item = u32>) -> (Log<MemoryStore>, Checkpoint) {
        let mut log = Log::open(MemoryStore::new()).unwrap();
        for run in runs {
            let event = Event::RunSealed {
                run: RunNumber(run),
                manifest_digests: Vec::new(),
            };
            log.append(event, Actor::Matcher, 1).unwrap();
        }
        let checkpoint = Checkpoint::sign(log.head(), &signer()).unwrap();
        (log, checkpoint)
    }

    fn crvs() -> PartyName {
        "crvs".parse().unwrap()
    }

    #[test]
    fn one_history_is_accepted_from_any_earlier_head() {
        let key = signer().key().clone();
        let (log_now, now) = log(0..7);
        for size in 0..=7 {
            let (_, then) = log(0..size);
            let shown = LogHead::of(
                &log_now,
                &key,
                &now,
                Some(&then),
                vec![(crvs(), then.clone())],
            );
            assert_eq!(shown.check(&key, Some(&then)), Ok(log_now.head()));
        }
        let first = LogHead::of(&log_now, &key, &now, None, Vec::new());
        assert_eq!(first.check(&key, None), Ok(log_now.head()));
    }

    #[test]
    fn a_rewritten_and_a_shortened_log_are_seen_by_who_saw_it_before() {
        let key = signer().key().clone();
        let (_, then) = log(0..5);
        for runs in [vec![0, 1, 9, 3, 4, 5], vec![0, 1, 9, 3, 4], vec![0, 1, 2]] {
            let (log, now) = log(runs);
            let shown = LogHead::of(&log, &key, &now, Some(&then), Vec::new());
            let found = shown.check(&key, Some(&then));
            assert!(matches!(
                found,
                Err(HistoryError::Rewritten { size: 5, .. })
            ));
        }
    }

    #[test]
    fn a_fork_is_seen_by_what_the_other_member_was_shown() {
        let key = signer().key().clone();
        let (_, there) = log([0, 1, 9]);
        let (log, here) = log(0..4);
        let shown = LogHead::of(&log, &key, &here, None, vec![(crvs(), there)]);
        let found = shown.check(&key, None);
        assert!(
            matches!(found, Err(HistoryError::Forked { party, size: 3, .. }) if party == crvs())
        );
    }

    #[test]
    fn another_key_is_seen() {
        let key = signer().key().clone();
        let (log, now) = log(0..2);
        let shown = LogHead::of(&log, &key, &now, None, Vec::new());
        let public = [1; 32];
        let pinned = VerifierKey { public, ..key };
        assert_eq!(shown.check(&pinned, None), Err(HistoryError::OtherKey));
        let lying = LogHead {
            key: pinned.clone(),
            ..shown
        };
        assert!(matches!(
            lying.check(&pinned, None),
            Err(HistoryError::Checkpoint(_))
        ));
    }
}
