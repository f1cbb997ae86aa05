//! The attacks by name, what the attacker is given, and the stage they are run on.

use std::collections::BTreeSet;

use encode::{ClearRecord, TrialKeys, TrialRows, trial_rows};
use model::profile::Profile;
use serde::{Deserialize, Serialize};

use crate::blocks::Blocks;
use crate::colours::{Sight, match_colours};
use crate::dictionary::look_up;
use crate::draw::Draws;
use crate::fingerprint::{View, fingerprints};
use crate::frequency::by_frequency;
use crate::graph::match_graphs;
use crate::neighbours::Neighbours;
use crate::outcome::{Guess, Outcome};
use crate::pairs::known_pairs;
use crate::patterns::by_patterns;
use crate::registry::{Registry, Scene, Size};
use crate::similarity::Encodings;
use crate::trial::Trial;
use crate::values::Exhibit;

/// An attack, with what is particular to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attack {
    /// GM-L: graph matching without seeds.
    Graph,
    /// GM-S: graph matching from pairs that are known.
    Seeded {
        /// Known pairs.
        seeds: usize,
    },
    /// EF: edge fingerprints within blocks.
    Edges {
        /// Whether the attacker sees which rows are of one record.
        joined: bool,
    },
    /// RV: edge fingerprints of what a resolver sees.
    Resolver,
    /// WL: colour refinement of who sits with whom.
    Colours {
        /// Whether the attacker sees which rows are of one record.
        joined: bool,
        /// Whether it looks at which parts of a row are missing.
        presence: bool,
    },
    /// KP: known pairs taken further, by the bits they teach.
    KnownPairs {
        /// Known pairs.
        pairs: usize,
    },
    /// FA: frequency alignment of the values of one part.
    Frequency,
    /// PM: pattern mining in the bits of one part.
    Patterns,
    /// DICT: with the linkage key.
    Dictionary,
    /// PROBE: a member that asks about people.
    Probe {
        /// People it may ask about.
        quota: usize,
    },
}

impl Attack {
    /// The short name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Graph => "GM-L",
            Self::Seeded { .. } => "GM-S",
            Self::Edges { .. } => "EF",
            Self::Resolver => "RV",
            Self::Colours { .. } => "WL",
            Self::KnownPairs { .. } => "KP",
            Self::Frequency => "FA",
            Self::Patterns => "PM",
            Self::Dictionary => "DICT",
            Self::Probe { .. } => "PROBE",
        }
    }

    /// The name with what is particular.
    pub fn words(self) -> String {
        match self {
            Self::Graph => "GM-L".to_owned(),
            Self::Seeded { seeds } => format!("GM-S, {seeds} seeds"),
            Self::Edges { joined: false } => "EF, passes apart".to_owned(),
            Self::Edges { joined: true } => "EF, passes joined".to_owned(),
            Self::Resolver => "RV".to_owned(),
            Self::Colours { joined, presence } => {
                let passes = if joined { "joined" } else { "apart" };
                let missing = if presence { ", with missing parts" } else { "" };
                format!("WL, passes {passes}{missing}")
            }
            Self::KnownPairs { pairs } => format!("KP, {pairs} pairs"),
            Self::Frequency => "FA (values)".to_owned(),
            Self::Patterns => "PM (values)".to_owned(),
            Self::Dictionary => "DICT, with the key".to_owned(),
            Self::Probe { quota } => format!("PROBE, quota {quota}"),
        }
    }
}

/// One attack on one scene.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The attack.
    pub attack: Attack,
    /// The attacker's register.
    pub knowledge: Knowledge,
    /// Its persons who are in the target too, in per cent.
    pub overlap: u32,
}

