//! Pairs of records in their order. There are tens for each record, so a record stands once for all pairs that it is the
//! smaller of.

/// Pairs of record numbers, the smaller first, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pairs {
    /// By record: where the pairs begin that it is the smaller of, and where the last ones end.
    starts: Vec<u64>,
    /// By pair: the larger record.
    rights: Vec<u32>,
}

/// Takes pairs in order.
pub(super) struct PairsBuilder(Pairs);

impl PairsBuilder {
    /// None yet, of so many records.
    pub(super) fn new(records: usize) -> Self {
        Self(Pairs {
            starts: vec![0; records + 1],
            rights: Vec::new(),
        })
    }

    /// The next pairs. They must come in order, the smaller record first.
    pub(super) fn extend(&mut self, pairs: &[(u32, u32)]) {
        for (left, _) in pairs {
            self.0.starts[*left as usize + 1] += 1;
        }
        self.0.rights.extend(pairs.iter().map(|(_, right)| *right));
    }

    /// All of them.
    pub(super) fn finish(mut self) -> Pairs {
        let mut before = 0;
        for start in &mut self.0.starts {
            before += *start;
            *start = before;
        }
        self.0
    }
}

impl Pairs {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.rights.len()
    }

    /// The pair at `place`, which must be below [`Self::len`].
    pub(super) fn at(&self, place: usize) -> (u32, u32) {
        let after = self.starts.partition_point(|start| *start <= place as u64);
        (after as u32 - 1, self.rights[place])
    }

    /// Where a pair stands, the smaller record first; none when it is not among them.
    pub(super) fn place_of(&self, (left, right): (u32, u32)) -> Option<usize> {
        let start = *self.starts.get(left as usize)? as usize;
        let end = *self.starts.get(left as usize + 1)? as usize;
        let place = self.rights[start..end].binary_search(&right).ok()?;
        Some(start + place)
    }

    /// All of them.
    pub(super) fn iter(&self) -> PairsIter<'_> {
        self.part(0, self.len())
    }

    /// Those from the place `start` on, and before the place `end`, which there must be.
    pub(super) fn part(&self, start: usize, end: usize) -> PairsIter<'_> {
        let after = self.starts.partition_point(|first| *first <= start as u64);
        PairsIter {
            pairs: self,
            left: after.saturating_sub(1),
            place: start,
            end,
        }
    }
}

/// Goes through pairs in order.
#[derive(Clone)]
pub(super) struct PairsIter<'a> {
    pairs: &'a Pairs,
    left: usize,
    place: usize,
    end: usize,
}

impl PairsIter<'_> {
    /// The pair at `place`, which must not be before the last that was given; from there it goes on.
    pub(super) fn skip_to(&mut self, place: usize) -> Option<(u32, u32)> {
        debug_assert!(place >= self.place);
        self.place = place;
        self.next()
    }
}

impl Iterator for PairsIter<'_> {
    type Item = (u32, u32);

    fn next(&mut self) -> Option<(u32, u32)> {
        let right = *self.pairs.rights[..self.end].get(self.place)?;
        while self.pairs.starts[self.left + 1] <= self.place as u64 {
            self.left += 1;
        }
        self.place += 1;
        Some((self.left as u32, right))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.end - self.place;
        (left, Some(left))
    }
}

impl ExactSizeIterator for PairsIter<'_> {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pairs_are_those_that_came(
            all in proptest::collection::btree_set((0u32..30, 0u32..30), 0..200), part in 1usize..50
        ) {
            let all: BTreeSet<(u32, u32)> = all.into_iter().filter(|(a, b)| a < b).collect();
            let list: Vec<(u32, u32)> = all.iter().copied().collect();
            let mut builder = PairsBuilder::new(30);
            list.chunks(part).for_each(|part| builder.extend(part));
            let pairs = builder.finish();
            prop_assert_eq!(pairs.len(), list.len());
            prop_assert_eq!(pairs.iter().len(), list.len());
            prop_assert_eq!(pairs.iter().collect::<Vec<_>>(), list.clone());
            for start in 0..=list.len() {
                let end = (start + part).min(list.len());
                prop_assert_eq!(pairs.part(start, end).collect::<Vec<_>>(), &list[start..end]);
            }
            for (place, pair) in list.iter().enumerate() {
                prop_assert_eq!(pairs.at(place), *pair);
            }
            for pair in (0..31).flat_map(|a| (0..31).map(move |b| (a, b))) {
                prop_assert_eq!(pairs.place_of(pair), list.iter().position(|p| *p == pair));
            }
        }
    }
}
