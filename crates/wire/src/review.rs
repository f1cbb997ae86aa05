//! Clerical review as it is told: what a node may know of a doubtful pair, and what it answers in
//! its next handle map.

use model::digest::Digester;
use model::{Digest, PartyName, RecordHandle, ReviewId, RunNumber};
use serde::{Deserialize, Serialize};

use crate::messages::Count;

/// The pairs of one party's records that people should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// Totals, and the digest that makes the pairs checkable.
    pub header: ReviewHeader,
    /// The pairs, the most doubtful first.
    pub pairs: Vec<ReviewPair>,
}

/// What stands before a party's pairs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReviewHeader {
    /// The run.
    pub run: RunNumber,
    /// Pairs in all.
    pub pairs: u32,
    /// Digest of all pairs, see [`review_digest`].
    pub pairs_digest: Digest,
    /// Pairs of all parties whose earlier verdicts the run followed.
    pub followed: Count,
    /// Pairs of all parties whose earlier verdicts others contradicted.
    pub contradicted: Count,
}

/// A doubtful pair, as an owner of one of its records may know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewPair {
    /// Names the pair at both owners.
    pub id: ReviewId,
    /// The party's own record.
    pub record: RecordHandle,
    /// The other record, where it is the party's own too.
    pub also: Option<RecordHandle>,
    /// Whose the other record is.
    pub other: PartyName,
    /// Why the pair is doubtful.
    pub explanation: ReviewExplanation,
}

/// Why a pair has its odds: prior, steps and alternatives add up to them. Weights are log2 in
/// thousandths of a bit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewExplanation {
    /// The prior odds of a match between the two parties.
    pub prior_millibits: i32,
    /// What each comparison adds.
    pub steps: Vec<ReviewStep>,
    /// What other explanations take away: a household, kin or twins would look alike too.
    pub alternatives_millibits: i32,
    /// The posterior odds of a match.
    pub odds_millibits: i32,
}

/// What one comparison adds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewStep {
    /// What is compared.
    pub variable: String,
    /// How the records agree, in words.
    pub level: String,
    /// What that adds.
    pub weight_millibits: i32,
}

/// The digest of `pairs`: SHA-256 over each in order, every field behind its length, lists behind
/// their count.
pub fn review_digest(pairs: &[ReviewPair]) -> Digest {
    let mut digester = Digester::new();
    pairs.iter().for_each(|pair| add(pair, &mut digester));
    digester.finish()
}

fn add(pair: &ReviewPair, digester: &mut Digester) {
    let ReviewExplanation {
        prior_millibits,
        steps,
        alternatives_millibits,
        odds_millibits,
    } = &pair.explanation;
    digester.field(pair.id.as_bytes());
    digester.field(&[1 + u8::from(pair.also.is_some())]);
    digester.field(pair.record.as_bytes());
    pair.also
        .iter()
        .for_each(|also| digester.field(also.as_bytes()));
    digester.field(pair.other.as_str().as_bytes());
    digester.field(&prior_millibits.to_le_bytes());
    digester.field(&(steps.len() as u64).to_le_bytes());
    for step in steps {
        digester.field(step.variable.as_bytes());
        digester.field(step.level.as_bytes());
        digester.field(&step.weight_millibits.to_le_bytes());
    }
    digester.field(&alternatives_millibits.to_le_bytes());
    digester.field(&odds_millibits.to_le_bytes());
}

/// What stands before the verdicts in a handle map; the number is the section's version.
pub const VERDICTS_MAGIC: &[u8] = b"symbolon verdicts 1\n";

/// What an owner says of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// One person.
    Same,
    /// Two people.
    Different,
}

/// One owner's half of a pair that was up for review, in its next handle map. A pair without a
/// verdict travels too: only with both halves can the resolver follow the other owner's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerdictEntry {
    /// The owner's record, by its handle in the run of the handle map.
    pub record: RecordHandle,
    /// The pair.
    pub review: ReviewId,
    /// What the owner says, if anything.
    pub verdict: Option<Verdict>,
}

impl VerdictEntry {
    /// Bytes of one entry: `record handle (16) | review id (16) | verdict (1)`.
    pub const BYTES: usize = 33;

    /// The entry's bytes.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..16].copy_from_slice(self.record.as_bytes());
        bytes[16..32].copy_from_slice(self.review.as_bytes());
        bytes[32] = match self.verdict {
            None => 0,
            Some(Verdict::Same) => 1,
            Some(Verdict::Different) => 2,
        };
        bytes
    }

    /// Reads an entry; none for a verdict that does not exist.
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Option<Self> {
        let (record, rest) = bytes.split_first_chunk::<16>()?;
        let (review, rest) = rest.split_first_chunk::<16>()?;
        let verdict = match rest {
            [0] => None,
            [1] => Some(Verdict::Same),
            [2] => Some(Verdict::Different),
            _ => return None,
        };
        Some(Self {
            record: RecordHandle::new(*record),
            review: ReviewId::new(*review),
            verdict,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::fake::review_pair;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn verdicts_come_back_and_others_are_refused(bytes in any::<[u8; 33]>()) {
            match VerdictEntry::from_bytes(&bytes) {
                Some(entry) => prop_assert_eq!(entry.to_bytes(), bytes),
                None => prop_assert!(bytes[32] > 2),
            }
        }
    }

    #[test]
    fn the_form_of_a_verdict_is_as_published() {
        let entry = VerdictEntry {
            record: RecordHandle::new([1; 16]),
            review: ReviewId::new([2; 16]),
            verdict: Some(Verdict::Different),
        };
        let expected = [&[1; 16][..], &[2; 16], &[2]].concat();
        assert_eq!(entry.to_bytes()[..], expected);
    }

    #[test]
    fn the_digest_depends_on_everything() {
        let changes: [fn(&mut ReviewPair); 7] = [
            |pair| pair.id = ReviewId::new([9; 16]),
            |pair| pair.record = RecordHandle::new([9; 16]),
            |pair| pair.also = Some(pair.record),
            |pair| pair.other = "sr".parse().unwrap(),
            |pair| pair.explanation.steps[0].level.push('x'),
            |pair| pair.explanation.steps.truncate(1),
            |pair| pair.explanation.odds_millibits += 1,
        ];
        let digest = review_digest(&[review_pair(1)]);
        for change in changes {
            let mut pair = review_pair(1);
            change(&mut pair);
            assert_ne!(review_digest(&[pair]), digest);
        }
        let [one, two] = [1, 2].map(review_pair);
        let turned = review_digest(&[two.clone(), one.clone()]);
        assert_ne!(review_digest(&[one, two]), turned);
    }
}
