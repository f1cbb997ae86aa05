//! Joining the passes: comparisons of rows become pairs of records, each with the mean of the grades
//! its passes gave, and at once with the pattern of levels that stands for it.
//!
//! Every pass has its own keys, so its grades carry independent noise; the mean is sharper than any
//! of them. Comparisons are sorted into buckets by the smaller record, so that one bucket has all
//! comparisons of its pairs and no more than one bucket need be in memory.

use std::io::{self, Read};

use model::{Layout, LinkageSchema};
use rayon::prelude::*;

use super::ResolveError;
use super::levels::{UNKNOWN, Variables};
use super::pairs::{Pairs, PairsBuilder};
use super::patterns::{PatternBuilder, Patterns};
use super::records::{Records, Rows};
use crate::comparison::{Comparison, ComparisonLayout, GRADES, MISSING};
use crate::scratch::{Bucket, Buckets, Scratch};

/// Steps of a mean grade per step of a grade.
pub(super) const FINENESS: u16 = 8;
/// Buckets of comparisons. At most so many times the memory of one is on disk.
const BUCKETS: usize = 64;
/// Bytes before the grades of a comparison in a bucket: its two records, and its pass.
const MET_HEADER: usize = 9;
/// Comparisons that one thread sorts into buckets at once.
const SORTED_AT_ONCE: usize = 8192;
/// Buckets that each thread joins before what came of them is put together: some, so that none waits long for others.
const AT_ONCE: usize = 8;
/// The share of the memory that buckets may hold while they are filled.
const FILLING: usize = 6;

/// What the comparisons come to.
pub(super) struct Joined {
    /// Pairs of records that met in a pass, ordered by their numbers.
    pub(super) pairs: Pairs,
    /// By pair: its pattern.
    pub(super) pattern_of: Vec<u32>,
    /// The patterns.
    pub(super) patterns: Patterns,
    /// The levels of pairs of the calibration that met nowhere else, pair after pair.
    pub(super) strangers: Vec<u16>,
}

/// What joining needs.
pub(super) struct Join<'a> {
    pub(super) schema: &'a LinkageSchema,
    pub(super) layout: &'a Layout,
    pub(super) variables: &'a Variables,
    pub(super) records: &'a Records,
    /// [`Layout::mirrored`].
    pub(super) mirrored: &'a [usize],
}

/// The pairs of one bucket, joined.
struct JoinedBucket {
    pairs: Vec<(u32, u32)>,
    /// By pair: its pattern, by a number of this bucket's own.
    pattern_of: Vec<u32>,
    patterns: Patterns,
    strangers: Vec<u16>,
}

/// The mean of grades, slot by slot.
#[derive(Default)]
pub(super) struct Means {
    /// By slot: the sum of what is known.
    sums: Vec<u32>,
    /// By slot: of how many.
    counts: Vec<u32>,
    means: Vec<u8>,
}

impl Means {
    /// The mean grade of every slot over the comparisons of one pair.
    pub(super) fn of<'g>(
        &mut self,
        slots: usize,
        mut same: impl Iterator<Item = &'g [u8]>,
    ) -> &[u8] {
        self.means.clear();
        let first = same.next();
        let Some(second) = same.next() else {
            // Most pairs met once. As one loop without a way out of it, which takes many grades at a time.
            self.means.resize(slots, MISSING);
            for (mean, grade) in self.means.iter_mut().zip(first.unwrap_or_default()) {
                *mean = match *grade {
                    MISSING => MISSING,
                    grade => grade.wrapping_mul(FINENESS as u8),
                };
            }
            return &self.means;
        };
        self.sums.clear();
        self.sums.resize(slots, 0);
        self.counts.clear();
        self.counts.resize(slots, 0);
        for grades in first.into_iter().chain([second]).chain(same) {
            let sums = self.sums.iter_mut().zip(&mut self.counts);
            for ((sum, count), grade) in sums.zip(grades) {
                let known = u32::from(*grade != MISSING);
                *sum += u32::from(*grade) * known;
                *count += known;
            }
        }
        let sums = self.sums.iter().zip(&self.counts);
        self.means
            .extend(sums.map(|(sum, count)| mean(*sum, *count)));
        &self.means
    }
}

