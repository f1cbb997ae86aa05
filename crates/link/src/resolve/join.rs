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
    /// By slot: the sum of what is known, and of how many.
    sums: Vec<(u32, u32)>,
    means: Vec<u8>,
}

impl Means {
    /// The mean grade of every slot over the comparisons of one pair.
    pub(super) fn of<'g>(&mut self, slots: usize, same: impl Iterator<Item = &'g [u8]>) -> &[u8] {
        self.sums.clear();
        self.sums.resize(slots, (0, 0));
        for grades in same {
            for ((sum, count), grade) in self.sums.iter_mut().zip(grades) {
                let known = u32::from(*grade != MISSING);
                *sum += u32::from(*grade) * known;
                *count += known;
            }
        }
        self.means.clear();
        self.means.extend(self.sums.iter().map(|(sum, count)| {
            let fine = sum * u32::from(FINENESS);
            (fine + count / 2)
                .checked_div(*count)
                .map_or(MISSING, |mean| mean as u8)
        }));
        &self.means
    }
}

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
            let next = buckets.len().min(rayon::current_num_threads());
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
        rows: &Rows<'_>,
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
            let parts = parts.map(|part| self.sort_part(rows, form.iter(part)));
            for part in parts.collect::<Result<Vec<_>, _>>()? {
                push_all(&part, buckets)?;
            }
        }
    }

    /// Sorts some comparisons, on this thread alone.
    ///
    /// # Errors
    /// As for [`Self::sort_all`].
    pub(super) fn sort(
        &self,
        rows: &Rows<'_>,
        comparisons: &[u8],
        buckets: &Buckets<'_>,
    ) -> Result<(), ResolveError> {
        let form = ComparisonLayout::of(self.layout);
        if !comparisons.len().is_multiple_of(form.row_bytes()) {
            return Err(ResolveError::TornComparisons);
        }
        let sorted = self.sort_part(rows, form.iter(comparisons))?;
        Ok(push_all(&sorted, buckets)?)
    }

    /// What each bucket gets of some comparisons.
    fn sort_part<'c>(
        &self,
        rows: &Rows<'_>,
        comparisons: impl Iterator<Item = Comparison<'c>>,
    ) -> Result<Vec<Vec<u8>>, ResolveError> {
        let all = self.records.list.len().max(1);
        let mut sorted = vec![Vec::new(); BUCKETS];
        for comparison in comparisons {
            self.check(comparison)?;
            let left = rows.record(comparison.left())?;
            let right = rows.record(comparison.right())?;
            let (Some(left), Some(right)) = (left, right) else {
                continue;
            };
            if left != right {
                let bucket = left.min(right) as usize * BUCKETS / all;
                self.push_met(comparison, (left, right), &mut sorted[bucket]);
            }
        }
        Ok(sorted)
    }

    pub(super) fn check(&self, comparison: Comparison<'_>) -> Result<(), ResolveError> {
        let sound = |grade: &u8| *grade <= GRADES || *grade == MISSING;
        if !comparison.grades().iter().all(sound) {
            return Err(ResolveError::BadGrade);
        }
        let pass = comparison.pass();
        let known = usize::from(pass.0) < self.schema.passes.len();
        if !known && self.schema.calibration_pass() != Some(pass) {
            return Err(ResolveError::BadPass { pass: pass.0 });
        }
        Ok(())
    }

    /// Writes a comparison as one of its records, the smaller first. Big-endian numbers sort as bytes.
    fn push_met(&self, comparison: Comparison<'_>, (left, right): (u32, u32), out: &mut Vec<u8>) {
        out.extend_from_slice(&left.min(right).to_be_bytes());
        out.extend_from_slice(&left.max(right).to_be_bytes());
        out.push(comparison.pass().0);
        let grades = comparison.grades();
        if left < right {
            out.extend_from_slice(grades);
        } else {
            out.extend(self.mirrored.iter().map(|slot| grades[*slot]));
        }
    }

    /// Joins the pairs of a bucket, in the order of their records.
    fn join_bucket(&self, bucket: &[u8]) -> JoinedBucket {
        let width = MET_HEADER + self.layout.slots.len();
        let all = bucket.chunks_exact(width);
        let mut met: Vec<(u64, u32)> = all.map(records_of).zip(0..).collect();
        // Within a pair the order does not matter: a mean of integers does not depend on it.
        met.sort_unstable();
        let of = |(_, place): &(u64, u32)| &bucket[*place as usize * width..][..width];
        let calibration = 1u64 << self.schema.passes.len();
        let (mut pairs, mut pattern_of, mut strangers) = (Vec::new(), Vec::new(), Vec::new());
        let mut patterns = PatternBuilder::default();
        let (mut means, mut levels) = (Means::default(), Vec::new());
        for same in met.chunk_by(|a, b| a.0 == b.0) {
            let grades = same.iter().map(|met| &of(met)[MET_HEADER..]);
            self.levels(means.of(self.layout.slots.len(), grades), &mut levels);
            let passes = same.iter().map(|met| 1u64 << of(met)[MET_HEADER - 1]);
            let passes = passes.fold(0, |all, one| all | one);
            // Two records that met in a pass too need not be strangers.
            if passes == calibration {
                strangers.extend_from_slice(&levels);
                continue;
            }
            let records = ((same[0].0 >> 32) as u32, same[0].0 as u32);
            let stratum = self.records.stratum(records);
            pattern_of.push(patterns.number(stratum, passes & !calibration, &levels));
            pairs.push(records);
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

fn push_all(sorted: &[Vec<u8>], buckets: &Buckets<'_>) -> io::Result<()> {
    let mut sorted = sorted.iter().enumerate();
    sorted.try_for_each(|(bucket, bytes)| buckets.push(bucket, &[bytes]))
}

/// The two records of a comparison, as one number that sorts as they do.
fn records_of(met: &[u8]) -> u64 {
    met.iter()
        .take(8)
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}
