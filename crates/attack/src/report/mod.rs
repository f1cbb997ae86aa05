//! The risk report: what would leave, the twelve figures, what four fixed attackers make of it, what no figure
//! covers, and whether that is fit for release. A value that goes to JSON and back, and to one HTML page.

mod html;

use model::{Digest, Epoch, Layout, PartyName, ProjectName, RunNumber};
use serde::{Deserialize, Serialize};

use crate::mistakes::noisy_copy;
use crate::outcome::Outcome;
use crate::registry::{Registry, Size};
use crate::risk::{Light, Metric, measure};
use crate::suite::{Attack, Knowledge, Stage};
use crate::trial::Trial;

pub use html::html;

/// The version of the report's form.
const FORMAT: u32 = 2;
/// People graph matching is run on at most: its cost grows with their square.
const GRAPH_PEOPLE: usize = 2000;
/// Known pairs of the insider.
const INSIDER: usize = 50;

/// What is always said, whatever was measured.
const RESIDUAL: [&str; 4] = [
    "If the linkage key leaks, whoever has it and a register can name nearly every record that was uploaded, now and later, until all copies are gone. No figure above changes that.",
    "The coordinator and one participating agency together have the key and the encodings. They can name every record that was uploaded. No profile withstands them.",
    "A participating agency can upload records of people it asks about and learn from its results whether they are known elsewhere. Quotas and people who look slow this down; nothing stops it.",
    "The attackers above are ours. Better ones will come, more people make some attacks easier, and an encoding that was uploaded cannot be taken back. These figures are lower bounds of the risk, not promises.",
];

/// What the agreement allows and how much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// People attacked at most; the attacks take time.
    pub people: usize,
    /// The share that any of the four attackers may name.
    pub most_named: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            people: 2000,
            most_named: 0.1,
        }
    }
}

/// Whose upload is measured, and which, so that the report serves for no other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// The project.
    pub project: ProjectName,
    /// The run it is prepared for.
    pub run: RunNumber,
    /// The epoch of its linkage key.
    pub epoch: Epoch,
    /// Whose records.
    pub party: PartyName,
    /// Digest of the agreement it is prepared under.
    pub agreement: Digest,
    /// Digest of the manifest of what is prepared.
    pub prepared: Digest,
}

/// What would leave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Upload {
    /// The schema's name and revision.
    pub schema: String,
    /// Its digest.
    pub schema_digest: String,
    /// The profile.
    pub profile: String,
    /// The fields that are encoded.
    pub fields: Vec<String>,
    /// The blocking passes.
    pub passes: Vec<String>,
    /// Records.
    pub records: usize,
    /// How many of them, drawn at random, the twelve figures and the attackers were tried on.
    pub measured: usize,
    /// Rows a record, on average.
    pub rows_a_record: f64,
    /// Bits of encodings in one row.
    pub bits_a_row: u32,
    /// Decoys: records of nobody whose rows are sent among the others.
    pub decoys: usize,
    /// Which rows leave.
    #[serde(default)]
    pub leaving: Leaving,
}

/// Which of the rows that are made leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Leaving {
    /// All of them.
    #[default]
    All,
    /// Those that can meet another registry's, which is not settled yet: all were measured.
    NotSettled,
    /// Those that can meet another registry's: these were measured.
    Some {
        /// Rows made.
        made: u64,
        /// Rows that leave.
        sent: u64,
    },
}

/// What one of the four attackers achieves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attacker {
    /// Who.
    pub name: String,
    /// What it holds.
    pub holds: String,
    /// The attack that named most.
    pub attack: String,
    /// People attacked.
    pub people: usize,
    /// What came of it.
    pub outcome: Outcome,
    /// The share named by somebody who sees which rows are of one record, where rows are apart.
    pub joined: Option<f64>,
    /// Whether the share named is above the limit.
    pub light: Light,
    /// All of it in words.
    pub sentence: String,
}

/// What follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Nothing measured speaks against it.
    Release,
    /// Something does; two officers may override it together.
    Hold {
        /// What.
        reasons: Vec<String>,
    },
}

/// A risk report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The version of its form.
    pub format: u32,
    /// What it is of, where it is made for an upload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Subject>,
    /// What the trial's keys, samples and mistakes were made from.
    pub seed: u64,
    /// What was allowed.
    pub limits: Limits,
    /// What would leave.
    pub upload: Upload,
    /// M1 to M12.
    pub metrics: Vec<Metric>,
    /// The four attackers.
    pub attackers: Vec<Attacker>,
    /// What is always said.
    pub residual: Vec<String>,
    /// What changed since the last report, where there was one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
    /// What follows.
    pub decision: Decision,
}

