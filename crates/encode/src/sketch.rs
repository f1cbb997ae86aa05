//! What all rows of one record share: its tokens digested, the places each token won, and the blocks that a row's random
//! bytes come from. Worked out once a record, in memory that the next record uses again.

use std::ops::Range;

use bits::PlaceSet;
use model::Layout;
use model::layout::PartRole;
use records::NormalisedRecord;
use secret::cipher::{BATCH, BLOCK_BYTES, Block};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::keys::EpochKeys;
use crate::lines::Lines;
use crate::noise::{FlipTable, NoiseSource};
use crate::signature::{COLUMN_BLOCKS, DEAL_BLOCKS};
use crate::token;

/// Words of a [`PlaceSet`].
const PLACE_WORDS: usize = size_of::<PlaceSet>() / size_of::<u64>();

/// One record, ready for its rows. Wiped on drop.
#[derive(Default, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Sketch {
    /// The parts that are there.
    pub(crate) parts: Vec<PartSketch>,
    /// Where the tokens of each end in [`Sketch::digests`].
    #[zeroize(skip)]
    pub(crate) ends: Vec<usize>,
    /// The parts once more, one bit each.
    pub(crate) presence: u64,
    /// The token digests of all parts, one after the other.
    pub(crate) digests: Vec<Block>,
    /// The places each token won within its part, as [`Sketch::won`] tells them.
    won: Lines<u64>,
    /// What a block's cipher is asked: first for its deal, then for each token's string.
    pub(crate) asked: Lines<Block>,
    /// What the node's noise cipher is asked, part by part.
    pub(crate) asked_noise: Lines<Block>,
    elements: Vec<u32>,
}

/// One part of a record.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct PartSketch {
    /// Its number in the layout.
    pub(crate) part: usize,
    /// Its tokens, by their place in [`Sketch::digests`].
    #[zeroize(skip)]
    pub(crate) tokens: Range<usize>,
    /// Its blocks in [`Sketch::asked_noise`].
    #[zeroize(skip)]
    pub(crate) noise_blocks: Range<usize>,
    pub(crate) noise: NoiseSource,
}

impl Sketch {
    /// Takes the tokens of `record` in, in place of those of the record before.
    pub(crate) fn read(&mut self, layout: &Layout, epoch: &EpochKeys, record: &NormalisedRecord) {
        self.parts.clear();
        self.ends.clear();
        self.presence = 0;
        self.digests.clear();
        for (part, of) in layout.parts.iter().enumerate() {
            let start = self.digests.len();
            match of.role {
                PartRole::Record => (0..record.values.len())
                    .for_each(|field| self.digest(epoch, record, field, of.role, field)),
                role => {
                    let namespace = usize::from(of.namespace & 0x7f);
                    self.digest(epoch, record, of.field, role, namespace);
                }
            }
            let tokens = start..self.digests.len();
            if !tokens.is_empty() {
                let numbers = self.digests[tokens.clone()].iter();
                // A sum, not an exclusive or, in which tokens that come twice would vanish.
                let sum = numbers.fold(0, |sum: u128, digest| {
                    sum.wrapping_add(u128::from_le_bytes(*digest))
                });
                self.presence |= 1 << part;
                self.ends.push(tokens.end);
                self.parts.push(PartSketch {
                    part,
                    tokens,
                    noise_blocks: 0..0,
                    noise: NoiseSource::new(part, sum),
                });
            }
        }
    }

    fn digest(
        &mut self,
        epoch: &EpochKeys,
        record: &NormalisedRecord,
        field: usize,
        role: PartRole,
        namespace: usize,
    ) {
        if let Some(value) = &record.values[field] {
            let key = &epoch.tokens[namespace];
            token::for_each(value, role, &mut |token| {
                self.digests.push(key.digest(token));
            });
        }
    }

    /// Prepares what signatures take, beyond the digests.
    pub(crate) fn sample(&mut self, layout: &Layout, flips: &FlipTable) {
        self.elements.clear();
        self.elements.extend(self.digests.iter().map(element));
        let won = self.won.room(self.digests.len() * PLACE_WORDS);
        let won = won.as_chunks_mut().0;
        let mut noise_blocks = 0;
        for part in &mut self.parts {
            let tokens = part.tokens.clone();
            bits::winners(&self.elements[tokens.clone()], &mut won[tokens]);
            let start = noise_blocks;
            noise_blocks += flips.blocks(layout.parts[part.part].bits as usize);
            part.noise_blocks = start..noise_blocks;
        }
        self.ask_noise(noise_blocks);
        self.ask();
    }

    /// Writes down what the node's noise cipher is asked, so many blocks.
    fn ask_noise(&mut self, count: usize) {
        let asked = room(&mut self.asked_noise, count);
        for part in &self.parts {
            let blocks = asked[part.noise_blocks.clone()].iter_mut().zip(0..);
            blocks.for_each(|(block, number)| *block = part.noise.block(number));
        }
    }

    /// Writes down what a block's cipher is asked.
    fn ask(&mut self) {
        let count = DEAL_BLOCKS + COLUMN_BLOCKS * self.digests.len();
        let asked = room(&mut self.asked, count);
        let (deal, strings) = asked.split_at_mut(DEAL_BLOCKS);
        for (number, block) in deal.iter_mut().enumerate() {
            *block = deal_block(number);
        }
        let strings = strings.as_chunks_mut::<COLUMN_BLOCKS>().0;
        for (digest, halves) in self.digests.iter().zip(strings) {
            *halves = string_blocks(digest);
        }
    }

    /// The places each token won within its part.
    pub(crate) fn won(&self) -> &[PlaceSet] {
        self.won.all().as_chunks().0
    }
}

/// Fills the last batch up, with blocks that no one looks at.
pub(crate) fn pad(blocks: &mut Vec<Block>) {
    blocks.resize(blocks.len().next_multiple_of(BATCH), Block::default());
}

/// Room for `count` blocks, behind which the last batch is filled up as [`pad`] does.
fn room(lines: &mut Lines<Block>, count: usize) -> &mut [Block] {
    let (room, padding) = lines
        .room(count.next_multiple_of(BATCH))
        .split_at_mut(count);
    padding.fill(Block::default());
    room
}

/// What stands for a token in minwise hashing.
fn element(digest: &Block) -> u32 {
    u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]])
}

/// What a block's cipher is asked for the halves of a token's string. The two lowest bits of the last byte keep the halves
/// apart, and from [`deal_block`]. As whole numbers: a byte written alone would hold up who reads the block.
fn string_blocks(digest: &Block) -> [Block; COLUMN_BLOCKS] {
    const { assert!(COLUMN_BLOCKS == 2) };
    let first = u128::from_le_bytes(*digest) & !(3 << LAST_BYTE);
    [first, first | 1 << LAST_BYTE].map(u128::to_le_bytes)
}

/// The lowest bit of a block's last byte.
const LAST_BYTE: usize = 8 * (BLOCK_BYTES - 1);

/// What a block's cipher is asked for its deal.
fn deal_block(number: usize) -> Block {
    let mut block = Block::default();
    block[0] = number as u8;
    block[BLOCK_BYTES - 1] = 3;
    block
}
