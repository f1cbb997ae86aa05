//! The owners' verdicts on pairs of earlier runs: read from each handle map, joined by review id,
//! and turned into decisions where the owners of both records have said enough.
//!
//! A pair is Different if any owner says so, and Same only if all do. Which pairs were up for review
//! need not be known for it: an id that only one half names decides nothing.

use std::collections::BTreeMap;

use link::{Decision, Verdict};
use model::{PartyIndex, RecordHandle, ReviewId};
use wire::limits::MAX_VERDICTS;
use wire::{VERDICTS_MAGIC, VerdictEntry};

/// Why a section of verdicts is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerdictsError {
    /// Not the start of a section this version knows.
    #[error("what follows the entries is no section of verdicts of version 1")]
    Unknown,
    /// Over the limit.
    #[error("it announces {0} verdicts, the limit is {MAX_VERDICTS}")]
    TooMany(u32),
    /// Bytes that are not whole verdicts, or a verdict that does not exist.
    #[error("its verdicts are torn or of a kind that does not exist")]
    Malformed,
    /// Another number than announced.
    #[error("it has {found} verdicts where {promised} were announced")]
    Count {
        /// How many there are, or one chunk more than announced.
        found: usize,
        /// How many were announced.
        promised: u32,
    },
    /// One record twice in a pair, or three records in one.
    #[error("its verdicts name a record twice in one pair, or three records")]
    Repeated,
}

/// Reads the section chunk by chunk: `"symbolon verdicts 1\n" | count (4)`, then entries.
#[derive(Debug, Default)]
pub(super) struct VerdictsReader {
    promised: Option<u32>,
    entries: Vec<VerdictEntry>,
}

impl VerdictsReader {
    /// Whether the section has begun.
    pub(super) fn has_begun(&self) -> bool {
        self.promised.is_some()
    }

    /// Takes the next chunk.
    pub(super) fn add(&mut self, chunk: &[u8]) -> Result<(), VerdictsError> {
        let Some(promised) = self.promised else {
            self.promised = Some(announced(chunk)?);
            return Ok(());
        };
        if !chunk.len().is_multiple_of(VerdictEntry::BYTES) {
            return Err(VerdictsError::Malformed);
        }
        let found = self.entries.len() + chunk.len() / VerdictEntry::BYTES;
        if found > promised as usize {
            return Err(VerdictsError::Count { found, promised });
        }
        for bytes in chunk.as_chunks().0 {
            let entry = VerdictEntry::from_bytes(bytes).ok_or(VerdictsError::Malformed)?;
            self.entries.push(entry);
        }
        Ok(())
    }

    /// The verdicts, when all are there; none where there was no section.
    pub(super) fn finish(self) -> Result<Vec<VerdictEntry>, VerdictsError> {
        let (found, promised) = (self.entries.len(), self.promised.unwrap_or_default());
        if found != promised as usize {
            return Err(VerdictsError::Count { found, promised });
        }
        check_distinct(&self.entries)?;
        Ok(self.entries)
    }
}

fn announced(chunk: &[u8]) -> Result<u32, VerdictsError> {
    let count = chunk.strip_prefix(VERDICTS_MAGIC);
    let count = count.and_then(|count| count.try_into().ok());
    match u32::from_le_bytes(count.ok_or(VerdictsError::Unknown)?) {
        count if count as usize <= MAX_VERDICTS => Ok(count),
        count => Err(VerdictsError::TooMany(count)),
    }
}

fn check_distinct(entries: &[VerdictEntry]) -> Result<(), VerdictsError> {
    let mut names: Vec<_> = entries.iter().map(|e| (e.review, e.record)).collect();
    names.sort_unstable();
    let twice = names.windows(2).any(|two| two[0] == two[1]);
    let thrice = names.windows(3).any(|three| three[0].0 == three[2].0);
    if twice || thrice {
        return Err(VerdictsError::Repeated);
    }
    Ok(())
}

/// A record: whose, and its handle in this run.
pub(super) type Owned = (PartyIndex, RecordHandle);

/// What one owner says of one record of a pair.
type Half = (Owned, Option<wire::Verdict>);

/// The halves of all parties, by pair.
#[derive(Debug, Default)]
pub(super) struct Halves {
    by_review: BTreeMap<ReviewId, Vec<Half>>,
}

impl Halves {
    /// Adds what `party` says.
    pub(super) fn add(&mut self, party: PartyIndex, entries: &[VerdictEntry]) {
        for entry in entries {
            let half = ((party, entry.record), entry.verdict);
            self.by_review.entry(entry.review).or_default().push(half);
        }
    }

    /// The pairs of which both halves are there, and nothing else.
    fn whole(&self) -> impl Iterator<Item = (ReviewId, [Half; 2])> {
        let whole = |(id, halves): (&ReviewId, &Vec<Half>)| {
            Some((*id, <[_; 2]>::try_from(halves.as_slice()).ok()?))
        };
        self.by_review.iter().filter_map(whole)
    }

    /// What the owners decided together.
    pub(super) fn decisions(&self) -> Vec<Decision> {
        let decision = |(_, [(left, one), (right, other)]): (ReviewId, [Half; 2])| {
            let verdict = together(one, other)?;
            Some(Decision {
                left,
                right,
                verdict,
            })
        };
        self.whole().filter_map(decision).collect()
    }

    /// The ids that pairs of this run had before, so that an undecided pair keeps its own.
    pub(super) fn earlier_ids(&self) -> BTreeMap<[Owned; 2], ReviewId> {
        let pair =
            |(id, [(left, _), (right, _)]): (ReviewId, [Half; 2])| (ordered(left, right), id);
        // Of several ids the smallest stays, whatever the order of parties.
        let mut ids: Vec<_> = self.whole().map(pair).collect();
        ids.reverse();
        ids.into_iter().collect()
    }
}

