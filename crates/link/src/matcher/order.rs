//! Puts comparisons in the order of their rows' numbers, within the memory there is.

use std::io;

use model::Layout;
use rayon::prelude::*;

use super::blocks::Input;
use super::comparer::{Sink, hold_on};
use crate::comparison::{Comparison, ComparisonLayout, RowId};
use crate::scratch::{Buckets, Scratch};

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
            self.buckets.push(bucket, bytes)?;
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
        for bucket in self.buckets.read() {
            hold_on(sink)?;
            let bucket = bucket?;
            let rows = bucket.chunks_exact(form.row_bytes());
            let mut met: Vec<(&[u8], Comparison<'_>)> = rows.zip(form.iter(&bucket)).collect();
            met.par_sort_unstable_by_key(|(_, met)| (met.left(), met.right(), met.pass()));
            let ordered: Vec<u8> = met.iter().flat_map(|(bytes, _)| *bytes).copied().collect();
            if !ordered.is_empty() {
                sink.take(&ordered)?;
            }
        }
        Ok(())
    }
}