/// All attacks that make sense on a profile, scene by scene: against a copy of the records at each of
/// `overlaps`, against a noisy copy, and with another registry where the attacker holds one.
pub fn runs(profile: Profile, overlaps: &[u32], other: bool) -> Vec<Run> {
    let mut scenes: Vec<(Knowledge, u32)> =
        overlaps.iter().map(|o| (Knowledge::Copy, *o)).collect();
    scenes.extend([(Knowledge::Noisy, 100), (Knowledge::Noisy, 50)]);
    if other {
        scenes.extend([(Knowledge::Other, 100), (Knowledge::Other, 50)]);
    }
    let on_scene = |(knowledge, overlap)| {
        let run = move |attack| Run {
            attack,
            knowledge,
            overlap,
        };
        attacks(profile).into_iter().map(run)
    };
    scenes.into_iter().flat_map(on_scene).collect()
}

/// The attacks of the table on a profile.
fn attacks(profile: Profile) -> Vec<Attack> {
    let mut attacks = vec![
        Attack::Frequency,
        Attack::Patterns,
        Attack::Graph,
        Attack::Seeded { seeds: 20 },
        Attack::KnownPairs { pairs: 100 },
    ];
    // A whole-record encoding is comparable with all others: what the attacks within blocks do, GM does.
    if !profile.is_whole_record() {
        for joined in [false, true] {
            attacks.push(Attack::Colours {
                joined,
                presence: false,
            });
            attacks.push(Attack::Colours {
                joined,
                presence: true,
            });
            attacks.push(Attack::Edges { joined });
        }
        attacks.push(Attack::Resolver);
    }
    attacks.extend([Attack::Dictionary, Attack::Probe { quota: 100 }]);
    attacks
}

/// Which register the attacker holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Knowledge {
    /// The same people's records letter by letter.
    Copy,
    /// The same people's records as another office would have written them.
    Noisy,
    /// Another registry.
    Other,
}

/// One scene, encoded.
pub struct Stage<'a> {
    trial: Trial<'a>,
    scene: Scene<'a>,
    /// What leaves of the target.
    target: TrialRows,
}

impl<'a> Stage<'a> {
    /// Draws a scene from the two registries and encodes its target.
    pub fn new(trial: Trial<'a>, target: &'a Registry, register: &'a Registry, size: Size) -> Self {
        let scene = Scene::draw(target, register, size, trial.seed);
        let (target, _) = trial.leaving(&scene.encoded());
        Self {
            trial,
            scene,
            target,
        }
    }

