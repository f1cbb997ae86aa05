//! The comparisons of a run as a row of tiles, always the same for the same data: so a run goes on
//! behind the last tile whose pairs are durable.

use std::fs::File;
use std::io;
use std::ops::Range;

use super::encodings::Records;
use crate::anonlink::sort::Merge;
use crate::anonlink::upload::{BLOCK_ROW, parts_of};

/// The most rows of a tile; its comparisons take about a second.
const LEFT_ROWS: usize = 1 << 16;
const RIGHT_ROWS: usize = 1 << 14;

/// Records of several parties that are compared with each other: a common block, or all there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block(Vec<(usize, Records)>);

/// Records of two parties, compared at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tile {
    pub(super) parties: (usize, usize),
    pub(super) left: Records,
    pub(super) right: Records,
}

impl Tile {
    /// Comparisons in it.
    pub(super) fn comparisons(&self) -> u64 {
        self.left.len() as u64 * self.right.len() as u64
    }
}

impl Block {
    /// The block of all records of all parties.
    pub(super) fn of_all(parties: impl Iterator<Item = Records>) -> Self {
        Self(parties.enumerate().collect())
    }

    /// Comparisons in it.
    pub(super) fn comparisons(&self) -> u64 {
        let pairs = self.party_pairs();
        pairs
            .map(|(left, right)| left.1.len() as u64 * right.1.len() as u64)
            .sum()
    }

    /// Its tiles.
    pub(super) fn tiles(&self) -> impl Iterator<Item = Tile> {
        self.party_pairs().flat_map(|(left, right)| {
            let lefts = pieces(left.1.len(), LEFT_ROWS);
            lefts.flat_map(move |rows| {
                let rights = pieces(right.1.len(), RIGHT_ROWS);
                rights.map(move |others| Tile {
                    parties: (left.0, right.0),
                    left: left.1.part(rows.clone()),
                    right: right.1.part(others),
                })
            })
        })
    }

    fn party_pairs(&self) -> impl Iterator<Item = (&(usize, Records), &(usize, Records))> {
        let firsts = self.0.iter().enumerate();
        firsts.flat_map(|(place, left)| self.0[place + 1..].iter().map(move |right| (left, right)))
    }
}

fn pieces(rows: usize, piece: usize) -> impl Iterator<Item = Range<usize>> {
    let starts = (0..rows).step_by(piece);
    starts.map(move |start| start..rows.min(start + piece))
}

/// The blocks of several parties that two of them share at least, from their sorted block rows.
pub(super) struct CommonBlocks {
    rows: Merge<BLOCK_ROW>,
    /// A row of the block to come.
    next: Option<([u8; BLOCK_ROW], usize)>,
}

impl CommonBlocks {
    /// Of these files, one a party.
    pub(super) fn new(files: Vec<File>) -> io::Result<Self> {
        let mut rows = Merge::of_files(files)?;
        let next = rows.next_of().transpose()?;
        Ok(Self { rows, next })
    }

    /// All rows of the next block.
    fn next_block(&mut self) -> io::Result<Option<Block>> {
        let Some((row, _)) = self.next else {
            return Ok(None);
        };
        let block = parts_of(&row).0;
        let mut members: Vec<(usize, Vec<u32>)> = Vec::new();
        while let Some((row, party)) = self.next {
            let (other, record) = parts_of(&row);
            if other != block {
                break;
            }
            match members.iter_mut().find(|(known, _)| *known == party) {
                Some((_, records)) => records.push(record),
                None => members.push((party, vec![record])),
            }
            self.next = self.rows.next_of().transpose()?;
        }
        members.sort_unstable_by_key(|(party, _)| *party);
        let members = members.into_iter();
        let listed = members.map(|(party, records)| (party, Records::List(records)));
        Ok(Some(Block(listed.collect())))
    }
}

impl Iterator for CommonBlocks {
    type Item = io::Result<Block>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.next_block().transpose()? {
                Ok(block) if block.0.len() < 2 => {}
                other => return Some(other),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn tiles_cover_every_pair_of_parties_once() {
        let sizes = [3, 70_000, 20_000];
        let block = Block::of_all(sizes.map(|size| Records::Run(0..size)).into_iter());
        let tiles: Vec<Tile> = block.tiles().collect();
        let sum: u64 = tiles.iter().map(Tile::comparisons).sum();
        assert_eq!(sum, 3 * 70_000 + 3 * 20_000 + 70_000 * 20_000);
        assert_eq!(sum, block.comparisons());
        let of_pair = |pair| tiles.iter().filter(|tile| tile.parties == pair).count();
        assert_eq!([(0, 1), (0, 2), (1, 2)].map(of_pair), [5, 2, 4]);
        assert_eq!(tiles[10].left, Records::Run(65_536..70_000));
        assert_eq!(tiles[10].right, Records::Run(16_384..20_000));
    }

    /// For each party its block rows: block and record.
    fn parties() -> impl Strategy<Value = Vec<BTreeSet<(u8, u32)>>> {
        let rows = prop::collection::btree_set((0u8..6, 0u32..8), 0..20);
        prop::collection::vec(rows, 2..5)
    }

    fn file(rows: &BTreeSet<(u8, u32)>) -> File {
        let path = tempfile::NamedTempFile::new().unwrap();
        let bytes = rows.iter().flat_map(|(block, record)| {
            [&[*block; BLOCK_ROW - 4][..], &record.to_be_bytes()].concat()
        });
        std::fs::write(path.path(), bytes.collect::<Vec<u8>>()).unwrap();
        path.reopen().unwrap()
    }

    proptest! {
        #[test]
        fn records_that_share_a_block_are_compared_as_often_as_they_share_one(parties in parties()) {
            let blocks = CommonBlocks::new(parties.iter().map(file).collect()).unwrap();
            let mut compared = Vec::new();
            for block in blocks {
                for tile in block.unwrap().tiles() {
                    for (i, j) in (0..tile.left.len()).flat_map(|i| (0..tile.right.len()).map(move |j| (i, j))) {
                        compared.push((tile.parties, tile.left.at(i), tile.right.at(j)));
                    }
                }
            }
            let mut expected = Vec::new();
            for left in 0..parties.len() {
                for right in left + 1..parties.len() {
                    for (block, record) in &parties[left] {
                        let others = parties[right].iter().filter(|(other, _)| other == block);
                        expected.extend(others.map(|(_, other)| ((left, right), *record, *other)));
                    }
                }
            }
            compared.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(compared, expected);
        }
    }
}
