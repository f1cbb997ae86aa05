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
pub(crate) const FILE: &str = "noise.json";
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

    /// Whether counts are told with noise, and so of persons.
    pub(super) fn has_noise(&self) -> bool {
        self.epsilon_permille.is_some()
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use audit::Actor;
    use secret::signing;
    use service::AgreementFiles;
    use tempfile::TempDir;
    use wire::Role;

    use crate::tests::fixture::{self, Agreed};

    /// The small project's agreement with this noise: epsilon of a count, and the budget.
    fn agreed(noise: Option<(u32, u64)>) -> SignedAgreement {
        let mut text = Agreed::new().text;
        if let Some((epsilon, budget)) = noise {
            let rules = format!(
                "[noise]\nepsilon_permille = {epsilon}\nbudget_permille = {budget}\n\n[[member]]"
            );
            text = text.replacen("[[member]]", &rules, 1);
        }
        let dir = tempfile::tempdir().unwrap();
        let offer = dir.path().join("offer");
        Agreed { text }.offer(&offer);
        let files = AgreementFiles::read(&offer).unwrap();
        files.verify(signing::verify).unwrap()
    }

    struct Setting {
        dir: TempDir,
        journal: Journal,
    }

    impl Setting {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let signer = fixture::signer(Role::Resolver);
            let log = dir.path().join("log");
            let journal = Journal::open(log, Role::Resolver, signer, Arc::new(fixture::Still));
            Self {
                journal: journal.unwrap(),
                dir,
            }
        }

        /// The counting of a run with four counts.
        fn counting<'a>(&self, agreement: &'a SignedAgreement, run: u32) -> Counting<'a> {
            let key = Key32::from_bytes(&mut [3; 32]);
            let run = RunNumber(run);
            Counting::new(agreement, run, 4, self.dir.path(), &self.journal, &key).unwrap()
        }

        /// What was logged as spent, by run.
        fn spent(&self) -> Vec<(u32, u64)> {
            let entries = self.journal.entries(0, 1 << 20).unwrap();
            let entries = entries
                .iter()
                .map(|bytes| audit::Entry::from_bytes(bytes).unwrap());
            let spent = entries.filter_map(|entry| match entry.event {
                Event::CountsPublished {
                    run,
                    counts: 4,
                    epsilon_permille,
                } => {
                    assert_eq!(entry.actor, Actor::Resolver);
                    Some((run.0, epsilon_permille))
                }
                _ => None,
            });
            spent.collect()
        }
    }

    fn party(name: &str) -> PartyName {
        name.parse().unwrap()
    }

    #[test]
    fn without_noise_counts_are_exact_from_the_floor_on_and_cost_nothing() {
        let (setting, agreement) = (Setting::new(), agreed(None));
        let counting = setting.counting(&agreement, 1);
        assert!(!counting.has_noise());
        let told = |count| counting.told(count, &party("a"), "persons");
        let floor = agreement.terms().count_floor;
        assert_eq!(told(u64::from(floor)), Count::Exact(floor.into()));
        assert_eq!(told(u64::from(floor) - 1), Count::FewerThan(floor));
        assert_eq!(counting.told(50, &party("c"), "persons"), Count::Withheld);
        assert!(setting.spent().is_empty());
    }

    #[test]
    fn the_budget_is_kept_over_all_runs_and_logged_before_anything_is_told() {
        // Four counts of 100 a run: two runs fit, a third does not.
        let (setting, agreement) = (Setting::new(), agreed(Some((100, 800))));
        for run in [1, 2, 1, 2] {
            let told = setting
                .counting(&agreement, run)
                .told(500, &party("a"), "persons");
            assert!(matches!(told, Count::About(_)), "{told:?}");
        }
        assert_eq!(setting.spent(), [(1, 400), (2, 400)]);
        for _ in 0..2 {
            let told = setting
                .counting(&agreement, 3)
                .told(500, &party("a"), "persons");
            assert_eq!(told, Count::Withheld);
        }
        assert_eq!(setting.spent().len(), 2);
        // One thousandth less would not have been enough for the second either.
        let (setting, agreement) = (Setting::new(), agreed(Some((100, 799))));
        assert!(matches!(
            setting.counting(&agreement, 1).told(500, &party("a"), "p"),
            Count::About(_)
        ));
        assert_eq!(
            setting.counting(&agreement, 2).told(500, &party("a"), "p"),
            Count::Withheld
        );
    }

    #[test]
    fn the_same_count_has_the_same_noise_and_others_have_others() {
        let (setting, agreement) = (Setting::new(), agreed(Some((200, 10_000))));
        let told = |run, of: &str, name: &str| {
            let counting = setting.counting(&agreement, run);
            let counts = (0..50).map(|count| counting.told(1000 + count, &party(of), name));
            counts.collect::<Vec<_>>()
        };
        let first = told(1, "a", "persons");
        assert_eq!(told(1, "a", "persons"), first);
        for other in [
            told(2, "a", "persons"),
            told(1, "b", "persons"),
            told(1, "a", "found at b"),
        ] {
            assert_ne!(other, first);
        }
    }

    /// The floor is applied to what is told, not to what is true: that a count is below it says nothing
    /// exact.
    #[test]
    fn the_floor_holds_after_the_noise() {
        let (setting, agreement) = (Setting::new(), agreed(Some((500, 1_000_000))));
        let floor = agreement.terms().count_floor;
        let (mut below, mut above) = (0, 0);
        for run in 1..=100 {
            match setting
                .counting(&agreement, run)
                .told(floor.into(), &party("a"), "persons")
            {
                Count::FewerThan(told) => {
                    assert_eq!(told, floor);
                    below += 1;
                }
                Count::About(told) => {
                    assert!(told >= u64::from(floor));
                    above += 1;
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(below > 10 && above > 10, "{below} below, {above} above");
    }
}
