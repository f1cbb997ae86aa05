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
    /// By pass: those that met in it alone.
    pub(crate) only_here: Vec<u64>,
}

impl Meetings {
    pub(crate) fn of(linked: &Linked) -> Self {
        let resolution = &linked.resolution;
        let together = |pair| super::is_together(resolution, pair);
        let passes = (resolution.scored).between(together, |pair| pair.passes);
        Self::counted(linked.schema.passes.len(), &passes)
    }

    /// Of pairs that met in these passes each, one bit a pass.
    fn counted(passes: usize, met: &[u64]) -> Self {
        let met_in = |times| met.iter().filter(|met| met.count_ones() == times).count() as u64;
        let mut only_here = vec![0; passes];
        met.iter().for_each(|met| add_one(&mut only_here, *met));
        Self {
            found: met.len() as u64,
            once: met_in(1),
            twice: met_in(2),
            only_here,
        }
    }

    /// An estimate of the share of true pairs that met in some pass (pairs completeness), from the
    /// lower bound of Chao (1987) for those that never met: once^2 / (2 twice), or
    /// once (once - 1) / 2 where none met twice. It takes passes to be independent. Where alike pairs
    /// meet everywhere it is too high; where passes are made to catch what others miss, or some links
    /// are wrong, it is too low. None where a pair could not have met twice, or nothing was linked.
    pub(crate) fn completeness(&self) -> Option<f64> {
        if self.found == 0 || self.only_here.len() < 2 {
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

/// By pass: all pairs, linked or not, that met in it alone.
pub(super) fn pairs_only_here(linked: &Linked) -> Vec<u64> {
    let none = || vec![0; linked.schema.passes.len()];
    let counted = linked
        .resolution
        .scored
        .par_iter()
        .fold(none, |mut only_here, pair| {
            add_one(&mut only_here, pair.passes);
            only_here
        });
    counted.reduce(none, |mut all, more| {
        all.iter_mut()
            .zip(more)
            .for_each(|(all, more)| *all += more);
        all
    })
}

/// Counts a pair that met in these passes, one bit a pass, for its pass if it is one alone.
fn add_one(only_here: &mut [u64], met: u64) {
    if met.count_ones() == 1
        && let Some(count) = only_here.get_mut(met.trailing_zeros() as usize)
    {
        *count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meetings(passes: usize, linked: &[(u64, usize)]) -> Meetings {
        let met = linked.iter().map(|(met, times)| vec![*met; *times]);
        Meetings::counted(passes, &met.collect::<Vec<_>>().concat())
    }

    #[test]
    fn pairs_that_met_once_stand_for_pairs_that_never_met() {
        // 20 once, 40 twice, 40 in all three: 20^2 / 80 = 5 never met.
        let seen = meetings(3, &[(0b001, 15), (0b100, 5), (0b011, 40), (0b111, 40)]);
        assert_eq!((seen.found, seen.once, seen.twice), (100, 20, 40));
        assert_eq!(seen.only_here, [15, 0, 5]);
        assert!((seen.completeness().unwrap() - 100.0 / 105.0).abs() < 1e-12);
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
}
