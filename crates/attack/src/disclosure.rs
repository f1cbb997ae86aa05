//! Which rows leave where block tokens went first, and only rows that can meet another follow.

use std::collections::HashSet;

use encode::TrialKeys;
use model::{BlockToken, LinkageSchema};
use records::NormalisedRecord;

use crate::draw::Draws;
use crate::registry::Registry;
use crate::trial::Trial;

/// The stream of chance of the answers that are wrong.
const FALSE_POSITIVES: u64 = 6;

/// Says which rows of a record leave.
pub trait Disclosure: Sync {
    /// For each block that `record` is in, in the order of its rows, whether rows of that block leave.
    fn leaves(&self, record: &NormalisedRecord) -> Vec<bool>;
}

/// What leaves where the other registries are at hand: rows of blocks in which one of them has a row too, or a decoy,
/// and of as many others as answers are wrong.
pub struct Elsewhere<'a> {
    schema: &'a LinkageSchema,
    keys: TrialKeys,
    met: HashSet<BlockToken>,
    wrong_permille: u32,
    seed: u64,
}

impl<'a> Elsewhere<'a> {
    /// With the registries of `others`. Of a thousand blocks that none of them has, as many as `wrong_permille` are
    /// answered for as if one had.
    pub fn of(trial: &Trial<'a>, others: &[Registry], wrong_permille: u32) -> Self {
        let mut answer = Self {
            schema: trial.schema,
            keys: trial.keys(),
            met: HashSet::new(),
            wrong_permille,
            seed: trial.seed,
        };
        for record in others.iter().flat_map(everything) {
            answer.met.extend(answer.tokens(record));
        }
        answer
    }

    /// And rows of blocks with two records of the registry itself, which looks for one person twice.
    #[must_use]
    pub fn and_own(mut self, own: &Registry) -> Self {
        let mut once = HashSet::new();
        for record in everything(own) {
            let tokens = self.tokens(record).into_iter();
            let twice = tokens.filter(|token| !once.insert(*token));
            self.met.extend(twice);
        }
        self
    }

    fn tokens(&self, record: &NormalisedRecord) -> Vec<BlockToken> {
        self.keys.block_tokens(self.schema, record)
    }

    fn is_met(&self, token: &BlockToken) -> bool {
        let [first, _] = token.as_bytes().as_chunks().0 else {
            return true;
        };
        let seed = self.seed ^ u64::from_le_bytes(*first);
        self.met.contains(token) || Draws::apart(seed, FALSE_POSITIVES).happens(self.wrong_permille)
    }
}

impl Disclosure for Elsewhere<'_> {
    fn leaves(&self, record: &NormalisedRecord) -> Vec<bool> {
        let tokens = self.tokens(record);
        tokens.iter().map(|token| self.is_met(token)).collect()
    }
}

