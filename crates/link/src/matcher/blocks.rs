//! Which rows share a block: an index over all parties' rows, sorted by pass and token.

use std::ops::Range;

use model::layout::Row;
use model::schema::MAX_PARTIES;
use model::{BlockToken, Layout, LinkageSchema, PartyIndex};
use rayon::prelude::*;

use super::crowded::Crowded;
use super::{MAX_BLOCK_ROWS, MatchError, MatchReport, PartyRows};
use crate::comparison::{MAX_BATCHES, RowId};

/// One row in the index.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Member {
    pass: u8,
    token: BlockToken,
    /// Which row: batches are the inputs.
    pub(super) id: RowId,
}

/// The rows of one block.
#[derive(Clone)]
pub(super) struct Block {
    members: Range<usize>,
    /// Pairs to compare in it.
    pub(super) pairs: u64,
}

/// What the blocks need to know of an input.
#[derive(Clone, Copy)]
struct Input {
    party: PartyIndex,
    /// Whether two rows of the party may be of one person.
    duplicates: bool,
    /// Whether its rows were compared with one another before.
    standing: bool,
}

/// All blocks with something to compare, in order of pass and smallest handle.
pub(super) struct Blocks {
    members: Vec<Member>,
    blocks: Vec<Block>,
    /// Members of blocks too large to compare.
    oversized: Vec<Range<usize>>,
    inputs: Vec<Input>,
    report: MatchReport,
}

impl Blocks {
    /// Sorts the rows of `inputs` into blocks.
    ///
    /// # Errors
    /// [`MatchError`] when rows do not fit the schema.
    pub(super) fn of<E>(
        schema: &LinkageSchema,
        layout: &Layout,
        inputs: &[PartyRows<'_>],
    ) -> Result<Self, MatchError<E>> {
        if inputs.len() > MAX_BATCHES {
            return Err(MatchError::TooManyBatches);
        }
        for input in inputs {
            check_rows(input, schema, layout)?;
        }
        let rows = |input: &PartyRows<'_>| input.bytes.len() / layout.row_bytes;
        let all = inputs.iter().flat_map(|input| rows_of(input.bytes, layout));
        let crowded = Crowded::of(all, inputs.iter().map(rows).sum());
        let mut members = Vec::new();
        for (index, input) in inputs.iter().enumerate() {
            members.extend(members_of(index as u16, input, layout, &crowded));
        }
        members.par_sort_unstable();
        let passes = schema.passes.len();
        // Calibration counts like one more pass here, and apart in the report.
        let slots = passes + 1;
        let report = MatchReport {
            pairs_by_pass: vec![0; slots],
            skipped_by_pass: vec![0; slots],
            ..MatchReport::default()
        };
        let of = |input: &PartyRows<'_>| Input {
            party: input.party,
            duplicates: schema.party(input.party).duplicates,
            standing: input.standing,
        };
        let mut blocks = Self {
            members,
            blocks: Vec::new(),
            oversized: Vec::new(),
            inputs: inputs.iter().map(of).collect(),
            report,
        };
        blocks.find();
        blocks.shuffle(layout, inputs);
        Ok(blocks)
    }

    fn find(&mut self) {
        let mut start = 0;
        while start < self.members.len() {
            let first = self.members[start];
            let same = |member: &Member| member.pass == first.pass && member.token == first.token;
            let end = start
                + self.members[start..]
                    .iter()
                    .take_while(|member| same(member))
                    .count();
            self.push(first.pass, start..end);
            start = end;
        }
    }

