//! PM: pattern mining. The bits of one frequent token are set together in all encodings that hold it, so sets of
//! bits that often go together stand for tokens (Christen, Vidanage, Ranbaduge and Schnell, PAKDD 2018).
//!
//! Sets of bits are found as frequent item sets, depth first over bit columns (Eclat: Zaki, 2000); they are laid
//! against the tokens of the list by how often each occurs, alone and with those laid before; then an encoding is
//! named if one value of the list alone has the same tokens among those.

use std::collections::{BTreeMap, BTreeSet};

use crate::outcome::Outcome;
use crate::values::Exhibit;

/// The least share of encodings in which a pattern occurs, in per cent, and the most.
const SUPPORT: (usize, usize) = (4, 60);
/// What a pattern keeps of its encodings when a bit of the same token is added, in per cent.
const KEPT: usize = 90;
/// How much oftener than by chance two bits of one token go together, in per cent.
const LIFT: usize = 250;
/// Bits in a pattern at most, and at least.
const BITS: (usize, usize) = (8, 3);
/// Patterns followed at most.
const MOST: usize = 200_000;
/// The most standard deviations by which frequencies of a pattern and its token may differ.
const CLOSE: f64 = 2.5;

/// A set of places, as a bitmap.
type Places = Vec<u64>;

fn count(places: &[u64]) -> usize {
    places.iter().map(|word| word.count_ones() as usize).sum()
}

fn both(one: &[u64], other: &[u64]) -> Places {
    one.iter()
        .zip(other)
        .map(|(one, other)| one & other)
        .collect()
}

fn bitmap(all: usize, places: impl Iterator<Item = usize>) -> Places {
    let mut map = vec![0; all.div_ceil(64)];
    places.for_each(|place| map[place / 64] |= 1 << (place % 64));
    map
}

/// Names the values of a part by the patterns of its bits.
pub(crate) fn by_patterns(exhibit: &Exhibit) -> Outcome {
    let patterns = mine(exhibit);
    let tokens = tokens(exhibit);
    let laid = lay(exhibit, &patterns, &tokens);
    let mut of_pattern: BTreeMap<Vec<bool>, Vec<usize>> = BTreeMap::new();
    for (entry, (value, _)) in exhibit.list.iter().enumerate() {
        let has = laid
            .iter()
            .map(|(_, token)| tokens[*token].names.iter().any(|name| value.contains(name)));
        of_pattern.entry(has.collect()).or_default().push(entry);
    }
    let guess = |place: usize| {
        let has: Vec<bool> = laid
            .iter()
            .map(|(pattern, _)| patterns[*pattern][place / 64] >> (place % 64) & 1 == 1)
            .collect();
        match of_pattern.get(&has).map(Vec::as_slice) {
            Some([only]) if has.contains(&true) => Some((place, *only)),
            _ => None,
        }
    };
    let guesses: BTreeMap<usize, usize> = (0..exhibit.encodings.len()).filter_map(guess).collect();
    exhibit.judge(&guesses, &[])
}

/// The encodings of each frequent set of bits, the most frequent first, each set of encodings once.
fn mine(exhibit: &Exhibit) -> Vec<Places> {
    let all = exhibit.encodings.len();
    let width = exhibit
        .encodings
        .first()
        .map_or(0, |encoding| encoding.len() * 8);
    let column = |bit| {
        bitmap(
            all,
            (0..all).filter(|place| bits::get_bit(&exhibit.encodings[*place], bit)),
        )
    };
    let columns: Vec<Places> = (0..width).map(column).collect();
    let fits = |bit: &usize| {
        let support = count(&columns[*bit]) * 100;
        support >= SUPPORT.0 * all && support <= SUPPORT.1 * all
    };
    let bits: Vec<usize> = (0..width).filter(fits).collect();
    let mut miner = Miner {
        columns: &columns,
        all,
        left: MOST,
        found: Vec::new(),
    };
    for (place, bit) in bits.iter().enumerate() {
        miner.follow(&columns[*bit], 1, &bits[place + 1..]);
    }
    distinct(miner.found)
}

struct Miner<'a> {
    columns: &'a [Places],
    all: usize,
    left: usize,
    found: Vec<Places>,
}

impl Miner<'_> {
    /// Adds bits to a pattern while they go with it; what cannot grow and is large enough is found.
    fn follow(&mut self, pattern: &Places, bits: usize, further: &[usize]) {
        let support = count(pattern);
        let mut grown = false;
        for (place, bit) in further.iter().enumerate() {
            if self.left == 0 || bits == BITS.0 {
                break;
            }
            let next = both(pattern, &self.columns[*bit]);
            if self.goes_with(support, bits, *bit, count(&next)) {
                self.left -= 1;
                grown = true;
                self.follow(&next, bits + 1, &further[place + 1..]);
                // Further sets of this token are parts of the one just followed.
                if bits > 1 {
                    break;
                }
            }
        }
        if !grown && bits >= BITS.1 {
            self.found.push(pattern.clone());
        }
    }

    fn goes_with(&self, support: usize, bits: usize, bit: usize, together: usize) -> bool {
        if together * 100 < SUPPORT.0 * self.all {
            return false;
        }
        if bits > 1 {
            return together * 100 >= support * KEPT;
        }
        together * self.all * 100 >= support * count(&self.columns[bit]) * LIFT
    }
}

