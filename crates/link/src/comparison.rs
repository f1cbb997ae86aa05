//! What the matcher tells the resolver about a pair of rows: which rows they are, and one grade a slot.
//!
//! A row of comparisons is `pass (1) | left batch (2) | left row (4) | right batch (2) | right row (4)
//! | grades`, integers little-endian. Batches come in an order both sides know, and a batch's rows in
//! that of its pass handles, which both sides have: so a number stands for a handle. A grade is the
//! estimated Dice similarity in steps of 1/20, or [`MISSING`].

use std::io::{self, Read};

use model::{Layout, PassIndex};

/// The grade of a slot that one of the rows has no value for.
pub const MISSING: u8 = u8::MAX;
/// The grade of equal values.
pub const GRADES: u8 = 20;
/// The most batches a run may have.
pub const MAX_BATCHES: usize = u16::MAX as usize;
/// Bytes before the grades.
const HEADER: usize = 1 + 2 * RowId::BYTES;
/// About how many bytes of comparisons are read at once.
const READ_BYTES: usize = 1 << 20;

/// One row of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId {
    /// Which batch, counted from 0.
    pub batch: u16,
    /// Which of its rows, counted from 0.
    pub row: u32,
}

impl RowId {
    /// Bytes of a row's number where it is written.
    pub(crate) const BYTES: usize = 6;

    /// The bytes that [`RowId::read`] reads.
    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        let ([b0, b1], [r0, r1, r2, r3]) = (self.batch.to_le_bytes(), self.row.to_le_bytes());
        [b0, b1, r0, r1, r2, r3]
    }

    /// Reads the number that `bytes` begin with.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        Self {
            batch: u16::from_le_bytes([bytes[0], bytes[1]]),
            row: u32::from_le_bytes([bytes[2], bytes[3], bytes[4], bytes[5]]),
        }
    }
}

/// How rows of comparisons are laid out under a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ComparisonLayout {
    slots: usize,
}

/// One compared pair of rows.
#[derive(Clone, Copy)]
pub struct Comparison<'a>(&'a [u8]);

impl ComparisonLayout {
    /// The layout for comparisons of rows laid out by `layout`.
    pub fn of(layout: &Layout) -> Self {
        Self {
            slots: layout.slots.len(),
        }
    }

    /// Bytes of one comparison.
    pub fn row_bytes(self) -> usize {
        HEADER + self.slots
    }

    /// Grades of one comparison.
    pub fn slots(self) -> usize {
        self.slots
    }

    /// The comparisons in `bytes`, which must be whole rows.
    pub fn iter(self, bytes: &[u8]) -> impl Iterator<Item = Comparison<'_>> {
        bytes.chunks_exact(self.row_bytes()).map(Comparison)
    }

    /// Reads the next comparisons into `chunk`, whole rows of them as long as `from` has whole rows;
    /// none at its end.
    ///
    /// # Errors
    /// What `from` says.
    pub fn read_chunk(self, from: &mut dyn Read, chunk: &mut Vec<u8>) -> io::Result<()> {
        chunk.clear();
        let rows = (READ_BYTES / self.row_bytes()).max(1);
        from.take((rows * self.row_bytes()) as u64)
            .read_to_end(chunk)?;
        Ok(())
    }
}

/// Writes a comparison's header.
pub(crate) fn push_header(out: &mut Vec<u8>, pass: PassIndex, left: RowId, right: RowId) {
    out.push(pass.0);
    out.extend_from_slice(&left.to_bytes());
    out.extend_from_slice(&right.to_bytes());
}

impl<'a> Comparison<'a> {
    /// The pass in which the rows met.
    pub fn pass(self) -> PassIndex {
        PassIndex(self.0[0])
    }

    /// The left row.
    pub fn left(self) -> RowId {
        RowId::read(&self.0[1..7])
    }

    /// The right row.
    pub fn right(self) -> RowId {
        RowId::read(&self.0[7..13])
    }

    /// One grade a slot.
    pub fn grades(self) -> &'a [u8] {
        &self.0[HEADER..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matcher::tests::schema;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_header_reads_back(pass: u8, left: (u16, u32), right: (u16, u32)) {
            let form = ComparisonLayout::of(&Layout::of(&schema()));
            let [left, right] = [left, right].map(|(batch, row)| RowId { batch, row });
            let mut bytes = Vec::new();
            push_header(&mut bytes, PassIndex(pass), left, right);
            bytes.extend((0..form.slots()).map(|slot| slot as u8));
            prop_assert_eq!(bytes.len(), form.row_bytes());
            let read = form.iter(&bytes).next().unwrap();
            prop_assert_eq!((read.pass(), read.left(), read.right()), (PassIndex(pass), left, right));
            prop_assert_eq!(read.grades().len(), form.slots());
        }
    }

    #[test]
    fn chunks_are_whole_rows_and_end() {
        let form = ComparisonLayout::of(&Layout::of(&schema()));
        let bytes = vec![0; READ_BYTES / form.row_bytes() * form.row_bytes() + form.row_bytes()];
        let (mut from, mut chunk, mut all) = (bytes.as_slice(), Vec::new(), 0);
        loop {
            form.read_chunk(&mut from, &mut chunk).unwrap();
            if chunk.is_empty() {
                break;
            }
            assert!(chunk.len().is_multiple_of(form.row_bytes()));
            all += chunk.len();
        }
        assert_eq!(all, bytes.len());
    }
}