/// The mean of so many grades, [`MISSING`] of none. To divide takes longer than all else: what can be is multiplied.
fn mean(sum: u32, count: u32) -> u8 {
    let fine = sum * u32::from(FINENESS) + count / 2;
    match (count, RECIPROCALS.get(count as usize)) {
        (0, _) => MISSING,
        (_, Some(reciprocal)) => ((fine * reciprocal) >> RECIPROCAL_BITS) as u8,
        _ => (fine / count) as u8,
    }
}

/// Bits after the point of a reciprocal: so many that a mean of up to 256 grades is exact, and few enough for 32 bits in
/// all.
const RECIPROCAL_BITS: u32 = 24;
/// By number: its reciprocal, rounded up; none of 0.
const RECIPROCALS: [u32; 257] = {
    let (mut reciprocals, mut number) = ([0; 257], 1);
    while number < reciprocals.len() {
        reciprocals[number] = (1 << RECIPROCAL_BITS) / number as u32 + 1;
        number += 1;
    }
    reciprocals
};

impl Join<'_> {
    /// Room for comparisons that are being sorted.
    pub(super) fn buckets<'s>(scratch: &'s Scratch) -> Buckets<'s> {
        Buckets::new(scratch, BUCKETS, scratch.memory() / FILLING)
    }

    /// Joins the comparisons that were sorted into `buckets`.
    ///
    /// # Errors
    /// [`ResolveError`] when they cannot be read.
    pub(super) fn run(&self, buckets: Buckets<'_>) -> Result<Joined, ResolveError> {
        let mut buckets = buckets.into_buckets();
        let mut pairs = PairsBuilder::new(self.records.list.len());
        let (mut pattern_of, mut strangers) = (Vec::new(), Vec::new());
        let mut parts = Vec::new();
        while !buckets.is_empty() {
            let next = buckets.len().min(AT_ONCE * rayon::current_num_threads());
            let next: Vec<Bucket> = buckets.drain(..next).collect();
            let joined = next.into_par_iter().map(|bucket| bucket.read());
            let joined = joined.map(|bucket| Ok(self.join_bucket(&bucket?)));
            for bucket in joined.collect::<io::Result<Vec<_>>>()? {
                pairs.extend(&bucket.pairs);
                pattern_of.extend_from_slice(&bucket.pattern_of);
                strangers.extend(bucket.strangers);
                parts.push((bucket.patterns, bucket.pattern_of.len()));
            }
        }
        let mut rest = pattern_of.as_mut_slice();
        let parts = parts.into_iter().map(|(patterns, pairs)| {
            let (own, after) = std::mem::take(&mut rest).split_at_mut(pairs);
            rest = after;
            (patterns, own)
        });
        let patterns = Patterns::join(parts.collect());
        Ok(Joined {
            pairs: pairs.finish(),
            pattern_of,
            patterns,
            strangers,
        })
    }

    /// Sorts all that is read of comparisons of two records into buckets by the smaller of them.
    ///
    /// # Errors
    /// [`ResolveError`] when comparisons are not what a matcher makes, or cannot be read or set aside.
    pub(super) fn sort_all(
        &self,
        rows: &Rows,
        comparisons: &mut dyn Read,
        buckets: &Buckets<'_>,
    ) -> Result<(), ResolveError> {
        let form = ComparisonLayout::of(self.layout);
        let mut chunk = Vec::new();
        loop {
            form.read_chunk(comparisons, &mut chunk)?;
            if chunk.is_empty() {
                return Ok(());
            }
            if !chunk.len().is_multiple_of(form.row_bytes()) {
                return Err(ResolveError::TornComparisons);
            }
            let parts = chunk.par_chunks(SORTED_AT_ONCE * form.row_bytes());
            parts.try_for_each_init(Room::default, |room, part| {
                self.sort(rows, part, room, buckets)
            })?;
        }
    }

    /// Sorts some comparisons, whole ones, on this thread alone.
    ///
    /// # Errors
    /// As for [`Self::sort_all`].
    pub(super) fn sort(
        &self,
        rows: &Rows,
        comparisons: &[u8],
        room: &mut Room,
        buckets: &Buckets<'_>,
    ) -> Result<(), ResolveError> {
        let form = ComparisonLayout::of(self.layout);
        let all = self.records.list.len().max(1);
        let width = MET_HEADER + form.slots();
        let Room { met, bytes } = room;
        let mut ends = [0; BUCKETS];
        met.clear();
        for comparison in form.iter(comparisons) {
            self.check(comparison)?;
            let left = rows.record(comparison.left())?;
            let right = rows.record(comparison.right())?;
            let pair = left.zip(right).filter(|(left, right)| left != right);
            if let Some((left, right)) = pair {
                let bucket = left.min(right) as usize * BUCKETS / all;
                ends[bucket] += width;
            }
            met.push(pair);
        }
        let mut before = 0;
        for end in &mut ends {
            before += std::mem::replace(end, before);
        }
        bytes.resize(before, 0);
        for (comparison, pair) in form.iter(comparisons).zip(met) {
            if let Some((left, right)) = *pair {
                let end = &mut ends[left.min(right) as usize * BUCKETS / all];
                self.write_met(comparison, (left, right), &mut bytes[*end..*end + width]);
                *end += width;
            }
        }
        let mut start = 0;
        for (bucket, end) in ends.into_iter().enumerate() {
            if start < end {
                buckets.push(bucket, &[&bytes[start..end]])?;
                start = end;
            }
        }
        Ok(())
    }

    pub(super) fn check(&self, comparison: Comparison<'_>) -> Result<(), ResolveError> {
        // What is missing is the last number a byte has, and so the first after the next.
        const { assert!(MISSING == u8::MAX) };
        let grades = comparison.grades().iter();
        let most = grades.fold(0, |most, grade| most.max(grade.wrapping_add(1)));
        if most > GRADES + 1 {
            return Err(ResolveError::BadGrade);
        }
        let pass = comparison.pass();
        let known = usize::from(pass.0) < self.schema.passes.len();
        if !known && self.schema.calibration_pass() != Some(pass) {
            return Err(ResolveError::BadPass { pass: pass.0 });
        }
        Ok(())
    }

    /// Writes a comparison as one of its records, the smaller first.
    fn write_met(&self, comparison: Comparison<'_>, (left, right): (u32, u32), out: &mut [u8]) {
        let (header, own) = out.split_at_mut(MET_HEADER);
        header[..4].copy_from_slice(&left.min(right).to_le_bytes());
        header[4..8].copy_from_slice(&left.max(right).to_le_bytes());
        header[8] = comparison.pass().0;
        let grades = comparison.grades();
        if left < right {
            own.copy_from_slice(grades);
        } else {
            let mirrored = own.iter_mut().zip(self.mirrored);
            mirrored.for_each(|(own, slot)| *own = grades[*slot]);
        }
    }

    /// Joins the pairs of a bucket, in the order of their records.
    fn join_bucket(&self, bucket: &[u8]) -> JoinedBucket {
        let width = MET_HEADER + self.layout.slots.len();
        let of = |met: &u64| &bucket[*met as u32 as usize * width..][..width];
        let calibration = 1u64 << self.schema.passes.len();
        let (mut pairs, mut pattern_of, mut strangers) = (Vec::new(), Vec::new(), Vec::new());
        let mut patterns = PatternBuilder::default();
        let (mut means, mut levels) = (Means::default(), Vec::new());
        let mut by_left = ByLeft::of(bucket, width);
        for (left, met) in by_left.iter_mut() {
            // Within a pair the order does not matter: a mean of integers does not depend on it.
            met.sort_unstable();
            for same in met.chunk_by(|a, b| a >> 32 == b >> 32) {
                let grades = same.iter().map(|met| &of(met)[MET_HEADER..]);
                self.levels(means.of(self.layout.slots.len(), grades), &mut levels);
                let passes = same.iter().map(|met| 1u64 << of(met)[MET_HEADER - 1]);
                let passes = passes.fold(0, |all, one| all | one);
                // Two records that met in a pass too need not be strangers.
                if passes == calibration {
                    strangers.extend_from_slice(&levels);
                    continue;
                }
                let records = (left, (same[0] >> 32) as u32);
                let stratum = self.records.stratum(records);
                pattern_of.push(patterns.number(stratum, passes & !calibration, &levels));
                pairs.push(records);
            }
        }
        JoinedBucket {
            patterns: patterns.finish(&mut pattern_of),
            pairs,
            pattern_of,
            strangers,
        }
    }

    /// The level of every variable; of whole records, the one grade as it is.
    pub(super) fn levels(&self, grades: &[u8], levels: &mut Vec<u16>) {
        levels.clear();
        if !self.schema.profile.is_whole_record() {
            levels.extend(self.variables.levels(grades));
            return;
        }
        let grade = |grade: &u8| match *grade {
            MISSING => UNKNOWN,
            grade => u16::from(grade),
        };
        levels.extend(grades.iter().map(grade));
    }
}