    /// Orders the blocks of a pass by their smallest handle, which is fresh in every run: in the order
    /// of tokens, what is handed over would tell which block of one run is which of another.
    fn shuffle(&mut self, layout: &Layout, inputs: &[PartyRows<'_>]) {
        let members = &self.members;
        let handle = |member: &Member| {
            let start = member.id.row as usize * layout.row_bytes;
            Row::new(&inputs[usize::from(member.id.batch)].bytes[start..]).handle()
        };
        self.blocks.par_sort_by_cached_key(|block| {
            let own = &members[block.members.clone()];
            (own[0].pass, own.iter().map(handle).min())
        });
    }

    fn push(&mut self, pass: u8, members: Range<usize>) {
        let own = &self.members[members.clone()];
        let pairs = self.pairs_in(own);
        if pairs == 0 {
            return;
        }
        if members.len() > MAX_BLOCK_ROWS {
            self.report.skipped_by_pass[usize::from(pass)] += 1;
            self.oversized.push(members);
            return;
        }
        let standing = |member: &&Member| self.input(member).standing;
        let before: Vec<Member> = own.iter().filter(standing).copied().collect();
        let new = pairs - self.pairs_in(&before);
        self.report.pairs += pairs;
        self.report.pairs_by_pass[usize::from(pass)] += pairs;
        if new > 0 {
            let pairs = new;
            self.blocks.push(Block { members, pairs });
        }
    }

    /// Pairs of these members of one block that may be of one person.
    fn pairs_in(&self, members: &[Member]) -> u64 {
        let choose = |n: u64| n * n.saturating_sub(1) / 2;
        let mut own = [0; MAX_PARTIES];
        for member in members {
            let input = self.input(member);
            if !input.duplicates {
                own[input.party.index()] += 1;
            }
        }
        choose(members.len() as u64) - own.into_iter().map(choose).sum::<u64>()
    }

    fn input(&self, member: &Member) -> Input {
        self.inputs[usize::from(member.id.batch)]
    }

    /// Whether this pair of one block is compared now: rows of two parties, or of one that may hold
    /// duplicates, unless both stood there before.
    pub(super) fn are_compared(&self, left: &Member, right: &Member) -> bool {
        let (left, right) = (self.input(left), self.input(right));
        (left.party != right.party || left.duplicates) && !(left.standing && right.standing)
    }

    /// The rows in blocks that are too large to compare.
    pub(super) fn oversized(&self) -> impl Iterator<Item = &Member> {
        let members = |range: &Range<usize>| &self.members[range.clone()];
        self.oversized.iter().flat_map(members)
    }

    pub(super) fn members(&self, block: &Block) -> &[Member] {
        &self.members[block.members.clone()]
    }

    /// Pairs and skipped blocks, as known before the first comparison.
    pub(super) fn report(&self) -> MatchReport {
        let mut report = self.report.clone();
        report.calibration_pairs = report.pairs_by_pass.pop().unwrap_or(0);
        report.skipped_by_pass.pop();
        report
    }

    /// Pairs to compare now.
    pub(super) fn pairs(&self) -> u64 {
        self.blocks.iter().map(|block| block.pairs).sum()
    }

    /// The blocks in steps of at most about `pairs` pairs.
    pub(super) fn steps(&self, pairs: u64) -> impl Iterator<Item = &[Block]> {
        let mut rest = &self.blocks[..];
        std::iter::from_fn(move || {
            let mut sum = 0;
            let within = |block: &&Block| {
                sum += block.pairs;
                sum <= pairs
            };
            let len = rest
                .iter()
                .take_while(within)
                .count()
                .max(1)
                .min(rest.len());
            let (step, after) = rest.split_at(len);
            rest = after;
            (!step.is_empty()).then_some(step)
        })
    }
}

fn check_rows<E>(
    rows: &PartyRows<'_>,
    schema: &LinkageSchema,
    layout: &Layout,
) -> Result<(), MatchError<E>> {
    let PartyRows { party, bytes, .. } = *rows;
    if !bytes.len().is_multiple_of(layout.row_bytes) {
        return Err(MatchError::TornRows {
            party,
            bytes: bytes.len(),
            row_bytes: layout.row_bytes,
        });
    }
    if bytes.len() / layout.row_bytes > u32::MAX as usize {
        return Err(MatchError::TooManyRows);
    }
    for (row, read) in rows_of(bytes, layout).enumerate() {
        let pass = read.pass().0;
        let calibrates = schema.calibration_pass().is_some_and(|own| own.0 == pass);
        if usize::from(pass) >= schema.passes.len() && !calibrates {
            return Err(MatchError::UnknownPass { party, row, pass });
        }
    }
    Ok(())
}

fn rows_of<'a>(bytes: &'a [u8], layout: &Layout) -> impl Iterator<Item = Row<'a>> {
    bytes.chunks_exact(layout.row_bytes).map(Row::new)
}

fn members_of(
    batch: u16,
    rows: &PartyRows<'_>,
    layout: &Layout,
    crowded: &Crowded,
) -> impl Iterator<Item = Member> {
    let gone = rows.gone;
    let rows = (0u32..).zip(rows_of(rows.bytes, layout));
    rows.filter(|(place, row)| crowded.holds(*row) && gone.binary_search(place).is_err())
        .map(move |(place, row)| Member {
            pass: row.pass().0,
            token: row.token(),
            id: RowId { batch, row: place },
        })
}
