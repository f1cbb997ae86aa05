//! Which rows share a block: an index over all parties' rows, sorted by pass and token.

use std::ops::Range;

use model::layout::Row;
use model::{BlockToken, Layout, LinkageSchema};
use rayon::prelude::*;

use super::crowded::Crowded;
use super::{MAX_BLOCK_ROWS, MatchError, MatchReport, PartyRows};

/// One row in the index.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Member {
    pass: u8,
    token: BlockToken,
    /// Which of the inputs, and which of its rows.
    pub(super) input: u8,
    pub(super) row: u32,
}

/// The rows of one block.
#[derive(Clone)]
pub(super) struct Block {
    members: Range<usize>,
    /// Pairs to compare in it.
    pub(super) pairs: u64,
}

/// All blocks with something to compare, in order of pass and smallest handle.
pub(super) struct Blocks {
    members: Vec<Member>,
    blocks: Vec<Block>,
    duplicates: Vec<bool>,
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
        for input in inputs {
            check_rows(input, schema, layout)?;
        }
        let rows = |input: &PartyRows<'_>| input.bytes.len() / layout.row_bytes;
        let all = inputs.iter().flat_map(|input| rows_of(input.bytes, layout));
        let crowded = Crowded::of(all, inputs.iter().map(rows).sum());
        let mut members = Vec::new();
        for (index, input) in inputs.iter().enumerate() {
            members.extend(members_of(index as u8, input, layout, &crowded));
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
        let duplicates = inputs
            .iter()
            .map(|input| schema.party(input.party).duplicates)
            .collect();
        let mut blocks = Self {
            members,
            blocks: Vec::new(),
            duplicates,
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
            let start = member.row as usize * layout.row_bytes;
            Row::new(&inputs[usize::from(member.input)].bytes[start..]).handle()
        };
        self.blocks.par_sort_by_cached_key(|block| {
            let own = &members[block.members.clone()];
            (own[0].pass, own.iter().map(handle).min())
        });
    }

    fn push(&mut self, pass: u8, members: Range<usize>) {
        let pairs = self.pairs_in(&self.members[members.clone()]);
        if pairs == 0 {
            return;
        }
        if members.len() > MAX_BLOCK_ROWS {
            self.report.skipped_by_pass[usize::from(pass)] += 1;
            return;
        }
        self.report.pairs += pairs;
        self.report.pairs_by_pass[usize::from(pass)] += pairs;
        self.blocks.push(Block { members, pairs });
    }

    fn pairs_in(&self, members: &[Member]) -> u64 {
        let choose = |n: u64| n * n.saturating_sub(1) / 2;
        let mut pairs = choose(members.len() as u64);
        for own in members.chunk_by(|a, b| a.input == b.input) {
            if !self.duplicates[usize::from(own[0].input)] {
                pairs -= choose(own.len() as u64);
            }
        }
        pairs
    }

    /// Whether this pair of one block is compared: rows of two parties always, of one party where it
    /// may hold duplicates.
    pub(super) fn are_compared(&self, left: &Member, right: &Member) -> bool {
        left.input != right.input || self.duplicates[usize::from(left.input)]
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
    let PartyRows { party, bytes } = *rows;
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
    input: u8,
    rows: &PartyRows<'_>,
    layout: &Layout,
    crowded: &Crowded,
) -> impl Iterator<Item = Member> {
    let rows = rows_of(rows.bytes, layout).enumerate();
    rows.filter(|(_, row)| crowded.holds(*row))
        .map(move |(place, row)| Member {
            pass: row.pass().0,
            token: row.token(),
            input,
            row: place as u32,
        })
}
