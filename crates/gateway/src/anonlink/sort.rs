//! Sorting rows of a fixed width that may not fit into memory: sorted pieces on disk, merged.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use super::files::Scratch;

/// Bytes of a sorted piece, and so about what sorting holds in memory.
pub(crate) const PIECE_BYTES: usize = 128 << 20;
/// Pieces merged at once, each an open file and a buffer.
const FAN_IN: usize = 64;
/// Bytes read from a file at once.
pub(crate) const BUFFER: usize = 1 << 18;

/// Reads all rows of `input` and writes each different one once, in the order of their bytes.
/// Pieces of `piece_bytes` lie in `directory` meanwhile. Returns how many rows were written.
pub(crate) fn sort_once<const N: usize>(
    mut input: impl Read,
    directory: &Path,
    piece_bytes: usize,
    out: &mut dyn Write,
) -> io::Result<u64> {
    let rows = (piece_bytes / N).max(1);
    let mut piece = sorted_piece::<N>(&mut input, rows)?;
    if piece.len() < rows {
        return write_once(piece.into_iter().map(Ok), out);
    }
    let mut count = 0;
    let mut name = || {
        count += 1;
        directory.join(format!("piece-{count}"))
    };
    let mut pieces = VecDeque::new();
    while !piece.is_empty() {
        pieces.push_back(write_piece(name(), piece.into_iter().map(Ok))?);
        piece = sorted_piece(&mut input, rows)?;
    }
    while pieces.len() > FAN_IN {
        let some: Vec<Scratch> = pieces.drain(..FAN_IN).collect();
        pieces.push_back(write_piece(name(), Merge::<N>::new(&some)?)?);
    }
    write_once(Merge::<N>::new(pieces.make_contiguous())?, out)
}

/// The next row, or none at the end.
pub(crate) fn next_row<const N: usize>(input: &mut impl Read) -> io::Result<Option<[u8; N]>> {
    let mut row = [0; N];
    let mut filled = 0;
    while filled < N {
        match input.read(&mut row[filled..])? {
            0 if filled == 0 => return Ok(None),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => filled += read,
        }
    }
    Ok(Some(row))
}

fn sorted_piece<const N: usize>(input: &mut impl Read, rows: usize) -> io::Result<Vec<[u8; N]>> {
    let mut piece = Vec::new();
    while piece.len() < rows {
        let Some(row) = next_row(input)? else { break };
        piece.push(row);
    }
    piece.sort_unstable();
    Ok(piece)
}

fn write_piece<const N: usize>(
    name: PathBuf,
    rows: impl Iterator<Item = io::Result<[u8; N]>>,
) -> io::Result<Scratch> {
    let written = Scratch::new(name);
    let mut out = BufWriter::with_capacity(BUFFER, File::create(written.path())?);
    write_once(rows, &mut out)?;
    out.flush()?;
    Ok(written)
}

fn write_once<const N: usize>(
    rows: impl Iterator<Item = io::Result<[u8; N]>>,
    out: &mut dyn Write,
) -> io::Result<u64> {
    let (mut before, mut written) = (None, 0);
    for row in rows {
        let row = row?;
        if before != Some(row) {
            out.write_all(&row)?;
            written += 1;
            before = Some(row);
        }
    }
    Ok(written)
}

/// Rows of sorted files, the least first.
pub(crate) struct Merge<const N: usize> {
    inputs: Vec<BufReader<File>>,
    heads: BinaryHeap<Reverse<([u8; N], usize)>>,
}

impl<const N: usize> Merge<N> {
    fn new(pieces: &[Scratch]) -> io::Result<Self> {
        let open = |piece: &Scratch| File::open(piece.path());
        let files = pieces.iter().map(open).collect::<io::Result<Vec<_>>>()?;
        Self::of_files(files)
    }

    /// The rows of these files, each of which is sorted.
    pub(crate) fn of_files(files: Vec<File>) -> io::Result<Self> {
        let reader = |file| BufReader::with_capacity(BUFFER, file);
        let mut merge = Self {
            inputs: files.into_iter().map(reader).collect(),
            heads: BinaryHeap::new(),
        };
        for input in 0..merge.inputs.len() {
            merge.pull(input)?;
        }
        Ok(merge)
    }

    fn pull(&mut self, input: usize) -> io::Result<()> {
        let row = next_row(&mut self.inputs[input])?;
        self.heads.extend(row.map(|row| Reverse((row, input))));
        Ok(())
    }

    /// The least row, with the number of the file it came from.
    pub(crate) fn next_of(&mut self) -> Option<io::Result<([u8; N], usize)>> {
        let Reverse((row, input)) = self.heads.pop()?;
        Some(self.pull(input).map(|()| (row, input)))
    }
}

impl<const N: usize> Iterator for Merge<N> {
    type Item = io::Result<[u8; N]>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_of().map(|next| next.map(|(row, _)| row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_come_out_once_and_in_order_whatever_the_pieces(
            rows in prop::collection::vec(prop::array::uniform3(0u8..4), 0..200),
            piece_rows in 1usize..50,
        ) {
            let dir = tempfile::tempdir().unwrap();
            let mut out = Vec::new();
            let input = rows.concat();
            let written = sort_once::<3>(&input[..], dir.path(), piece_rows * 3, &mut out).unwrap();
            let expected: Vec<u8> = std::collections::BTreeSet::from_iter(rows).into_iter().flatten().collect();
            prop_assert_eq!(written as usize * 3, expected.len());
            prop_assert_eq!(out, expected);
            prop_assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        }
    }

    #[test]
    fn many_pieces_are_merged_in_passes() {
        let dir = tempfile::tempdir().unwrap();
        let rows: Vec<[u8; 4]> = (0..10_000u32)
            .map(|row| (row.wrapping_mul(7919) % 5000).to_be_bytes())
            .collect();
        let mut out = Vec::new();
        // Two rows a piece, so three passes.
        let written = sort_once::<4>(&rows.concat()[..], dir.path(), 8, &mut out).unwrap();
        let expected: Vec<u8> = (0..5000u32).flat_map(u32::to_be_bytes).collect();
        assert_eq!(written, 5000);
        assert!(out == expected);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_torn_row_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let torn = sort_once::<4>(&[0; 6][..], dir.path(), 100, &mut Vec::new());
        assert_eq!(torn.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
