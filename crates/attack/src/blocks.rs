//! Who meets whom: the blocks of one side, as the matcher sees them by their tokens or as the holder of a
//! register works them out.

use std::collections::BTreeMap;
use std::ops::Range;

use encode::{ClearRecord, TrialRows, block_values};
use model::LinkageSchema;
use records::NormalisedRecord;

/// A record in one block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seat {
    /// The record's place.
    pub(crate) record: u32,
    /// The row's place, where there are rows; the record's where not.
    pub(crate) row: u32,
    pub(crate) block: u32,
    /// Which parts are present, by bit.
    pub(crate) presence: u64,
}

/// One block of one pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) pass: u8,
    /// Its seats.
    pub(crate) seats: Range<usize>,
}

/// The blocks of one side, pass by pass, and the seats in them.
pub(crate) struct Blocks {
    pub(crate) all: Vec<Block>,
    pub(crate) seats: Vec<Seat>,
}

impl Blocks {
    /// The blocks of rows, by their tokens.
    pub(crate) fn of_rows(rows: &TrialRows) -> Self {
        let mut met: BTreeMap<(u8, [u8; 16]), Vec<Seat>> = BTreeMap::new();
        for place in 0..rows.len() {
            let row = rows.row(place);
            let seat = Seat {
                record: rows.owner(place),
                row: place as u32,
                block: 0,
                presence: row.presence(),
            };
            met.entry((row.pass().0, *row.token().as_bytes()))
                .or_default()
                .push(seat);
        }
        Self::collect(met.into_iter().map(|((pass, _), seats)| (pass, seats)))
    }

    /// The blocks of records in clear.
    pub(crate) fn of_records(
        schema: &LinkageSchema,
        records: &[&NormalisedRecord],
        clear: &[ClearRecord],
    ) -> Self {
        let mut met: BTreeMap<(u8, Vec<u8>), Vec<Seat>> = BTreeMap::new();
        for (place, (record, clear)) in records.iter().zip(clear).enumerate() {
            let seat = Seat {
                record: place as u32,
                row: place as u32,
                block: 0,
                presence: presence(clear),
            };
            for (pass, of) in (0..).zip(&schema.passes) {
                for value in block_values(of, record) {
                    met.entry((pass, value.to_vec())).or_default().push(seat);
                }
            }
        }
        Self::collect(met.into_iter().map(|((pass, _), seats)| (pass, seats)))
    }

    fn collect(blocks: impl Iterator<Item = (u8, Vec<Seat>)>) -> Self {
        let (mut all, mut seats): (Vec<Block>, Vec<Seat>) = Default::default();
        for (number, (pass, members)) in (0..).zip(blocks) {
            let start = seats.len();
            seats.extend(members.into_iter().map(|seat| Seat {
                block: number,
                ..seat
            }));
            all.push(Block {
                pass,
                seats: start..seats.len(),
            });
        }
        Self { all, seats }
    }

    /// The blocks of one pass.
    pub(crate) fn of_pass(&self, pass: u8) -> impl Iterator<Item = &Block> {
        self.all.iter().filter(move |block| block.pass == pass)
    }

    /// The seats of each of `records` records.
    pub(crate) fn by_record(&self, records: usize) -> Vec<Vec<u32>> {
        let mut seats = vec![Vec::new(); records];
        for (place, seat) in (0..).zip(&self.seats) {
            seats[seat.record as usize].push(place);
        }
        seats
    }
}

/// Which parts of a record are present, as a row shows it.
pub(crate) fn presence(clear: &ClearRecord) -> u64 {
    let there = |part: &usize| !clear.tokens(*part).is_empty();
    (0..64).filter(there).fold(0, |bits, part| bits | 1 << part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::Setting;
    use encode::{TrialKeys, trial_rows};

    #[test]
    fn blocks_worked_out_in_clear_are_those_the_tokens_make() {
        let Setting {
            schema,
            layout,
            people,
        } = Setting::new("standard");
        let records: Vec<&NormalisedRecord> = people.records().iter().take(300).collect();
        let clear: Vec<ClearRecord> = records
            .iter()
            .map(|record| ClearRecord::of(&layout, record))
            .collect();
        let rows = trial_rows(&schema, &layout, &TrialKeys::new(&schema, 1, 2), &records);
        let shape = |blocks: &Blocks| {
            let members = |block: &Block| {
                let seats = blocks.seats[block.seats.clone()].iter();
                (
                    block.pass,
                    seats
                        .map(|seat| (seat.record, seat.presence))
                        .collect::<Vec<_>>(),
                )
            };
            let mut shape: Vec<_> = blocks.all.iter().map(members).collect();
            shape.sort();
            shape
        };
        let seen = Blocks::of_rows(&rows);
        assert_eq!(
            shape(&seen),
            shape(&Blocks::of_records(&schema, &records, &clear))
        );
        let seats = seen.by_record(300);
        assert_eq!(seats.iter().map(Vec::len).sum::<usize>(), rows.len());
    }
}
