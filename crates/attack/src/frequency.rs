//! FA: frequency alignment, with the bits of aligned values read as tokens after it.
//!
//! Equal values have equal filters, so the most frequent filter is likely the most frequent name. From the names
//! that frequency tells apart, every bit is learnt as belonging to some tokens (Christen et al., PAKDD 2017: all
//! tokens of aligned values that set it, without those of aligned values that do not); then a filter is named if
//! exactly one name of the list explains it, and what was named teaches more.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bits::get_bit;

use crate::outcome::Outcome;
use crate::values::{Exhibit, Value};

/// Names aligned by frequency at most, to learn from.
const ALIGNED: usize = 20;
/// Rounds of learning.
const ROUNDS: usize = 4;
/// By how much the best fit must be better than the second to learn from it.
const APART: f64 = 0.5;
/// Positions a token sets in a field's filter.
const HASHES: f64 = 8.0;
/// The share of aligned values with a token in which a bit of the token is set; not all, for some may be
/// aligned wrongly.
const USUAL: f64 = 0.8;

/// Names the values of a part by their frequencies.
pub(crate) fn by_frequency(exhibit: &Exhibit) -> Outcome {
    let ranked = exhibit.ranked();
    // A filter that occurs once has no rank.
    let repeated = ranked
        .iter()
        .take_while(|(_, places)| places.len() > 1)
        .count();
    let pairs: Vec<(usize, Fit)> = (0..repeated)
        .filter_map(|rank| Some((rank, fit(exhibit, &ranked[rank])?)))
        .collect();
    let aligned: Vec<(usize, usize)> = pairs
        .iter()
        .map(|(rank, fit)| (ranked[*rank].1[0], fit.entry))
        .collect();
    let once = |entry: usize| pairs.iter().filter(|(_, fit)| fit.entry == entry).count() == 1;
    let trusted = pairs
        .iter()
        .filter(|(_, fit)| fit.margin >= APART && once(fit.entry));
    let mut known: BTreeMap<usize, usize> = trusted
        .take(ALIGNED)
        .map(|(rank, fit)| (*rank, fit.entry))
        .collect();
    for _ in 0..ROUNDS {
        let lesson = Lesson::learnt(exhibit, &ranked, &known);
        let named = (0..ranked.len())
            .filter_map(|rank| Some((rank, lesson.only_name(exhibit, ranked[rank].0)?)));
        let named: BTreeMap<usize, usize> = named.collect();
        if named.len() <= known.len() {
            break;
        }
        known = named;
    }
    let guesses = known
        .iter()
        .flat_map(|(rank, entry)| ranked[*rank].1.iter().map(|place| (*place, *entry)));
    exhibit.judge(&guesses.collect(), &aligned)
}

/// The entry of the list that fits a filter best, and by how much better than the second.
struct Fit {
    entry: usize,
    margin: f64,
}

/// Fits by frequency and, among the equally frequent, by length: set bits tell the number of tokens.
fn fit(exhibit: &Exhibit, (filter, places): &(&[u8], Vec<usize>)) -> Option<Fit> {
    let bits = filter.len() as f64 * 8.0;
    let size = -(1.0 - f64::from(bits::popcount(filter)) / bits).ln() * bits / HASHES;
    let misfit = |entry: usize| {
        let (value, listed) = &exhibit.list[entry];
        let (seen, listed) = (places.len() as f64, *listed as f64);
        (seen - listed).powi(2) / (seen + listed) + (size - value.len() as f64).powi(2)
    };
    let mut fits: Vec<(f64, usize)> = (0..exhibit.list.len())
        .map(|entry| (misfit(entry), entry))
        .collect();
    fits.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let [best, second, ..] = fits[..] else {
        return None;
    };
    Some(Fit {
        entry: best.1,
        margin: second.0 - best.0,
    })
}

/// The bits that each token may set.
struct Lesson(HashMap<u64, BTreeSet<usize>>);

impl Lesson {
    fn learnt(
        exhibit: &Exhibit,
        ranked: &[(&[u8], Vec<usize>)],
        known: &BTreeMap<usize, usize>,
    ) -> Self {
        let mut seen: HashMap<u64, (f64, HashMap<usize, f64>)> = HashMap::new();
        for (rank, entry) in known {
            let filter = ranked[*rank].0;
            for token in &exhibit.list[*entry].0 {
                let (values, bits) = seen.entry(*token).or_default();
                *values += 1.0;
                let set = (0..filter.len() * 8).filter(|bit| get_bit(filter, *bit));
                set.for_each(|bit| *bits.entry(bit).or_default() += 1.0);
            }
        }
        let usual = |(token, (values, bits)): (u64, (f64, HashMap<usize, f64>))| {
            let bits = bits
                .into_iter()
                .filter(|(_, count)| *count >= USUAL * values);
            (token, bits.map(|(bit, _)| bit).collect())
        };
        Self(seen.into_iter().map(usual).collect())
    }

    /// The only entry of the list whose tokens are all known and explain every bit of the filter.
    fn only_name(&self, exhibit: &Exhibit, filter: &[u8]) -> Option<usize> {
        let mut names =
            (0..exhibit.list.len()).filter(|entry| self.explains(&exhibit.list[*entry].0, filter));
        names.next().filter(|_| names.next().is_none())
    }

    fn explains(&self, value: &Value, filter: &[u8]) -> bool {
        let Some(tokens) = value
            .iter()
            .map(|token| self.0.get(token))
            .collect::<Option<Vec<_>>>()
        else {
            return false;
        };
        let set = (0..filter.len() * 8).filter(|bit| get_bit(filter, *bit));
        let mut set = set.peekable();
        set.peek().is_some() && set.all(|bit| tokens.iter().any(|bits| bits.contains(&bit)))
    }
}

#[cfg(test)]
mod tests {
    use crate::outcome::Outcome;
    use crate::registry::Size;
    use crate::suite::{Attack, Knowledge};
    use crate::tests::Setting;

    fn run(profile: &str) -> Outcome {
        let size = Size {
            people: 2000,
            overlap: 100,
        };
        Setting::new(profile).run(Attack::Frequency, Knowledge::Copy, size)
    }

    #[test]
    fn frequent_names_are_read_off_plain_filters() {
        let outcome = run("field-bloom");
        assert!(outcome.top_20.right >= 5, "{outcome:?}");
        assert!(outcome.share() >= 0.05, "{outcome:?}");
    }

    #[test]
    fn encodings_that_never_repeat_have_no_frequency() {
        for profile in ["record-clk", "standard", "strong"] {
            let outcome = run(profile);
            assert!(outcome.share() <= 0.01, "{profile}: {outcome:?}");
        }
    }
}