/// The memory that comparisons are sorted in, some after others.
#[derive(Default)]
pub(super) struct Room {
    /// By comparison: its two records, if they are two.
    met: Vec<Option<(u32, u32)>>,
    /// What goes into the first bucket, then what goes into the next, and so on.
    bytes: Vec<u8>,
}

/// The comparisons of a bucket by the smaller record, of which a bucket has few: once comparisons are counted out to
/// these, little is left to sort.
struct ByLeft {
    /// The smallest record.
    least: u32,
    /// By smaller record, from that on: where its comparisons end.
    ends: Vec<usize>,
    /// By comparison: the larger record, and below 32 bits the comparison's place in the bucket.
    met: Vec<u64>,
}

impl ByLeft {
    fn of(bucket: &[u8], width: usize) -> Self {
        let number = |bytes: &[u8]| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let lefts = bucket.chunks_exact(width).map(number);
        let range = |(least, most): (u32, u32), left: u32| (least.min(left), most.max(left));
        let (least, most) = lefts.clone().fold((u32::MAX, 0), range);
        let mut ends = vec![0; (most as usize + 1).saturating_sub(least as usize)];
        lefts.for_each(|left| ends[(left - least) as usize] += 1);
        let mut before = 0;
        for end in &mut ends {
            before += std::mem::replace(end, before);
        }
        let mut met = vec![0; before];
        for (place, own) in (0u64..).zip(bucket.chunks_exact(width)) {
            let end = &mut ends[(number(own) - least) as usize];
            met[*end] = u64::from(number(&own[4..])) << 32 | place;
            *end += 1;
        }
        Self { least, ends, met }
    }