/// Patterns that occur in about the same encodings are of one token.
fn distinct(mut found: Vec<Places>) -> Vec<Places> {
    found.sort_by_key(|pattern| std::cmp::Reverse(count(pattern)));
    let mut kept: Vec<Places> = Vec::new();
    for pattern in found {
        let same = |other: &Places| {
            let shared = count(&both(&pattern, other));
            shared * 100 >= 90 * (count(&pattern) + count(other) - shared)
        };
        if !kept.iter().any(same) {
            kept.push(pattern);
        }
    }
    kept
}

/// Tokens that occur in the same values of the list.
struct Token {
    names: BTreeSet<u64>,
    /// The occurrences of the list that have it.
    places: Places,
}

/// The tokens of the list that are frequent enough to be seen as patterns.
fn tokens(exhibit: &Exhibit) -> Vec<Token> {
    let all: usize = exhibit.list.iter().map(|(_, count)| count).sum();
    let mut places: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    let mut next = 0;
    for (value, count) in &exhibit.list {
        for token in value {
            places.entry(*token).or_default().extend(next..next + count);
        }
        next += count;
    }
    let mut of_places: BTreeMap<Vec<usize>, BTreeSet<u64>> = BTreeMap::new();
    for (token, places) in places {
        if places.len() * 200 >= SUPPORT.0 * all {
            of_places.entry(places).or_default().insert(token);
        }
    }
    let token = |(places, names): (Vec<usize>, BTreeSet<u64>)| Token {
        names,
        places: bitmap(all, places.into_iter()),
    };
    of_places.into_iter().map(token).collect()
}

/// Lays patterns against tokens, the most frequent first: the token whose frequencies differ least.
fn lay(exhibit: &Exhibit, patterns: &[Places], tokens: &[Token]) -> Vec<(usize, usize)> {
    let all: usize = exhibit.list.iter().map(|(_, count)| count).sum();
    let scale = exhibit.encodings.len() as f64 / all.max(1) as f64;
    let apart = |seen: usize, listed: usize| {
        let expected = listed as f64 * scale;
        (seen as f64 - expected).abs() / (expected + 1.0).sqrt()
    };
    let mut laid: Vec<(usize, usize)> = Vec::new();
    for (place, pattern) in patterns.iter().enumerate() {
        let differs = |token: &usize| {
            let alone = apart(count(pattern), count(&tokens[*token].places));
            let with = laid.iter().map(|(other, known)| {
                let listed = both(&tokens[*token].places, &tokens[*known].places);
                apart(count(&both(pattern, &patterns[*other])), count(&listed))
            });
            (alone + with.sum::<f64>()) / (1 + laid.len()) as f64
        };
        let free = (0..tokens.len()).filter(|token| laid.iter().all(|(_, known)| known != token));
        let best = free
            .map(|token| (differs(&token), token))
            .min_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((_, token)) = best.filter(|(apart, _)| *apart <= CLOSE) {
            laid.push((place, token));
        }
    }
    laid
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Size;
    use crate::suite::{Attack, Knowledge};
    use crate::tests::Setting;
    use crate::trial::Trial;

    /// The attack under ten keys: how many it names, and how surely, depends on which bits collide
    /// under each.
    fn run(profile: &str) -> Vec<Outcome> {
        let size = Size {
            people: 2000,
            overlap: 100,
        };
        let setting = Setting::new(profile);
        let under = |seed| {
            let trial = Trial::new(&setting.schema, &setting.layout, seed);
            setting.attack(
                trial,
                setting.people,
                Attack::Patterns,
                Knowledge::Copy,
                size,
            )
        };
        (20..30).map(under).collect()
    }

    #[test]
    fn bits_that_go_together_are_found_once() {
        let rows = 1000;
        let mut encodings = vec![vec![0u8; 8]; rows];
        for (row, encoding) in encodings.iter_mut().enumerate() {
            let set: &[usize] = if row % 4 == 0 { &[3, 17, 40, 55] } else { &[9] };
            set.iter().for_each(|bit| bits::set_bit(encoding, *bit));
        }
        let exhibit = Exhibit::for_test(encodings);
        let found = mine(&exhibit);
        assert_eq!(
            found
                .iter()
                .map(|pattern| count(pattern))
                .collect::<Vec<_>>(),
            [250]
        );
    }

    #[test]
    fn patterns_name_values_of_plain_filters_and_nothing_of_signatures() {
        let plain = run("field-bloom");
        let over_keys = |figure: fn(&Outcome) -> usize| plain.iter().map(figure).sum::<usize>();
        let named = over_keys(|outcome| outcome.named);
        assert!(
            named * 100 >= 2 * over_keys(|outcome| outcome.of),
            "{plain:?}"
        );
        let right = over_keys(|outcome| outcome.sure.right);
        let made = over_keys(|outcome| outcome.sure.made);
        assert!(made > 0 && right * 5 >= made * 3, "{plain:?}");
        for profile in ["standard", "strong"] {
            let outcomes = run(profile);
            let named: Vec<_> = outcomes.iter().map(|outcome| outcome.named).collect();
            assert_eq!(named, [0; 10], "{profile}: {outcomes:?}");
        }
    }
}