/// The records of people and of nobody.
fn everything(registry: &Registry) -> impl Iterator<Item = &NormalisedRecord> {
    let decoys = registry.decoys().iter().map(|decoy| &decoy.record);
    registry.records().iter().chain(decoys)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Outcome;
    use crate::registry::Size;
    use crate::suite::{Attack, Knowledge};
    use crate::tests::Setting;

    const SIZE: Size = Size {
        people: 1500,
        overlap: 100,
    };
    const EDGES: Attack = Attack::Edges { joined: false };

    /// A setting, its people with decoys among them, and the other registries.
    struct World {
        setting: Setting,
        people: Registry,
        others: Vec<Registry>,
    }

    impl World {
        fn new(setting: Setting, permille: u32) -> Self {
            let others = ["sr", "ibr"].map(|party| setting.registry(party));
            Self {
                people: setting.with_decoys(permille),
                others: others.into(),
                setting,
            }
        }

        fn elsewhere(&self, wrong_permille: u32) -> Elsewhere<'_> {
            Elsewhere::of(&self.setting.trial(), &self.others, wrong_permille)
        }

        fn run(&self, disclosed: bool, attack: Attack, knowledge: Knowledge) -> Outcome {
            self.run_under(0, disclosed, attack, knowledge)
        }

        /// The same under other keys, samples and mistakes.
        fn run_under(
            &self,
            other: u64,
            disclosed: bool,
            attack: Attack,
            knowledge: Knowledge,
        ) -> Outcome {
            let trial = self.setting.trial();
            let trial = Trial {
                seed: trial.seed + other,
                ..trial
            };
            let elsewhere = Elsewhere::of(&trial, &self.others, 10);
            let trial = Trial {
                disclosure: disclosed.then_some(&elsewhere),
                ..trial
            };
            self.setting
                .attack(trial, &self.people, attack, knowledge, SIZE)
        }

        /// Three runs of an attack added up: in a single one few people are named, and chance tells more than layers do.
        fn runs(&self, disclosed: bool, attack: Attack, knowledge: Knowledge) -> Outcome {
            let mut sum = Outcome::default();
            for other in 0..3 {
                let one = self.run_under(other, disclosed, attack, knowledge);
                sum.of += one.of;
                sum.named += one.named;
                sum.sure.made += one.sure.made;
                sum.sure.right += one.sure.right;
            }
            sum
        }
    }

    #[test]
    fn rows_of_blocks_leave_that_others_have_and_as_many_more_as_answers_are_wrong() {
        let world = World::new(Setting::new("standard"), 100);
        let records: Vec<&NormalisedRecord> = world.people.records().iter().collect();
        let left = |wrong| {
            let elsewhere = world.elsewhere(wrong);
            let trial = Trial {
                disclosure: Some(&elsewhere),
                ..world.setting.trial()
            };
            let (rows, made) = trial.leaving(&records);
            let is_met = |place| elsewhere.met.contains(&rows.row(place).token());
            let met = (0..rows.len()).filter(|place| is_met(*place)).count();
            (rows.len(), met, made)
        };
        let (sent, met, made) = left(0);
        assert!(
            sent == met && sent > made / 10 && sent < made,
            "{sent} of {made}"
        );
        let (more, still, _) = left(100);
        let wrong = (more - still) as f64 / (made - sent) as f64;
        assert_eq!(still, met);
        assert!((0.08..0.12).contains(&wrong), "{wrong}");
    }

    #[test]
    fn a_registry_that_looks_for_one_person_twice_sends_what_meets_itself() {
        let world = World::new(Setting::new("standard"), 0);
        let alone = Elsewhere::of(&world.setting.trial(), &[], 0);
        let sent = |answer: &Elsewhere<'_>| {
            let records = world.people.records().iter();
            let leaves = records.flat_map(|record| answer.leaves(record));
            leaves.filter(|leaves| *leaves).count()
        };
        assert_eq!(sent(&alone), 0);
        assert!(sent(&alone.and_own(&world.people)) > 1000);
    }

    /// Whoever has the handle maps is told which rows are nobody's, and who probes is linked with people.
    #[test]
    fn decoys_hide_nothing_from_who_joins_the_passes_or_probes() {
        let plain = World::new(Setting::lean("standard"), 0);
        let hidden = World::new(Setting::lean("standard"), 250);
        let colours = Attack::Colours {
            joined: true,
            presence: true,
        };
        for attack in [
            Attack::Edges { joined: true },
            Attack::Resolver,
            colours,
            Attack::Probe { quota: 100 },
        ] {
            let [with, without] = [&hidden, &plain].map(|world| {
                let outcome = world.run(false, attack, Knowledge::Copy);
                (outcome.named, outcome.sure)
            });
            assert_eq!(with, without, "{attack:?}");
        }
        let probed = [true, false].map(|disclosed| {
            plain
                .run(disclosed, Attack::Probe { quota: 100 }, Knowledge::Copy)
                .named
        });
        assert_eq!(probed[0], probed[1]);
    }

    /// What is measured of each layer, and told in the threat model.
    #[test]
    fn a_layer_taken_away_does_not_lower_what_is_named() {
        for profile in ["standard", "strong"] {
            let plain = World::new(Setting::lean(profile), 0);
            let decoys = World::new(Setting::lean(profile), 250);
            for knowledge in [Knowledge::Copy, Knowledge::Noisy] {
                let run = |world: &World, disclosed| world.runs(disclosed, EDGES, knowledge);
                let (bare, shown) = (run(&plain, false), run(&plain, true));
                let (hidden, both) = (run(&decoys, false), run(&decoys, true));
                let shares = [&bare, &shown, &hidden, &both].map(Outcome::share);
                let right = [&bare, &shown, &hidden, &both].map(|of| of.sure.precision());
                assert!(
                    shares[1] <= shares[0] && shares[3] <= shares[2],
                    "{shares:?}"
                );
                assert!(
                    shares[2] <= shares[0] && shares[3] <= shares[1],
                    "{shares:?}"
                );
                assert!(right[2] < right[0] && right[3] < right[1], "{right:?}");
                assert_eq!((bare.of, both.of), (shown.of, hidden.of), "people only");
            }
        }
    }

    #[test]
    fn with_the_key_all_that_left_is_named() {
        let world = World::new(Setting::new("standard"), 100);
        let run = |disclosed| world.run(disclosed, Attack::Dictionary, Knowledge::Copy);
        let (all, left) = (run(false), run(true));
        assert!(
            all.share() > 0.95 && left.share() <= all.share(),
            "{left:?}"
        );
        assert!(left.share() > 0.5 && left.of == all.of, "{left:?}");
    }
}
