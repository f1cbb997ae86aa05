//! The attacks by name, what the attacker is given, and the stage they are run on.

use encode::{TrialKeys, TrialRows, trial_rows};
use model::profile::Profile;
use model::{Layout, LinkageSchema};
use serde::{Deserialize, Serialize};

use crate::draw::Draws;
use crate::graph;
use crate::outcome::Outcome;
use crate::registry::{Registry, Scene, Size};
use crate::similarity::Encodings;

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
}

impl Attack {
    /// The short name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Graph => "GM-L",
            Self::Seeded { .. } => "GM-S",
        }
    }

    /// The name with what is particular.
    pub fn words(self) -> String {
        match self {
            Self::Graph => "GM-L".to_owned(),
            Self::Seeded { seeds } => format!("GM-S, {seeds} seeds"),
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
fn attacks(_profile: Profile) -> Vec<Attack> {
    vec![Attack::Graph, Attack::Seeded { seeds: 20 }]
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

/// How records are encoded, and the seed of all chance.
#[derive(Clone, Copy)]
pub struct Trial<'a> {
    /// The linkage schema.
    pub schema: &'a LinkageSchema,
    /// Its layout, of which a trial may weaken the hardening.
    pub layout: &'a Layout,
    /// What keys and draws are made from.
    pub seed: u64,
}

impl Trial<'_> {
    /// The target's keys.
    fn keys(&self) -> TrialKeys {
        TrialKeys::new(self.schema, self.seed ^ 0x7a, self.seed ^ 0x7b)
    }

    /// The keys of an attacker who knows everything but the target's.
    fn attackers_keys(&self) -> TrialKeys {
        TrialKeys::new(self.schema, self.seed ^ 0xa7, self.seed ^ 0xb7)
    }
}

/// One scene, encoded.
pub struct Stage<'a> {
    trial: Trial<'a>,
    scene: Scene<'a>,
    target: TrialRows,
}

impl<'a> Stage<'a> {
    /// Draws a scene from the two registries and encodes its target.
    pub fn new(trial: Trial<'a>, target: &'a Registry, register: &'a Registry, size: Size) -> Self {
        let scene = Scene::draw(target, register, size, trial.seed);
        let target = trial_rows(trial.schema, trial.layout, &trial.keys(), &scene.target);
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
            Attack::Seeded { seeds } => self.match_graphs(&self.known(seeds)),
        }
    }

    fn match_graphs(&self, seeds: &[(u32, u32)]) -> Outcome {
        let trial = &self.trial;
        let keys = trial.attackers_keys();
        let register = trial_rows(trial.schema, trial.layout, &keys, &self.scene.register);
        let encodings = |rows| Encodings::first_rows(rows, trial.layout);
        let guesses = graph::match_graphs(encodings(&self.target), encodings(&register), seeds);
        Outcome::judge(&self.scene, &guesses, |record| {
            seeds.iter().any(|(known, _)| *known == record)
        })
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
