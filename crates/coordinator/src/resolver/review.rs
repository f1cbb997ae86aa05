//! The pairs of a run that people should look at: kept beside the clusters, and told to the owners
//! of their records, each of whom gets no more than its own side.

use std::io;
use std::path::{Path, PathBuf};

use link::Resolution;
use link::resolve::Explanation;
use model::{Digest, PartyIndex, PartyName, ReviewId};
use secret::{Key32, Prf};
use serde::{Deserialize, Serialize};
use wire::limits::{MAX_REVIEW_STEPS, MAX_STEP_TEXT};
use wire::{Count, ReviewExplanation, ReviewPair, ReviewStep};

use super::counts::Counting;
use super::state::ReviewTotals;
use super::verdicts::{Halves, Owned, ordered};
use crate::lifecycle::StageError;
use crate::outputs::{self, OutputFile};
use crate::project::Project;

/// Where the pairs are while the run is not released.
const FILE: &str = "review.json";

/// A pair with both its sides; stays with the resolver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeptPair {
    id: ReviewId,
    left: Owned,
    right: Owned,
    explanation: ReviewExplanation,
}

impl KeptPair {
    /// What `party` may know of the pair; nothing where neither record is its own.
    fn side(&self, party: PartyIndex, project: &Project) -> Option<ReviewPair> {
        let (own, other) = match party {
            own if own == self.left.0 => (self.left, self.right),
            own if own == self.right.0 => (self.right, self.left),
            _ => return None,
        };
        Some(ReviewPair {
            id: self.id,
            record: own.1,
            also: (other.0 == party).then_some(other.1),
            other: project.schema.party(other.0).name.clone(),
            explanation: self.explanation.clone(),
        })
    }
}

/// Makes the ids of the pairs of one run (HMAC-SHA256, halved).
pub(super) struct ReviewIds<'a> {
    key: Prf,
    project: &'a Project,
}

impl<'a> ReviewIds<'a> {
    pub(super) fn new(key: &Key32, project: &'a Project) -> Self {
        Self {
            key: key.derive("review id v1", &[]).prf(),
            project,
        }
    }

    fn of(&self, [left, right]: [Owned; 2]) -> ReviewId {
        ReviewId::new(self.key.tag16(&[
            self.project.name.as_str().as_bytes(),
            &self.project.epoch.0.to_le_bytes(),
            &self.project.run.0.to_le_bytes(),
            &[left.0.0],
            left.1.as_bytes(),
            &[right.0.0],
            right.1.as_bytes(),
        ]))
    }
}

/// The pairs that are put up for review: the first so many as the schema allows.
pub(super) fn choose(resolution: &Resolution, ids: &ReviewIds, halves: &Halves) -> Vec<KeptPair> {
    let most = ids.project.schema.review.pairs as usize;
    let earlier = halves.earlier_ids();
    let chosen = resolution.review.iter().take(most);
    let kept = |place: &usize| {
        let (left, right) = resolution.scored.at(*place).pair;
        let record = |number: u32| resolution.records.list.get(number as usize).copied();
        let pair = ordered(record(left)?, record(right)?);
        let id = earlier.get(&pair).copied();
        Some(KeptPair {
            id: id.unwrap_or_else(|| ids.of(pair)),
            left: pair[0],
            right: pair[1],
            explanation: told(resolution.explain(*place)?),
        })
    };
    chosen.filter_map(kept).collect()
}

/// The model's own view of the pair: how earlier verdicts moved the threshold is not told, since
/// with few verdicts it would say what another owner decided.
///
/// In which passes the records met is not told by name, since a pass names values that both share
/// exactly; weights may still suggest one.
fn told(explanation: Explanation) -> ReviewExplanation {
    let step = |step: link::resolve::Step| ReviewStep {
        variable: short(step.variable),
        level: short(step.level),
        weight_millibits: step.weight_millibits,
    };
    let meeting = ReviewStep {
        variable: "passes".to_owned(),
        level: "how the two records met".to_owned(),
        weight_millibits: explanation.meeting.weight_millibits,
    };
    let steps = explanation.steps.into_iter().map(step);
    let steps = std::iter::once(meeting).chain(steps);
    ReviewExplanation {
        prior_millibits: explanation.prior_millibits,
        steps: steps.take(MAX_REVIEW_STEPS).collect(),
        alternatives_millibits: explanation.alternatives_millibits,
        odds_millibits: explanation.odds_millibits,
    }
}

fn short(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MAX_STEP_TEXT));
    text
}

/// Keeps `pairs` beside the clusters; gives the digest of the file.
pub(super) fn keep(outputs: &Path, pairs: &[KeptPair]) -> io::Result<Digest> {
    let mut file = OutputFile::create(&outputs.join(FILE))?;
    file.write(&serde_json::to_vec(pairs)?)?;
    file.finish()
}

/// Reads the pairs back; none where the run has no review.
pub(super) fn load(outputs: &Path, totals: &ReviewTotals) -> Result<Vec<KeptPair>, StageError> {
    let Some(digest) = totals.digest else {
        return Ok(Vec::new());
    };
    let bytes = std::fs::read(outputs.join(FILE))?;
    let damaged = || StageError::input("the pairs for review were damaged after they were chosen");
    if Digest::of(&bytes) != digest {
        return Err(damaged());
    }
    serde_json::from_slice(&bytes).map_err(|_| damaged())
}

