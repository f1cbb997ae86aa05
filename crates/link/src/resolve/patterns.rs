//! What the model sees of a pair, each different sight once: which parties, in which passes it met,
//! and its comparison levels. Millions of pairs come to far fewer patterns, and a fit that counts
//! patterns is the fit that looks at every pair.

use std::hash::BuildHasher;

use hashbrown::HashTable;
use model::schema::{BlockComponent, BlockForm, Pass};
use model::{Layout, LinkageSchema};
use rayon::prelude::*;

use super::levels::Variables;

/// All patterns that occur, in order of their parts.
pub(super) struct Patterns {
    /// Whose the records are, by pattern.
    pub(super) strata: Vec<u16>,
    /// The passes met in, by pattern, one bit a pass.
    pub(super) passes: Vec<u64>,
    /// How many pairs have it, by pattern.
    pub(super) counts: Vec<u64>,
    /// The level of every variable, pattern after pattern.
    levels: Vec<u16>,
    width: usize,
}

/// What a fit looks at.
pub(super) struct Seen {
    /// All patterns of candidate pairs.
    pub(super) patterns: Patterns,
    /// By pass, then variable: what the pass asks of the variable's value; empty where nothing.
    pub(super) asked: Vec<Vec<Vec<Asked>>>,
}

impl Seen {
    /// The same with about `most` patterns that stand for all; none when there are no more.
    pub(super) fn thinned(&self, most: usize) -> Option<Self> {
        Some(Self {
            patterns: self.patterns.thinned(most)?,
            asked: self.asked.clone(),
        })
    }
}

/// What a pass asks of a variable.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    /// Which of the variable's fields, by place.
    pub(super) field: usize,
    /// Which form of its value.
    pub(super) form: BlockForm,
}

/// One pattern.
#[derive(Clone, Copy)]
pub(super) struct Observed<'a> {
    pub(super) stratum: u16,
    passes: u64,
    /// How many pairs have it.
    pub(super) pairs: u64,
    pub(super) levels: &'a [u16],
}

impl Patterns {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.passes.len()
    }

    /// Pattern `number`.
    #[inline]
    pub(super) fn get(&self, number: usize) -> Observed<'_> {
        Observed {
            stratum: self.strata[number],
            passes: self.passes[number],
            pairs: self.counts[number],
            levels: &self.levels[number * self.width..(number + 1) * self.width],
        }
    }

    /// About `most` of them that stand for all, none when there are no more than that: a systematic sample with
    /// probability proportional to size (Madow, 1949). A pattern of many pairs stays with its pairs, of the others
    /// some stay and count for those left out. As patterns are ordered, each stratum and pass keeps its share.
    fn thinned(&self, most: usize) -> Option<Self> {
        if self.len() <= most {
            return None;
        }
        let step = self.step(most);
        let (mut thinned, mut sum) = (Self::empty(self.width), 0);
        for pattern in self.iter() {
            if pattern.pairs >= step {
                thinned.push_seen(pattern, pattern.pairs);
                continue;
            }
            let before = sum / step;
            sum += pattern.pairs;
            if sum / step > before {
                thinned.push_seen(pattern, step);
            }
        }
        Some(thinned)
    }

    /// The pairs that one pattern stands for, at least, when about `most` patterns stand for all.
    fn step(&self, most: usize) -> u64 {
        let mut counts = self.counts.clone();
        counts.par_sort_unstable();
        let of_count = |same: &[u64]| (same[0], same.len() as u64);
        let of_counts: Vec<(u64, u64)> = counts.chunk_by(|a, b| a == b).map(of_count).collect();
        let stay = |step: u64| -> u64 {
            let large = of_counts.partition_point(|(pairs, _)| *pairs < step);
            let (small, large) = of_counts.split_at(large);
            let large: u64 = large.iter().map(|(_, patterns)| patterns).sum();
            let small: u64 = small.iter().map(|(pairs, patterns)| pairs * patterns).sum();
            large + small / step
        };
        let (mut low, mut high) = (1, self.counts.iter().sum::<u64>().max(1));
        while low < high {
            let step = (low + high) / 2;
            match stay(step) <= most as u64 {
                true => high = step,
                false => low = step + 1,
            }
        }
        low
    }

    fn empty(width: usize) -> Self {
        Self {
            strata: Vec::new(),
            passes: Vec::new(),
            counts: Vec::new(),
            levels: Vec::new(),
            width,
        }
    }

    fn push(&mut self, stratum: u16, passes: u64, pairs: u64, levels: &[u16]) {
        self.strata.push(stratum);
        self.passes.push(passes);
        self.counts.push(pairs);
        self.levels.extend_from_slice(levels);
    }

    /// Takes in a pattern of another list, as that of so many pairs.
    fn push_seen(&mut self, pattern: Observed<'_>, pairs: u64) {
        self.push(pattern.stratum, pattern.passes, pairs, pattern.levels);
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = Observed<'_>> {
        (0..self.len()).map(|number| self.get(number))
    }
}

