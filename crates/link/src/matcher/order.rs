//! Puts comparisons in the order of their rows' numbers, within the memory there is.

use std::io;

use model::Layout;
use rayon::prelude::*;

use super::blocks::Input;
use super::comparer::{Sink, hold_on};
use crate::comparison::{Comparison, ComparisonLayout, RowId};
use crate::scratch::{Bucket, Buckets, Scratch};

/// Buckets of comparisons: by their left row's number among all.
const BUCKETS: usize = 256;

/// Comparisons on their way into order.
pub(super) struct Ordered<'a> {
    form: ComparisonLayout,
    buckets: Buckets<'a>,
    /// By batch: the number of its first row among all.
    starts: Vec<u64>,
    rows: u64,
}

impl<'a> Ordered<'a> {
    /// For comparisons of rows of `inputs`, with the `share`-th part of the memory.
    pub(super) fn new(
        layout: &Layout,
        scratch: &'a Scratch,
        share: usize,
        inputs: &[Input],
    ) -> Self {
        let mut rows = 0;
        let mut start = |input: &Input| {
            rows += u64::from(input.rows);
            rows - u64::from(input.rows)
        };
        let starts = inputs.iter().map(&mut start).collect();
        Self {
            form: ComparisonLayout::of(layout),
            buckets: Buckets::new(scratch, BUCKETS, scratch.memory() / share),
            starts,
            rows,
        }
    }

    /// Takes comparisons, whole ones.
    pub(super) fn push(&mut self, comparisons: &[u8]) -> io::Result<()> {
        let rows = comparisons.chunks_exact(self.form.row_bytes());
        for (bytes, met) in rows.zip(self.form.iter(comparisons)) {
            let bucket = self.bucket(met.left());
            self.buckets.push(bucket, &[bytes])?;
        }
        Ok(())
    }

    fn bucket(&self, row: RowId) -> usize {
        let start = self.starts.get(usize::from(row.batch));
        let number = start.map_or(0, |start| start + u64::from(row.row));
        let bucket = number.min(self.rows.saturating_sub(1)) * BUCKETS as u64 / self.rows.max(1);
        bucket as usize
    }

    /// Hands all of them on in order.
    pub(super) fn finish(self, sink: &mut dyn Sink) -> io::Result<()> {
        let form = self.form;
        let mut buckets = self.buckets.into_buckets();
        while !buckets.is_empty() {
            hold_on(sink)?;
            let next = buckets.len().min(rayon::current_num_threads());
            let next: Vec<Bucket> = buckets.drain(..next).collect();
            let ordered = next.into_par_iter().map(|bucket| ordered(form, bucket));
            for bytes in ordered.collect::<io::Result<Vec<_>>>()? {
                if !bytes.is_empty() {
                    sink.take(&bytes)?;
                }
            }
        }
        Ok(())
    }
}

/// The comparisons of a bucket in order.
fn ordered(form: ComparisonLayout, bucket: Bucket) -> io::Result<Vec<u8>> {
    let bucket = bucket.read()?;
    let rows = bucket.chunks_exact(form.row_bytes());
    let key = |met: Comparison<'_>| (met.left(), met.right(), met.pass());
    let mut met: Vec<_> = form.iter(&bucket).map(key).zip(rows).collect();
    met.sort_unstable();
    let mut ordered = Vec::with_capacity(bucket.len());
    met.iter()
        .for_each(|(_, bytes)| ordered.extend_from_slice(bytes));
    Ok(ordered)
}
