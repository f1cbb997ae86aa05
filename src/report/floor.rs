//! Small counts, kept from telling of single people.
//!
//! A count below the floor is not told. Where counts add up to a total that is told elsewhere, one
//! hidden count would be the difference of the rest; then the next smallest are withheld too
//! (complementary suppression). That guards each list by itself, not several lists laid side by side.

use std::fmt;

use super::number;

/// The floor of a report; none tells every count exactly.
#[derive(Debug, Clone, Copy)]
pub(super) struct Floor(pub(super) Option<u64>);

/// A count as it may be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// As it is.
    Exact(u64),
    /// Below the floor.
    Below(u64),
    /// Not below the floor, but it would give a hidden one away.
    Withheld,
}

impl Shown {
    /// The count, when it is told.
    pub(super) fn exact(self) -> Option<u64> {
        match self {
            Self::Exact(count) => Some(count),
            Self::Below(_) | Self::Withheld => None,
        }
    }

    /// What the count cannot be above, as far as it is told.
    fn at_most(self) -> Option<u64> {
        match self {
            Self::Exact(count) | Self::Below(count) => Some(count),
            Self::Withheld => None,
        }
    }

    /// The count for an axis or a bar, shortened.
    pub(super) fn compact(self) -> String {
        match self {
            Self::Exact(count) => number::compact(count),
            Self::Below(floor) => format!("<{}", number::compact(floor)),
            Self::Withheld => self.to_string(),
        }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(count) => f.write_str(&number::count(*count)),
            Self::Below(floor) => write!(f, "<{}", number::count(*floor)),
            Self::Withheld => f.write_str("hidden"),
        }
    }
}

impl Floor {
    /// A count that stands alone.
    pub(super) fn one(self, count: u64) -> Shown {
        match self.0 {
            Some(floor) if count < floor => Shown::Below(floor),
            _ => Shown::Exact(count),
        }
    }

    /// Counts whose total is told elsewhere.
    pub(super) fn all(self, counts: &[u64]) -> Vec<Shown> {
        let mut shown: Vec<Shown> = counts.iter().map(|count| self.one(*count)).collect();
        let Some(floor) = self.0 else {
            return shown;
        };
        while gives_away(&shown, counts, floor) {
            let smallest = (0..counts.len())
                .filter(|place| shown[*place].exact().is_some())
                .min_by_key(|place| counts[*place]);
            let Some(place) = smallest else {
                break;
            };
            shown[place] = Shown::Withheld;
        }
        shown
    }

    /// A rate of counts that are not told themselves; to per cent only when counts are floored.
    pub(super) fn rounded(self, rate: f64) -> f64 {
        let rate = number::tame_share(rate);
        match self.0 {
            Some(_) => (rate * 100.0).round() / 100.0,
            None => rate,
        }
    }
}

/// A share of counts, `part / (part + rest)`. Where the rest is below the floor, what is known is a
/// bound; where the part is, or something is withheld, nothing is.
pub(super) fn share(part: Shown, rest: &[Shown]) -> String {
    let most: Option<Vec<u64>> = rest.iter().map(|shown| shown.at_most()).collect();
    let (Some(part), Some(most)) = (part.exact(), most) else {
        return "\u{2013}".to_owned();
    };
    let all = part as f64 + most.iter().map(|count| *count as f64).sum::<f64>();
    if all == 0.0 {
        return "\u{2013}".to_owned();
    }
    let bound = rest.iter().any(|shown| shown.exact().is_none());
    let sign = if bound { "> " } else { "" };
    format!("{sign}{}", number::share(part as f64 / all))
}

/// The harmonic mean of precision and recall, under the same rules as a share.
pub(super) fn f1(right: Shown, wrong: Shown, missed: Shown) -> String {
    let twice = match right {
        Shown::Exact(count) => Shown::Exact(count.saturating_mul(2)),
        hidden => hidden,
    };
    share(twice, &[wrong, missed])
}

/// Whether the hidden counts could be worked out, or bounded below the floor, from the total.
fn gives_away(shown: &[Shown], counts: &[u64], floor: u64) -> bool {
    let hidden = || {
        let both = shown.iter().zip(counts);
        both.filter(|(shown, _)| shown.exact().is_none())
            .map(|(_, count)| *count)
    };
    let sum = hidden().fold(0, u64::saturating_add);
    hidden().count() == 1 || (hidden().count() > 1 && sum < floor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Shown::{Below, Exact, Withheld};

    #[test]
    fn without_a_floor_all_is_exact() {
        assert_eq!(Floor(None).all(&[0, 1, 7]), [Exact(0), Exact(1), Exact(7)]);
    }

    #[test]
    fn counts_below_the_floor_are_hidden() {
        let floor = Floor(Some(10));
        assert_eq!(floor.one(9), Below(10));
        assert_eq!(floor.one(10), Exact(10));
        assert_eq!(floor.one(0).to_string(), "<10");
        assert_eq!(floor.all(&[9, 8, 30]), [Below(10), Below(10), Exact(30)]);
    }

    #[test]
    fn one_hidden_count_hides_the_next_smallest() {
        let floor = Floor(Some(10));
        assert_eq!(floor.all(&[50, 3, 20]), [Exact(50), Below(10), Withheld]);
        assert_eq!(
            floor.all(&[1, 1, 50, 20]),
            [Below(10), Below(10), Exact(50), Withheld]
        );
        assert_eq!(floor.all(&[3]), [Below(10)]);
        assert_eq!(floor.all(&[]), []);
    }

    #[test]
    fn shares_of_hidden_counts_are_bounds() {
        assert_eq!(share(Exact(3), &[Exact(1)]), "0.7500");
        assert_eq!(share(Exact(990), &[Below(10)]), "> 0.9900");
        assert_eq!(share(Below(10), &[Exact(50)]), "\u{2013}");
        assert_eq!(share(Exact(50), &[Withheld]), "\u{2013}");
        assert_eq!(share(Exact(0), &[Exact(0)]), "\u{2013}");
        assert_eq!(f1(Exact(90), Exact(10), Exact(30)), "0.8182");
        assert_eq!(f1(Exact(90), Below(10), Exact(10)), "> 0.9000");
    }

    #[test]
    fn rates_of_floored_reports_are_rough() {
        let floor = Floor(Some(10));
        assert!((floor.rounded(0.98765) - 0.99).abs() < 1e-12);
    }
}