/// Two records in the one order a pair has.
pub(super) fn ordered(left: Owned, right: Owned) -> [Owned; 2] {
    [left.min(right), left.max(right)]
}

fn together(one: Option<wire::Verdict>, other: Option<wire::Verdict>) -> Option<Verdict> {
    use wire::Verdict::{Different, Same};
    match (one, other) {
        (Some(Different), _) | (_, Some(Different)) => Some(Verdict::Different),
        (Some(Same), Some(Same)) => Some(Verdict::Same),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use wire::Verdict::{Different, Same};

    fn entry(record: u8, review: u8, verdict: Option<wire::Verdict>) -> VerdictEntry {
        VerdictEntry {
            record: RecordHandle::new([record; 16]),
            review: ReviewId::new([review; 16]),
            verdict,
        }
    }

    fn head(count: u32) -> Vec<u8> {
        [VERDICTS_MAGIC, &count.to_le_bytes()].concat()
    }

    fn read(chunks: &[&[u8]]) -> Result<Vec<VerdictEntry>, VerdictsError> {
        let mut reader = VerdictsReader::default();
        chunks.iter().try_for_each(|chunk| reader.add(chunk))?;
        reader.finish()
    }

    #[test]
    fn a_section_is_read_over_any_whole_chunks() {
        let entries = [
            entry(1, 1, None),
            entry(2, 1, Some(Same)),
            entry(3, 2, None),
        ];
        let [a, b, c] = entries.map(|entry| entry.to_bytes());
        let both = [&b[..], &c].concat();
        assert_eq!(read(&[&head(3), &a, &both]).unwrap(), entries);
        assert_eq!(read(&[&head(0)]).unwrap(), []);
        assert_eq!(read(&[]).unwrap(), []);
    }

    #[test]
    fn sections_that_are_none_are_refused() {
        let a = entry(1, 1, None).to_bytes();
        let b = entry(1, 2, None).to_bytes();
        let count = |found, promised| VerdictsError::Count { found, promised };
        let mut guess = a;
        guess[32] = 3;
        let three: Vec<[u8; 33]> = [1, 2, 3].map(|r| entry(r, 9, None).to_bytes()).into();
        let cases: [(&[&[u8]], VerdictsError); 9] = [
            (&[&a], VerdictsError::Unknown),
            (&[&head(1)[..22]], VerdictsError::Unknown),
            (&[b"symbolon verdicts 2\n\0\0\0\0"], VerdictsError::Unknown),
            (&[&head(u32::MAX)], VerdictsError::TooMany(u32::MAX)),
            (&[&head(2), &a], count(1, 2)),
            (&[&head(1), &a, &b], count(2, 1)),
            (&[&head(1), &a[..32]], VerdictsError::Malformed),
            (&[&head(1), &guess], VerdictsError::Malformed),
            (&[&head(3), &three.concat()], VerdictsError::Repeated),
        ];
        for (chunks, expected) in cases {
            assert_eq!(read(chunks), Err(expected));
        }
        assert_eq!(read(&[&head(2), &a, &a]), Err(VerdictsError::Repeated));
    }

    proptest! {
        #[test]
        fn any_chunks_are_read_or_refused(count in 0u32..4, body: Vec<u8>) {
            if let Ok(entries) = read(&[&head(count), &body]) {
                let bytes: Vec<u8> = entries.iter().flat_map(VerdictEntry::to_bytes).collect();
                prop_assert_eq!(bytes, body);
            }
        }
    }

    fn decided(halves: &[(u8, VerdictEntry)]) -> Vec<Verdict> {
        let mut joined = Halves::default();
        for (party, entry) in halves {
            joined.add(PartyIndex(*party), &[*entry]);
        }
        joined.decisions().iter().map(|d| d.verdict).collect()
    }

    #[test]
    fn same_needs_both_owners_and_different_needs_one() {
        let pair = |one, other| decided(&[(0, entry(1, 1, one)), (1, entry(2, 1, other))]);
        assert_eq!(pair(Some(Same), Some(Same)), [Verdict::Same]);
        assert_eq!(pair(Some(Same), None), []);
        assert_eq!(pair(None, None), []);
        for other in [None, Some(Same), Some(Different)] {
            assert_eq!(pair(Some(Different), other), [Verdict::Different]);
            assert_eq!(pair(other, Some(Different)), [Verdict::Different]);
        }
    }

    #[test]
    fn a_lone_half_decides_nothing_and_neither_do_three() {
        let [a, b, c] = [(0, 1), (1, 2), (2, 3)].map(|(p, r)| (p, entry(r, 1, Some(Different))));
        assert_eq!(decided(&[a]), []);
        assert_eq!(decided(&[a, b]), [Verdict::Different]);
        assert_eq!(decided(&[a, b, c]), []);
    }

    #[test]
    fn one_owner_of_both_records_decides_alone() {
        let own = [(0, entry(1, 1, Some(Same))), (0, entry(2, 1, Some(Same)))];
        assert_eq!(decided(&own), [Verdict::Same]);
    }

    #[test]
    fn a_pair_keeps_the_smallest_of_its_ids() {
        let mut halves = Halves::default();
        halves.add(PartyIndex(1), &[entry(2, 7, None), entry(2, 3, None)]);
        halves.add(PartyIndex(0), &[entry(1, 3, None), entry(1, 7, None)]);
        let at = |party, record| (PartyIndex(party), RecordHandle::new([record; 16]));
        let pair = ordered(at(1, 2), at(0, 1));
        assert_eq!(halves.earlier_ids()[&pair], ReviewId::new([3; 16]));
    }
}
