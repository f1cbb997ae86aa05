//! In how many passes linked pairs met, and what that says of pairs that never met.

use rayon::prelude::*;

use crate::rehearsal::Linked;

/// Pairs that met and ended in one cluster, by the number of passes they met in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Meetings {
    /// Pairs that met at all.
    pub(crate) found: u64,
    /// Pairs that met in exactly one pass.
    pub(crate) once: u64,
    /// Pairs that met in exactly two.
    pub(crate) twice: u64,
    /// By pass: all pairs, linked or not, that met in it alone.
    pub(crate) pairs_only_here: Vec<u64>,
    /// By pass: the linked pairs that met in it alone.
    pub(crate) links_only_here: Vec<u64>,
}

impl Meetings {
    pub(crate) fn of(linked: &Linked) -> Self {
        let none = || Self::none(linked.schema.passes.len());
        let resolution = &linked.resolution;
        let pairs = resolution.scored.par_iter();
        let counted = pairs.fold(none, |mut meetings, pair| {
            meetings.count(pair.passes, super::is_together(resolution, pair.pair));
            meetings
        });
        counted.reduce(none, Self::and)
    }

    /// Of no pairs yet, under so many passes.
    fn none(passes: usize) -> Self {
        Self {
            pairs_only_here: vec![0; passes],
            links_only_here: vec![0; passes],
            ..Self::default()
        }
    }

    /// These, and those of other pairs.
    fn and(mut self, other: Self) -> Self {
        self.found += other.found;
        self.once += other.once;
        self.twice += other.twice;
        add_all(&mut self.pairs_only_here, &other.pairs_only_here);
        add_all(&mut self.links_only_here, &other.links_only_here);
        self
    }

    /// Counts a pair that met in `passes`, one bit a pass.
    fn count(&mut self, passes: u64, is_linked: bool) {
        let met = passes.count_ones();
        let alone = (met == 1).then(|| passes.trailing_zeros() as usize);
        add_one(&mut self.pairs_only_here, alone);
        if is_linked {
            self.found += 1;
            self.once += u64::from(met == 1);
            self.twice += u64::from(met == 2);
            add_one(&mut self.links_only_here, alone);
        }
    }

    /// An estimate of the share of true pairs that met in some pass (pairs completeness), from the
    /// lower bound of Chao (1987) for those that never met: once^2 / (2 twice), or
    /// once (once - 1) / 2 where none met twice. It takes passes to be independent. Where alike pairs
    /// meet everywhere it is too high; where passes are made to catch what others miss, or some links
    /// are wrong, it is too low. None where a pair could not have met twice, or nothing was linked.
    pub(crate) fn completeness(&self) -> Option<f64> {
        if self.found == 0 || self.pairs_only_here.len() < 2 {
            return None;
        }
        let [found, once, twice] = [self.found, self.once, self.twice].map(|count| count as f64);
        let never = if self.twice == 0 {
            once * (once - 1.0) / 2.0
        } else {
            once * once / (2.0 * twice)
        };
        Some(found / (found + never))
    }
}

fn add_one(counts: &mut [u64], place: Option<usize>) {
    if let Some(count) = place.and_then(|place| counts.get_mut(place)) {
        *count += 1;
    }
}

fn add_all(counts: &mut [u64], more: &[u64]) {
    for (count, more) in counts.iter_mut().zip(more) {
        *count += more;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meetings(passes: usize, linked: &[(u64, u64)]) -> Meetings {
        let mut meetings = Meetings::none(passes);
        for (met, times) in linked {
            (0..*times).for_each(|_| meetings.count(*met, true));
        }
        meetings
    }

    #[test]
    fn pairs_that_met_once_stand_for_pairs_that_never_met() {
        // 20 once, 40 twice, 40 in all three: 20^2 / 80 = 5 never met.
        let seen = meetings(3, &[(0b001, 15), (0b100, 5), (0b011, 40), (0b111, 40)]);
        assert_eq!((seen.found, seen.once, seen.twice), (100, 20, 40));
        assert_eq!(seen.links_only_here, [15, 0, 5]);
        assert!((seen.completeness().unwrap() - 100.0 / 105.0).abs() < 1e-12);
    }

    #[test]
    fn what_was_counted_in_parts_is_what_was_counted() {
        let [one, other] = [&[(0b001, 15), (0b011, 40)][..], &[(0b100, 5), (0b111, 40)]];
        let all = meetings(3, &[one, other].concat());
        assert_eq!(meetings(3, one).and(meetings(3, other)), all);
    }

    #[test]
    fn without_pairs_that_met_twice_the_corrected_form_holds() {
        let seen = meetings(2, &[(0b01, 4)]);
        assert!((seen.completeness().unwrap() - 0.4).abs() < 1e-12);
        assert_eq!(meetings(2, &[(0b11, 9)]).completeness(), Some(1.0));
    }

    #[test]
    fn nothing_is_estimated_from_one_pass_or_from_no_links() {
        assert_eq!(meetings(1, &[(0b1, 9)]).completeness(), None);
        assert_eq!(meetings(2, &[]).completeness(), None);
    }

    #[test]
    fn pairs_that_were_not_linked_count_for_their_pass_only() {
        let mut seen = meetings(2, &[]);
        seen.count(0b10, false);
        seen.count(0b11, false);
        assert_eq!((seen.found, seen.pairs_only_here), (0, vec![0, 1]));
    }
}
