//! Pairs for the anonlink service, by the exact search.

use std::io;

use gateway::anonlink::{Linker, LinkerError, Pair, Sets};
use link::clk::{ClkSet, Search, SearchError, Threshold};
use model::Silent;

/// The exact search among whole-record encodings.
pub(super) struct ExactLinker;

impl Linker for ExactLinker {
    fn pairs(
        &self,
        sets: Sets<'_>,
        threshold: f64,
        sink: &mut dyn FnMut(&[Pair]) -> io::Result<()>,
    ) -> Result<(), LinkerError> {
        let set = |bytes| ClkSet::new(8 * sets.encoding_bytes, bytes).map_err(unfit);
        let (left, right) = (set(sets.left)?, set(sets.right)?);
        let search = Search::new(Threshold::new(threshold).map_err(unfit)?);
        let mut pairs = Vec::new();
        let hand_over = |found: &[link::clk::Pair]| {
            pairs.clear();
            pairs.extend(found.iter().map(|pair| Pair {
                left: pair.left,
                right: pair.right,
                score: pair.score.dice(),
            }));
            sink(&pairs)
        };
        let searched = search.between(&left, &right, &Silent, hand_over);
        searched.map(|_| ()).map_err(|error| match error {
            SearchError::Sink(error) => LinkerError::Sink(error),
            lengths => unfit(lengths),
        })
    }
}

fn unfit(error: impl std::error::Error + Send + Sync + 'static) -> LinkerError {
    LinkerError::Encodings(Box::new(error))
}