    /// The scene.
    pub fn scene(&self) -> &Scene<'a> {
        &self.scene
    }

    /// Runs one attack and judges it.
    pub fn run(&self, attack: Attack) -> Outcome {
        match attack {
            Attack::Graph => self.match_graphs(&[]),
            Attack::Seeded { seeds } if self.trial.schema.profile.is_block_keyed() => {
                self.neighbours(seeds)
            }
            Attack::Seeded { seeds } => self.match_graphs(&self.known(seeds)),
            Attack::KnownPairs { pairs } => self.known_pairs(pairs),
            Attack::Colours { joined, presence } => self.colours(Sight { joined, presence }),
            Attack::Frequency => by_frequency(&self.exhibit()),
            Attack::Patterns => by_patterns(&self.exhibit()),
            Attack::Dictionary => self.judged(&self.look_up(&self.target), &[]),
            Attack::Probe { quota } => self.probe(quota),
            Attack::Edges { joined: false } => self.fingerprints(View::Matcher),
            Attack::Edges { joined: true } => self.fingerprints(View::Joined),
            Attack::Resolver => self.fingerprints(View::Resolver),
        }
    }

    /// Holds guesses against the truth, without the pairs that were told.
    fn judged(&self, guesses: &[Guess], told: &[(u32, u32)]) -> Outcome {
        let told: BTreeSet<u32> = told.iter().map(|(record, _)| *record).collect();
        Outcome::judge(&self.scene, guesses, |record| told.contains(&record))
    }

    /// The register as it stands.
    fn clear(&self) -> Vec<ClearRecord> {
        let records = self.scene.register.iter();
        records
            .map(|record| ClearRecord::of(self.trial.layout, record))
            .collect()
    }

    /// The register under other keys.
    fn encoded(&self, keys: &TrialKeys) -> TrialRows {
        trial_rows(
            self.trial.schema,
            self.trial.layout,
            keys,
            &self.scene.register,
        )
    }

    fn match_graphs(&self, seeds: &[(u32, u32)]) -> Outcome {
        let register = self.encoded(&self.trial.attackers_keys());
        let encodings = |rows| Encodings::first_rows(rows, self.trial.layout);
        let guesses = match_graphs(encodings(&self.target), encodings(&register), seeds);
        self.judged(&guesses, seeds)
    }

    fn neighbours(&self, seeds: usize) -> Outcome {
        let (clear, known) = (self.clear(), self.known(seeds));
        let sides = Neighbours {
            layout: self.trial.layout,
            rows: &self.target,
            target: &Blocks::of_rows(&self.target),
            register: &Blocks::of_records(self.trial.schema, &self.scene.register, &clear),
            clear: &clear,
        };
        self.judged(&sides.guesses(&known), &known)
    }

    fn known_pairs(&self, pairs: usize) -> Outcome {
        let known = self.known(pairs);
        let layout = self.trial.layout;
        let target = Encodings::first_rows(&self.target, layout);
        let guesses = known_pairs(&target, &self.clear(), layout.parts.len(), &known);
        self.judged(&guesses, &known)
    }

    /// What leaves, as one sees it who has the handle maps: they tell which rows are of one record, and which of
    /// nobody.
    fn mapped(&self) -> TrialRows {
        let people = self.scene.target.len() as u32;
        self.target.only(|place| self.target.owner(place) < people)
    }

    fn colours(&self, sight: Sight) -> Outcome {
        let register = Blocks::of_records(self.trial.schema, &self.scene.register, &self.clear());
        let target = match sight.joined {
            true => Blocks::of_rows(&self.mapped()),
            false => Blocks::of_rows(&self.target),
        };
        self.judged(&match_colours(&target, &register, sight), &[])
    }

    fn fingerprints(&self, view: View) -> Outcome {
        let guesses = match view {
            View::Matcher => fingerprints(&self.trial, &self.scene, &self.target, view),
            View::Joined | View::Resolver => {
                fingerprints(&self.trial, &self.scene, &self.mapped(), view)
            }
        };
        self.judged(&guesses, &[])
    }

    fn exhibit(&self) -> Exhibit {
        let part = Exhibit::part(self.trial.schema, self.trial.layout);
        Exhibit::of(
            self.trial.layout,
            part,
            &self.target,
            &self.scene.target,
            &self.clear(),
        )
    }

    /// The register looked up with the true key.
    fn look_up(&self, target: &TrialRows) -> Vec<Guess> {
        look_up(
            self.trial.layout,
            target,
            &self.encoded(&self.trial.members_keys()),
        )
    }

    /// As many people of the register as the quota allows, of whom a link tells that they are there. What is
    /// asked about is uploaded, so the rows it meets are sent; and decoys are linked with nobody.
    fn probe(&self, quota: usize) -> Outcome {
        let mut asked: Vec<u32> = (0..self.scene.register.len() as u32).collect();
        Draws::apart(self.trial.seed, 4).shuffle(&mut asked);
        let asked: BTreeSet<u32> = asked.into_iter().take(quota).collect();
        let all = Trial {
            disclosure: None,
            ..self.trial
        };
        let mut guesses = self.look_up(&all.leaving(&self.scene.target).0);
        guesses.retain(|guess| guess.sure && asked.contains(&guess.person));
        let there = self
            .scene
            .truth
            .iter()
            .flatten()
            .filter(|place| asked.contains(place));
        Outcome {
            of: there.count(),
            ..self.judged(&guesses, &[])
        }
    }

    /// Pairs the attacker is told, at random.
    fn known(&self, count: usize) -> Vec<(u32, u32)> {
        let pairs = (0..).zip(&self.scene.truth);
        let mut pairs: Vec<(u32, u32)> = pairs.filter_map(|(t, r)| Some((t, (*r)?))).collect();
        Draws::apart(self.trial.seed, 3).shuffle(&mut pairs);
        pairs.truncate(count);
        pairs
    }
}