impl Report {
    /// Measures a registry. Pure: the same arguments give the same report.
    pub fn of(trial: Trial<'_>, registry: &Registry, limits: Limits) -> Self {
        let (metrics, leaving) = measure(trial, registry);
        let attackers = attackers(trial, registry, limits);
        let rows_a_record = metrics
            .iter()
            .find_map(|metric| metric.figure("rows a record"));
        Self {
            format: FORMAT,
            subject: None,
            changes: Vec::new(),
            seed: trial.seed,
            limits,
            upload: Upload {
                leaving,
                ..upload(trial, registry, rows_a_record.unwrap_or(0.0))
            },
            decision: decision(&metrics, &attackers),
            metrics,
            attackers,
            residual: RESIDUAL.map(str::to_owned).to_vec(),
        }
    }

    /// What changed since an earlier report: lights, and shares named by a hundredth or more.
    pub fn changes_since(&self, earlier: &Self) -> Vec<String> {
        let lights = self
            .metrics
            .iter()
            .zip(&earlier.metrics)
            .filter(|(now, then)| now.light != then.light);
        let lights = lights.map(|(now, then)| {
            format!(
                "{} {} was {}, now it is {}",
                now.id,
                now.name,
                then.light.as_str(),
                now.light.as_str()
            )
        });
        let shares = self.attackers.iter().zip(&earlier.attackers);
        let shares = shares.filter_map(|(now, then)| {
            let (is, was) = (now.outcome.share(), then.outcome.share());
            let changed = (is - was).abs() >= 0.01;
            changed.then(|| {
                format!(
                    "{}: {:.1} % named, it was {:.1} %",
                    now.name,
                    is * 100.0,
                    was * 100.0
                )
            })
        });
        lights.chain(shares).collect()
    }
}

impl Light {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Amber => "amber",
            Self::Red => "red",
        }
    }
}

fn upload(trial: Trial<'_>, registry: &Registry, rows_a_record: f64) -> Upload {
    let schema = trial.schema;
    let Layout { parts, .. } = trial.layout;
    Upload {
        schema: format!("{}, revision {}", schema.name, schema.revision),
        schema_digest: schema.digest().to_string(),
        profile: schema.profile.as_str().to_owned(),
        fields: schema
            .fields
            .iter()
            .map(|field| field.name.to_string())
            .collect(),
        passes: schema
            .passes
            .iter()
            .map(|pass| pass.name.to_string())
            .collect(),
        records: registry.total(),
        measured: registry.records().len(),
        rows_a_record,
        bits_a_row: parts.iter().map(|part| part.bits).sum(),
        decoys: registry.decoys().len(),
        leaving: Leaving::All,
    }
}

/// One of the four: name, what it holds, the scene, and its attacks.
struct Role {
    name: &'static str,
    holds: &'static str,
    knowledge: Knowledge,
    overlap: u32,
    attacks: Vec<Attack>,
}

fn roles(keyed: bool) -> [Role; 4] {
    let register = if keyed {
        Attack::Edges { joined: false }
    } else {
        Attack::Graph
    };
    [
        Role {
            name: "Public lists",
            holds: "how frequent names are",
            knowledge: Knowledge::Copy,
            overlap: 100,
            attacks: vec![Attack::Frequency, Attack::Patterns],
        },
        Role {
            name: "Leaked register, half",
            holds: "the same records of half of the people, and as many of others",
            knowledge: Knowledge::Copy,
            overlap: 50,
            attacks: vec![register],
        },
        Role {
            name: "Leaked register, noisy",
            holds: "records of all of the people, of which these are a copy with mistakes",
            knowledge: Knowledge::Noisy,
            overlap: 100,
            attacks: vec![register],
        },
        Role {
            name: "Insider",
            holds: "the whole register, and which rows are those of 50 people",
            knowledge: Knowledge::Copy,
            overlap: 100,
            attacks: vec![
                Attack::Seeded { seeds: INSIDER },
                Attack::KnownPairs { pairs: INSIDER },
            ],
        },
    ]
}

fn attackers(trial: Trial<'_>, registry: &Registry, limits: Limits) -> Vec<Attacker> {
    let noisy = noisy_copy(trial.schema, registry, trial.seed);
    let keyed = trial.schema.profile.is_block_keyed();
    let attacker = |role: Role| {
        let target = if role.knowledge == Knowledge::Noisy {
            &noisy
        } else {
            registry
        };
        let size = Size {
            people: match keyed {
                true => limits.people,
                false => limits.people.min(GRAPH_PEOPLE),
            },
            overlap: role.overlap,
        };
        let stage = Stage::new(trial, target, registry, size);
        let run = |attack: &Attack| (*attack, stage.run(*attack));
        let outcomes: Vec<(Attack, Outcome)> = role.attacks.iter().map(run).collect();
        let best = outcomes
            .into_iter()
            .max_by(|a, b| a.1.share().total_cmp(&b.1.share()));
        let (attack, outcome) = best.unwrap_or((Attack::Frequency, Outcome::default()));
        let joined = (attack == Attack::Edges { joined: false })
            .then(|| stage.run(Attack::Edges { joined: true }).share());
        Attacker {
            light: Light::of(outcome.share(), limits.most_named / 2.0, limits.most_named),
            sentence: sentence(attack, &outcome, joined),
            name: role.name.to_owned(),
            holds: role.holds.to_owned(),
            attack: attack.words(),
            people: stage.scene().target.len(),
            outcome,
            joined,
        }
    };
    roles(keyed).into_iter().map(attacker).collect()
}