/// By pass, then variable: what the pass asks of the variable's value; empty where nothing.
pub(super) fn asked(
    schema: &LinkageSchema,
    layout: &Layout,
    variables: &Variables,
) -> Vec<Vec<Vec<Asked>>> {
    let fields: Vec<Vec<usize>> = variables.0.iter().map(|v| v.fields(layout)).collect();
    let of = |pass: &Pass, fields: &Vec<usize>| -> Vec<Asked> {
        let asked = |component: &BlockComponent| {
            let field = fields.iter().position(|field| *field == component.field)?;
            let form = component.form;
            Some(Asked { field, form })
        };
        pass.components.iter().filter_map(asked).collect()
    };
    let asked = |pass: &Pass| fields.iter().map(|fields| of(pass, fields)).collect();
    schema.passes.iter().map(asked).collect()
}

/// Numbers patterns as they come.
#[derive(Default)]
pub(super) struct PatternBuilder {
    /// The numbers of the patterns, by the hash of their keys. No order of the table is looked at.
    numbers: HashTable<u32>,
    /// Has a key of its own in every process.
    hasher: foldhash::quality::RandomState,
    /// The keys, one after the other, and behind them the one that is being looked up.
    keys: Vec<u16>,
    /// How many numbers a key has.
    width: usize,
    counts: Vec<u64>,
}

/// Places of a key before the levels: whose the records are, and four for the passes met in. Keys have the order that
/// patterns have.
const KEY_HEADER: usize = 5;

/// What a key is made of: whose the records are, the passes met in, and the levels.
fn parts(key: &[u16]) -> (u16, u64, &[u16]) {
    let (header, levels) = key.split_at(KEY_HEADER);
    let passes = header[1..].iter();
    let passes = passes.fold(0, |all, word| all << 16 | u64::from(*word));
    (header[0], passes, levels)
}

/// As much of a pattern as one number holds, in the order of patterns: most differ in that. Behind it levels decide.
fn beginning(stratum: u16, passes: u64, levels: &[u16]) -> u128 {
    let header = u128::from(stratum) << 64 | u128::from(passes);
    let level = |place: usize| u128::from(levels.get(place).copied().unwrap_or(0));
    header << 48 | level(0) << 32 | level(1) << 16 | level(2)
}

impl PatternBuilder {
    /// The number of a pattern, for now, and one more pair that has it. All patterns have as many levels.
    pub(super) fn number(&mut self, stratum: u16, passes: u64, levels: &[u16]) -> u32 {
        let Self {
            numbers,
            hasher,
            keys,
            width,
            counts,
        } = self;
        let word = |at: u32| (passes >> (16 * at)) as u16;
        let header: [u16; KEY_HEADER] = [stratum, word(3), word(2), word(1), word(0)];
        *width = KEY_HEADER + levels.len();
        keys.truncate(counts.len() * *width);
        keys.extend_from_slice(&header);
        keys.extend_from_slice(levels);
        let key = |number: &u32| &keys[*number as usize * *width..][..*width];
        let next = counts.len() as u32;
        let hash = |number: &u32| hasher.hash_one(key(number));
        let number = numbers.entry(hash(&next), |number| key(number) == key(&next), hash);
        let number = *number.or_insert(next).get();
        if number == next {
            counts.push(0);
        }
        counts[number as usize] += 1;
        number
    }

