//! What the node says of earlier pairs, for the next handle map.

use std::collections::HashSet;

use encode::{HandleEntry, NodeKeys};
use model::RecordHandle;
use wire::VerdictEntry;

use super::{Answer, ReviewItem};
use crate::error::NodeError;
use crate::open::Node;
use crate::project::Project;

impl Node {
    /// The halves of all pairs in the book whose records take part in the run being prepared, under
    /// that run's handles; none where the schema has no review. A pair without a verdict goes along:
    /// the resolver needs both halves to follow the other owner's.
    pub(crate) fn verdicts(
        &self,
        project: &Project,
        entries: &[HandleEntry],
    ) -> Result<Option<Vec<VerdictEntry>>, NodeError> {
        if !self.schema.review.is_on() {
            return Ok(None);
        }
        let keys = NodeKeys::derive(
            &self.secret()?,
            &project.project,
            project.epoch,
            project.run,
        );
        let book = self.review_book()?;
        let mut halves: Vec<Vec<VerdictEntry>> =
            book.items.iter().map(|item| both(item, &keys)).collect();
        let mut wanted: HashSet<RecordHandle> = halves.iter().flatten().map(|h| h.record).collect();
        let present = entries.iter().map(|entry| entry.record);
        let present: HashSet<RecordHandle> = present.filter(|r| wanted.remove(r)).collect();
        halves.retain(|pair| pair.iter().all(|half| present.contains(&half.record)));
        let mut halves: Vec<VerdictEntry> = halves.into_iter().flatten().collect();
        // The book's order would tell which pairs were put up together.
        halves.sort_unstable_by_key(|half| (half.review, half.record));
        Ok(Some(halves))
    }
}

/// One half for each record of the pair that is the node's own.
fn both(item: &ReviewItem, keys: &NodeKeys) -> Vec<VerdictEntry> {
    let half = |key| VerdictEntry {
        record: keys.record_handle(key),
        review: item.id,
        verdict: item.answer.and_then(Answer::verdict),
    };
    item.records().map(half).collect()
}
