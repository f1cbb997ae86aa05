//! WL: who sits with whom, by block tokens alone. Colour refinement (Weisfeiler and Leman, 1968) of the graph of
//! records and blocks: blocks are coloured by who is in them, records by the blocks they are in, and so on. A
//! colour that occurs once on either side names a record, with no encoding looked at.

use std::collections::{BTreeMap, BTreeSet};

use crate::blocks::Blocks;
use crate::outcome::Guess;

/// Rounds of refinement.
const ROUNDS: usize = 4;

/// What the colouring starts from and what it may join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sight {
    /// Whether the attacker sees which rows are of one record.
    pub(crate) joined: bool,
    /// Whether it looks at which parts of a row are missing.
    pub(crate) presence: bool,
}

/// The colours of all seats after each round.
pub(crate) fn colours(blocks: &Blocks, sight: Sight) -> Vec<Vec<u64>> {
    let first = |seat: &crate::blocks::Seat| {
        if sight.presence {
            mixed(1, seat.presence)
        } else {
            1
        }
    };
    let mut colours: Vec<u64> = blocks.seats.iter().map(first).collect();
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let of_blocks: Vec<u64> = blocks
            .all
            .iter()
            .map(|block| of_set(u64::from(block.pass), colours[block.seats.clone()].to_vec()))
            .collect();
        let of_seat = |(seat, colour): (&crate::blocks::Seat, &u64)| {
            mixed(*colour, of_blocks[seat.block as usize])
        };
        let mut next: Vec<u64> = blocks.seats.iter().zip(&colours).map(of_seat).collect();
        if sight.joined {
            join(blocks, &mut next);
        }
        colours = next;
        rounds.push(colours.clone());
    }
    rounds
}

/// Gives all seats of a record one colour, made of theirs.
fn join(blocks: &Blocks, colours: &mut [u64]) {
    let mut of_record: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    for (seat, colour) in blocks.seats.iter().zip(&*colours) {
        of_record.entry(seat.record).or_default().push(*colour);
    }
    let joined: BTreeMap<u32, u64> = of_record
        .into_iter()
        .map(|(record, colours)| (record, of_set(0, colours)))
        .collect();
    for (seat, colour) in blocks.seats.iter().zip(colours) {
        *colour = joined[&seat.record];
    }
}

fn of_set(start: u64, mut colours: Vec<u64>) -> u64 {
    colours.sort_unstable();
    colours.into_iter().fold(start, mixed)
}

fn mixed(one: u64, other: u64) -> u64 {
    let mut bits = one.rotate_left(23) ^ other.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ bits >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    bits ^ bits >> 32
}

/// The record of each colour that one record alone has.
fn alone(blocks: &Blocks, colours: &[u64]) -> BTreeMap<u64, u32> {
    let mut of_colour: BTreeMap<u64, BTreeSet<u32>> = BTreeMap::new();
    for (seat, colour) in blocks.seats.iter().zip(colours) {
        of_colour.entry(*colour).or_default().insert(seat.record);
    }
    let single = |(colour, records): (u64, BTreeSet<u32>)| {
        let record = records.first().copied()?;
        (records.len() == 1).then_some((colour, record))
    };
    of_colour.into_iter().filter_map(single).collect()
}

/// How many of so many records have a colour of their own after each round.
pub(crate) fn unique(blocks: &Blocks, sight: Sight) -> Vec<usize> {
    let of_round = |colours: &Vec<u64>| {
        let records: BTreeSet<u32> = alone(blocks, colours).into_values().collect();
        records.len()
    };
    colours(blocks, sight).iter().map(of_round).collect()
}

/// Guesses by colours that occur once on either side, in the round in which they first do.
pub(crate) fn match_colours(target: &Blocks, register: &Blocks, sight: Sight) -> Vec<Guess> {
    let rounds = colours(target, sight)
        .into_iter()
        .zip(colours(register, sight));
    let mut found: BTreeMap<(u32, u32), usize> = BTreeMap::new();
    for (round, (of_target, of_register)) in rounds.enumerate() {
        let known = alone(register, &of_register);
        for (colour, record) in alone(target, &of_target) {
            if let Some(person) = known.get(&colour) {
                found.entry((record, *person)).or_insert(round);
            }
        }
    }
    let guess = |((record, person), round): ((u32, u32), usize)| Guess {
        record,
        person,
        score: 1.0 / (1.0 + round as f32),
        sure: true,
    };
    found.into_iter().map(guess).collect()
}

#[cfg(test)]
mod tests {
    use crate::registry::Size;
    use crate::suite::{Attack, Knowledge};
    use crate::tests::Setting;

    fn share(joined: bool, presence: bool, knowledge: Knowledge) -> f64 {
        let size = Size {
            people: 2000,
            overlap: 100,
        };
        Setting::new("standard")
            .run(Attack::Colours { joined, presence }, knowledge, size)
            .share()
    }

    #[test]
    fn joined_passes_give_nearly_everyone_away_and_passes_apart_do_not() {
        let joined = share(true, false, Knowledge::Copy);
        let apart = share(false, false, Knowledge::Copy);
        assert!(joined >= 0.6, "{joined}");
        assert!(apart <= 0.02, "{apart}");
    }

    #[test]
    fn missing_parts_show_more_and_mistakes_hide_most() {
        let seen = share(false, true, Knowledge::Copy);
        assert!(seen > share(false, false, Knowledge::Copy), "{seen}");
        let noisy = share(true, false, Knowledge::Noisy);
        assert!(noisy <= 0.1, "{noisy}");
    }
}
