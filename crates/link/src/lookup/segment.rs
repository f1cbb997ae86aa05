//! Rows that change no more, sorted by block token in a file, with a table in memory that says where to look.
//!
//! Tokens are random, so a token's first four bytes tell about where it stands: they pick a cell of the table, and the
//! cell says where in the file the few rows that fall into it begin.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

use model::layout::Row;
use model::{BlockToken, Layout};

use super::parts;
use crate::comparison::RowId;
use crate::scratch::Scratch;

/// Rows a cell has on average.
const ROWS_A_CELL: u64 = 8;

/// A row and its number, from where they stand in a segment.
pub(super) fn split(bytes: &[u8]) -> (RowId, &[u8]) {
    (RowId::read(bytes), &bytes[RowId::BYTES..])
}

/// The token of a row with its number before it.
pub(super) fn token_of(bytes: &[u8]) -> BlockToken {
    Row::new(&bytes[RowId::BYTES..]).token()
}

/// Sorted rows.
pub(super) struct Segment {
    place: Place,
    /// By cell: which row its own begin with; one more for where the last ends.
    starts: Vec<u32>,
    stride: usize,
}

enum Place {
    Memory(Vec<u8>),
    File(File),
}

impl Segment {
    /// Writes a segment of the rows that `fill` hands over, `rows` of them, in whatever order.
    pub(super) fn write(
        layout: &Layout,
        scratch: &Scratch,
        rows: u64,
        fill: impl FnOnce(&mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()>,
    ) -> io::Result<Self> {
        let stride = RowId::BYTES + layout.row_bytes;
        let cells = (rows / ROWS_A_CELL).clamp(1, 1 << 28);
        let rows = u32::try_from(rows).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let mut place = match scratch.file()? {
            Some(file) => Place::File(file),
            None => Place::Memory(Vec::new()),
        };
        let (mut starts, mut written) = (Vec::with_capacity(cells as usize + 1), 0u32);
        for part in parts(scratch, fill)?.into_buckets() {
            let bytes = part.read()?;
            let mut part: Vec<&[u8]> = bytes.chunks_exact(stride).collect();
            part.sort_unstable_by_key(|row| (token_of(row), split(row).0));
            let mut sorted = Vec::with_capacity(bytes.len());
            for row in part {
                let cell = cell(token_of(row), cells);
                // Cells between the last row and this one are empty.
                while starts.len() <= cell {
                    starts.push(written);
                }
                sorted.extend_from_slice(row);
                written += 1;
            }
            match &mut place {
                Place::Memory(all) => all.extend_from_slice(&sorted),
                Place::File(file) => file.write_all(&sorted)?,
            }
        }
        debug_assert_eq!(written, rows);
        starts.resize(cells as usize + 1, written);
        Ok(Self {
            place,
            starts,
            stride,
        })
    }

    /// How many rows it has.
    pub(super) fn rows(&self) -> u64 {
        self.starts.last().copied().unwrap_or(0).into()
    }

    /// Appends the rows of a block with their numbers.
    pub(super) fn read_block(&self, token: BlockToken, out: &mut Vec<u8>) -> io::Result<()> {
        let cell = cell(token, self.starts.len() as u64 - 1);
        let (start, end) = (self.starts[cell], self.starts[cell + 1]);
        let mut bytes = Vec::new();
        self.read(start, end, &mut bytes)?;
        let rows = bytes.chunks_exact(self.stride);
        rows.filter(|row| token_of(row) == token)
            .for_each(|row| out.extend_from_slice(row));
        Ok(())
    }

    fn read(&self, start: u32, end: u32, bytes: &mut Vec<u8>) -> io::Result<()> {
        let (from, to) = (start as usize * self.stride, end as usize * self.stride);
        match &self.place {
            Place::Memory(all) => bytes.extend_from_slice(&all[from..to]),
            Place::File(file) => {
                bytes.resize(to - from, 0);
                file.read_exact_at(bytes, from as u64)?;
            }
        }
        Ok(())
    }

    /// Hands all rows with their numbers to `take`, in order.
    pub(super) fn for_each(&self, take: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        const AT_ONCE: u32 = 4096;
        let (mut start, mut bytes) = (0, Vec::new());
        let rows = self.rows() as u32;
        while start < rows {
            let end = rows.min(start.saturating_add(AT_ONCE));
            bytes.clear();
            self.read(start, end, &mut bytes)?;
            bytes.chunks_exact(self.stride).try_for_each(&mut *take)?;
            start = end;
        }
        Ok(())
    }
}

/// The cell of a token among so many.
fn cell(token: BlockToken, cells: u64) -> usize {
    let bytes = token.as_bytes();
    let first = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    (u64::from(first) * cells >> 32) as usize
}
