//! The planner: which blocking passes to use, from what each party counts in its own registry.
//!
//! A party hands over numbers only: for each pass how many records have a block and how large blocks
//! are ([`cost::LocalCounts`]), and which fields its records have ([`shape::Shape`]). From them come
//! the pairs a pass would cost and, with priors of how names, dates and places are misrecorded
//! ([`survival`]), the share of true pairs it would bring together.

mod actual;
mod blocks;
mod candidate;
mod choose;
mod cost;
mod draws;
mod explore;
mod pass_set;
mod shape;
mod show;
mod survival;

use anyhow::bail;
use model::{LinkageSchema, Progress};
use secret::Entropy;

use actual::TruePairs;
use blocks::{HashKey, PartyBlocks};
use candidate::Components;
use choose::{Limits, choose};
use draws::Pairs;
use explore::{Refused, explore, measured};
use pass_set::{Agreement, Measure, PassSet};

use crate::rehearsal::PartyFile;
use crate::truth::Truth;

pub(crate) use show::{json, text, toml};

/// What the planner is asked.
pub(crate) struct Options {
    /// The most pairs compared a record, over all passes.
    pub(crate) max_pairs_per_record: f64,
    /// The most passes.
    pub(crate) max_passes: usize,
}

/// What the planner says.
pub(crate) struct Plan {
    /// What passes are made of.
    pub(crate) components: Components,
    /// Records of all parties.
    pub(crate) records: f64,
    /// Whether only a sample of some registry was looked at.
    pub(crate) sampled: bool,
    /// The passes proposed.
    pub(crate) chosen: PassSet,
    /// The schema's passes as they stand.
    pub(crate) present: PassSet,
    /// Passes that may not be used, and why.
    pub(crate) refused: Vec<Refused>,
    /// Passes that were counted and not refused.
    pub(crate) candidates: usize,
    /// By component.
    pub(crate) agreements: Vec<Agreement>,
}

/// Plans passes for `schema` from the parties' files; with `truth`, measures them in truth too.
///
/// # Errors
/// When a file cannot be read under the schema, or there is nothing to compare.
pub(crate) fn plan(
    schema: &LinkageSchema,
    files: &[PartyFile],
    truth: Option<&Truth>,
    options: &Options,
    (entropy, progress): (&mut dyn Entropy, &dyn Progress),
) -> anyhow::Result<Plan> {
    let components = Components::of(schema);
    let key = hash_key(entropy);
    let read = |file| {
        let how = (key, truth.is_some());
        PartyBlocks::read(schema, components.list(), file, how, progress)
    };
    let parties = files.iter().map(read).collect::<anyhow::Result<Vec<_>>>()?;
    let pairs = Pairs::made_up(&components, &parties);
    if pairs.count == 0 {
        bail!("there is nothing to compare: one party without duplicates, or no records");
    }
    let choice = explore(&components, &parties, &pairs, progress);
    let records = parties.iter().map(PartyBlocks::size).sum();
    let limits = Limits {
        pairs: options.max_pairs_per_record * records,
        records,
        passes: options.max_passes,
    };
    let places = choose(&choice.candidates, pairs.count, limits);
    let chosen = places.iter().map(|place| choice.candidates[*place].clone());
    let present = schema.passes.iter().map(|pass| {
        let places = components.places(&pass.components);
        measured(&parties, &pairs, &places)
    });
    let truth = truth.map(|truth| TruePairs::of(&parties, truth));
    let measure = Measure {
        schema,
        components: &components,
        parties: &parties,
        pairs: &pairs,
        truth: truth.as_ref(),
    };
    progress.stage("measure the sets", 0);
    Ok(Plan {
        records,
        sampled: parties.iter().any(|party| party.stride > 1),
        chosen: measure.set(chosen.collect()),
        present: measure.set(present.collect()),
        agreements: measure.agreements(),
        refused: choice.refused,
        candidates: choice.candidates.len(),
        components,
    })
}

fn hash_key(entropy: &mut dyn Entropy) -> HashKey {
    let mut half = || {
        let mut bytes = [0; 8];
        entropy.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    };
    HashKey(half(), half())
}

#[cfg(test)]
mod tests;
