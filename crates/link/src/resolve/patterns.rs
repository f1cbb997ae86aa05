//! What the model sees of a pair, each different sight once: which parties, in which passes it met,
//! and its comparison levels. Millions of pairs come to far fewer patterns, and a fit that counts
//! patterns is the fit that looks at every pair.

use std::collections::HashMap;

use model::schema::{BlockComponent, BlockForm, Pass};
use model::{Layout, LinkageSchema};

use super::levels::Variables;

/// About the most patterns that a fit looks at.
const FITTED_PATTERNS: usize = 250_000;

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
    /// As much of it as a fit needs: with more patterns its tables hardly change, and its time grows.
    pub(super) fn for_fit(&self) -> Option<Self> {
        Some(Self {
            patterns: self.patterns.thinned(FITTED_PATTERNS)?,
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
    pub(super) fn get(&self, number: usize) -> Observed<'_> {
        Observed {
            stratum: self.strata[number],
            passes: self.passes[number],
            pairs: self.counts[number],
            levels: &self.levels[number * self.width..(number + 1) * self.width],
        }
    }

    /// About `most` of them that stand for all, none when there are no more than that. Patterns of several pairs
    /// stay; of those that one pair alone has, every so many-th stays and counts for the ones left out (Horvitz and
    /// Thompson, 1952). As patterns are ordered, each stratum and pass keeps its share.
    fn thinned(&self, most: usize) -> Option<Self> {
        if self.len() <= most {
            return None;
        }
        let alone = self.counts.iter().filter(|count| **count == 1).count();
        let room = most.saturating_sub(self.len() - alone).max(most / 4);
        let step = alone.div_ceil(room).max(1);
        let mut met = 0;
        let mut thinned = Self::empty(self.width);
        for pattern in self.iter() {
            let pairs = match pattern.pairs {
                1 => {
                    met += 1;
                    if met % step != 0 {
                        continue;
                    }
                    step as u64
                }
                several => several,
            };
            thinned.push(pattern, pairs);
        }
        Some(thinned)
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

    fn push(&mut self, pattern: Observed<'_>, pairs: u64) {
        self.strata.push(pattern.stratum);
        self.passes.push(pattern.passes);
        self.counts.push(pairs);
        self.levels.extend_from_slice(pattern.levels);
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
    numbers: HashMap<Key, u32>,
    counts: Vec<u64>,
}

/// Ordered as patterns are.
type Key = (u16, u64, Box<[u16]>);

impl PatternBuilder {
    /// The number of a pattern, for now, and one more pair that has it.
    pub(super) fn number(&mut self, stratum: u16, passes: u64, levels: &[u16]) -> u32 {
        self.add((stratum, passes, levels.into()), 1)
    }

    /// Takes the patterns of another builder in. Returns, by their numbers there, their numbers here.
    pub(super) fn take_in(&mut self, other: Self) -> Vec<u32> {
        let mut numbers = vec![0; other.counts.len()];
        for (key, number) in other.numbers {
            let number = number as usize;
            numbers[number] = self.add(key, other.counts[number]);
        }
        numbers
    }

    fn add(&mut self, pattern: Key, pairs: u64) -> u32 {
        let next = self.counts.len() as u32;
        let number = *self.numbers.entry(pattern).or_insert(next);
        if number == next {
            self.counts.push(0);
        }
        self.counts[number as usize] += pairs;
        number
    }

    /// Orders the patterns by their parts, so that nothing depends on how they came, and renumbers
    /// `pattern_of`.
    pub(super) fn finish(self, pattern_of: &mut [u32]) -> Patterns {
        let mut keys: Vec<(Key, u32)> = self.numbers.into_iter().collect();
        keys.sort_unstable();
        let width = keys.first().map_or(0, |((_, _, levels), _)| levels.len());
        let mut renumbered = vec![0; keys.len()];
        let mut patterns = Patterns {
            strata: Vec::with_capacity(keys.len()),
            passes: Vec::with_capacity(keys.len()),
            counts: Vec::with_capacity(keys.len()),
            levels: Vec::with_capacity(keys.len() * width),
            width,
        };
        for (number, ((stratum, passes, levels), before)) in (0..).zip(keys) {
            renumbered[before as usize] = number;
            patterns.strata.push(stratum);
            patterns.passes.push(passes);
            patterns.counts.push(self.counts[before as usize]);
            patterns.levels.extend_from_slice(&levels);
        }
        for pattern in pattern_of {
            *pattern = renumbered[*pattern as usize];
        }
        patterns
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
        let passes = self.passes;
        (0..u64::BITS as usize).filter(move |pass| passes >> pass & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn patterns_count_their_pairs_in_whatever_order_they_come(
            pairs in proptest::collection::vec((0u16..2, 0u64..4, [0u16..3, 0u16..3]), 1..60)
        ) {
            let build = |pairs: &[(u16, u64, [u16; 2])]| {
                let mut builder = PatternBuilder::default();
                let mut numbers: Vec<u32> = Vec::new();
                for part in pairs.chunks(7) {
                    let mut own = PatternBuilder::default();
                    let number = |(stratum, passes, levels): &(u16, u64, [u16; 2])| own.number(*stratum, *passes, levels);
                    let of_own: Vec<u32> = part.iter().map(number).collect();
                    let here = builder.take_in(own);
                    numbers.extend(of_own.iter().map(|number| here[*number as usize]));
                }
                let patterns = builder.finish(&mut numbers);
                (patterns, numbers)
            };
            let (patterns, numbers) = build(&pairs);
            for ((stratum, passes, levels), number) in pairs.iter().zip(&numbers) {
                let seen = patterns.get(*number as usize);
                prop_assert_eq!((seen.stratum, seen.passes, seen.levels), (*stratum, *passes, &levels[..]));
            }
            prop_assert_eq!(patterns.counts.iter().sum::<u64>(), pairs.len() as u64);
            let reversed: Vec<_> = pairs.iter().rev().copied().collect();
            let (again, mut turned) = build(&reversed);
            turned.reverse();
            prop_assert_eq!((again.levels, again.counts), (patterns.levels, patterns.counts));
            prop_assert_eq!(turned, numbers);
        }

        #[test]
        fn thinned_patterns_stand_for_all(
            alone in 0u16..900, several in proptest::collection::vec(2u64..9, 0..60), most in 40usize..200
        ) {
            let mut all = Patterns::empty(1);
            let (asked, counts) = (vec![0u16; 1], std::iter::repeat_n(1, alone.into()).chain(several.iter().copied()));
            counts.for_each(|pairs| all.push(Observed::one(0, 1, &asked), pairs));
            let pairs = |patterns: &Patterns| patterns.counts.iter().sum::<u64>();
            match all.thinned(most) {
                None => prop_assert!(all.len() <= most),
                Some(thinned) => {
                    prop_assert!(all.len() > most && thinned.len() <= most.max(several.len() + most / 4));
                    // At most one step of patterns is not counted for.
                    let step = u64::from(alone).div_ceil(most as u64 / 4).max(1);
                    prop_assert!(pairs(&all) - pairs(&thinned) < step);
                }
            }
        }
    }
}
