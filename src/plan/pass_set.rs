//! A set of passes, measured: estimated, and in truth where truth is known.

use model::LinkageSchema;
use model::id::FieldName;
use model::schema::Pass;

use super::actual::{Actual, TruePairs};
use super::blocks::PartyBlocks;
use super::candidate::Components;
use super::choose::united;
use super::draws::{Bits, Pairs};
use super::explore::Measured;

/// One pass of a set, measured.
pub(crate) struct PlannedPass {
    /// Its components, cost and estimate.
    pub(crate) measured: Measured,
    /// Its name in the schema, or one made from its components.
    pub(crate) name: String,
    /// Estimated completeness of it and all passes before it.
    pub(crate) cumulative: f64,
    /// What it adds to all other passes of its set.
    pub(crate) adds: f64,
    /// What it does in truth, where truth is known.
    pub(crate) actual: Option<Actual>,
    /// In truth, it and all passes before it.
    pub(crate) actual_cumulative: Option<f64>,
}

/// A set of passes, measured.
pub(crate) struct PassSet {
    /// In the order they were taken or stand in the schema.
    pub(crate) passes: Vec<PlannedPass>,
}

/// How often records of one person agree in a component.
pub(crate) struct Agreement {
    /// As a schema writes it.
    pub(crate) component: String,
    /// The share of made-up true pairs that agree.
    pub(crate) estimated: f64,
    /// The same of real ones, where truth is known.
    pub(crate) actual: Option<f64>,
}

/// What sets of passes are measured on.
pub(super) struct Measure<'a> {
    pub(super) schema: &'a LinkageSchema,
    pub(super) components: &'a Components,
    pub(super) parties: &'a [PartyBlocks],
    pub(super) pairs: &'a Pairs,
    pub(super) truth: Option<&'a TruePairs>,
}

impl Measure<'_> {
    /// Measures `passes` as one set.
    pub(super) fn set(&self, passes: Vec<Measured>) -> PassSet {
        let mut set = PassSet { passes: Vec::new() };
        let mut met = Bits::none(self.pairs.count);
        let mut met_in_truth = Bits::none(self.truth.map_or(0, |truth| truth.0.len()));
        let adds = self.adds(&passes);
        for (measured, adds) in passes.into_iter().zip(adds) {
            met.add(&measured.meets);
            let actual = self.truth.map(|truth| {
                let actual = truth.measure(self.parties, &measured.components);
                met_in_truth.add(&actual.meets);
                actual
            });
            set.passes.push(PlannedPass {
                name: self.name(&measured.components, &set.passes),
                cumulative: self.pairs.share(&met),
                adds,
                measured,
                actual,
                actual_cumulative: self.truth.map(|truth| truth.share(&met_in_truth)),
            });
        }
        set
    }

    /// What each of `passes` adds to all others.
    fn adds(&self, passes: &[Measured]) -> Vec<f64> {
        let added = |place: usize| {
            let others = passes
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != place);
            let others = united(others.map(|(_, pass)| &pass.meets), self.pairs.count);
            passes[place].meets.beyond(&others) as f64 / self.pairs.count.max(1) as f64
        };
        (0..passes.len()).map(added).collect()
    }

    /// How often each component agrees.
    pub(super) fn agreements(&self) -> Vec<Agreement> {
        let agreement = |place| Agreement {
            component: self.components.text(place),
            estimated: self.pairs.share(&self.pairs.meeting(&[place])),
            actual: self.truth.map(|truth| truth.agreement(self.parties, place)),
        };
        (0..self.components.list().len()).map(agreement).collect()
    }

    /// The schema's name of a pass, if it has the pass; else one made of its components, or a
    /// number where that is too long or taken.
    fn name(&self, pass: &[usize], before: &[PlannedPass]) -> String {
        let known = self.schema.passes.iter();
        if let Some(known) = known.clone().find(|known| self.is_same(known, pass)) {
            return known.name.to_string();
        }
        let made = self
            .components
            .texts(pass)
            .join("-")
            .replace(['.', '_'], "-");
        let is_free = |name: &str| {
            before.iter().all(|other| other.name != name)
                && known.clone().all(|known| known.name.as_str() != name)
        };
        match made.parse::<FieldName>() {
            Ok(_) if is_free(&made) => made,
            _ => format!("pass-{}", before.len() + 1),
        }
    }

    fn is_same(&self, known: &Pass, pass: &[usize]) -> bool {
        let places = self.components.places(&known.components);
        places.len() == pass.len() && places.iter().all(|place| pass.contains(place))
    }
}

impl PassSet {
    /// Estimated completeness.
    pub(crate) fn completeness(&self) -> f64 {
        self.passes.last().map_or(0.0, |pass| pass.cumulative)
    }

    /// Completeness in truth, where it is known.
    pub(crate) fn actual_completeness(&self) -> Option<f64> {
        self.passes.last().and_then(|pass| pass.actual_cumulative)
    }

    /// Pairs expected to be compared.
    pub(crate) fn pairs(&self) -> f64 {
        self.passes
            .iter()
            .map(|pass| pass.measured.cost.pairs)
            .sum()
    }

    /// Pairs compared in truth.
    pub(crate) fn actual_pairs(&self) -> Option<u64> {
        let pairs = |pass: &PlannedPass| pass.actual.as_ref().map(|actual| actual.pairs);
        self.passes.iter().map(pairs).sum()
    }

    /// Rows of all parties.
    pub(crate) fn rows(&self) -> u64 {
        self.passes.iter().map(|pass| pass.measured.cost.rows).sum()
    }
}