fn sentence(attack: Attack, outcome: &Outcome, joined: Option<f64>) -> String {
    let thousand = |share: f64| (share * 1000.0).round();
    let who = match attack {
        Attack::Frequency | Attack::Patterns => "values of a name",
        _ => "people the attacker has a record of",
    };
    let named = thousand(outcome.share());
    let guessing = outcome.prior * 100.0;
    let sure = match outcome.sure.precision() {
        Some(right) => format!(
            "Of {} claims the attacker would be sure of, {:.0} % would be right",
            outcome.sure.made,
            right * 100.0
        ),
        None => "The attacker would be sure of none".to_owned(),
    };
    let joined = joined.map_or(String::new(), |share| {
        format!(
            " Somebody who joins the passes would name {}.",
            thousand(share)
        )
    });
    format!(
        "Out of 1,000 {who}, about {named} would be named. {sure}; guessing would give {guessing:.2} %.{joined}"
    )
}

/// Red M1, M3, M4 and M7 and any attacker above the limit block a release.
fn decision(metrics: &[Metric], attackers: &[Attacker]) -> Decision {
    let gates = ["M1", "M3", "M4", "M7"];
    let metrics = metrics
        .iter()
        .filter(|metric| metric.light == Light::Red && gates.contains(&metric.id.as_str()));
    let metrics = metrics.map(|metric| format!("{} {} is red", metric.id, metric.name));
    let attackers = attackers
        .iter()
        .filter(|attacker| attacker.light == Light::Red);
    let attackers = attackers.map(|attacker| {
        format!(
            "the attacker \"{}\" names {:.1} %, above the limit",
            attacker.name,
            attacker.outcome.share() * 100.0
        )
    });
    let reasons: Vec<String> = metrics.chain(attackers).collect();
    if reasons.is_empty() {
        Decision::Release
    } else {
        Decision::Hold { reasons }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::Setting;

    const LIMITS: Limits = Limits {
        people: 600,
        most_named: 0.1,
    };

    fn report(profile: &str) -> Report {
        let setting = Setting::new(profile);
        Report::of(setting.trial(), setting.people, LIMITS)
    }

    #[test]
    fn a_plain_clk_is_held_and_the_report_survives_json() {
        let report = report("record-clk");
        assert!(matches!(&report.decision, Decision::Hold { reasons } if !reasons.is_empty()));
        assert_eq!(report.attackers.len(), 4);
        assert!(
            report.attackers[2].outcome.share() > 0.5,
            "{:?}",
            report.attackers[2]
        );
        let text = serde_json::to_string(&report).unwrap();
        let read: Report = serde_json::from_str(&text).unwrap();
        assert_eq!(read.decision, report.decision);
        let sentences = |report: &Report| {
            let metrics = report.metrics.iter().map(|metric| metric.sentence.clone());
            metrics
                .chain(report.attackers.iter().map(|one| one.sentence.clone()))
                .collect::<Vec<_>>()
        };
        assert_eq!(sentences(&read), sentences(&report));
        assert!(report.changes_since(&report).is_empty());
    }

    #[test]
    fn the_page_says_what_is_always_said_and_loads_nothing() {
        let report = report("strong");
        let page = html(&report);
        for always in RESIDUAL {
            assert!(page.contains(&crate::page::escape(always)), "{always}");
        }
        for metric in &report.metrics {
            assert!(page.contains(&format!(">{}<", metric.id)), "{}", metric.id);
        }
        assert!(page.contains("Out of 1,000 people") && page.contains("<svg"));
        for outside in ["http://", "https://", "<script", "NaN"] {
            assert!(
                !page
                    .replace("http://www.w3.org/2000/svg", "")
                    .contains(outside),
                "{outside}"
            );
        }
    }

    #[test]
    fn the_page_tells_which_rows_leave_and_how_many_are_nobodys() {
        let mut report = report("standard");
        let before = "Measured before anything leaves";
        for (leaving, when, which) in [
            (Leaving::All, before, ">all<"),
            (Leaving::NotSettled, before, "is not settled yet"),
            (
                Leaving::Some {
                    made: 200,
                    sent: 150,
                },
                "once it was known",
                "150 of 200, 75.0 %",
            ),
        ] {
            report.upload.leaving = leaving;
            let page = html(&report);
            assert!(page.contains(when) && page.contains(which), "{leaving:?}");
            assert!(page.contains(">none<"));
        }
        report.upload.decoys = 50;
        assert!(html(&report).contains("rows of 50 records of nobody"));
    }

    #[test]
    fn strong_gives_less_away_than_plain_filters() {
        let (plain, strong) = (report("field-bloom"), report("strong"));
        let named = |report: &Report, place: usize| report.attackers[place].outcome.share();
        assert!(named(&plain, 0) > 0.0 && named(&strong, 0) <= 0.01);
        assert!(!strong.changes_since(&plain).is_empty());
    }
}
