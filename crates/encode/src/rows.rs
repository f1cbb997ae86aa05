//! The rows of a batch in the order of their handles, while they lie in the order they were made in: they leave
//! the batch one after the other, so nobody needs them all put in order at once.

use std::io::{self, Read};

/// Rows, ordered by their random handles.
#[derive(Default)]
pub struct SortedRows {
    row_bytes: usize,
    /// Rows as they were made, group after group.
    groups: Vec<Vec<u8>>,
    /// By row: its group and its place there.
    order: Vec<(u32, u32)>,
}

impl SortedRows {
    /// Rows of so many bytes, which stand in `groups` where `order` says.
    pub(crate) fn new(row_bytes: usize, groups: Vec<Vec<u8>>, order: Vec<(u32, u32)>) -> Self {
        Self {
            row_bytes,
            groups,
            order,
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The rows in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.order.iter().map(|(group, place)| {
            let start = *place as usize * self.row_bytes;
            &self.groups[*group as usize][start..start + self.row_bytes]
        })
    }

    /// The rows in order, one after the other.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut rows = Vec::with_capacity(self.len() * self.row_bytes);
        self.iter().for_each(|row| rows.extend_from_slice(row));
        rows
    }

    /// Reads the bytes of [`SortedRows::to_vec`].
    pub fn reader(&self) -> impl Read {
        Reader {
            rows: self.iter(),
            rest: &[],
        }
    }
}

struct Reader<'a, I> {
    rows: I,
    rest: &'a [u8],
}

impl<'a, I: Iterator<Item = &'a [u8]>> Read for Reader<'a, I> {
    fn read(&mut self, mut out: &mut [u8]) -> io::Result<usize> {
        let asked = out.len();
        while !out.is_empty() {
            if self.rest.is_empty() {
                match self.rows.next() {
                    Some(row) => self.rest = row,
                    None => break,
                }
            }
            let count = self.rest.read(out)?;
            out = &mut out[count..];
        }
        Ok(asked - out.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_read_is_the_rows_in_order(step in 1usize..9) {
            let groups = vec![vec![0, 0, 0, 1, 1, 1], vec![2, 2, 2]];
            let rows = SortedRows::new(3, groups, vec![(0, 1), (1, 0), (0, 0)]);
            let (mut read, mut buffer) = (Vec::new(), vec![9; step]);
            let mut reader = rows.reader();
            loop {
                let count = reader.read(&mut buffer).unwrap();
                if count == 0 {
                    break;
                }
                read.extend_from_slice(&buffer[..count]);
            }
            prop_assert_eq!(&read, &[1, 1, 1, 2, 2, 2, 0, 0, 0]);
            prop_assert_eq!(read, rows.to_vec());
        }
    }
}