/// One party's pairs, as released.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PartyReview {
    /// Pairs of all parties whose earlier verdicts were followed, floored.
    pub(super) followed: Count,
    /// Pairs of all parties whose earlier verdicts were contradicted, floored.
    pub(super) contradicted: Count,
    /// The pairs with a record of the party.
    pub(super) pairs: Vec<ReviewPair>,
}

impl PartyReview {
    /// What `party` gets of `kept`.
    pub(super) fn of(
        party: PartyIndex,
        project: &Project,
        kept: &[KeptPair],
        totals: &ReviewTotals,
        counting: &Counting<'_>,
    ) -> Self {
        let name = &project.schema.party(party).name;
        let pairs = kept.iter().filter_map(|pair| pair.side(party, project));
        Self {
            followed: counting.told(totals.followed, name, "verdicts followed"),
            contradicted: counting.told(totals.contradicted, name, "verdicts contradicted"),
            pairs: pairs.collect(),
        }
    }

    /// What a party gets of a run that was linked without review.
    pub(super) fn none() -> Self {
        Self {
            followed: Count::Withheld,
            contradicted: Count::Withheld,
            pairs: Vec::new(),
        }
    }

    /// Writes it for collecting.
    pub(super) fn write(&self, outputs: &Path, party: &PartyName) -> io::Result<()> {
        outputs::write_json(&released(outputs, party), self)
    }

    /// Reads what [`Self::write`] wrote.
    pub(super) fn read(outputs: &Path, party: &PartyName) -> io::Result<Self> {
        Ok(serde_json::from_slice(&std::fs::read(released(
            outputs, party,
        ))?)?)
    }
}

fn released(outputs: &Path, party: &PartyName) -> PathBuf {
    outputs.join("release").join(format!("{party}.review.json"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::fixture;
    use model::{RecordHandle, RunNumber};

    fn at(party: u8, record: u8) -> Owned {
        (PartyIndex(party), RecordHandle::new([record; 16]))
    }

    fn key() -> Key32 {
        Key32::from_bytes(&mut [5; 32])
    }

    fn pair(left: Owned, right: Owned) -> KeptPair {
        KeptPair {
            id: ReviewId::new([9; 16]),
            left,
            right,
            explanation: ReviewExplanation {
                prior_millibits: -9,
                steps: Vec::new(),
                alternatives_millibits: 0,
                odds_millibits: -9,
            },
        }
    }

    #[test]
    fn an_owner_learns_its_own_handle_and_nobody_elses() {
        let project = fixture::project();
        let kept = pair(at(0, 1), at(1, 2));
        let [a, b] = [0, 1].map(|party| kept.side(PartyIndex(party), &project).unwrap());
        assert_eq!(
            (a.record, a.also, a.other.as_str()),
            (at(0, 1).1, None, "b")
        );
        assert_eq!(
            (b.record, b.also, b.other.as_str()),
            (at(1, 2).1, None, "a")
        );
        assert_eq!(a.id, b.id);
        assert_eq!(kept.side(PartyIndex(2), &project), None);
    }

    #[test]
    fn the_owner_of_both_records_learns_both() {
        let project = fixture::project();
        let side = pair(at(1, 1), at(1, 2)).side(PartyIndex(1), &project);
        let side = side.unwrap();
        assert_eq!((side.record, side.also), (at(1, 1).1, Some(at(1, 2).1)));
        assert_eq!(side.other.as_str(), "b");
    }

    #[test]
    fn ids_depend_on_key_run_and_both_records() {
        let project = fixture::project();
        let mut later = project.clone();
        later.run = RunNumber(2);
        let other_key = Key32::from_bytes(&mut [6; 32]);
        let of = |key: &Key32, project: &Project, pair| ReviewIds::new(key, project).of(pair);
        let pair = [at(0, 1), at(1, 2)];
        let mut ids = vec![
            of(&key(), &project, pair),
            of(&other_key, &project, pair),
            of(&key(), &later, pair),
            of(&key(), &project, [at(0, 1), at(1, 3)]),
            of(&key(), &project, [at(0, 3), at(1, 2)]),
            of(&key(), &project, [at(0, 1), at(2, 2)]),
        ];
        assert_eq!(ids[0], of(&key(), &project, pair));
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 6);
    }

    #[test]
    fn kept_pairs_come_back_and_damage_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let pairs = vec![pair(at(0, 1), at(1, 2))];
        let totals = ReviewTotals {
            digest: Some(keep(dir.path(), &pairs).unwrap()),
            ..ReviewTotals::default()
        };
        assert_eq!(load(dir.path(), &totals).unwrap(), pairs);
        assert_eq!(load(dir.path(), &ReviewTotals::default()).unwrap(), []);
        std::fs::write(dir.path().join(FILE), "[]").unwrap();
        assert!(matches!(
            load(dir.path(), &totals),
            Err(StageError::Input(_))
        ));
    }
}
