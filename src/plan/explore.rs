//! Which passes are worth choosing from: counted in every party, common values refused.

use std::collections::BTreeSet;

use model::Progress;
use rayon::prelude::*;

use super::blocks::PartyBlocks;
use super::candidate::{Candidate, Components, MAX_COMPONENTS};
use super::cost::{Cost, LocalCounts};
use super::draws::{Bits, Pairs};

/// A pass that compares fewer pairs a record than this gains nothing from a further component.
const NARROW: f64 = 1.0;
/// A pass that brings together a smaller share of true pairs than this is not looked at.
const MIN_SHARE: f64 = 0.005;

/// A pass, counted.
#[derive(Clone)]
pub(crate) struct Measured {
    /// What it is made of.
    pub(crate) components: Candidate,
    /// What it costs.
    pub(crate) cost: Cost,
    /// Which true pairs meet in it.
    pub(crate) meets: Bits,
}

/// A pass that may not be proposed, and why.
pub(crate) struct Refused {
    /// What it would be made of.
    pub(crate) components: Candidate,
    /// What is wrong with it.
    pub(crate) reason: String,
}

/// What there is to choose from.
#[derive(Default)]
pub(crate) struct Choice {
    /// Passes that may be proposed.
    pub(crate) candidates: Vec<Measured>,
    /// Passes that may not.
    pub(crate) refused: Vec<Refused>,
}

/// Counts `pass` in every party.
pub(crate) fn measured(parties: &[PartyBlocks], pairs: &Pairs, pass: &[usize]) -> Measured {
    let local = |party: &PartyBlocks| (party.duplicates, LocalCounts::of(party, pass));
    let counts: Vec<(bool, LocalCounts)> = parties.iter().map(local).collect();
    Measured {
        components: pass.to_vec(),
        cost: Cost::of(&counts),
        meets: pairs.meeting(pass),
    }
}

/// All passes worth choosing from. A set of components is looked at only when every smaller set
/// within it still costs something: a further component always loses true pairs.
pub(crate) fn explore(
    components: &Components,
    parties: &[PartyBlocks],
    pairs: &Pairs,
    progress: &dyn Progress,
) -> Choice {
    let records: f64 = parties.iter().map(PartyBlocks::size).sum();
    let mut choice = Choice::default();
    let mut wide: BTreeSet<Candidate> = BTreeSet::from([Candidate::new()]);
    for size in 1..=MAX_COMPONENTS {
        let sets = next_sets(components, pairs, &wide);
        progress.stage(&format!("count passes of {size}"), sets.len() as u64);
        let count = |set: &Candidate| {
            let measured = measured(parties, pairs, set);
            progress.advance(1);
            measured
        };
        let all: Vec<Measured> = sets.par_iter().map(count).collect();
        wide = BTreeSet::new();
        for set in all {
            if set.cost.pairs > NARROW * records || !components.is_allowed(&set.components) {
                wide.insert(set.components.clone());
            }
            choice.take(components, set);
        }
    }
    choice
}

fn next_sets(components: &Components, pairs: &Pairs, wide: &BTreeSet<Candidate>) -> Vec<Candidate> {
    let all_wide = |set: &Candidate| {
        (0..set.len()).all(|left_out| {
            let mut smaller = set.clone();
            smaller.remove(left_out);
            wide.contains(&smaller)
        })
    };
    wide.iter()
        .flat_map(|set| components.widened(set))
        .filter(all_wide)
        .filter(|set| pairs.share(&pairs.meeting(set)) >= MIN_SHARE)
        .collect()
}

impl Choice {
    fn take(&mut self, components: &Components, set: Measured) {
        let lone = "one lone value of this kind is common in any data";
        let reason = match set.cost.refusal() {
            None if components.is_allowed(&set.components) => {
                self.candidates.push(set);
                return;
            }
            None => lone.to_owned(),
            Some(reason) => reason,
        };
        self.refused.push(Refused {
            components: set.components,
            reason,
        });
    }
}
