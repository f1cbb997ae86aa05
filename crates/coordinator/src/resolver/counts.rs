//! Counts as they may be told: withheld where the agreement does not allow them, with noise where it
//! asks for that, and never below the floor. What noise costs is added up over all runs, and when the
//! agreement's budget is spent counts are withheld.

use std::io;
use std::path::Path;

use audit::Event;
use model::agreement::Output;
use model::noise::noisy;
use model::{PartyName, RunNumber, SignedAgreement};
use secret::{Key32, expander};
use serde::{Deserialize, Serialize};
use wire::Count;

use crate::journal::Journal;
use crate::lifecycle::StageError;
use crate::outputs;

/// The file that says what was spent, beside the runs' directories.
const FILE: &str = "noise.json";
/// Bytes of the stream that are made at once.
const BLOCK: usize = 4096;

/// What was spent on counts, by run.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Spent {
    runs: Vec<(RunNumber, u64)>,
}

impl Spent {
    fn read(path: &Path) -> io::Result<Self> {
        match std::fs::read(path) {
            Ok(text) => Ok(serde_json::from_slice(&text)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    fn by_others(&self, run: RunNumber) -> u64 {
        let others = self.runs.iter().filter(|(other, _)| *other != run);
        others.map(|(_, spent)| spent).sum()
    }

    fn set(&mut self, run: RunNumber, spent: u64) {
        self.runs.retain(|(other, _)| *other != run);
        self.runs.push((run, spent));
    }
}

/// How the counts of one run are told.
pub(super) struct Counting<'a> {
    agreement: &'a SignedAgreement,
    run: RunNumber,
    /// Epsilon of one count in thousandths, where there is noise.
    epsilon_permille: Option<u32>,
    is_spent: bool,
    key: Key32,
}

impl<'a> Counting<'a> {
    /// Counts of `run`, of which there are `counts`. What they cost is kept in the directory `runs`
    /// and logged before any is told. Starting over costs nothing: noise derives from the resolver's
    /// key, so that the same count gets the same noise however often it is worked out.
    pub(super) fn new(
        agreement: &'a SignedAgreement,
        run: RunNumber,
        counts: u64,
        runs: &Path,
        journal: &Journal,
        key: &Key32,
    ) -> Result<Self, StageError> {
        let noise = agreement.terms().noise;
        let mut counting = Self {
            agreement,
            run,
            epsilon_permille: noise.map(|noise| noise.epsilon_permille),
            is_spent: false,
            key: key.derive("count noise", &[&run.0.to_le_bytes()]),
        };
        let Some(noise) = noise else {
            return Ok(counting);
        };
        let path = runs.join(FILE);
        let mut spent = Spent::read(&path)?;
        let cost = counts.saturating_mul(noise.epsilon_permille.into());
        if spent.by_others(run).saturating_add(cost) > noise.budget_permille {
            tracing::warn!(%run, "the budget for counts is spent; they are withheld");
            counting.is_spent = true;
            return Ok(counting);
        }
        journal.record_once(Event::CountsPublished {
            run,
            counts,
            epsilon_permille: cost,
        })?;
        spent.set(run, cost);
        outputs::write_json(&path, &spent)?;
        Ok(counting)
    }

    /// `count` as `party` may know it. `name` tells the counts of a party apart.
    pub(super) fn told(&self, count: u64, party: &PartyName, name: &str) -> Count {
        let may = self.agreement.check_output(party, Output::Counts);
        if may.is_err() || self.is_spent {
            return Count::Withheld;
        }
        let floor = self.agreement.terms().count_floor;
        let Some(epsilon) = self.epsilon_permille else {
            return Count::floored(count, floor);
        };
        let noisy = noisy(count, epsilon, &mut self.stream(party, name));
        match Count::floored(noisy, floor) {
            Count::Exact(value) => Count::About(value),
            other => other,
        }
    }

    /// Random bytes for one count, the same each time.
    fn stream(&self, party: &PartyName, name: &str) -> impl FnMut(&mut [u8]) + use<> {
        let run = self.run.0.to_le_bytes();
        let prf = self.key.prf();
        let seed = prf.tag(&[party.as_str().as_bytes(), name.as_bytes(), &run]);
        let (mut block, mut used, mut counter) = ([0; BLOCK], BLOCK, 0_u64);
        move |out: &mut [u8]| {
            if used + out.len() > BLOCK {
                expander(&seed).fill(&counter.to_le_bytes(), &mut block);
                (used, counter) = (0, counter + 1);
            }
            out.copy_from_slice(&block[used..used + out.len()]);
            used += out.len();
        }
    }
}
