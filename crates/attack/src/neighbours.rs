//! What a known pair gives away under block keys: who sits beside it. The attacker knows whose row it is, hence
//! what the block's value is, hence who of the register is in that block; how alike its neighbours are to it says
//! which is which. Nothing is learnt of any other block.

use std::collections::{BTreeMap, BTreeSet};

use encode::{ClearRecord, TrialRows};
use model::Layout;

use crate::blocks::{Block, Blocks};
use crate::likeness::{Estimator, of_clear};
use crate::outcome::Guess;

/// What a part weighs that is there on one side only, in squared units of noise.
const MISSING: f32 = 9.0;
/// The least share of belief at which a neighbour is claimed.
const SURE: f32 = 0.5;

/// Both sides of the attack.
pub(crate) struct Neighbours<'a> {
    pub(crate) layout: &'a Layout,
    pub(crate) rows: &'a TrialRows,
    pub(crate) target: &'a Blocks,
    pub(crate) clear: &'a [ClearRecord],
    pub(crate) register: &'a Blocks,
}

impl Neighbours<'_> {
    /// Guesses from known pairs of a target record and a place in the register.
    pub(crate) fn guesses(&self, known: &[(u32, u32)]) -> Vec<Guess> {
        let known: BTreeMap<u32, u32> = known.iter().copied().collect();
        let seats = self.register.by_record(self.clear.len());
        let blocks = self.target.all.iter();
        blocks
            .flat_map(|block| self.in_block(block, &known, &seats))
            .collect()
    }

    fn in_block(
        &self,
        block: &Block,
        known: &BTreeMap<u32, u32>,
        seats: &[Vec<u32>],
    ) -> Vec<Guess> {
        let members = &self.target.seats[block.seats.clone()];
        let told: Vec<(u32, u32)> = members
            .iter()
            .filter_map(|seat| Some((seat.row, *known.get(&seat.record)?)))
            .collect();
        if told.is_empty() {
            return Vec::new();
        }
        let people: BTreeSet<u32> = told
            .iter()
            .flat_map(|(_, person)| self.beside(*person, block.pass, seats))
            .filter(|person| !known.values().any(|known| known == person))
            .collect();
        let others = members
            .iter()
            .filter(|seat| !known.contains_key(&seat.record));
        others
            .filter_map(|seat| self.best(seat.record, seat.row, &told, &people))
            .collect()
    }

    /// Who of the register shares a block of this pass with a person.
    fn beside(&self, person: u32, pass: u8, seats: &[Vec<u32>]) -> Vec<u32> {
        let blocks = seats[person as usize]
            .iter()
            .map(|seat| self.register.seats[*seat as usize].block);
        let blocks = blocks
            .map(|block| &self.register.all[block as usize])
            .filter(|block| block.pass == pass);
        blocks
            .flat_map(|block| {
                self.register.seats[block.seats.clone()]
                    .iter()
                    .map(|seat| seat.record)
            })
            .collect()
    }

    fn best(
        &self,
        record: u32,
        row: u32,
        told: &[(u32, u32)],
        people: &BTreeSet<u32>,
    ) -> Option<Guess> {
        let distances: Vec<(f32, u32)> = people
            .iter()
            .map(|person| (self.distance(row, *person, told), *person))
            .collect();
        let (nearest, person) = distances
            .iter()
            .copied()
            .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))?;
        let belief: f32 = distances
            .iter()
            .map(|(distance, _)| ((nearest - distance) / 2.0).exp())
            .sum();
        let score = 1.0 / belief;
        Some(Guess {
            record,
            person,
            score,
            sure: score >= SURE,
        })
    }

    /// How far a row is, as seen from the known rows, from where a person is as seen from theirs.
    fn distance(&self, row: u32, person: u32, told: &[(u32, u32)]) -> f32 {
        let estimator = Estimator::new(self.layout);
        let noise = estimator.noise();
        let of_slot = |known: &(u32, u32)| {
            let slots = self.layout.slots.iter().zip(&noise);
            let apart = slots.map(|(slot, noise)| {
                let seen = estimator.of_rows(self.rows, (known.0, row), *slot);
                let clear = of_clear(
                    &self.clear[known.1 as usize],
                    &self.clear[person as usize],
                    *slot,
                );
                match (seen, clear) {
                    (Some(seen), Some(clear)) => ((seen - clear) / noise).powi(2),
                    (None, None) => 0.0,
                    _ => MISSING,
                }
            });
            apart.sum::<f32>()
        };
        told.iter().map(of_slot).sum()
    }
}
