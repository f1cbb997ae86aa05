//! What an officer is asked to approve, worked out from the resolver's log: that the run was sealed with
//! what this node uploaded, and that the outcome the resolver tells is that of what it logged.

use audit::tree::{CompactTree, leaf_hash};
use audit::{Checkpoint, Entry, Event};
use model::{BatchKind, Digest, ProjectName, RunNumber, approval};
use wire::{ClientError, NodeClient, Role};

use crate::approve::ApproveError;
use crate::error::NodeError;
use crate::open::Node;
use crate::outbox::Outbox;

/// The most entries of the resolver's log that a node reads.
const MAX_ENTRIES: u64 = 1_000_000;

/// What a log says of one run.
#[derive(Default)]
struct Told {
    sealed: Option<Vec<Digest>>,
    clusters: Option<Digest>,
}

impl Told {
    /// Takes note of an entry. A step that is told twice is told wrong, and counts for nothing.
    fn take(&mut self, event: Event, of: RunNumber) {
        match event {
            Event::RunSealed {
                run,
                manifest_digests,
            } if run == of => {
                self.sealed = self.sealed.is_none().then_some(manifest_digests);
            }
            Event::RunResolved {
                run,
                clusters_digest,
            } if run == of => {
                self.clusters = self.clusters.is_none().then_some(clusters_digest);
            }
            _ => {}
        }
    }

    fn outcome(&self, project: &ProjectName, run: RunNumber) -> Option<Digest> {
        let (sealed, clusters) = (self.sealed.as_ref()?, self.clusters.as_ref()?);
        Some(approval::outcome(project, run, sealed, clusters))
    }
}

impl Node {
    /// Holds the outcome of `run` that the resolver tells to its log, whose head the node has just kept.
    pub(crate) async fn check_outcome(
        &self,
        client: &NodeClient,
        run: RunNumber,
        outcome: Digest,
    ) -> Result<(), NodeError> {
        let kept = self
            .kept_head(Role::Resolver)?
            .ok_or(ApproveError::NotLogged(run))?;
        let told = read_log(client, &kept, run).await?;
        if told.outcome(&self.config.project, run) != Some(outcome) {
            return Err(ApproveError::NotLogged(run).into());
        }
        let own = Outbox::of(&self.home, run)
            .manifest(BatchKind::HandleMap)?
            .digest();
        match told.sealed.is_some_and(|sealed| sealed.contains(&own)) {
            true => Ok(()),
            false => Err(ApproveError::NotSealed(run).into()),
        }
    }
}

/// Reads all entries up to a checkpoint, which have to lead to its root.
async fn read_log(
    client: &NodeClient,
    kept: &Checkpoint,
    run: RunNumber,
) -> Result<Told, NodeError> {
    let head = kept.head();
    if head.size > MAX_ENTRIES {
        return Err(ApproveError::LongLog(head.size).into());
    }
    let (mut tree, mut told) = (CompactTree::default(), Told::default());
    let take = |bytes: Vec<u8>| {
        tree.push(leaf_hash(&bytes));
        // Bytes that are no entry are found by the auditor; here they tell nothing.
        if let Ok(entry) = Entry::from_bytes(&bytes) {
            told.take(entry.event, run);
        }
    };
    client
        .log_entries(head.size, take)
        .await
        .map_err(NodeError::from)?;
    match tree.head() == head {
        true => Ok(told),
        false => {
            let source = wire::HistoryError::Apart { size: head.size };
            let role = Role::Resolver;
            Err(ClientError::History { role, source }.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(events: Vec<Event>) -> Option<Digest> {
        let mut told = Told::default();
        events
            .into_iter()
            .for_each(|event| told.take(event, RunNumber(1)));
        told.outcome(&"p".parse().unwrap(), RunNumber(1))
    }

    #[test]
    fn an_outcome_follows_from_what_was_logged_once() {
        let run = RunNumber(1);
        let sealed = |byte: &[u8]| Event::RunSealed {
            run,
            manifest_digests: vec![Digest::of(byte)],
        };
        let linked = |byte: &[u8]| Event::RunResolved {
            run,
            clusters_digest: Digest::of(byte),
        };
        let outcome = told(vec![sealed(b"m"), linked(b"c")]);
        let expected = approval::outcome(
            &"p".parse().unwrap(),
            run,
            &[Digest::of(b"m")],
            &Digest::of(b"c"),
        );
        assert_eq!(outcome, Some(expected));
        assert_eq!(told(vec![sealed(b"m")]), None);
        assert_eq!(told(vec![sealed(b"m"), linked(b"c"), linked(b"d")]), None);
        assert_ne!(told(vec![sealed(b"n"), linked(b"c")]), outcome);
        let other = Event::RunResolved {
            run: RunNumber(2),
            clusters_digest: Digest::of(b"d"),
        };
        assert_eq!(told(vec![sealed(b"m"), linked(b"c"), other]), outcome);
    }
}