    /// Orders the patterns by their parts, so that nothing depends on how they came, and renumbers
    /// `pattern_of`.
    pub(super) fn finish(self, pattern_of: &mut [u32]) -> Patterns {
        let (keys, width, counts) = (self.keys, self.width, self.counts);
        let key = |number: u32| &keys[number as usize * width..][..width];
        let begin = |number: u32| {
            let (stratum, passes, levels) = parts(key(number));
            beginning(stratum, passes, levels)
        };
        let levels = |number: u32| parts(key(number)).2;
        let numbers = 0..counts.len() as u32;
        let mut order: Vec<(u128, u32)> = numbers.map(|number| (begin(number), number)).collect();
        order.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| levels(a.1).cmp(levels(b.1))));
        let mut renumbered = vec![0; order.len()];
        let mut patterns = Patterns::empty(width.saturating_sub(KEY_HEADER));
        for (number, (_, before)) in (0..).zip(order) {
            renumbered[before as usize] = number;
            let (stratum, passes, levels) = parts(key(before));
            let pairs = counts[before as usize];
            patterns.push(stratum, passes, pairs, levels);
        }
        renumber(pattern_of, &renumbered);
        patterns
    }
}

/// Puts the new number in the place of each one that was.
fn renumber(numbers: &mut [u32], renumbered: &[u32]) {
    for number in numbers {
        *number = renumbered[*number as usize];
    }
}

impl Patterns {
    /// Those of all `parts` in one order, each part with the patterns of its pairs, which are renumbered.
    pub(super) fn join(mut parts: Vec<(Self, &mut [u32])>) -> Self {
        let begin =
            |pattern: Observed<'_>| beginning(pattern.stratum, pattern.passes, pattern.levels);
        let mut keys: Vec<(u128, u32, u32)> = (0..)
            .zip(&parts)
            .flat_map(|(part, (patterns, _))| {
                let own = (0..).zip(patterns.iter());
                own.map(move |(own, pattern)| (begin(pattern), part, own))
            })
            .collect();
        let levels = |part: u32, own: u32| parts[part as usize].0.get(own as usize).levels;
        let compare = |a: &(u128, u32, u32), b: &(u128, u32, u32)| {
            let begins = a.0.cmp(&b.0);
            begins.then_with(|| levels(a.1, a.2).cmp(levels(b.1, b.2)))
        };
        // Every part is in order: a sort that finds what is sorted has little left to do.
        keys.par_sort_by(compare);
        let widths = parts.iter().map(|(patterns, _)| patterns.width);
        let mut all = Self::empty(widths.max().unwrap_or(0));
        let mut renumbered: Vec<Vec<u32>> =
            parts.iter().map(|part| vec![0; part.0.len()]).collect();
        for same in keys.chunk_by(|a, b| compare(a, b).is_eq()) {
            let number = all.len() as u32;
            let mut pairs = 0;
            for (_, part, own) in same {
                pairs += parts[*part as usize].0.counts[*own as usize];
                renumbered[*part as usize][*own as usize] = number;
            }
            let (_, part, own) = same[0];
            all.push_seen(parts[part as usize].0.get(own as usize), pairs);
        }
        let parts = parts.par_iter_mut().zip(&renumbered);
        parts.for_each(|((_, pattern_of), renumbered)| renumber(pattern_of, renumbered));
        all
    }
}

impl<'a> Observed<'a> {
    /// A pair that is none of those counted.
    pub(super) fn one(stratum: u16, passes: u64, levels: &'a [u16]) -> Self {
        Self {
            stratum,
            passes,
            pairs: 1,
            levels,
        }
    }

