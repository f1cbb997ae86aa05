//! Which rows share a block: an index over the rows of one partition that are not alone in theirs, sorted by pass and
//! token.

use std::collections::HashSet;
use std::ops::Range;

use model::layout::Row;
use model::schema::MAX_PARTIES;
use model::{BlockToken, Layout, LinkageSchema, PartyIndex};
use rayon::prelude::*;

use super::grade::Grader;
use super::{MAX_BLOCK_ROWS, MatchError, MatchReport, RowBatch};
use crate::comparison::{ComparisonLayout, RowId, push_header};

/// About how many pairs are compared between two hand-overs of results; with the largest block it
/// bounds the memory they take.
const PAIRS_PER_STEP: u64 = 1 << 18;
/// Blocks that one thread compares in one go; most have a pair or two.
const BLOCKS_AT_ONCE: usize = 256;

/// What the blocks need to know of a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input {
    party: PartyIndex,
    /// Whether two rows of the party may be of one person.
    duplicates: bool,
    /// Whether its rows were compared with those of other standing batches before.
    standing: bool,
    /// How many rows it has.
    pub(super) rows: u32,
}

impl Input {
    pub(super) fn of(schema: &LinkageSchema, batch: &RowBatch) -> Self {
        Self {
            party: batch.party,
            duplicates: schema.party(batch.party).duplicates,
            standing: batch.standing,
            rows: 0,
        }
    }

    /// Whether its rows were compared before.
    pub(super) fn is_standing(&self) -> bool {
        self.standing
    }

    /// Whose it is.
    pub(super) fn party(&self) -> PartyIndex {
        self.party
    }
}

/// Pairs, of one row of each of these batches, that may be of one person.
pub(super) fn pairs_among(rows: impl Iterator<Item = Input>) -> u64 {
    let choose = |n: u64| n * n.saturating_sub(1) / 2;
    let (mut all, mut own) = (0, [0; MAX_PARTIES]);
    for input in rows {
        all += 1;
        if !input.duplicates {
            own[input.party.index()] += 1;
        }
    }
    choose(all) - own.into_iter().map(choose).sum::<u64>()
}

/// The rows of one partition.
pub(super) struct Partition<'a> {
    layout: &'a Layout,
    bytes: &'a [u8],
}

impl<'a> Partition<'a> {
    pub(super) fn new(layout: &'a Layout, bytes: &'a [u8]) -> Self {
        Self { layout, bytes }
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() / self.stride()
    }

    fn stride(&self) -> usize {
        RowId::BYTES + self.layout.row_bytes
    }

    fn row(&self, place: u32) -> Row<'_> {
        let start = place as usize * self.stride();
        Row::new(&self.bytes[start + RowId::BYTES..start + self.stride()])
    }

    fn id(&self, place: u32) -> RowId {
        RowId::read(&self.bytes[place as usize * self.stride()..])
    }

    fn member(&self, place: u32) -> Member {
        let (row, id) = (self.row(place), self.id(place));
        Member {
            pass: row.pass().0,
            token: row.token(),
            id,
            place,
        }
    }
}

/// One row in the index.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Member {
    pass: u8,
    token: BlockToken,
    id: RowId,
    /// Where it stands in the partition.
    place: u32,
}

/// The rows of `partition` that share their block with another, but for those that are `gone`, block after block. Few do
/// in a fine pass, so all are sorted by a number only, and the others looked at no more.
fn members(partition: &Partition<'_>, gone: &HashSet<RowId>) -> Vec<Member> {
    let number = |place: u32| {
        let row = partition.row(place);
        let token = u128::from_le_bytes(*row.token().as_bytes());
        // The upper half: the first bytes decide which partition the row is in.
        ((token >> 64) as u64).rotate_left(u32::from(row.pass().0))
    };
    let places = 0..partition.len() as u32;
    let mut numbers: Vec<(u64, u32)> = places.map(|place| (number(place), place)).collect();
    numbers.sort_unstable();
    let mut members = Vec::new();
    for same in numbers.chunk_by(|a, b| a.0 == b.0) {
        if same.len() > 1 {
            let start = members.len();
            let own = same.iter().map(|(_, place)| partition.member(*place));
            members.extend(own.filter(|member| gone.is_empty() || !gone.contains(&member.id)));
            // Tokens may have one number and be others.
            members[start..].sort_unstable();
        }
    }
    members
}

/// The rows of one block.
struct Block {
    members: Range<usize>,
    /// Pairs to compare in it.
    pairs: u64,
}

/// The blocks of a partition with something to compare.
pub(super) struct Blocks<'a> {
    partition: &'a Partition<'a>,
    inputs: &'a [Input],
    members: Vec<Member>,
    blocks: Vec<Block>,
    /// The most rows of a block that is compared.
    limit: usize,
    /// Members of blocks too large to compare.
    oversized: Vec<Range<usize>>,
}

