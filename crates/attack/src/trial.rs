//! A trial: how records are encoded, under whose keys, and what of it leaves.

use encode::{TrialKeys, TrialRows, trial_rows};
use model::{Layout, LinkageSchema};
use rayon::prelude::*;
use records::NormalisedRecord;

use crate::disclosure::Disclosure;

/// How records are encoded, and the seed of all chance.
#[derive(Clone, Copy)]
pub struct Trial<'a> {
    /// The linkage schema.
    pub schema: &'a LinkageSchema,
    /// Its layout, of which a trial may weaken the hardening.
    pub layout: &'a Layout,
    /// What keys and draws are made from.
    pub seed: u64,
    /// Which rows leave, where not all do.
    pub disclosure: Option<&'a dyn Disclosure>,
}

impl<'a> Trial<'a> {
    /// All rows leave.
    pub fn new(schema: &'a LinkageSchema, layout: &'a Layout, seed: u64) -> Self {
        Self {
            schema,
            layout,
            seed,
            disclosure: None,
        }
    }

    /// What leaves of `records`: their rows under the target's keys, but for those that are not disclosed; and
    /// how many there would be.
    pub(crate) fn leaving(&self, records: &[&NormalisedRecord]) -> (TrialRows, usize) {
        let rows = trial_rows(self.schema, self.layout, &self.keys(), records);
        let made = rows.len();
        let Some(disclosure) = self.disclosure else {
            return (rows, made);
        };
        let leaves: Vec<bool> = records
            .par_iter()
            .flat_map_iter(|record| disclosure.leaves(record))
            .collect();
        debug_assert_eq!(leaves.len(), made);
        (rows.only(|place| leaves[place]), made)
    }

    /// The target's keys.
    pub(crate) fn keys(&self) -> TrialKeys {
        TrialKeys::new(self.schema, self.seed ^ 0x7a, self.seed ^ 0x7b)
    }

    /// The keys of another member, who has the linkage key.
    pub(crate) fn members_keys(&self) -> TrialKeys {
        TrialKeys::new(self.schema, self.seed ^ 0x7a, self.seed ^ 0xb7)
    }

    /// The keys of an attacker who knows everything but the target's.
    pub(crate) fn attackers_keys(&self) -> TrialKeys {
        TrialKeys::new(self.schema, self.seed ^ 0xa7, self.seed ^ 0xb7)
    }
}