    /// The passes met in, one bit a pass.
    pub(super) fn met_in(&self) -> u64 {
        self.passes
    }

    /// The passes met in.
    pub(super) fn passes(&self) -> impl Iterator<Item = usize> + use<> {
        let mut left = self.passes;
        std::iter::from_fn(move || {
            let pass = left.trailing_zeros();
            left &= left.checked_sub(1)?;
            Some(pass as usize)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Whether each is there once, in order of its parts.
    fn in_order(patterns: &Patterns) -> bool {
        let seen = patterns
            .iter()
            .map(|seen| (seen.stratum, seen.passes, seen.levels));
        seen.collect::<Vec<_>>().is_sorted_by(|a, b| a < b)
    }

    proptest! {
        #[test]
        fn patterns_count_their_pairs_in_whatever_order_they_come(
            // Passes of every word of a key, and levels that differ behind the beginning alone.
            pairs in proptest::collection::vec(
                (0u16..2, (0u32..4).prop_map(|word| 1 << (17 * word)), [0u16..2, 0u16..1, 0u16..2, 0u16..3, 0u16..3]),
                1..60,
            )
        ) {
            let build = |pairs: &[(u16, u64, [u16; 5])]| {
                let mut parts = Vec::new();
                for part in pairs.chunks(7) {
                    let mut own = PatternBuilder::default();
                    let number = |(stratum, passes, levels): &(u16, u64, [u16; 5])| own.number(*stratum, *passes, levels);
                    let mut numbers: Vec<u32> = part.iter().map(number).collect();
                    let patterns = own.finish(&mut numbers);
                    assert!(in_order(&patterns));
                    parts.push((patterns, numbers));
                }
                let joined = parts.iter_mut().map(|(patterns, numbers)| (std::mem::replace(patterns, Patterns::empty(5)), &mut numbers[..]));
                let patterns = Patterns::join(joined.collect());
                let numbers: Vec<u32> = parts.into_iter().flat_map(|(_, numbers)| numbers).collect();
                (patterns, numbers)
            };
            let (patterns, numbers) = build(&pairs);
            for ((stratum, passes, levels), number) in pairs.iter().zip(&numbers) {
                let seen = patterns.get(*number as usize);
                prop_assert_eq!((seen.stratum, seen.passes, seen.levels), (*stratum, *passes, &levels[..]));
            }
            prop_assert_eq!(patterns.counts.iter().sum::<u64>(), pairs.len() as u64);
            prop_assert!(in_order(&patterns));
            let reversed: Vec<_> = pairs.iter().rev().copied().collect();
            let (again, mut turned) = build(&reversed);
            turned.reverse();
            prop_assert_eq!((again.levels, again.counts), (patterns.levels, patterns.counts));
            prop_assert_eq!(turned, numbers);
        }

        #[test]
        fn thinned_patterns_stand_for_all(
            counts in proptest::collection::vec(prop_oneof![4 => Just(1u64), 2 => 2u64..9, 1 => 9u64..500], 1..900), most in 20usize..200
        ) {
            let mut all = Patterns::empty(1);
            counts.iter().for_each(|pairs| all.push(0, 1, *pairs, &[0]));
            let pairs = |patterns: &Patterns| patterns.counts.iter().sum::<u64>();
            match all.thinned(most) {
                None => prop_assert!(all.len() <= most),
                Some(thinned) => {
                    prop_assert!(all.len() > most && thinned.len() <= most && thinned.len() * 2 >= most);
                    // At most one pattern too many or too few is counted for.
                    prop_assert!(pairs(&all).abs_diff(pairs(&thinned)) <= all.step(most));
                    let several = |patterns: &Patterns| patterns.counts.iter().filter(|pairs| **pairs > all.step(most)).count();
                    prop_assert_eq!(several(&all), several(&thinned));
                }
            }
        }
    }
}