impl<'a> Blocks<'a> {
    /// Sorts the rows of `partition` into blocks, but for those that are `gone`, and counts them and
    /// their pairs in `report`.
    pub(super) fn of(
        partition: &'a Partition<'a>,
        inputs: &'a [Input],
        gone: &HashSet<RowId>,
        limit: usize,
        report: &mut MatchReport,
    ) -> Self {
        let members = members(partition, gone);
        let mut blocks = Self {
            partition,
            inputs,
            members,
            blocks: Vec::new(),
            limit,
            oversized: Vec::new(),
        };
        blocks.find(report);
        blocks
    }

    fn find(&mut self, report: &mut MatchReport) {
        let same = |a: &Member, b: &Member| a.pass == b.pass && a.token == b.token;
        let lengths: Vec<usize> = self.members.chunk_by(same).map(<[Member]>::len).collect();
        let mut start = 0;
        for length in lengths {
            self.push(start..start + length, report);
            start += length;
        }
    }

    fn push(&mut self, members: Range<usize>, report: &mut MatchReport) {
        let own = &self.members[members.clone()];
        let pairs = self.pairs_in(own);
        if pairs == 0 {
            return;
        }
        let pass = usize::from(own[0].pass);
        // The last is calibration, whose buckets do not grow.
        let limit = match pass + 1 == report.pairs_by_pass.len() {
            true => MAX_BLOCK_ROWS,
            false => self.limit,
        };
        if members.len() > limit {
            report.skipped_by_pass[pass] += 1;
            self.oversized.push(members);
            return;
        }
        report.pairs += pairs;
        report.pairs_by_pass[pass] += pairs;
        let standing = |member: &&Member| self.input(member).standing;
        let before: Vec<Member> = own.iter().filter(standing).copied().collect();
        let new = pairs - self.pairs_in(&before);
        if new > 0 {
            let pairs = new;
            self.blocks.push(Block { members, pairs });
        }
    }

    /// Pairs of these members of one block that may be of one person.
    fn pairs_in(&self, members: &[Member]) -> u64 {
        pairs_among(members.iter().map(|member| self.input(member)))
    }

    fn input(&self, member: &Member) -> Input {
        self.inputs[usize::from(member.id.batch)]
    }

    /// Whether this pair of one block is compared now: rows of two parties, or of one that may hold
    /// duplicates, unless both stood there before.
    fn are_compared(&self, left: &Member, right: &Member) -> bool {
        let (left, right) = (self.input(left), self.input(right));
        (left.party != right.party || left.duplicates) && !(left.standing && right.standing)
    }

    /// The rows in blocks that are too large to compare.
    pub(super) fn oversized(&self) -> impl Iterator<Item = RowId> {
        let members = |range: &Range<usize>| &self.members[range.clone()];
        let members = self.oversized.iter().flat_map(members);
        members.map(|member| member.id)
    }

    /// Pairs to compare now.
    pub(super) fn pairs(&self) -> u64 {
        self.blocks.iter().map(|block| block.pairs).sum()
    }

    /// Compares all pairs and hands the comparisons to `take`.
    pub(super) fn compare(
        &self,
        grader: &Grader,
        mut take: impl FnMut(&[u8]) -> Result<(), MatchError>,
    ) -> Result<(), MatchError> {
        for step in self.steps() {
            let together = step.par_chunks(BLOCKS_AT_ONCE);
            let parts: Vec<Vec<u8>> = together
                .map(|blocks| self.compare_blocks(blocks, grader))
                .collect();
            parts.iter().try_for_each(|part| take(part))?;
        }
        Ok(())
    }

    /// The blocks in steps of at most about [`PAIRS_PER_STEP`] pairs.
    fn steps(&self) -> impl Iterator<Item = &[Block]> {
        let mut rest = &self.blocks[..];
        std::iter::from_fn(move || {
            let mut sum = 0;
            let within = |block: &&Block| {
                sum += block.pairs;
                sum <= PAIRS_PER_STEP
            };
            let length = rest.iter().take_while(within).count();
            let (step, after) = rest.split_at(length.max(1).min(rest.len()));
            rest = after;
            (!step.is_empty()).then_some(step)
        })
    }

    fn compare_blocks(&self, blocks: &[Block], grader: &Grader) -> Vec<u8> {
        let row_bytes = ComparisonLayout::of(self.partition.layout).row_bytes();
        let pairs: u64 = blocks.iter().map(|block| block.pairs).sum();
        let mut out = Vec::with_capacity(pairs as usize * row_bytes);
        for block in blocks {
            self.compare_block(block, grader, &mut out);
        }
        out
    }

    fn compare_block(&self, block: &Block, grader: &Grader, out: &mut Vec<u8>) {
        let members = &self.members[block.members.clone()];
        for (place, left) in members.iter().enumerate() {
            let row = self.partition.row(left.place);
            for right in &members[place + 1..] {
                if self.are_compared(left, right) {
                    push_header(out, row.pass(), left.id, right.id);
                    grader.push_grades(row, self.partition.row(right.place), out);
                }
            }
        }
    }
}