    /// The smaller records in order, each with its comparisons.
    fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut [u64])> {
        let (mut rest, mut start) = (self.met.as_mut_slice(), 0);
        // The ends first: where there are none, there is no least record to count from.
        self.ends.iter().zip(self.least..).map(move |(end, left)| {
            let (own, after) = std::mem::take(&mut rest).split_at_mut(end - start);
            (rest, start) = (after, *end);
            (left, own)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_those_that_division_gives() {
        let divided = |sum: u32, count: u32| (sum * 8 + count / 2) / count;
        for count in 1..300 {
            for sum in 0..=count * u32::from(GRADES) {
                assert_eq!(
                    u32::from(mean(sum, count)),
                    divided(sum, count),
                    "{sum} of {count}"
                );
            }
        }
        assert_eq!(mean(0, 0), MISSING);
    }

    #[test]
    fn one_comparison_is_its_own_mean() {
        let grades: Vec<u8> = (0..=GRADES).chain([MISSING]).collect();
        let alone = Means::default()
            .of(grades.len(), [&grades[..]].into_iter())
            .to_vec();
        let twice = [&grades[..], &grades[..]];
        assert_eq!(Means::default().of(grades.len(), twice.into_iter()), alone);
        assert_eq!(*alone.last().unwrap(), MISSING);
    }
}
